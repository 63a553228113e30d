"""Everything below a folder as values, and things that are not ours to put into it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.images import write

__all__ = ["THINGS", "snapshot"]


def snapshot(folder: Path) -> dict[str, object]:
    """Return kind and contents of all that lies in a folder; links are not followed."""
    seen: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        name = path.relative_to(folder).as_posix()
        if stat.S_ISLNK(mode):
            seen[name] = ("link", os.readlink(path))
        elif stat.S_ISREG(mode):
            seen[name] = path.read_bytes()
        else:
            seen[name] = stat.S_IFMT(mode)
    return seen


def _aside(path: Path) -> Path:
    folder = path.parent / "elsewhere"
    folder.mkdir(exist_ok=True)
    return folder


def _text(path: Path) -> None:
    path.write_text("precious")


def _raster(path: Path) -> None:
    write(_aside(path) / "r.tif", np.full((9, 9, 1), 7, np.uint8))
    os.rename(_aside(path) / "r.tif", path)


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "thesis.txt").write_text("precious")


def _store(path: Path) -> None:
    path.mkdir()
    (path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')


def _link(path: Path) -> None:
    target = _aside(path) / "linked.txt"
    target.write_text("precious")
    path.symlink_to(target)


def _folder_link(path: Path) -> None:
    path.symlink_to(_aside(path), target_is_directory=True)


def _dangling(path: Path) -> None:
    path.symlink_to(_aside(path) / "not_there")


def _hard_link(path: Path) -> None:
    target = _aside(path) / "hard.txt"
    target.write_text("precious")
    os.link(target, path)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


THINGS: dict[str, Callable[[Path], None]] = {
    "text": _text,
    "raster": _raster,
    "folder": _folder,
    "store": _store,
    "link": _link,
    "link to a folder": _folder_link,
    "dangling link": _dangling,
    "hard link": _hard_link,
    "pipe": _pipe,
}
"""What may stand where an output goes; each leaves traces in ``elsewhere`` only."""
