"""COCO: one JSON file for many images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tilesegm.source.annotations.annotated import AnnotationFile, Builder, Image
from tilesegm.source.annotations.fields import dicts, size, text
from tilesegm.source.annotations.masks import rle_polygon
from tilesegm.source.annotations.shapes import polygon, turned_box

__all__ = ["is_coco", "read_coco"]

_UNNAMED = "shapes of a category without a name, called 'category NUMBER'"
_BOX = "shapes that are boxes alone drawn as boxes"
_CROWD = "crowds (iscrowd) counted as no object"
_LOST = "shapes of an image that the file does not list left out"


def is_coco(content: Any) -> bool:
    """Tell whether JSON is of COCO."""
    return isinstance(content, Mapping) and all(
        isinstance(content.get(key), list) for key in ("images", "annotations")
    )


def read_coco(content: Any) -> AnnotationFile:
    """Read all images: polygons, masks as runs, and boxes where there is nothing else."""
    names = {
        text(each.get("id")): text(each.get("name")) for each in dicts(content.get("categories"))
    }
    of_image: dict[Any, list[Mapping[str, Any]]] = {}
    images: dict[Any, Image] = {}
    for each in dicts(content["images"]):
        name = (text(each.get("file_name")) or "").replace("\\", "/")
        images[text(each.get("id"))] = Image(
            name, size(each.get("height")), size(each.get("width"))
        )
    for entry in dicts(content["annotations"]):
        of_image.setdefault(text(entry.get("image_id")), []).append(entry)
    read = []
    start = 0
    for key, image in images.items():
        builder = Builder(image, start)
        for entry in of_image.pop(key, ()):
            _add(builder, entry, names)
        start = builder.stop
        read.append(builder.finish())
    lost = sum(map(len, of_image.values()))
    findings = {_LOST: frozenset(range(start, start + lost))} if lost else {}
    listed = tuple(name for name in names.values() if name)
    return AnnotationFile("COCO", tuple(read), findings, listed)


def _add(builder: Builder, entry: Mapping[str, Any], names: Mapping[Any, str | None]) -> None:
    number = entry.get("category_id")
    label = names.get(text(number))
    unnamed = label is None
    if unnamed:
        label = f"category {text(number) or '?'}"
    crowd = entry.get("iscrowd") in (1, True)
    shape: Any = entry.get("segmentation")
    box: Any = entry.get("bbox")
    if isinstance(shape, Mapping):
        builder.add(label, lambda: rle_polygon(shape), crowd=crowd)
    elif shape:
        builder.add(label, lambda: polygon(*shape), crowd=crowd)
    else:
        builder.add(label, lambda: turned_box(box[:2], box[2:4]), crowd=crowd)
        builder.note(_BOX)
    if unnamed:
        builder.note(_UNNAMED)
    if crowd:
        builder.note(_CROWD)
