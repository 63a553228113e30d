"""All that a run must know to go on as if it had not stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import ResumeError
from tilesegm.files import replacing
from tilesegm.shown import line_of

__all__ = [
    "Checkpoint",
    "DamagedCheckpointError",
    "load_checkpoint",
    "put_variables",
    "save_checkpoint",
    "take_variables",
]

_FACTS = "facts"
_VERSION = 1

Arrays = dict[str, NDArray[Any]]


class DamagedCheckpointError(ResumeError):
    """A checkpoint is not as it was written, or is not there."""


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
    facts = {"version": _VERSION, **checkpoint.facts}
    facts["digest"] = _digest(checkpoint.arrays, facts)
    named: dict[str, Any] = {_FACTS: np.array(json.dumps(facts)), **checkpoint.arrays}
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, **named)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote.

    Raises:
        DamagedCheckpointError: it cannot be read, or is not as it was written.
        ResumeError: a newer version wrote it.
    """
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as data, np.load(data, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = dict(json.loads(str(arrays.pop(_FACTS))))
        digest = facts.pop("digest", None)  # version 0.1 wrote none
        if digest not in (None, _digest(arrays, facts)):
            raise ValueError("it holds other bytes than were written")
        version = facts.pop("version")
    except Exception as error:  # zipfile, zlib and numpy have a dozen kinds for a damaged file
        raise DamagedCheckpointError(
            f"the checkpoint {path} cannot be read ({line_of(error)}); pass overwrite to train "
            "from scratch"
        ) from error
    if version != _VERSION:
        raise ResumeError(
            f"the checkpoint {path} is of version {version} and this tilesegm reads version "
            f"{_VERSION}; pass overwrite to train from scratch"
        )
    return Checkpoint(arrays, facts)


def _digest(arrays: Arrays, facts: dict[str, Any]) -> str:
    total = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        total.update(f"\n{name} {array.dtype.str} {array.shape} ".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


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
