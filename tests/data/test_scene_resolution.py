"""Scenes of several resolutions, read at one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from PIL import Image

from tests.data.label_parts import classes
from tests.images import blobs, write
from tilesegm.data.find import find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.patch import IGNORE
from tilesegm.data.scene_notes import scene_notes
from tilesegm.data.scene_resolution import learnt_resolution
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import DataSettings, SceneSettings
from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.resolution import Resolution

IDS = classes(0, 1, 2)


def place(side: float) -> dict[str, Any]:
    return {"crs": "EPSG:32633", "transform": Affine(side, 0, 5e5, 0, -side, 5e6)}


def write_pair(folder: Path, name: str, side: float, size: int) -> NDArray[Any]:
    """Write an image of pixels of ``side`` metres, and its labels; return the labels."""
    write(folder / f"{name}.tif", blobs(size, size), **place(side))
    rows, cols = np.indices((size, size))
    labels = ((rows // 3 + cols // 5) % 3).astype(np.uint8)
    write(folder / f"{name}_labels.tif", labels, **place(side))
    return labels


def opened(folder: Path, names: str, labels: Any = IDS, **settings: Any) -> Scenes:
    suffix = settings.pop("suffix", "_labels.tif")
    scenes = tuple(SceneSettings(f"{name}.tif", f"{name}{suffix}") for name in names)
    data = DataSettings(scenes, labels, **settings)
    return open_scenes(find_scenes(data, folder), data)


def test_images_of_several_resolutions_are_read_at_one(tmp_path: Path) -> None:
    fine, coarse = write_pair(tmp_path, "a", 10, 90), write_pair(tmp_path, "b", 20, 60)
    with opened(tmp_path, "ab", resolution="20m") as scenes:
        assert [(image.height, image.width) for image in scenes.images] == [(45, 45), (60, 60)]
        # The centre of a coarse pixel is a corner of fine ones; the lower right of them holds it.
        first = scenes.read(0, scenes.images[0].window)
        assert (first.labels == fine[1::2, 1::2]).all()
        blocks = blobs(90, 90).reshape(45, 2, 45, 2, 3).astype(int).sum((1, 3))
        assert (first.pixels == (blocks + 2) // 4).all()
        assert (scenes.read_labels(1, scenes.images[1].window) == coarse).all()
        (note,) = scene_notes(scenes)
        assert "1 of 2 images are resampled to data.resolution" in note
        assert learnt_resolution("20m", scenes.images) == Resolution(20, 20)


def test_images_that_differ_are_told_with_numbers(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", 10, 30)
    write_pair(tmp_path, "b", 25, 30)
    with opened(tmp_path, "ab") as scenes:
        (note,) = scene_notes(scenes)
        assert "from 10 m" in note
        assert "to 25 m" in note
        assert learnt_resolution(None, scenes.images) is None
    advised = note.partition("data.resolution: ")[2].split()[0]
    with opened(tmp_path, "ab", resolution=advised) as scenes:
        assert learnt_resolution(advised, scenes.images) is not None


def test_images_that_are_alike_teach_one_resolution(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", 10, 30)
    write_pair(tmp_path, "b", 11, 30)
    with opened(tmp_path, "ab") as scenes:
        assert [*scene_notes(scenes)] == []
        found = learnt_resolution(None, scenes.images)
    assert found is not None
    assert found.down == pytest.approx(110**0.5, rel=1e-3)


def test_an_image_without_a_scale_is_told(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", 10, 30)
    write(tmp_path / "b.tif", blobs(30, 30))
    write(tmp_path / "b_labels.tif", np.zeros((30, 30), np.uint8))
    with opened(tmp_path, "ab") as scenes:
        (note,) = scene_notes(scenes)
        assert "1 of 2 images tell no size of their pixels" in note
        assert learnt_resolution(None, scenes.images) is None
    with pytest.raises(SourceError, match="tells no size of its pixels"):
        opened(tmp_path, "ab", resolution="20m")


def test_labels_on_the_pixels_of_the_image_go_with_them(tmp_path: Path) -> None:
    labels = write_pair(tmp_path, "a", 10, 90)
    Image.fromarray(labels).save(tmp_path / "a_mask.png")
    with opened(tmp_path, "a", suffix="_mask.png", resolution="30m") as scenes:
        assert (scenes.read_labels(0, scenes.images[0].window) == labels[1::3, 1::3]).all()


@pytest.mark.parametrize("pixels", [False, True], ids=["on the ground", "in pixels"])
def test_polygons_are_drawn_on_the_new_grid(tmp_path: Path, pixels: bool) -> None:
    write_pair(tmp_path, "a", 10, 90)
    ring = [[9, 12], [75, 12], [75, 60], [9, 60], [9, 12]]
    if not pixels:
        ring = [[5e5 + 10 * x, 5e6 - 10 * y] for x, y in ring]
    feature = {
        "type": "Feature",
        "properties": {"kind": 1},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    text = {"type": "FeatureCollection", "features": [feature]} | ({} if pixels else {"crs": crs})
    (tmp_path / "a.geojson").write_text(json.dumps(text))
    suffix = ".geojson|crs=pixels" if pixels else ".geojson"
    labels = classes(0, 1, attribute="kind")
    with opened(tmp_path, "a", labels, suffix=suffix, resolution="30m") as scenes:
        found = scenes.read_labels(0, scenes.images[0].window)
    expected = np.full((30, 30), IGNORE)
    expected[4:20, 3:25] = 1
    assert (found == expected).all()


def test_a_resolution_has_a_unit() -> None:
    scene = SceneSettings("a.tif", "b.tif")
    with pytest.raises(SettingsError, match=r"data\.resolution='0\.3': expected the side"):
        DataSettings((scene,), IDS, resolution="0.3")
