"""What tells an image from another, or from itself before a change, without reading all of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window
from tilesegm.source.object_store import probe_remote
from tilesegm.source.remote import is_remote
from tilesegm.source.steps import Step

__all__ = [
    "Identity",
    "address_identity",
    "array_identity",
    "files_identity",
    "folder_identity",
    "steps_identity",
]

Identity = tuple[tuple[str, str], ...]

_PATCH = 64
"""Side in pixels of the samples of an array."""


def steps_identity(steps: Iterable[Step]) -> Identity:
    """Return the steps of further axes that are read, where one is not the first."""
    return tuple((f"at {step.axis}", str(step.index)) for step in steps if step.index)


def address_identity(uri: str) -> Identity:
    """Return path, size and modification time of a file; of a URL, what the server reports.

    Raises:
        SourceError: a web server or store does not serve ``uri``.
    """
    if is_remote(uri):
        return (("path", uri), *probe_remote(uri))
    if not Path(uri).is_file():
        return (("path", uri),)
    state = os.stat(uri)
    return (
        ("path", str(Path(uri).resolve())),
        ("size", str(state.st_size)),
        ("mtime_ns", str(state.st_mtime_ns)),
    )


def files_identity(paths: Iterable[str]) -> Identity:
    """Return a digest of the names, sizes and times of those files that are on disk."""
    digest = blake2b(digest_size=16)
    for path in sorted(paths):
        if os.path.isfile(path):
            state = os.stat(path)
            digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return (("files", digest.hexdigest()),)


def folder_identity(folder: Path, files: Iterable[str]) -> Identity:
    """Return the path of a folder and a digest of the names, sizes and times of its files."""
    return (("path", str(folder.resolve())), *files_identity(files))


def array_identity(height: int, width: int, load: Callable[[Window], NDArray[Any]]) -> Identity:
    """Return a digest of nine samples, at corners, sides and centre, of 64 x 64 pixels each.

    A change between the samples goes unnoticed: hashing all of an image larger than memory would
    take as long as reading it.

    Args:
        height: of the array.
        width: of the array.
        load: gives the pixels of a window.
    """
    digest = blake2b(digest_size=16)
    rows, cols = min(height, _PATCH), min(width, _PATCH)
    for row in (0, (height - rows) // 2, height - rows):
        for col in (0, (width - cols) // 2, width - cols):
            digest.update(np.ascontiguousarray(load(Window(row, col, rows, cols))).tobytes())
    return (("sample", digest.hexdigest()),)
