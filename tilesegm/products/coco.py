"""COCO: objects of a photo with their categories, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from tilesegm.plain import plain
from tilesegm.products.polygon_table import PolygonTable

__all__ = ["write_coco"]


def write_coco(table: PolygonTable, path: Path, said: str) -> None:
    """Write objects as COCO; those with holes, which its polygons cannot hold, as runs of pixels.

    Args:
        table: the polygons.
        path: of the file.
        said: what the file tells about itself.
    """
    info = table.info
    name = Path(info.uri).name
    head: dict[str, Any] = {
        "info": {"description": said},
        "images": [{"id": 1, "file_name": name, "width": info.width, "height": info.height}],
        "categories": [
            {"id": n, "name": one.name, "supercategory": "", "color": list(one.colour)}
            for n, one in table.used
        ],
    }
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "annotations": [')
        between = "\n"
        for batch in table.batches():
            boxes = shapely.bounds(batch.shapes)
            holes = shapely.get_num_interior_rings(batch.shapes)
            for n, shape in enumerate(batch.shapes):
                left, top, right, bottom = boxes[n].tolist()
                columns = {name: values[n] for name, values in batch.columns.items()}
                annotation = {
                    "id": columns["id"],
                    "image_id": 1,
                    "category_id": columns["class_id"],
                    "segmentation": _runs(shape, info.height, info.width)
                    if holes[n]
                    else [shapely.get_coordinates(shape)[:-1].reshape(-1)],
                    "area": columns["pixels"],
                    "bbox": [left, top, right - left, bottom - top],
                    "iscrowd": 0,
                }
                if "confidence" in columns:
                    annotation["score"] = columns["confidence"]
                file.write(between + json.dumps(plain(annotation), allow_nan=False))
                between = ",\n"
        file.write("\n]}\n")


def _runs(shape: Any, height: int, width: int) -> dict[str, Any]:
    """Return the runs of an object, column by column, as lengths that begin with those outside.

    Wherever an outline crosses a column along a row, what is outside becomes inside or the other
    way round.
    """
    crossings: list[NDArray[np.int64]] = []
    for ring in (shape.exterior, *shape.interiors):
        x, y = np.rint(shapely.get_coordinates(ring)).astype(np.int64).T
        left, right = np.minimum(x[1:], x[:-1]), np.maximum(x[1:], x[:-1])
        lengths = right - left
        columns = np.repeat(left, lengths) + _counted(lengths)
        crossings.append(columns * height + np.repeat(y[1:], lengths))
    places = np.sort(np.concatenate(crossings))
    # One that leaves a column at its end and enters the next at its beginning goes on.
    unlike = np.diff(places) != 0
    places = places[np.append(True, unlike) & np.append(unlike, True)]
    counts = np.diff(places, prepend=0, append=height * width)
    return {"size": [height, width], "counts": counts}


def _counted(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count from 0 within each of several lengths."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
