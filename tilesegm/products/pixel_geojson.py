"""GeoJSON in pixels, for images that lie nowhere: QuPath reads it as annotations."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from tilesegm.plain import plain
from tilesegm.products.polygon_table import PolygonTable, placed

__all__ = ["write_pixel_geojson"]

_MEASURES = {"area_um2": "Area µm^2", "pixels": "Area px^2", "confidence": "Confidence"}


def write_pixel_geojson(table: PolygonTable, path: Path, said: str) -> None:
    """Write polygons as annotations, with the class and its colour as QuPath's classification.

    Args:
        table: the polygons; x counts columns and y rows of the image, from its upper left corner.
        path: of the file.
        said: what the file tells about itself.
    """
    import shapely

    rows, cols = table.info.original or (table.info.height, table.info.width)
    # QuPath takes them for pixels of the image.
    factors = {"pixels": rows * cols / table.info.pixels}
    kinds = [{"name": one.name, "color": list(one.colour)} for one in table.classes]
    with path.open("w", encoding="utf-8") as file:
        head = json.dumps({"type": "FeatureCollection", "description": said})
        file.write(f'{head[:-1]},\n"features": [')
        between = "\n"
        for batch in table.batches():
            shapes = placed(batch.shapes, table.info)
            boxes = shapely.bounds(shapes).tolist()
            lines = zip(*(values.tolist() for values in batch.columns.values()), strict=True)
            for text, box, line in zip(shapely.to_geojson(shapes), boxes, lines, strict=True):
                values = plain(dict(zip(batch.columns, line, strict=True)))
                feature: dict[str, Any] = {
                    "type": "Feature",
                    "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"tilesegm:{values['id']}")),
                    "bbox": box,
                    "properties": {
                        "objectType": "annotation",
                        "classification": kinds[values["class_id"]],
                        "measurements": {
                            label: values[name] * factors.get(name, 1)
                            for name, label in _MEASURES.items()
                            if values.get(name) is not None
                        },
                        **values,
                    },
                }
                start = json.dumps(feature, ensure_ascii=False)[:-1]
                file.write(f'{between}{start}, "geometry": {text}}}')
                between = ",\n"
        file.write("\n]}\n")
