"""Splits on disk, and as pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from tests.data.fakes import MemoryScenes
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import SplitSettings
from tilesegm.data.split import Split, load_split, make_split, save_split
from tilesegm.data.split.picture import _legend, draw_views
from tilesegm.data.statistics import SceneStatistics, measure
from tilesegm.errors import OutputError, SettingsError
from tilesegm.source.base import ImageInfo

SHAPES = (64, 48), (40, 80), (16, 16)


def make(dtype: str = "uint8", bands: int = 3) -> tuple[Scenes, tuple[SceneStatistics, ...], Split]:
    random = np.random.default_rng(0)
    scenes = cast(
        Scenes,
        MemoryScenes(
            [random.integers(0, 3, shape) for shape in SHAPES],
            [random.integers(0, 200, (*shape, bands)).astype(dtype) for shape in SHAPES],
            roles=[None, None, "test"],
        ),
    )
    statistics = measure(scenes, cell=8)
    keys = SplitSettings(block=16, folds=3, buffer=4)
    return scenes, statistics, make_split(scenes, statistics, keys, 9)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    scenes, statistics, split = make()
    path = tmp_path / "run" / "split.json"
    save_split(split, path)
    assert load_split(path) == split
    assert load_split(path, scenes) == split
    again = make_split(scenes, statistics, SplitSettings(file=str(path), folds=2, fold=2), 99)
    assert again == split
    assert [file.name for file in path.parent.iterdir()] == ["split.json"]
    lines = path.read_text().splitlines()
    assert '    ["test", 0, 0, 16, 16]' in lines
    with pytest.raises(SettingsError, match="fold is 3"):
        make_split(scenes, statistics, SplitSettings(file=str(path), fold=3), 0)


def test_scenes_come_in_the_order_of_the_images(tmp_path: Path) -> None:
    scenes, _, split = make()
    save_split(split, tmp_path / "split.json")
    content = json.loads((tmp_path / "split.json").read_text())
    content["scenes"].reverse()
    (tmp_path / "split.json").write_text(json.dumps(content))
    found = load_split(tmp_path / "split.json", scenes)
    assert found.scenes == split.scenes
    assert found.views(1) == split.views(1)


def change(content: dict[str, Any], key: str, value: Any) -> None:
    *path, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    for part in path:
        content = content[part]
    content[last] = value


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "x", "no split of version 1: format 'x'"),
        ("version", 2, "of version 2"),
        ("folds", "3", "'3' where a whole number"),
        ("folds", 1, "has 1 folds and a piece of fold 2"),
        ("buffer", -1, "-1 where a whole number"),
        ("scenes.0.name", "scene 1", "names a scene twice"),
        ("scenes.0.name", "new", "lacks scene 0"),
        ("scenes.0.pieces.0.0", "nowhere", "no 'nowhere'"),
        ("scenes.0.pieces.0.3", 15, "scene 'scene 0' in .* overlap or leave pixels of 64 x 48"),
        ("scenes.0.pieces.0.3", 32, "overlap or leave pixels"),
        ("scenes.0.pieces.0.3", 0, "overlap or leave pixels"),
        ("scenes.2.pieces.0.4", 17, "overlap or leave pixels"),
        ("scenes.0.pieces.0", [1, 2], "no split of version 1"),
        ("scenes", 5, "no split of version 1"),
    ],
)
def test_files_that_fit_not(tmp_path: Path, key: str, value: object, message: str) -> None:
    scenes, _, split = make()
    path = tmp_path / "split.json"
    save_split(split, path)
    content = json.loads(path.read_text())
    change(content, key, value)
    path.write_text(json.dumps(content))
    with pytest.raises(SettingsError, match=message) as caught:
        load_split(path, scenes)
    assert "\n" not in str(caught.value)


def test_files_of_other_images(tmp_path: Path) -> None:
    _, _, split = make()
    path = tmp_path / "split.json"
    save_split(split, path)
    fewer = cast(Scenes, MemoryScenes([np.zeros(shape) for shape in SHAPES[:2]]))
    with pytest.raises(SettingsError, match="is of other images too: scene 2"):
        load_split(path, fewer)
    larger = cast(Scenes, MemoryScenes([np.zeros(s) for s in ((64, 49), *SHAPES[1:])]))
    with pytest.raises(SettingsError, match="64 x 48 pixels and the image has 64 x 49"):
        load_split(path, larger)
    path.write_text("{")
    with pytest.raises(SettingsError, match="no split"):
        load_split(path)
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_split(tmp_path / "absent.json")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        save_split(split, tmp_path / "file" / "split.json")


@pytest.mark.parametrize(("dtype", "bands"), [("uint8", 3), ("float32", 1), ("uint16", 8)])
def test_the_picture_tints_held_out_pixels(tmp_path: Path, dtype: str, bands: int) -> None:
    _, statistics, split = make(dtype, bands)
    draw_views(tmp_path / "split.png", split.views(0), statistics)
    with Image.open(tmp_path / "split.png") as picture:
        assert 1000 < picture.width <= 1200
        first = np.asarray(picture)
    draw_views(tmp_path / "other.png", split.views(1), statistics)
    with Image.open(tmp_path / "other.png") as picture:
        assert (np.asarray(picture) != first).any(axis=2).mean() > 0.02


def test_the_picture_shows_where_there_is_no_label(tmp_path: Path) -> None:
    labels = np.zeros((64, 64), int)
    labels[:, 32:] = -1
    image = np.full((64, 64, 3), 200, np.uint8)
    image[..., 0] = 0
    scenes = cast(Scenes, MemoryScenes([labels, labels * 0], [image] * 2, classes=2))
    statistics = measure(scenes, cell=8)
    split = make_split(scenes, statistics, SplitSettings(strategy="image", folds=2), 3)
    learnt = next(view for view in split.views(0) if not view.held_out)
    path = tmp_path / "split.png"
    names = ("blue", "green", "red")
    named = ImageInfo("image", "numpy", 64, 64, 3, image.dtype, (64, 64), band_names=names)
    draw_views(path, [learnt], [statistics[0]], [named])
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    plain, veiled = pixels[300, 200], pixels[300, pixels.shape[1] - 200]
    assert plain.tolist() == [200, 200, 0]
    # A veil of 110 with an alpha of 150 of 255.
    np.testing.assert_allclose(veiled, plain + (110 - plain) * 150 / 255, atol=1)


def test_the_legend_names_what_is_there() -> None:
    _, statistics, split = make()
    pairs = list(zip(split.views(0), statistics, strict=True))
    names = [entry.name for entry in _legend(pairs)]
    assert names == ["learnt from", "buffer: seen, not learnt from", "held out", "test"]
    whole = [pair for pair in pairs if pair[0].test]
    assert [entry.name for entry in _legend(whole)] == ["learnt from", "test"]


def test_many_scenes_fit_on_a_page(tmp_path: Path) -> None:
    scenes = cast(Scenes, MemoryScenes([np.zeros((8, 8))] * 70, classes=1))
    statistics = measure(scenes, cell=8)
    split = make_split(scenes, statistics, SplitSettings(strategy="image"), 0)
    draw_views(tmp_path / "split.png", split.views(0), statistics)
    with Image.open(tmp_path / "split.png") as picture:
        assert picture.height < 1200
