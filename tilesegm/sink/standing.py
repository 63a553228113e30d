"""What stands where a map goes: a map of ours, which may be replaced, or what must stay."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

from tilesegm.errors import OutputError
from tilesegm.ownership import check_place
from tilesegm.sink.provenance import is_map
from tilesegm.sink.tiff_check import file_beside

__all__ = ["check_ours"]

_BEGINNINGS = (b"", b"II*\0", b"II+\0")
"""First bytes of a TIFF of ours, or of one that was not begun."""
_CHUNKS = "c"
_DOCUMENTS = ("zarr.json", _CHUNKS)
"""Files of a Zarr outside of chunks; the chunk of a single number is a file."""
_NAMES = {"PAMDataset", "PAMRasterBand", "Description", "CategoryNames", "Category"}
"""Elements of a file of class names."""
_LARGEST = 1 << 20
"""Bytes of a file of class names."""


def check_ours(output: Path) -> None:
    """Refuse to replace what tilesegm did not write.

    Args:
        output: a GeoTIFF or the folder of a Zarr, which may be absent.

    Raises:
        OutputError: there is something else, or a Zarr of ours that holds something else.
    """
    _check_hidden(output)
    if output.suffix.lower() != ".zarr":
        check_place(file_beside(output))
    if not os.path.lexists(output):
        if os.path.lexists(file_beside(output)) and not _is_names(file_beside(output)):
            raise OutputError(
                f"{file_beside(output)} exists without {output.name} and is not of tilesegm, which "
                "would replace it; move it away or give another name"
            )
    elif not is_map(output):
        raise OutputError(
            f"output {output} exists and is not the result of tilesegm, whose own files alone "
            "--overwrite replaces; move it away or give another name"
        )
    elif stranger := _stranger(output) if output.is_dir() else None:
        raise OutputError(
            f"output {output} holds {stranger}, which tilesegm did not write and --overwrite would "
            "remove; move it away or give another name"
        )


def _check_hidden(path: Path) -> None:
    """Refuse to work where the hidden names beside an output are somebody else's."""
    for word in ("draft", "old"):
        hidden = path.with_name(f".{path.stem}.{word}{path.suffix}")
        if not os.path.lexists(hidden):
            continue
        if path.suffix.lower() == ".zarr":
            ours = hidden.is_dir() and not hidden.is_symlink() and _stranger(hidden) is None
        else:
            ours = _begins_as_tiff(hidden)
        if not ours:
            raise OutputError(
                f"{hidden} is a name that {path.name} needs while it is made, and is not of "
                "tilesegm; move it away"
            )


def _begins_as_tiff(path: Path) -> bool:
    """Tell a TIFF, which a kill may have cut."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) in _BEGINNINGS


def _stranger(folder: Path) -> str | None:
    """Return the path of a file in the folder of a Zarr that no Zarr has."""
    for place, folders, names in os.walk(folder):
        for name in (*names, *folders):
            odd = name in names and name not in _DOCUMENTS
            if odd or Path(place, name).is_symlink():
                return str(Path(place, name).relative_to(folder))
        if _CHUNKS in folders:
            folders.remove(_CHUNKS)
    return None


def _is_names(sidecar: Path) -> bool:
    """Tell a file of class names alone, as it is left by a kill between it and its raster."""
    try:
        if sidecar.stat().st_size > _LARGEST:
            return False
        elements = {each.tag for each in ElementTree.parse(sidecar).iter()}
    except (OSError, ElementTree.ParseError):
        return False
    return "CategoryNames" in elements and elements <= _NAMES
