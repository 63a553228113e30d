"""GeoJSON that is a bare array of features: scripts of QuPath write it, GDAL reads none."""

from __future__ import annotations

import json
import re
import zipfile
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

__all__ = ["collected"]

_BOM = b"\xef\xbb\xbf"
_EMPTY = re.compile(rb"\[\s*\]\s*")
_FEATURE = re.compile(rb'"type"\s*:\s*"Feature"')


@lru_cache(maxsize=2)
def collected(dataset: str, state: Any) -> str | bytes:
    """Return what pyogrio opens: the dataset, or the features of an array as a collection.

    Args:
        dataset: what GDAL opens: a file, or ``/vsizip/{ARCHIVE}/MEMBER``.
        state: what differs when the file was changed.
    """
    if PurePosixPath(dataset).suffix.lower() not in (".geojson", ".json"):
        return dataset
    archive, _, member = dataset.removeprefix("/vsizip/{").partition("}/")
    if dataset.startswith("/vsizip/{"):
        with zipfile.ZipFile(archive) as opened, opened.open(member) as file:
            text = _array(file)
    elif Path(dataset).is_file():
        with Path(dataset).open("rb") as file:
            text = _array(file)
    else:
        return dataset
    if _EMPTY.fullmatch(text) or _FEATURE.search(text):
        # A layer has the name of its file, and not one that pyogrio makes up anew each time.
        name = json.dumps(PurePosixPath(dataset).stem).encode()
        return b'{"type": "FeatureCollection", "name": %b, "features": %b}' % (name, text)
    return dataset


def _array(file: Any) -> bytes:
    """Return the contents of a file that begins as an array, and nothing of others."""
    head = bytes(file.read(64)).removeprefix(_BOM).lstrip()
    return head + bytes(file.read()) if head.startswith(b"[") else b""
