"""All that a run must know to go on as if it had not stopped."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import ResumeError
from tilesegm.files import replacing

__all__ = ["Checkpoint", "load_checkpoint", "put_variables", "save_checkpoint", "take_variables"]

_FACTS = "facts"
_VERSION = 1

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run at the end of an epoch."""

    arrays: Arrays
    """Values of variables and tables, by name."""
    facts: dict[str, Any]
    """Anything that JSON can hold."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, which is seen whole or not at all, whenever the power goes.

    Raises:
        OutputError: it cannot be written.
    """
    facts = json.dumps({"version": _VERSION, **checkpoint.facts})
    named: dict[str, Any] = {_FACTS: np.array(facts), **checkpoint.arrays}
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, **named)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote.

    Raises:
        ResumeError: it cannot be read, or a newer version wrote it.
    """
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as data, np.load(data, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(str(arrays.pop(_FACTS)))
        version = facts.pop("version")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ResumeError(
            f"the checkpoint {path} cannot be read ({error}); pass overwrite to train from scratch"
        ) from error
    if version != _VERSION:
        raise ResumeError(
            f"the checkpoint {path} is of version {version} and this tilesegm reads version "
            f"{_VERSION}; pass overwrite to train from scratch"
        )
    return Checkpoint(arrays, facts)


def take_variables(prefix: str, variables: Sequence[Any]) -> Arrays:
    """Return copies of the values of Keras variables, named by their place and path."""
    return {
        f"{prefix}/{index:06d}/{variable.path}": np.array(variable.numpy())
        for index, variable in enumerate(variables)
    }


def put_variables(prefix: str, variables: Sequence[Any], arrays: Arrays) -> None:
    """Give Keras variables the values that `take_variables` returned.

    Raises:
        ResumeError: there are other variables, or of other shapes or types.
    """
    values = [arrays[name] for name in sorted(arrays) if name.startswith(f"{prefix}/")]
    kinds = [(array.shape, array.dtype.name) for array in values]
    wanted = [(tuple(v.shape), np.asarray(v.numpy()).dtype.name) for v in variables]
    if kinds != wanted:
        raise ResumeError(
            f"the checkpoint holds {len(kinds)} variables of the {prefix} and this run has "
            f"{len(wanted)}, or their shapes differ: it was written by other versions; pass "
            "overwrite to train from scratch"
        )
    for variable, array in zip(variables, values, strict=True):
        variable.assign(array)
