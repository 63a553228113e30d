"""CVAT for images 1.1: one XML file for many images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np

from tilesegm.source.annotations import shapes
from tilesegm.source.annotations.annotated import AnnotationFile, Builder, Image
from tilesegm.source.annotations.fields import text
from tilesegm.source.annotations.masks import mask_polygon

__all__ = ["is_cvat", "read_cvat"]

_MOST_PIXELS = 1 << 28
_KINDS = ("box", "cuboid", "ellipse", "mask", "points", "polygon", "polyline", "skeleton")


def is_cvat(head: str) -> bool:
    """Tell by the beginning of an XML file whether it is of CVAT."""
    return "<annotations>" in head and ("<version>1.1" in head or "<image " in head)


def read_cvat(content: str) -> AnnotationFile:
    """Read all images, shapes above others last.

    Raises:
        ValueError: it is no XML, or declares entities, which CVAT does not.
    """
    if "<!ENTITY" in content or "<!DOCTYPE" in content:
        raise ValueError("it declares entities")
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise ValueError(f"it is no XML: {error}") from None
    read = []
    start = 0
    for each in root.iter("image"):
        image = Image(
            each.get("name", "").replace("\\", "/"), _side(each, "height"), _side(each, "width")
        )
        builder = Builder(image, start)
        entries = [entry for entry in each if entry.tag in _KINDS]
        for entry in sorted(entries, key=_depth):
            _add(builder, entry)
        start = builder.stop
        read.append(builder.finish())
    return AnnotationFile("CVAT", tuple(read))


def _add(builder: Builder, entry: ElementTree.Element) -> None:
    label, number = text(entry.get("label")), entry.get("group_id")
    group = None if number in (None, "0") else (label, number)
    known: Mapping[str, Any] = entry.attrib

    def numbers(*names: str) -> list[float]:
        return [float(known[name]) for name in names]

    def points() -> list[float]:
        return [float(each) for pair in known["points"].split(";") for each in pair.split(",")]

    def box() -> Any:
        left, top, right, bottom = numbers("xtl", "ytl", "xbr", "ybr")
        degrees = float(known.get("rotation", 0))
        return shapes.turned_box((left, top), (right - left, bottom - top), degrees)

    def oval() -> Any:
        x, y, across, along = numbers("cx", "cy", "rx", "ry")
        return shapes.ellipse((x, y), (across, along), float(known.get("rotation", 0)))

    makers = {
        "box": box,
        "ellipse": oval,
        "mask": lambda: _mask(known),
        "points": lambda: shapes.point(points()),
        "polygon": lambda: shapes.polygon(points()),
        "polyline": lambda: shapes.line(points()),
    }
    if entry.tag in makers:
        builder.add(label, makers[entry.tag], group=group)
    else:
        builder.skip(entry.tag)


def _mask(known: Mapping[str, Any]) -> Any:
    """Read runs along the rows of a box, outside of the object first."""
    left, top, width, height = (int(known[name]) for name in ("left", "top", "width", "height"))
    lengths = np.array([int(each) for each in known["rle"].split(",")], np.int64)
    if min(width, height) < 1 or width * height > _MOST_PIXELS or (lengths < 0).any():
        raise ValueError("no mask")
    if lengths.astype(np.float64).sum() != width * height:
        raise ValueError("not the size of its box")
    values = (np.arange(len(lengths)) % 2).astype(np.uint8)
    return mask_polygon(np.repeat(values, lengths).reshape(height, width), left, top)


def _side(entry: ElementTree.Element, name: str) -> int | None:
    number = entry.get(name, "")
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else None


def _depth(entry: ElementTree.Element) -> float:
    try:
        return float(entry.get("z_order", 0))
    except ValueError:
        return 0.0
