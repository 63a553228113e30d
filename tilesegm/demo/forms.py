"""The forms that labelled images come in: writes the same tiles in each of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
import rasterio.features
from numpy.typing import NDArray
from PIL import Image

from tilesegm.classes import ClassInfo
from tilesegm.demo.scene import place_of_scene
from tilesegm.source.gdal import without_place
from tilesegm.source.vector.calls import vector_calls

__all__ = [
    "Tile",
    "write_coco",
    "write_labelme",
    "write_pairs",
    "write_polygons",
    "write_qupath",
    "write_voc",
]

Classes = Sequence[ClassInfo]
_JPEG_QUALITY = 92


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Tile:
    """A small image with its labels."""

    name: str
    pixels: NDArray[np.uint8]
    """``(height, width, 3)`` red, green and blue."""
    labels: NDArray[np.uint8]
    """``(height, width)`` class ids, 0 for background."""
    role: Literal["train", "val"]


def write_pairs(folder: Path, tiles: Sequence[Tile], classes: Classes) -> None:
    """Write ``images/NAME.png`` and ``masks/NAME.png`` of class ids with a palette."""
    for tile in tiles:
        _save(folder / "images" / f"{tile.name}.png", tile.pixels)
        _save(folder / "masks" / f"{tile.name}.png", tile.labels, classes)
    _write_text(folder / "class_names.txt", "".join(f"{info.name}\n" for info in classes))


def write_voc(folder: Path, tiles: Sequence[Tile], classes: Classes) -> None:
    """Write the folders of Pascal VOC with a label map as CVAT writes it."""
    for tile in tiles:
        _save(folder / "JPEGImages" / f"{tile.name}.jpg", tile.pixels)
        _save(folder / "SegmentationClass" / f"{tile.name}.png", tile.labels, classes)
    for role in ("train", "val"):
        names = "".join(f"{tile.name}\n" for tile in tiles if tile.role == role)
        _write_text(folder / "ImageSets" / "Segmentation" / f"{role}.txt", names)
    lines = ("{}:{},{},{}::\n".format(info.name, *info.colour) for info in classes)
    _write_text(folder / "labelmap.txt", "# label:color_rgb:parts:actions\n" + "".join(lines))


def write_labelme(folder: Path, tiles: Sequence[Tile], classes: Classes) -> None:
    """Write ``NAME.jpg`` and ``NAME.json``, in which later shapes lie above earlier ones."""
    for tile in tiles:
        _save(folder / f"{tile.name}.jpg", tile.pixels)
        # LabelMe knows no holes: what lies in one is smaller, and is drawn later.
        objects = sorted(_objects(tile.labels), key=lambda each: -_area(each[1][0]))
        shapes: list[dict[str, Any]] = [
            {
                "label": classes[number].name,
                "points": rings[0],
                "group_id": None,
                "shape_type": "polygon",
                "flags": {},
            }
            for number, rings in objects
        ]
        height, width = tile.labels.shape
        content = {
            "version": "5.5.0",
            "flags": {},
            "shapes": shapes,
            "imagePath": f"{tile.name}.jpg",
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        _write_json(folder / f"{tile.name}.json", content)


def write_coco(folder: Path, tiles: Sequence[Tile], classes: Classes) -> None:
    """Write ``images`` and ``annotations/instances_ROLE.json``: runs where objects have holes."""
    for tile in tiles:
        _save(folder / "images" / f"{tile.name}.jpg", tile.pixels)
    for role in ("train", "val"):
        mine = [tile for tile in tiles if tile.role == role]
        annotations: list[dict[str, Any]] = []
        for image, tile in enumerate(mine, 1):
            for number, rings in _objects(tile.labels):
                if number:
                    annotations.append(
                        _coco_object(len(annotations) + 1, image, number, rings, tile.labels.shape)
                    )
        content = {
            "images": [
                {
                    "id": image,
                    "file_name": f"{tile.name}.jpg",
                    "height": tile.labels.shape[0],
                    "width": tile.labels.shape[1],
                }
                for image, tile in enumerate(mine, 1)
            ],
            "annotations": annotations,
            "categories": [
                {"id": number, "name": info.name, "supercategory": "land"}
                for number, info in enumerate(classes)
                if number
            ],
        }
        _write_json(folder / "annotations" / f"instances_{role}.json", content)


def write_polygons(
    folder: Path, pixels: NDArray[np.uint8], labels: NDArray[np.uint8], classes: Classes
) -> None:
    """Write ``scene.tif`` and its polygons, background too, as GeoPackage and GeoJSON.

    Raises:
        SourceError: the packages for polygons are not installed.
    """
    place = place_of_scene(*labels.shape)
    _save_tiff(folder / "scene.tif", pixels, place)
    with vector_calls(folder / "landcover.gpkg"):
        import pyogrio
        import shapely
        from shapely.affinity import affine_transform

        affine = place["transform"]
        numbers = [affine.a, affine.b, affine.d, affine.e, affine.c, affine.f]
        objects = list(_objects(labels))
        shapes = [
            affine_transform(shapely.Polygon(rings[0], rings[1:]), numbers) for _, rings in objects
        ]
        for name, driver in (("landcover.gpkg", "GPKG"), ("landcover.geojson", "GeoJSON")):
            pyogrio.raw.write(
                folder / name,
                geometry=np.array(shapely.to_wkb(shapes), dtype=object),
                field_data=[np.array([classes[number].name for number, _ in objects], object)],
                fields=np.array(["class"], object),
                crs=place["crs"],
                geometry_type="Polygon",
                driver=driver,
                layer="landcover",
            )


def write_qupath(
    folder: Path, pixels: NDArray[np.uint8], labels: NDArray[np.uint8], classes: Classes
) -> None:
    """Write ``scene.tif`` without a place, and its annotations as QuPath exports them."""
    _save_tiff(folder / "scene.tif", pixels, {})
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]] for ring in rings]},
            "properties": {
                "objectType": "annotation",
                "classification": {
                    "name": classes[number].name,
                    "color": list(classes[number].colour),
                },
            },
        }
        for number, rings in _objects(labels)
    ]
    _write_json(folder / "scene.geojson", {"type": "FeatureCollection", "features": features})


def _objects(labels: NDArray[np.uint8]) -> Iterator[tuple[int, list[list[list[float]]]]]:
    """Yield the class of each connected object with its rings along pixels, the outer one first."""
    with without_place():
        for shape, number in rasterio.features.shapes(labels):
            yield int(number), [[list(xy) for xy in ring[:-1]] for ring in shape["coordinates"]]


def _area(ring: Sequence[Sequence[float]]) -> float:
    x, y = np.array(ring).T
    return float(abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2)


def _coco_object(
    key: int, image: int, number: int, rings: list[list[list[float]]], shape: tuple[int, int]
) -> dict[str, Any]:
    """Return an annotation with its box and area."""
    x, y = np.array(rings[0]).T
    area = _area(rings[0]) - sum(map(_area, rings[1:]))
    segmentation: Any = [[value for xy in rings[0] for value in xy]]
    if len(rings) > 1:
        segmentation = {"size": list(shape), "counts": _runs(rings, shape)}
    return {
        "id": key,
        "image_id": image,
        "category_id": number,
        "segmentation": segmentation,
        "area": area,
        "bbox": [x.min(), y.min(), x.max() - x.min(), y.max() - y.min()],
        "iscrowd": 0,
    }


def _runs(rings: list[list[list[float]]], shape: tuple[int, int]) -> list[int]:
    """Return the lengths of runs down the columns of a mask, outside of the object first."""
    polygon = {"type": "Polygon", "coordinates": [[*ring, ring[0]] for ring in rings]}
    with without_place():
        mask = rasterio.features.rasterize([(polygon, 1)], shape, dtype="uint8").T.ravel()
    edges = [0, *(np.flatnonzero(np.diff(mask)) + 1).tolist(), len(mask)]
    lengths: list[int] = np.diff(edges).tolist()
    return [0, *lengths] if mask[0] else lengths


def _save(path: Path, pixels: NDArray[np.uint8], classes: Classes = ()) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels)
    if classes:
        picture.putpalette([value for info in classes for value in info.colour])
    if path.suffix == ".jpg":
        picture.save(path, quality=_JPEG_QUALITY)
    else:
        picture.save(path)


def _save_tiff(path: Path, pixels: NDArray[np.uint8], place: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width, count = pixels.shape
    with (
        without_place(),
        rasterio.open(
            path, "w", driver="GTiff", height=height, width=width, count=count, dtype="uint8",
            tiled=True, blockxsize=256, blockysize=256, compress="deflate", predictor=2,
            photometric="rgb", **place,
        ) as file,
    ):  # fmt: skip
        file.write(np.moveaxis(pixels, -1, 0))


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _write_json(path: Path, content: Any) -> None:
    _write_text(path, json.dumps(content, indent=1) + "\n")
