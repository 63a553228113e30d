"""The study of losses: what is frozen, what is counted, and what a difference is worth."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.loss_study.protocol import DATASETS, LOSSES, cases, make_config
from benchmarks.loss_study.replay import replay
from benchmarks.loss_study.rows import add_rows, read_images, read_runs
from benchmarks.loss_study.run import ImageRow, RunRow, Study
from benchmarks.loss_study.tables import gain
from tilesegm.data.find import find_scenes
from tilesegm.training.objective import make_loss, make_rule
from tilesegm.training.settings.settings_file import load_config, load_document

SETTINGS = Path(__file__).parents[1] / "benchmarks" / "loss_study" / "settings"


def _images(loss: str, seed: int, *scores: float) -> list[ImageRow]:
    return [
        ImageRow("drive", loss, seed, str(number), score, 2 * score)
        for number, score in enumerate(scores)
    ]


def _run(loss: str, seed: int) -> RunRow:
    return RunRow("drive", loss, seed, 0.5, 70, 90, 70, 80, 40, 75, float("inf"), 60, 1.25, 30)


def test_a_gain_is_taken_within_pairs_of_seed_and_image() -> None:
    rows = _images("ce", 0, 10, 50) + _images("ce", 1, 20, 60)
    rows += _images("dice", 0, 11, 51) + _images("dice", 1, 21, 61)
    certain = gain(rows, ["drive"], "dice", "mean_iou")
    assert certain is not None
    # Each pair differs by one point, however far images and seeds lie apart.
    assert (certain.mean, certain.low, certain.high) == (1, 1, 1)
    double = gain(rows, ["drive"], "dice", "boundary_iou")
    assert double is not None
    assert double.mean == 2


def test_a_gain_of_some_images_alone_is_uncertain() -> None:
    rows = _images("ce", 0, 10, 50) + _images("dice", 0, 20, 50)
    found = gain(rows, ["drive"], "dice", "mean_iou")
    assert found is not None
    assert (found.mean, found.low, found.high) == (5, 0, 10)


def test_no_gain_without_a_run_of_the_same_seed() -> None:
    rows = _images("ce", 0, 10) + _images("dice", 1, 20)
    assert gain(rows, ["drive"], "dice", "mean_iou") is None
    assert gain(rows, ["drive", "dubai"], "dice", "mean_iou") is None


def test_rows_come_back_and_the_later_of_two_counts(tmp_path: Path) -> None:
    add_rows(tmp_path, _run("ce", 0), _images("ce", 0, 1, 2))
    add_rows(tmp_path, _run("ce", 1), _images("ce", 1, 3, 4))
    add_rows(tmp_path, _run("ce", 0), _images("ce", 0, 5, 6))
    assert read_runs(tmp_path) == [_run("ce", 0), _run("ce", 1)]
    assert {row.mean_iou for row in read_images(tmp_path)} == {3, 4, 5, 6}


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_can_be_made(loss: str, tmp_path: Path) -> None:
    settings = make_config("drive", loss, 0, tmp_path).loss
    assert make_loss(settings).terms
    assert (make_rule(settings) is None) == (settings.weighting is None)


def test_the_losses_of_the_runner_are_those_of_the_study() -> None:
    values = load_document(SETTINGS / "losses.yaml").values
    for name, block in values.items():
        known = LOSSES[name]
        assert tuple(block["terms"]) == known.terms, name
        assert block.get("weighting") == known.weighting, name
        assert block.get("class_weights", "none") == known.class_weights, name
    # Deep supervision is a setting of the network: --vary model.deep_supervision=false,true.
    assert LOSSES.keys() - values.keys() == {"deep_ce"}


@pytest.mark.parametrize("data", DATASETS)
def test_the_settings_of_the_runner_are_those_of_the_study(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA", str(tmp_path))
    found = load_config(SETTINGS / f"{data}.yaml")
    known = make_config(data, "ce", 0, tmp_path)
    for section in ("sampling", "augmentation", "model", "optimizer", "schedule", "device"):
        assert getattr(found, section) == getattr(known, section), section
    assert found.data.labels == known.data.labels
    if data != "dsb2018":  # its images are prepared
        expected = [str(tmp_path / scene.images[0]) for scene in known.data.scenes]
        assert [scene.images[0] for scene in found.data.scenes] == expected
    assert [scene.role for scene in found.data.scenes] == [s.role for s in known.data.scenes]


def test_a_replay_counts_steps_and_points() -> None:
    # Seven losses: the third best at first is best in the end, the best at first is worst.
    first = {"a": 7, "b": 6, "c": 5, "d": 4, "e": 3, "f": 2, "g": 1}
    last = {**dict.fromkeys("abdefg", 10.0), "c": 20.0}
    curves = {
        loss: {0: {epoch: last[loss] if epoch == 10 else score for epoch in range(1, 11)}}
        for loss, score in first.items()
    }
    tests = {**dict.fromkeys("abdefg", 60.0), "c": 61.5}
    found = replay(curves, tests)
    # Seven lasted one epoch, three another two, and two of them the last seven.
    assert found.share == (7 + 3 * 2 + 2 * 7) / 70
    assert (found.chosen, found.best, found.dropped_best) == ("a", "c", True)
    assert found.behind == 1.5


@pytest.mark.parametrize("data", DATASETS)
def test_every_image_has_one_role(data: str, shared_data: Path) -> None:
    files = find_scenes(DATASETS[data].data, shared_data)
    assert set(Counter(each.name for each in files).values()) == {1}
    assert {each.role for each in files} == {"train", "validation", "test"}


def test_centre_lines_are_for_thin_things() -> None:
    assert "dice_ce_cldice" in cases("drive")
    assert "dice_ce_cldice" not in cases("dubai")


@pytest.mark.slow
def test_a_run_is_scored_and_repeats(shared_data: Path, tmp_path: Path) -> None:
    study = Study("isbi2012", shared_data, tmp_path)
    row, images = study.run("ce", 1)
    again, _ = study.run("ce", 1)
    study.close()
    assert len(images) == 8
    assert row.mean_iou == again.mean_iou
    # Thresholded cross-entropy finds membranes far better than a constant map, which has 39.
    assert row.mean_iou > 60
    assert np.isfinite(row.hausdorff95)
