"""Labels of several roles on one image: what is held out is neither seen nor learnt from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from rasterio.features import rasterize
from scipy.ndimage import distance_transform_cdt

from tests.data.label_parts import TRANSFORM, UTM, classes, write_polygons
from tests.images import write
from tilesegm.data.find import find_scenes
from tilesegm.data.labels.roles import RolePlaces
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.patch import IGNORE
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import (
    AugmentationSettings,
    DataSettings,
    LabelSettings,
    SamplingSettings,
    SceneSettings,
    SplitSettings,
)
from tilesegm.data.split import load_split, make_split, save_split
from tilesegm.data.statistics import measure
from tilesegm.data.stream import SampleStream, StreamSettings
from tilesegm.data.training_data import TrainingData
from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.model.normalisation import Normalisation

SIDE = 200
WHOLE = Window(0, 0, SIDE, SIDE)
LABELS = classes("a", "b", attribute="kind")

Shapes = list[tuple[Any, str]]
TRAIN: Shapes = [(shapely.box(5, 5, 90, 40), "a"), (shapely.box(8, 120, 60, 190), "b")]
HELD_OUT: Shapes = [
    (shapely.Point(140, 60).buffer(25), "a"),
    (shapely.Polygon([(130, 130), (188, 120), (150, 185)]), "b"),
]


def drawn(shapes: Shapes) -> np.ndarray:
    """Draw polygons in pixels as rasterio does, by the centres of pixels."""
    ids = [(shape, "ab".index(kind)) for shape, kind in shapes]
    return rasterize(ids, (SIDE, SIDE), fill=IGNORE, dtype="int32")


def scene(folder: Path, role: str | None, shapes: Shapes, crs: str = UTM, **more: Any) -> Any:
    name = f"{role}.gpkg"
    write_polygons(folder / name, [s for s, _ in shapes], [kind for _, kind in shapes], crs=crs)
    return SceneSettings("a.tif", name, role=role, **more)  # type: ignore[arg-type]


def open_(folder: Path, *scenes: SceneSettings, labels: LabelSettings = LABELS) -> Scenes:
    image = np.full((SIDE, SIDE), 10, np.uint8)
    image[drawn(HELD_OUT) != IGNORE] = 255
    write(folder / "a.tif", image, crs=UTM, transform=TRANSFORM)
    found = DataSettings(scenes, labels)
    return open_scenes(find_scenes(found, folder), found)


def data_of(scenes: Scenes, buffer: int = 6) -> TrainingData:
    statistics = measure(scenes, cell=16)
    split = make_split(scenes, statistics, SplitSettings(), buffer)
    return TrainingData.of(scenes, statistics, split, 0)


@pytest.mark.parametrize("crs", [UTM, "EPSG:4326", "EPSG:3035"])
def test_held_out_polygons_are_hidden_to_the_pixel(tmp_path: Path, crs: str) -> None:
    train, held_out = drawn(TRAIN), drawn(HELD_OUT)
    parts = (scene(tmp_path, "train", TRAIN), scene(tmp_path, "validation", HELD_OUT, crs))
    with open_(tmp_path, *parts) as scenes:
        assert [info.name for info in scenes.infos] == ["a"]
        data = data_of(scenes)
        (view,) = data.views
        # Every label keeps its class and place, in windows as in the whole.
        labels = scenes.read_labels(0, WHOLE)
        np.testing.assert_array_equal(labels, np.where(held_out == IGNORE, train, held_out))
        for window in WHOLE.tiles(37, 53):
            np.testing.assert_array_equal(
                scenes.read_labels(0, window), labels[window.slices], str(window)
            )
        hidden = ~view.visible(WHOLE)
        assert hidden[held_out != IGNORE].all()
        cells = np.kron(
            np.add.reduceat(
                np.add.reduceat(held_out != IGNORE, range(0, SIDE, 16), 0), range(0, SIDE, 16), 1
            )
            > 0,
            np.ones((16, 16), bool),
        )[:SIDE, :SIDE]
        np.testing.assert_array_equal(hidden, cells)
        far = distance_transform_cdt(~hidden, metric="chessboard") > 6
        np.testing.assert_array_equal(view.trainable(WHOLE), far)
        # Statistics leave held-out pixels out: all others are 10.
        assert (data.bands.mean, data.bands.high) == ((10.0,), (10.0,))
        counted = sum(
            np.bincount(labels[w.slices][labels[w.slices] != IGNORE], minlength=2)
            for w in view.held_out
        )
        np.testing.assert_array_equal(counted, np.bincount(held_out[held_out != IGNORE]))


def test_no_sample_shows_a_held_out_pixel(tmp_path: Path) -> None:
    parts = (scene(tmp_path, "train", TRAIN), scene(tmp_path, "validation", HELD_OUT))
    with open_(tmp_path, *parts) as scenes:
        settings = StreamSettings(
            size=64,
            batch=4,
            sampling=SamplingSettings(),
            augmentation=AugmentationSettings(rotate=45, scale=0.5, cutmix=0.3),
            seed=0,
        )
        identity = Normalisation.of_statistics((0.0,), (1.0,))
        stream = SampleStream(data_of(scenes), settings, identity, np.ones(2))
        samples = [stream.sample(number) for number in range(40)]
        assert max(sample.pixels.max() for sample in samples) < 11
        assert any((sample.labels != IGNORE).any() for sample in samples)


def test_labels_of_two_roles_on_one_pixel_are_held_out_and_counted(tmp_path: Path) -> None:
    below = [*TRAIN, (shapely.box(64, 160, 192, 192), "a")]
    above = [(shapely.box(128, 128, 192, 192), "b")]
    parts = (scene(tmp_path, "train", below), scene(tmp_path, "validation", above))
    with open_(tmp_path, *parts) as scenes:
        data = data_of(scenes)
        labels = scenes.read_labels(0, WHOLE)
        assert (labels[160:192, 128:192] == 1).all()
        assert (labels[160:192, 64:128] == 0).all()
        note = data.split.notes[0]
    # 32 rows of 64 columns lie on each other.
    assert "2,048 of 10,711 pixels with train labels do not count" in note
    assert "2,048 of them on one pixel" in note


def test_a_test_goes_before_validation(tmp_path: Path) -> None:
    parts = (
        scene(tmp_path, "train", TRAIN),
        scene(tmp_path, "validation", HELD_OUT),
        scene(tmp_path, "test", [(shapely.box(128, 32, 144, 80), "a")]),
    )
    with open_(tmp_path, *parts) as scenes:
        (view,) = data_of(scenes).views
        test = np.zeros((SIDE, SIDE), bool)
        for window in view.test:
            test[window.slices] = True
        expected = np.zeros_like(test)
        expected[32:80, 128:144] = True
        np.testing.assert_array_equal(test, expected)
        assert not any(test[window.slices].any() for window in view.held_out)


def test_areas_give_one_file_of_labels_two_roles(tmp_path: Path) -> None:
    write_polygons(tmp_path / "all.gpkg", [shapely.box(0, 0, SIDE, SIDE)], ["b"])
    for name, left in (("left", 0), ("right", 112)):
        write_polygons(tmp_path / f"{name}.gpkg", [shapely.box(left, 0, left + 80, SIDE)])
    parts = [
        SceneSettings("a.tif", "all.gpkg", area=f"{name}.gpkg", role=role)  # type: ignore[arg-type]
        for name, role in (("left", "train"), ("right", "validation"))
    ]
    with open_(tmp_path, *parts) as scenes:
        (view,) = data_of(scenes).views
        assert view.held_out == (Window(0, 112, SIDE, 80),)
        labels = scenes.read_labels(0, WHOLE)
        assert [(labels[:, :80] == 1).all(), (labels[:, 80:112] == IGNORE).all()] == [True, True]


def test_a_split_of_roles_is_read_back(tmp_path: Path) -> None:
    parts = (scene(tmp_path, "train", TRAIN), scene(tmp_path, "validation", HELD_OUT))
    with open_(tmp_path, *parts) as scenes:
        split = data_of(scenes).split
        save_split(split, tmp_path / "split.json")
        assert load_split(tmp_path / "split.json", scenes) == split


BESIDE: Shapes = [(shapely.box(300, 300, 400, 400), "a")]
SPECK: Shapes = [(shapely.box(100.1, 100.1, 100.3, 100.3), "a")]


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (SPECK, "no validation labels: they label no pixel of it"),
        (BESIDE, "validation.gpkg.*image"),
    ],
)
def test_a_role_without_labels_is_refused(tmp_path: Path, shapes: Shapes, words: str) -> None:
    parts = (scene(tmp_path, "train", TRAIN), scene(tmp_path, "validation", shapes))
    with (
        pytest.raises((SettingsError, SourceError), match=words),
        open_(tmp_path, *parts) as scenes,
    ):
        data_of(scenes)


def test_a_background_of_one_role_that_takes_all_is_refused_with_a_way_that_works(
    tmp_path: Path,
) -> None:
    labels = replace(LABELS, background="class 0")
    parts = [scene(tmp_path, "train", TRAIN), scene(tmp_path, "validation", HELD_OUT)]
    with (
        open_(tmp_path, *parts, labels=labels) as scenes,
        pytest.raises(SettingsError, match=r"no train labels: all of the 40,000 .* an area"),
    ):
        data_of(scenes)
    for number, left in enumerate((0, 112)):
        write_polygons(tmp_path / f"{left}.gpkg", [shapely.box(left, 0, left + 80, SIDE)])
        parts[number] = replace(parts[number], area=f"{left}.gpkg")
    with open_(tmp_path, *parts, labels=labels) as scenes:
        assert data_of(scenes).counts.all()


@pytest.mark.parametrize("roles", [("train", "train"), ("train", None), (None, "validation")])
def test_a_role_twice_or_none_is_refused(tmp_path: Path, roles: tuple[str | None, ...]) -> None:
    parts = [scene(tmp_path, role, TRAIN) for role in roles]
    with pytest.raises(SettingsError, match=r"a\.tif is found 2 times.*one of each role"):
        open_(tmp_path, *parts)


def test_one_image_by_two_names_is_one_image(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    parts = (scene(tmp_path, "train", TRAIN), scene(tmp_path, "validation", HELD_OUT))
    other = replace(parts[1], image="b/../a.tif")
    with open_(tmp_path, parts[0], other) as scenes:
        assert len(scenes) == 1


def test_rectangles_by_hand() -> None:
    owners = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0]], np.int8)
    places = RolePlaces(16, owners, ("validation", "train"), (0, 0), (0, 0), (0, 0))
    assert set(places.rectangles(40, 44)) == {
        ("train", Window(0, 0, 32, 32)),
        ("validation", Window(0, 32, 32, 12)),
        ("train", Window(32, 0, 8, 16)),
        ("validation", Window(32, 16, 8, 28)),
    }
