"""What a run depends on, in the file ``run.json`` of its staging folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tilesegm.files import write_file
from tilesegm.sink.chunk_digest import is_plain_file
from tilesegm.sink.fingerprint import differences

__all__ = ["AGAIN", "FORMAT", "changes_since", "read_run", "write_run"]

FORMAT = 1
AGAIN = "overwrite"
"""Key of a run that was begun with ``overwrite``, which goes on when it is given again."""

_KINDS: dict[str, type] = {"fingerprint": dict, "size": list, "chunk": int, "layers": dict}
_LARGEST = 64 << 20  # bytes; the fingerprint of a mosaic of a million files is smaller


def write_run(path: Path, run: Mapping[str, Any]) -> None:
    """Write the file, with a digest of what it says.

    Raises:
        OutputError: it cannot be written.
    """
    write_file(path, json.dumps({**run, "digest": _digest(run)}, indent=1))


def read_run(path: Path) -> dict[str, Any] | None:
    """Read what `write_run` wrote; None where the file is damaged.

    What a later version wrote comes back as it is. Version 0.1 wrote no digest.

    Raises:
        OSError: the file cannot be read.
    """
    if not is_plain_file(path) or path.stat().st_size > _LARGEST:
        return None
    try:
        run = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    if not isinstance(run, dict) or type(run.get("format")) is not int:
        return None
    if run["format"] != FORMAT:
        return run
    digest = run.pop("digest", None)
    whole = run.keys() - {AGAIN} == {"format", *_KINDS} and all(
        type(run[key]) is kind for key, kind in _KINDS.items()
    )
    return run if whole and digest in (None, _digest(run)) else None


def changes_since(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what differs between two runs, one phrase per entry; see `differences`."""
    if before["format"] != now["format"]:
        return differences({"format": before["format"]}, {"format": now["format"]})
    rest = [{k: v for k, v in run.items() if k != "fingerprint"} for run in (before, now)]
    return *differences(before["fingerprint"], now["fingerprint"]), *differences(*rest)


def _digest(run: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()
