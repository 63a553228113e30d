"""Text lists of images: a path a line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tilesegm.errors import SettingsError
from tilesegm.inputs import read_text
from tilesegm.source.names import file_of
from tilesegm.source.remote import is_remote

__all__ = ["beside", "paths_of_list", "text_of_list"]

_LARGEST = 1 << 28
"""Bytes of a list; one of a million paths is smaller."""


def paths_of_list(path: Path) -> Iterator[tuple[int, str]]:
    """Return the number of each line that names something, and the path or address in it.

    Empty lines, and those that begin with ``#``, name nothing. Relative paths start from the
    folder of the list.

    Raises:
        SettingsError: the list cannot be read, or names nothing.
    """
    named = [
        (number, line.strip())
        for number, line in enumerate(text_of_list(path).splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not named:
        raise SettingsError(f"list {path} names no image; write a path in each line")
    return ((number, beside(path, name)) for number, name in named)


def text_of_list(path: Path) -> str:
    """Read a list or table, with or without a byte order mark.

    Raises:
        SettingsError: it cannot be read, or is no UTF-8.
    """
    try:
        return read_text(path, SettingsError, _LARGEST).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is no UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror})") from error


def beside(path: Path, name: str) -> str:
    """Return a path that stands in a file: a relative one starts from the folder of the file."""
    if is_remote(name) or "://" in name or name.startswith("/vsi"):
        return name
    inner = file_of(name)
    return name.removesuffix(inner) + str(path.parent / os.path.expanduser(inner))
