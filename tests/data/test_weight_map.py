"""Weights of pixels as a raster beside the labels, and weights of scenes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from scipy import stats

from tests.data.label_parts import TRANSFORM, UTM, classes
from tests.data.stream_parts import ALL, ArrayScenes, count, make_stream, view_of
from tests.images import blobs, write
from tests.training.scenery import settings
from tilesegm.data.find import find_scenes
from tilesegm.data.instances import write_border_weights
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.patch import IGNORE
from tilesegm.data.sampling import Places
from tilesegm.data.scene_notes import weight_notes
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import (
    BorderWeightSettings,
    DataSettings,
    SceneSettings,
)
from tilesegm.data.statistics import measure
from tilesegm.errors import OutputError, SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.training.run import train
from tilesegm.training.setup import set_up_aside

HEIGHT, WIDTH = 48, 64
WHOLE = Window(0, 0, HEIGHT, WIDTH)


def labels() -> np.ndarray:
    return (np.indices((HEIGHT, WIDTH)).sum(0) // 9 % 2).astype(np.int32)


def ramp() -> np.ndarray:
    """Weights from 0.5 on, another one in every pixel."""
    return 0.5 + np.arange(HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH) / 64


def open_scene(
    folder: Path, weights: np.ndarray, border: BorderWeightSettings | None = None, **profile: Any
) -> Scenes:
    """Write image, labels and weights, and open them; ``keys`` are keys of the scene."""
    name = f"w.{'png' if profile.get('driver') == 'PNG' else 'tif'}"
    keys = profile.pop("keys", {})
    write(folder / "a.tif", blobs(HEIGHT, WIDTH), crs=UTM, transform=TRANSFORM)
    write(folder / "l.tif", labels().astype(np.uint8), crs=UTM, transform=TRANSFORM)
    write(folder / name, weights, **profile)
    data = DataSettings((SceneSettings("a.tif", "l.tif", weights=name, **keys),), classes(0, 1))
    return open_scenes(find_scenes(data, folder), data, border)


def test_weights_are_read_by_windows(tmp_path: Path) -> None:
    with open_scene(tmp_path, ramp()) as scenes:
        for window in (WHOLE, Window(5, 7, 20, 31)):
            patch = scenes.read(0, window)
            np.testing.assert_array_equal(patch.weights, ramp()[window.slices])
            np.testing.assert_array_equal(patch.labels, labels()[window.slices])


@pytest.mark.parametrize("driver", ["GTiff", "PNG"])
def test_whole_numbers_weigh_too_and_formats_that_decode_from_the_top(
    tmp_path: Path, driver: str
) -> None:
    given = (1 + np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 250).astype(np.uint8)
    with open_scene(tmp_path, given, driver=driver) as scenes:
        window = Window(30, 40, 18, 24)
        found = scenes.read(0, window).weights
        assert found is not None
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, given[window.slices])


def test_weightless_pixels_have_no_label(tmp_path: Path) -> None:
    given = ramp()
    given[:8], given[8:11], given[11, :5] = 0, -9, np.nan
    with open_scene(tmp_path, given, nodata=-9) as scenes:
        patch = scenes.read(0, WHOLE)
        assert patch.weights is not None
        np.testing.assert_array_equal(patch.labels[:11], IGNORE)
        np.testing.assert_array_equal(patch.labels[11, :5], IGNORE)
        np.testing.assert_array_equal(patch.labels[12:], labels()[12:])
        np.testing.assert_array_equal(scenes.read_labels(0, WHOLE), patch.labels)
        assert (patch.weights[:11] == 0).all()


def test_weights_of_another_grid_are_laid_on_the_image(tmp_path: Path) -> None:
    # Twice as coarse, and shifted: it reaches neither the first 4 rows nor the last columns.
    coarse = (1 + np.arange(22 * 30).reshape(22, 30)).astype(np.float32)
    place = TRANSFORM @ Affine.translation(0, 4) @ Affine.scale(2)
    with open_scene(tmp_path, coarse, crs=UTM, transform=place) as scenes:
        found = scenes.read(0, WHOLE).weights
        expected = np.zeros((HEIGHT, WIDTH))
        expected[4:, :60] = coarse.repeat(2, 0).repeat(2, 1)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.full((HEIGHT, WIDTH), -1.0, np.float32), "hold -1 at row 0, column 0.*negative"),
        (np.full((HEIGHT, WIDTH), 1e300), "hold 1e.300 at row 0, column 0.*too large"),
        (np.ones((HEIGHT, WIDTH, 3), np.uint8), "3 bands of uint8; expected one band"),
        (np.ones((5, 5), np.uint8), "weights .*w.tif have 5 x 5 .* give weights of the image"),
    ],
)
def test_what_is_no_weight_is_refused(tmp_path: Path, given: np.ndarray, words: str) -> None:
    with pytest.raises(SourceError, match=words), open_scene(tmp_path, given) as scenes:
        measure(scenes)


def test_vector_files_are_no_weights(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", blobs(HEIGHT, WIDTH))
    write(tmp_path / "l.tif", labels().astype(np.uint8))
    (tmp_path / "w.geojson").write_text("{}")
    data = DataSettings((SceneSettings("a.tif", "l.tif", weights="w.geojson"),), classes(0, 1))
    with pytest.raises(SourceError, match="vector file; expected a raster of one band"):
        open_scenes(find_scenes(data, tmp_path), data)


def test_weights_follow_placeholders_and_must_exist(tmp_path: Path) -> None:
    for name in "xy":
        write(tmp_path / f"{name}.tif", blobs(HEIGHT, WIDTH))
        write(tmp_path / f"{name}_l.tif", labels().astype(np.uint8))
        write(tmp_path / f"{name}_w.tif", ramp())
    scene = SceneSettings("{n:?}.tif", "{n}_l.tif", weights="{n}_w.tif", weight=3)
    found = find_scenes(DataSettings((scene,), classes(0, 1)), tmp_path)
    assert [Path(each.weights or "").name for each in found] == ["x_w.tif", "y_w.tif"]
    assert [each.weight for each in found] == [3.0, 3.0]
    (tmp_path / "y_w.tif").unlink()
    with pytest.raises(SourceError, match=r"weights .*y_w.tif: no such file"):
        find_scenes(DataSettings((scene,), classes(0, 1)), tmp_path)
    with pytest.raises(SettingsError, match=r"weights='\{m\}.tif': \{m\} does not occur"):
        SceneSettings("{n}.tif", "{n}_l.tif", weights="{m}.tif")


@pytest.mark.parametrize("weight", [0, -1.0, float("nan"), float("inf")])
def test_scenes_weigh_more_than_nothing(weight: float) -> None:
    with pytest.raises(SettingsError, match=r"data.scenes.weight is .*; pass a number above 0"):
        SceneSettings("a.tif", "l.tif", weight=weight)


def test_weights_are_told_with_counts(tmp_path: Path) -> None:
    given = ramp()
    given[:8] = 0
    cache = tmp_path / "statistics.npz"
    for _ in range(2):  # measured, and read again
        with open_scene(tmp_path, given) as scenes:
            (note,) = weight_notes(scenes, measure(scenes, cache=cache))
        assert note.startswith(
            f"data.scenes.weights of a are {given[8, 0]:g} to {given[-1, -1]:g}, and 0 or nodata "
            f"for {8 * WIDTH} of 3,072 pixels"
        )
    (tmp_path / "w.tif").unlink()
    with open_scene(tmp_path, np.ones((HEIGHT, WIDTH), np.float32)) as scenes:
        assert "no effect" in list(weight_notes(scenes, measure(scenes)))[1]


def test_another_map_of_weights_is_another_scene(tmp_path: Path) -> None:
    with open_scene(tmp_path, ramp()) as scenes:
        first = dict(scenes.infos[0].identity)
    with open_scene(tmp_path, 2 * ramp()) as scenes:
        second = dict(scenes.infos[0].identity)
    differing = {key for key in first if first[key] != second[key]}
    assert differing
    assert any(key.startswith("weights.") for key in differing)


def test_weights_multiply_those_of_borders(tmp_path: Path) -> None:
    objects = np.zeros((HEIGHT, WIDTH), np.uint8)
    objects[10:20, 10:20], objects[10:20, 22:30] = 1, 2
    write(tmp_path / "o.tif", objects, crs=UTM, transform=TRANSFORM)
    border = BorderWeightSettings()
    with open_scene(tmp_path, ramp(), border, keys={"instances": "o.tif"}) as scenes:
        found = scenes.read(0, WHOLE).weights
        with scenes._handles.lend(0) as opened:
            ridges = np.zeros((HEIGHT, WIDTH), np.float32)
            assert opened.instances is not None
            write_border_weights(opened.instances, border, ridges)
    np.testing.assert_allclose(found, ridges * ramp(), rtol=1e-6)


def test_of_several_roles_the_labels_learnt_from_weigh(tmp_path: Path) -> None:
    left, right = labels(), labels()
    left[:, 32:], right[:, :32] = 9, 9
    given = np.full((2, HEIGHT, WIDTH), 3, np.float32)
    given[0, :4], given[1, 4:8] = 0, 0
    write(tmp_path / "a.tif", blobs(HEIGHT, WIDTH))
    for n, ids in enumerate((left, right)):
        write(tmp_path / f"l{n}.tif", ids.astype(np.uint8))
        write(tmp_path / f"w{n}.tif", given[n])
    scenes = tuple(
        SceneSettings("a.tif", f"l{n}.tif", weights=f"w{n}.tif", role=role, weight=2 - n)
        for n, role in enumerate(("train", "validation"))
    )
    data = DataSettings(scenes, classes(0, 1, ignore=(9,)))
    with open_scenes(find_scenes(data, tmp_path), data) as opened:
        patch = opened.read(0, WHOLE)
        np.testing.assert_array_equal(patch.weights, given[0])
        assert opened.infos[0].weight == 2
        assert {"train.weights", "validation.weights"} <= {
            key.removeprefix("labels.").rpartition(".")[0] for key, _ in opened.infos[0].identity
        }
    ignored = patch.labels == IGNORE
    assert ignored[:4, :32].all()
    assert ignored[4:8, 32:].all()
    assert not ignored[8:].any()
    assert not ignored[4:8, :32].any()
    assert not ignored[:4, 32:].any()


@pytest.mark.parametrize("index", range(12))
def test_weights_of_held_out_pixels_are_hidden(index: int) -> None:
    held_out = Window(0, 30, HEIGHT, WIDTH - 30)
    given = np.ones((HEIGHT, WIDTH), np.float32)
    given[held_out.slices] = 1e6
    stream = make_stream(
        [labels()],
        [view_of(labels(), held_out)],
        scenes=ArrayScenes([labels()], weights=[given]),
        augmentation=ALL,
        size=24,
    )
    assert stream.sample(index).weights.max() <= 1 + 1e-6


def test_weights_reach_samples_with_their_pixels() -> None:
    # The image of such scenes tells where each pixel is: scene, row and column, counted from 1.
    stream = make_stream([labels()], scenes=ArrayScenes([labels()], weights=[ramp()]))
    for index in range(4):
        sample = stream.sample(index)
        rows, cols = (sample.pixels[..., n].astype(int) - 1 for n in (1, 2))
        np.testing.assert_array_equal(sample.weights, ramp()[rows, cols])


@pytest.mark.parametrize("draw", ["draw_any", "draw_balanced", "draw_foreground", "draw_border"])
def test_pixels_of_a_scene_are_drawn_by_its_weight(draw: str) -> None:
    ids = [labels(), labels()]
    scenes = ArrayScenes(ids, of_scenes=[2.5, 1.0])
    places = Places(
        scenes,  # type: ignore[arg-type]
        [view_of(each) for each in ids],
        [count(each, 2) for each in ids],
    )
    random = np.random.default_rng(0)
    first = sum(getattr(places, draw)(random).scene == 0 for _ in range(1500))
    assert stats.binomtest(first, 1500, 2.5 / 3.5).pvalue > 1e-3
    assert places.counts.tolist() == [2 * (labels() == n).sum() for n in range(2)]


def test_scenes_of_one_weight_are_drawn_as_without() -> None:
    ids = [labels(), labels()]
    streams = [
        make_stream(ids, scenes=ArrayScenes(ids, of_scenes=of_scenes))
        for of_scenes in ([1.0, 1.0], [3.0, 3.0])
    ]
    for index in range(20):
        assert streams[0].place(index) == streams[1].place(index)


def test_a_run_tells_of_weights_and_reads_them(tmp_path: Path) -> None:
    config = settings(tmp_path)
    given = np.ones((160, 160), np.float32)
    given[:10] = 0
    write(tmp_path / "w.tif", given)
    scene = replace(config.data.scenes[0], weights=str(tmp_path / "w.tif"), weight=2.0)
    config = replace(config, data=replace(config.data, scenes=(scene,)))
    with set_up_aside(config) as setup:
        notes = "\n".join(setup.notes)
    assert "data.scenes.weights of a are 1 to 1, and 0 or nodata for 1,600 of 25,600" in notes
    assert "data.scenes.weight has no effect" in notes
    inside = replace(config, output=str(tmp_path))  # the map lies where the run would write
    (tmp_path / "w.tif").rename(tmp_path / "report.html")
    scene = replace(scene, weights=str(tmp_path / "report.html"))
    inside = replace(inside, data=replace(config.data, scenes=(scene,)))
    with pytest.raises(OutputError, match="a file of the scene a"):
        train(inside)
