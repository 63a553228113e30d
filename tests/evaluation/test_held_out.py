"""Scores of the pixels alone that a training run held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.test_evaluate import write
from tilesegm.data.split import TEST, Piece, Split, SplitScene, save_split
from tilesegm.errors import SettingsError
from tilesegm.evaluation.evaluate import EvaluationOptions, evaluate_many
from tilesegm.evaluation.held_out import take_held_out
from tilesegm.evaluation.inputs import MapPair
from tilesegm.grid.window import Window
from tilesegm.metrics.measures import Measures

RANDOM = np.random.default_rng(2)


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """Two scenes: the left third of one in fold 0, the middle in 1, the right for tests."""
    folds = {0: Window(0, 0, 40, 20), 1: Window(0, 20, 40, 20), TEST: Window(0, 40, 40, 20)}
    pieces = [Piece("site_1", window, fold) for fold, window in folds.items()]
    pieces.append(Piece("b", Window(0, 0, 40, 60), 1))
    scenes = (SplitScene("site_1", 40, 60), SplitScene("b", 40, 60))
    made = Split(strategy="blocks", folds=2, buffer=4, seed=0, scenes=scenes, pieces=tuple(pieces))
    save_split(made, tmp_path / "split.json")
    return tmp_path / "split.json"


@pytest.mark.parametrize(
    ("fold", "test", "part"),
    [(0, False, slice(0, 20)), (1, False, slice(20, 40)), (0, True, slice(40, 60))],
)
def test_pixels_that_were_held_out_count_alone(
    tmp_path: Path, split: Path, fold: int, test: bool, part: slice
) -> None:
    truth, predicted = RANDOM.integers(0, 2, (2, 40, 60)).astype(np.uint8)
    pair = MapPair(str(write(tmp_path / "site_1_classes.tif", predicted)), truth)
    found = take_held_out([pair], split, fold, test=test)
    options = EvaluationOptions(2, measures=Measures(borders=False))
    scores = evaluate_many(found.pairs, options).class_scores
    assert scores.pixels == 40 * 20
    assert scores.accuracy == np.mean(truth[:, part] == predicted[:, part])
    by = "are test pixels" if test else f"are held out by fold {fold}"
    assert f"800 pixels of 1 maps {by} and count" in found.notes[0]


def test_borders_at_the_edge_of_the_part_are_those_of_an_area(tmp_path: Path, split: Path) -> None:
    truth, predicted = np.zeros((2, 40, 60), np.uint8)
    truth[:, 10:30], predicted[:, 12:30] = 1, 1
    area = np.zeros_like(truth)
    area[:, :20] = 1
    file = str(write(tmp_path / "site_1.tif", predicted))
    options = EvaluationOptions(2, measures=Measures(cap=8))
    (kept,) = take_held_out([MapPair(file, truth)], split).pairs
    inside = MapPair(file, truth, area=write(tmp_path / "area.tif", area))
    first, second = (evaluate_many([pair], options).to_dict() for pair in (kept, inside))
    assert first["classes"] == second["classes"]


def test_maps_without_such_pixels_are_left_out_and_named(tmp_path: Path, split: Path) -> None:
    ids = np.zeros((40, 60), np.uint8)
    pairs = [MapPair(str(write(tmp_path / f"{n}_classes.tif", ids)), ids) for n in ("site_1", "b")]
    found = take_held_out(pairs, split, 0)
    assert len(found.pairs) == 1
    assert "b_classes.tif" in found.notes[1]
    with pytest.raises(SettingsError, match="no map has a pixel that fold 0 holds out"):
        take_held_out(pairs[1:], split, 0)


def test_a_map_of_no_scene_is_refused(tmp_path: Path, split: Path) -> None:
    ids = np.zeros((40, 60), np.uint8)
    pairs = [MapPair(str(write(tmp_path / "c.tif", ids)), ids)]
    with pytest.raises(SettingsError, match=r"of image 'c'\) fits no scene .* site_1, b"):
        take_held_out(pairs, split)


def test_maps_are_found_by_the_image_of_a_scene_whose_name_is_a_part(tmp_path: Path) -> None:
    scenes = (SplitScene("3", 40, 60, "图 4_3"), SplitScene("01_01", 40, 60, "tile_01_01"))
    pieces = tuple(Piece(scene.name, scene.window, fold) for fold, scene in enumerate(scenes))
    made = Split(strategy="image", folds=2, buffer=4, seed=0, scenes=scenes, pieces=pieces)
    save_split(made, tmp_path / "split.json")
    ids = np.zeros((40, 60), np.uint8)
    names = ("图 4_3_classes", "tile_01_01_classes")
    pairs = [MapPair(str(write(tmp_path / f"{name}.tif", ids)), ids) for name in names]
    for fold, pair in enumerate(pairs):
        assert [
            kept.prediction for kept in take_held_out(pairs, tmp_path / "split.json", fold).pairs
        ] == [pair.prediction]
