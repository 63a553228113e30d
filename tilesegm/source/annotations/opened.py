"""Opens files of annotation tools: tells by their contents what they are."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from tilesegm.errors import SourceError
from tilesegm.inputs import check_input, read_json, read_text
from tilesegm.shown import line_of
from tilesegm.source.annotations.annotated import AnnotationFile
from tilesegm.source.annotations.coco import is_coco, read_coco
from tilesegm.source.annotations.cvat import is_cvat, read_cvat
from tilesegm.source.annotations.label_studio import is_label_studio, read_label_studio
from tilesegm.source.annotations.labelme import is_labelme, read_labelme

__all__ = ["is_annotation_file", "open_annotations"]

_LARGEST = 1 << 29
"""Bytes: the training part of COCO itself has 450 MB."""
_HEAD = 4096
_OF_GDAL = re.compile(r'"type"\s*:\s*"(?:Feature|FeatureCollection|\w*Collection|Topology)"')
_READERS = (
    (is_labelme, read_labelme),
    (is_coco, read_coco),
    (is_label_studio, read_label_studio),
)


def open_annotations(path: Path) -> AnnotationFile | None:
    """Read a file of an annotation tool, once until it changes; None for every other file.

    Raises:
        SourceError: the file is too large, or damaged.
    """
    if path.suffix.lower() not in (".json", ".xml") or not path.is_file():
        return None
    check_input(path, SourceError)
    state = path.stat()
    return _opened(path, (state.st_size, state.st_mtime_ns))


def is_annotation_file(path: str | Path) -> bool:
    """Tell whether a file is of an annotation tool."""
    return open_annotations(Path(str(path).partition("|")[0])) is not None


@lru_cache(maxsize=64)
def _opened(path: Path, state: Any) -> AnnotationFile | None:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("utf-8", "replace")
        if path.suffix.lower() == ".xml":
            return read_cvat(read_text(path, SourceError, _LARGEST)) if is_cvat(head) else None
        if _OF_GDAL.search(head):
            return None
        try:
            content = read_json(path, SourceError, _LARGEST)
        except ValueError as error:
            if isinstance(error, SourceError):
                raise
            return None  # another kind of JSON, such as one object a line
        for recognises, read in _READERS:
            if recognises(content):
                return read(content)
    except (MemoryError, OSError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path} cannot be read: {line_of(error)}") from error
    return None
