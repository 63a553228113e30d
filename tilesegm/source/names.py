"""What the name of an image tells before anything is opened."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

__all__ = ["DOCUMENTS", "file_of", "is_zarr", "name_of_page", "stem_of"]

DOCUMENTS = ("zarr.json", ".zarray", ".zgroup")
"""Files by one of which a folder is known for a Zarr array or group."""
_PAGE = re.compile(r"GTIFF_DIR:(\d+):(.+)", re.IGNORECASE)
"""GDAL's name of a page of a TIFF file, counted from 1."""


def is_zarr(uri: str) -> bool:
    """Tell whether a path or URL leads to a Zarr store, by its name or its documents."""
    name = uri.partition("?")[0].rstrip("/")
    if any(part.endswith((".zarr", ".zarr.zip")) for part in name.split("/")[-3:]):
        return True
    return any((Path(uri) / document).is_file() for document in DOCUMENTS)


def file_of(uri: str) -> str:
    """Return the path or URL of the file that holds an image; of most images it is the name."""
    page = _PAGE.fullmatch(uri)
    return page[2] if page else uri


def stem_of(uri: str) -> str:
    """Return the name of an image without folder and suffix; pages of a file have their number."""
    page = _PAGE.fullmatch(uri)
    file = page[2] if page else uri
    # Behind the path of a URL stand what is asked of the server and signatures.
    stem = PurePath(file.partition("?")[0] if "://" in file else file).stem
    return f"{stem}_{page[1]}" if page else stem


def name_of_page(uri: str, number: int) -> str:
    """Return what GDAL calls a page of a TIFF file.

    Args:
        uri: of the file.
        number: of the page, counted from 1.
    """
    return f"GTIFF_DIR:{number}:{uri}"
