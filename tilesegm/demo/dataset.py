"""A small data set to try things on: one scene, in each form that people bring labels in."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.demo.classes import CLASSES, Cover
from tilesegm.demo.forms import (
    Tile,
    write_coco,
    write_labelme,
    write_pairs,
    write_polygons,
    write_qupath,
    write_voc,
)
from tilesegm.demo.scene import draw_scene
from tilesegm.errors import OutputError
from tilesegm.files import flush_tree, output_errors
from tilesegm.ownership import check_place

__all__ = ["DATASET_CLASSES", "Form", "write_dataset"]

DATASET_CLASSES = (
    ClassInfo("background", (0, 0, 0)),
    *(CLASSES[cover] for cover in (Cover.WATER, Cover.TREES, Cover.ROAD, Cover.BUILDING)),
)
"""Fields and meadows are background, as in annotations of single things."""

_SIDE = 128
_HELD_OUT = 4
"""Every fourth tile is for validation."""


@dataclass(frozen=True)
class Form:
    """One form of the data."""

    name: str
    """Of the folder."""
    meaning: str
    init: str
    """Command that looks at it, the data set being the current folder."""


FORMS = (
    Form("pairs", "images and masks of class ids with the same names", "tilesegm train init pairs"),
    Form(
        "voc",
        "Pascal VOC: JPEGImages, SegmentationClass and lists in ImageSets",
        "tilesegm train init voc",
    ),
    Form(
        "labelme",
        "photos, each with a JSON file of LabelMe beside it",
        "tilesegm train init labelme",
    ),
    Form(
        "coco",
        "photos and two JSON files of COCO, to train and to validate",
        "tilesegm train init coco",
    ),
    Form(
        "polygons",
        "a map image with polygons as GeoPackage and GeoJSON",
        "tilesegm train init polygons/scene.tif --labels polygons/landcover.gpkg --attribute class",
    ),
    Form(
        "qupath",
        "an image without a place on the Earth, with annotations of QuPath",
        "tilesegm train init qupath",
    ),
)


def write_dataset(folder: Path, *, size: int = 512, seed: int = 0) -> tuple[Form, ...]:
    """Write the scene in every form; nothing is left where one cannot be written.

    Args:
        folder: of the data, which may hold other files.
        size: side of the scene in pixels, cut into tiles of 128.
        seed: of the scene.

    Returns:
        The forms, each a folder.

    Raises:
        SettingsError: ``size`` is too small.
        SourceError: the packages for polygons are not installed.
        OutputError: the folder cannot be written, or holds a folder of such a name.
    """
    check_place(folder, folder=True)
    for form in FORMS:
        if (folder / form.name).exists():
            raise OutputError(
                f"{folder / form.name} exists; use the data that are there, or give another folder"
            )
    image, cover = draw_scene(size, seed)
    labels = _merged(cover)
    tiles = _tiles(image, labels)
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".tilesegm-", dir=folder))
        try:
            write_pairs(draft / "pairs", tiles, DATASET_CLASSES)
            write_voc(draft / "voc", tiles, DATASET_CLASSES)
            write_labelme(draft / "labelme", tiles, DATASET_CLASSES)
            write_coco(draft / "coco", tiles, DATASET_CLASSES)
            write_polygons(draft / "polygons", image, labels, DATASET_CLASSES)
            write_qupath(draft / "qupath", image, labels, DATASET_CLASSES)
            flush_tree(draft)
            for form in FORMS:
                (draft / form.name).rename(folder / form.name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return FORMS


def _merged(cover: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ids of `DATASET_CLASSES`."""
    numbers = {info.name: number for number, info in enumerate(DATASET_CLASSES)}
    table = np.array([numbers.get(info.name, 0) for info in CLASSES], np.uint8)
    return table[cover]


def _tiles(image: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Sequence[Tile]:
    """Cut whole tiles, and hold every fourth one out, in another column of each row."""
    rows, cols = (side // _SIDE for side in labels.shape)
    tiles = []
    for row in range(rows):
        for col in range(cols):
            window = np.s_[row * _SIDE : (row + 1) * _SIDE, col * _SIDE : (col + 1) * _SIDE]
            held_out = (col + row) % _HELD_OUT == 0
            tiles.append(
                Tile(
                    f"tile_{row + 1:02d}_{col + 1:02d}",
                    np.ascontiguousarray(image[window]),
                    np.ascontiguousarray(labels[window]),
                    "val" if held_out else "train",
                )
            )
    return tiles
