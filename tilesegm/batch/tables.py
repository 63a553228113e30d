"""Tables of images: CSV with a column of images, and options of each beside it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.batch.columns import IMAGE, OUTPUT, check_columns, parse_cell
from tilesegm.batch.lists import beside, text_of_list
from tilesegm.errors import SettingsError

__all__ = ["Row", "rows_of_table"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table."""

    origin: str
    image: str
    output: str | None
    changes: dict[str, Any]
    """Fields of `Options`."""


def rows_of_table(path: Path) -> Iterator[Row]:
    """Return the rows of a table.

    Cells are separated by commas, semicolons or tabs, whichever the first line has. Empty cells say
    nothing. Relative paths start from the folder of the table.

    Raises:
        SettingsError: the table cannot be read, has unknown columns, or a cell is not understood.
    """
    lines = text_of_list(path).splitlines()
    header = lines[0] if lines else ""
    separator = max(",;\t", key=header.count)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    names = [name.strip().lower() for name in next(reader, [])]
    check_columns(path, names)
    rows = list(_rows(path, reader, names))
    if not rows:
        raise SettingsError(f"table {path} has no row; write an image in each line")
    return iter(rows)


def _rows(path: Path, reader: Any, names: list[str]) -> Iterator[Row]:
    cells: list[str]
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _row(path, f"{path}, line {reader.line_num}", names, cells)
    except csv.Error as error:
        raise SettingsError(f"{path}, line {reader.line_num}: {error}") from error


def _row(path: Path, origin: str, names: list[str], cells: list[str]) -> Row:
    if len(cells) > len(names):
        raise SettingsError(
            f"{origin}: {len(cells)} cells for {len(names)} columns; put quotes around a cell that "
            'holds the separator, such as "3,2,1"'
        )
    given = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
    if IMAGE not in given:
        raise SettingsError(f"{origin}: no image; name one, or remove the line")
    image, output = given.pop(IMAGE), given.pop(OUTPUT, None)
    changes = {}
    for column, text in given.items():
        try:
            field, value = parse_cell(path, column, text)
        except SettingsError as error:
            raise SettingsError(f"{origin}, column {column}: {error}") from error
        changes[field] = value
    return Row(origin=origin, image=beside(path, image), output=output, changes=changes)
