"""Label Studio: one JSON file for many images, with coordinates in per cent of the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tilesegm.source.annotations import shapes
from tilesegm.source.annotations.annotated import AnnotationFile, Builder, Image
from tilesegm.source.annotations.fields import dicts, size, text

__all__ = ["is_label_studio", "read_label_studio"]

_MORE = "shapes of a second annotator left out"


def is_label_studio(content: Any) -> bool:
    """Tell whether JSON is of Label Studio."""
    return (
        isinstance(content, list)
        and bool(content)
        and isinstance(content[0], Mapping)
        and isinstance(content[0].get("data"), Mapping)
        and isinstance(content[0].get("annotations"), list)
    )


def read_label_studio(content: Any) -> AnnotationFile:
    """Read all tasks: polygons, rectangles, ellipses and points of the first annotation of each."""
    read = []
    start = 0
    for task in dicts(content):
        done = [each for each in dicts(task.get("annotations")) if not each.get("was_cancelled")]
        results = [list(dicts(each.get("result"))) for each in done]
        first = results[0] if results else []
        sides = (size(each.get("original_height")) for each in first)
        height = next(filter(None, sides), None)
        width = next(filter(None, (size(each.get("original_width")) for each in first)), None)
        builder = Builder(Image(_image_of(task), height, width), start)
        for entry in first:
            # Results of other kinds, such as choices, are no shapes.
            if str(entry.get("type", "")) not in ("choices", "textarea", "rating", "relation"):
                _add(builder, entry)
        for _ in range(sum(map(len, results[1:]))):
            builder.leave_out(_MORE)
        start = builder.stop
        read.append(builder.finish())
    return AnnotationFile("Label Studio", tuple(read))


def _image_of(task: Mapping[str, Any]) -> str:
    """Return the path or address of the image of a task."""
    data = task.get("data")
    texts = [text(value) for value in (data.values() if isinstance(data, Mapping) else ())]
    named = next((each for each in texts if each), "")
    return (named or "").replace("\\", "/").partition("?d=")[2] or (named or "")


def _add(builder: Builder, entry: Mapping[str, Any]) -> None:
    kind = str(entry.get("type", ""))
    value = entry.get("value")
    value = value if isinstance(value, Mapping) else {}
    labels = value.get(kind)
    label = text(labels[0]) if isinstance(labels, list) and labels else None
    across = (size(entry.get("original_width")) or builder.image.width or 0) / 100
    along = (size(entry.get("original_height")) or builder.image.height or 0) / 100

    def scaled(x: Any, y: Any) -> tuple[float, float]:
        return x * across, y * along

    makers = {
        "polygon": lambda: shapes.polygon([scaled(*pair) for pair in value["points"]]),
        "rectangle": lambda: shapes.turned_box(
            scaled(value["x"], value["y"]),
            scaled(value["width"], value["height"]),
            value.get("rotation", 0),
            about_corner=True,
        ),
        "ellipse": lambda: shapes.ellipse(
            scaled(value["x"], value["y"]),
            scaled(value["radiusX"], value["radiusY"]),
            value.get("rotation", 0),
        ),
        "keypoint": lambda: shapes.point([scaled(value["x"], value["y"])]),
    }
    make = makers.get(kind.removesuffix("labels"))
    if make is None:
        builder.skip(kind)
    elif not (across and along):
        builder.leave_out("shapes of an image without a size left out")
    else:
        builder.add(label, make)
