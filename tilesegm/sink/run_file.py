"""What a run depends on, in the file ``run.json`` beside its unfinished results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tilesegm.errors import ResumeError
from tilesegm.sink.chunk_digest import is_plain_file
from tilesegm.sink.fingerprint import differences, plain
from tilesegm.sink.layer import Layer

__all__ = ["OtherWorkError", "goes_on", "parse_run", "read_run", "run_of", "run_text"]

_FORMAT = 1
_AGAIN = "overwrite"
"""Key of a run that was begun with ``overwrite``, which goes on when it is given again."""

_KINDS: dict[str, type] = {"fingerprint": dict, "size": list, "chunk": int, "layers": dict}
_LARGEST = 64 << 20  # bytes; the fingerprint of a mosaic of a million files is smaller


class OtherWorkError(ResumeError):
    """Unfinished work beside an output is not of the same run."""


def run_of(
    fingerprint: Mapping[str, Any], size: tuple[int, int], layers: Sequence[Layer], chunk: int
) -> dict[str, Any]:
    """Say what a run depends on.

    Args:
        fingerprint: names and values, or groups of them, that differ when results would.
        size: height and width of the image.
        layers: rasters that are stored.
        chunk: side of a chunk.
    """
    return {
        "format": _FORMAT,
        "fingerprint": plain(fingerprint),
        "size": list(size),
        "chunk": chunk,
        "layers": {layer.name: str(layer) for layer in layers},
    }


def run_text(run: Mapping[str, Any], overwrite: bool) -> str:
    """Return the text of the file, with a digest of what it says.

    Args:
        run: what the run depends on.
        overwrite: whether it is begun with it.
    """
    run = {**run, _AGAIN: True} if overwrite else run
    return json.dumps({**run, "digest": _digest(run)}, indent=1)


def read_run(path: Path) -> dict[str, Any] | None:
    """Read the file; see `parse_run`.

    Raises:
        OSError: it cannot be read.
    """
    if not is_plain_file(path) or path.stat().st_size > _LARGEST:
        return None
    return parse_run(path.read_bytes())


def parse_run(data: bytes) -> dict[str, Any] | None:
    """Read what `run_text` returned; None where it is damaged.

    What a later version wrote comes back as it is. Version 0.1 wrote no digest.
    """
    try:
        run = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(run, dict) or type(run.get("format")) is not int:
        return None
    if run["format"] != _FORMAT:
        return run
    digest = run.pop("digest", None)
    whole = run.keys() - {_AGAIN} == {"format", *_KINDS} and all(
        type(run[key]) is kind for key, kind in _KINDS.items()
    )
    return run if whole and digest in (None, _digest(run)) else None


def goes_on(
    before: Mapping[str, Any] | None, now: Mapping[str, Any], overwrite: bool, place: str
) -> bool:
    """Tell whether a run goes on with unfinished results, or discards them.

    Args:
        before: what `parse_run` returned of them.
        now: what the run depends on.
        overwrite: discard them, unless they were begun with it for the same run.
        place: where they are.

    Raises:
        OtherWorkError: they are of another run, and ``overwrite`` is not given.
    """
    if before is None:
        return False
    again = before.get(_AGAIN, False)
    before = {key: value for key, value in before.items() if key != _AGAIN}
    if overwrite:
        return bool(again) and before == now
    if changes := _changes_since(before, now):
        raise OtherWorkError(
            f"an unfinished run on {place.removesuffix('.partial')} differs from this one "
            f"({'; '.join(changes)}); repeat it as it was to go on, or discard it with --overwrite"
        )
    return True


def _changes_since(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what differs between two runs, one phrase per entry; see `differences`."""
    if before["format"] != now["format"]:
        return differences({"format": before["format"]}, {"format": now["format"]})
    rest = [{k: v for k, v in run.items() if k != "fingerprint"} for run in (before, now)]
    return *differences(before["fingerprint"], now["fingerprint"]), *differences(*rest)


def _digest(run: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()
