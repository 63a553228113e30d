"""LabelMe: one JSON file for each image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tilesegm.source.annotations import shapes
from tilesegm.source.annotations.annotated import AnnotationFile, Builder, Image
from tilesegm.source.annotations.fields import dicts, size, text
from tilesegm.source.annotations.masks import png_mask

__all__ = ["is_labelme", "read_labelme"]


def is_labelme(content: Any) -> bool:
    """Tell whether JSON is of LabelMe."""
    return (
        isinstance(content, Mapping)
        and isinstance(content.get("shapes"), list)
        and bool({"imagePath", "imageData", "imageHeight", "flags"} & set(content))
    )


def read_labelme(content: Any) -> AnnotationFile:
    """Read the shapes; ``imageData``, a copy of the image, is not looked at."""
    name = text(content.get("imagePath")) or ""
    image = Image(
        name.replace("\\", "/"), size(content.get("imageHeight")), size(content.get("imageWidth"))
    )
    builder = Builder(image)
    for entry in dicts(content["shapes"]):
        _add(builder, entry)
    return AnnotationFile("LabelMe", (builder.finish(),))


def _add(builder: Builder, entry: Mapping[str, Any]) -> None:
    label = text(entry.get("label"))
    kind, points = entry.get("shape_type") or "polygon", entry.get("points")
    group = entry.get("group_id")
    # Shapes of one label and group are parts of one object.
    group = None if group is None else (label, repr(group)[:40])
    makers = {
        "polygon": lambda: shapes.polygon(points),
        "rectangle": lambda: shapes.rectangle(points),
        "oriented_rectangle": lambda: shapes.rectangle(points),
        "circle": lambda: _circle(points),
        "line": lambda: shapes.line(points),
        "linestrip": lambda: shapes.line(points),
        "point": lambda: shapes.point(points),
        "points": lambda: shapes.point(points),
        "mask": lambda: png_mask(points, entry.get("mask")),
    }
    make = makers.get(kind) if isinstance(kind, str) else None
    if make is None:
        builder.skip(kind)
    else:
        builder.add(label, make, group=group)


def _circle(points: Any) -> Any:
    middle, edge = shapes.points_of(points, 2)[:2].tolist()
    radius = math.dist(middle, edge)
    return shapes.ellipse(middle, (radius, radius))
