"""The seal of a finished Zarr: a digest of each folder of the store, kept in its attributes.

A folder's digest is one of the names and contents of its files: a chunk that is gone is found,
which to a reader is a chunk without data. Metadata of the root hold the digests, and one of
themselves in which its own digits count as zeros.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tilesegm.sink.chunk_digest import digest_of_file
from tilesegm.sink.findings import Findings, digits_of

__all__ = ["check_zarr", "seal_zarr"]

_ROOT = "zarr.json"
_FOLDERS, _ITSELF = "digests", "digest"
_BLANK = "0" * 16
_OWN = re.compile(rb'"%s":\s*"([^"]{16})"' % _ITSELF.encode())


def seal_zarr(store: Path) -> None:
    """Add the digests of all files of a complete store to the attributes of its root.

    Args:
        store: folder of the store, with the attribute ``tilesegm``.

    Raises:
        OSError: the store cannot be read or written.
    """
    root = store / _ROOT
    metadata = json.loads(root.read_bytes())
    digests = {folder: digest for folder, (digest, _) in _folders(store).items()}
    metadata["attributes"]["tilesegm"] |= {_FOLDERS: digests, _ITSELF: _BLANK}
    data = json.dumps(metadata, indent=2).encode()
    root.write_bytes(_OWN.sub(b'"%s": "%s"' % (_ITSELF.encode(), digits_of(data).encode()), data))


def check_zarr(store: Path) -> Findings:
    """Compare a store with its digests.

    Raises:
        OSError: the store cannot be read.
    """
    root = store / _ROOT
    data = root.read_bytes() if root.is_file() else b""
    found, kept = _folders(store), _kept(data)
    size = len(data) + sum(size for _, size in found.values())
    if kept is None:
        return _unsealed(root, data, size)
    damage = [] if _own_digest(data) else [f"{root} is not as it was written"]
    for folder in sorted(kept.keys() | found.keys()):
        if folder not in found:
            damage.append(f"{store / folder} is gone, with the files in it")
        elif folder not in kept:
            damage.append(f"{store / folder} holds files that were not written with the result")
        elif kept[folder] != found[folder][0]:
            damage.append(f"{store / folder}: a file in it is not as it was written, new or gone")
    return Findings(damage=tuple(damage), bytes=size)


def _unsealed(root: Path, data: bytes, size: int) -> Findings:
    """Tell a store of an earlier version from one whose metadata are damaged."""
    traces = any(f'"{name}"'.encode() in data for name in (_FOLDERS, _ITSELF))
    if traces or b"tilesegm" not in data:
        return Findings(
            damage=(f"{root} is damaged, or not of a result of tilesegm",), sealed=False, bytes=size
        )
    note = (
        f"{root.parent} has no digests, as those of earlier versions: whether chunks are missing "
        "or changed cannot be seen"
    )
    return Findings(notes=(note,), sealed=False, bytes=size)


def _own_digest(data: bytes) -> bool:
    """Tell whether the root's metadata are those that were sealed."""
    own = _OWN.search(data)
    if own is None:
        return False
    blank = data[: own.start(1)] + _BLANK.encode() + data[own.end(1) :]
    return own[1] == digits_of(blank).encode()


def _kept(data: bytes) -> Mapping[str, Any] | None:
    try:
        kept = json.loads(data)["attributes"]["tilesegm"][_FOLDERS]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return kept if isinstance(kept, dict) else None


def _folders(store: Path) -> dict[str, tuple[str, int]]:
    """Return digest and bytes of each folder with files, the root's metadata left out.

    Names that begin with a dot belong to no Zarr v3: programs that show folders leave them.
    """
    folders = {}
    for at, inside, names in os.walk(store):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        folder = Path(at).relative_to(store).as_posix()
        files = [name for name in sorted(names) if not name.startswith(".")]
        files = [name for name in files if (folder, name) != (".", _ROOT)]
        if files:
            total, size = hashlib.sha256(), 0
            for name in files:
                digest = digest_of_file(Path(at) / name)
                total.update(f"{name}\0{digest and digest.hex()}\n".encode())
                size += os.lstat(Path(at) / name).st_size
            folders[folder] = total.hexdigest()[:16], size
    return folders
