"""Checks of an output before any work."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tilesegm.errors import OutputError
from tilesegm.ownership import check_local, check_place, check_unread
from tilesegm.shown import is_text
from tilesegm.source.names import file_of

__all__ = ["STORED", "SUFFIXES", "check_output", "check_space"]

SUFFIXES = (".tif", ".tiff", ".zarr", ".png")
STORED = (".tif", ".tiff", ".zarr")
"""Suffixes of outputs that go to a store."""


def check_output(output: Path | str, source: str | None = None) -> None:
    """Refuse an output that cannot be written or must not be.

    Args:
        output: path of the file, or of the ``.zarr`` folder.
        source: path or URL of the image.

    Raises:
        OutputError: the output cannot be written; the message says how to mend it.
    """
    path = Path(output)
    if not is_text(str(path)):
        raise OutputError(
            f"output {str(path)!r}: the name is no valid UTF-8, or holds a NUL; use another name"
        )
    check_local(path)
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(
            f"cannot tell the format of output {path}; expected a name that ends in "
            f"{', '.join(SUFFIXES)}"
        )
    if source is not None:
        check_unread([path], [("the input image", file_of(source))])
    folder = path.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"folder {folder} of output {path.name} does not exist; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"folder {folder} of output {path.name} is not writable; choose another")
    check_place(path, folder=path.suffix.lower() == ".zarr")


def check_space(output: Path | str, needed: int) -> None:
    """Refuse an output whose disk has less than ``needed`` bytes free.

    Raises:
        OutputError: the disk has less space.
    """
    folder = Path(output).absolute().parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"{folder} has {free / 1e6:.0f} MB free and the run may need {needed / 1e6:.0f} MB; "
            "free space there or write to another disk"
        )
