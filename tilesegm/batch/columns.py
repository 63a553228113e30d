"""The columns of a table of images: each an option of that image, by its word on the command line.

What opens the network or says which files are written is the same for all images of a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tilesegm.batch.lists import beside
from tilesegm.errors import SettingsError
from tilesegm.source.open import parse_nodata
from tilesegm.source.words import parse_at, parse_bands

__all__ = ["COLUMNS", "IMAGE", "OUTPUT", "check_columns", "parse_cell"]

IMAGE, OUTPUT = "image", "output"


def _flag(text: str) -> bool:
    """``yes`` or ``no``."""
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in words:
        raise SettingsError(f"{text!r} is neither yes nor no")
    return words[text.lower()]


_PARSERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "bands": ("bands", parse_bands),
    "nodata": ("nodata", parse_nodata),
    "level": ("level", int),
    "at": ("at", parse_at),
    "unscale": ("unscale", _flag),
    "resolution": ("resolution", str),
    "grid": ("grid", str),
    "aoi": ("area", str),
    "skip": ("skip", str),
    "threshold": ("threshold", float),
    "decision": ("decision", str),
}
"""Field of `Options` and what reads a cell, by column."""

COLUMNS = (IMAGE, OUTPUT, *_PARSERS)


def check_columns(path: Path, names: list[str]) -> None:
    """Refuse a table without images, or with columns that mean nothing.

    Raises:
        SettingsError: it lacks the column ``image``, or has another one that is not known.
    """
    expected = f"the columns are {', '.join(COLUMNS)}"
    for name in names:
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, 1, cutoff=0.7)
            raise SettingsError(
                f"table {path} has a column {name!r}"
                + (f"; did you mean {near[0]!r}?" if near else "")
                + f" ({expected})"
            )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"table {path} has two columns {twice!r}; leave one")
    if IMAGE not in names:
        raise SettingsError(f"table {path} has no column 'image'; {expected}")


def parse_cell(path: Path, column: str, text: str) -> tuple[str, Any]:
    """Return the field of `Options` that a column sets, and the value in a cell.

    Raises:
        SettingsError: the cell cannot be understood.
    """
    field, parse = _PARSERS[column]
    try:
        value = parse(text)
    except SettingsError:
        raise
    except ValueError:
        raise SettingsError(f"{text!r} is no number") from None
    return field, beside(path, value) if column == "aoi" else value
