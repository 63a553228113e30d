"""The study of losses: its settings, what is counted, and what a difference is worth."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.loss_study.budgets import print_overview
from benchmarks.loss_study.prepare import stretch
from benchmarks.loss_study.replay import print_replays, replay
from benchmarks.loss_study.rows import ImageRow, RunRow, add_rows, read_images, read_runs
from benchmarks.loss_study.study import DATASETS, LOSSES, study_config
from benchmarks.loss_study.tables import gain
from benchmarks.strategies import CASES
from tilesegm.advice.study import STUDIED
from tilesegm.data.find import find_scenes
from tilesegm.training.checked_config import check_losses
from tilesegm.training.objective import make_loss
from tilesegm.training.settings.settings_file import load_document

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "loss_study" / "results"
SETTINGS = ROOT / "benchmarks" / "loss_study" / "settings"


def _images(loss: str, seed: int, *scores: float) -> list[ImageRow]:
    return [
        ImageRow(
            data="drive",
            loss=loss,
            seed=seed,
            image=str(number),
            mean_iou=score,
            boundary_iou=2 * score,
        )
        for number, score in enumerate(scores)
    ]


def _run(loss: str, seed: int) -> RunRow:
    return RunRow(
        data="drive",
        loss=loss,
        seed=seed,
        threshold=0.5,
        validation=70,
        accuracy=90,
        mean_iou=70,
        mean_dice=80,
        boundary_iou=40,
        boundary_f1=75,
        hausdorff95=float("inf"),
        cldice=60,
        calibration_error=1.25,
        processor=30,
    )


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


def test_rows_are_added_to_a_table_that_knows_no_steps(tmp_path: Path) -> None:
    for name in ("runs.csv", "images.csv"):
        shutil.copy(RESULTS / name, tmp_path)
    before = len(read_runs(tmp_path))
    add_rows(tmp_path, _run("ce", 7), _images("ce", 7, 1, 2))
    assert read_runs(tmp_path)[before:] == [_run("ce", 7)]
    assert read_images(tmp_path)[-2:] == _images("ce", 7, 1, 2)


def test_the_losses_of_the_runner_are_those_that_the_advice_knows() -> None:
    values = load_document(SETTINGS / "losses.yaml").values
    assert values == STUDIED
    # Deep supervision is a setting of the network: --vary model.deep_supervision=false,true.
    assert {*LOSSES} - values.keys() == {"deep_ce"}


@pytest.mark.parametrize("name", CASES)
def test_the_settings_of_every_strategy_can_be_used(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    assert case.plain is None or CASES[case.plain].plain is None
    config = study_config(case.data, tmp_path, case.changes)
    check_losses(config)
    assert make_loss(config.loss).terms


@pytest.mark.parametrize("data", DATASETS)
def test_all_settings_of_the_study_are_alike(data: str, tmp_path: Path) -> None:
    found, known = (study_config(each, tmp_path) for each in (data, "drive"))
    for section in ("sampling", "augmentation", "model", "optimizer", "schedule", "validation"):
        assert getattr(found, section) == getattr(known, section), section
    assert found.schedule.epochs * found.schedule.steps == 400


def test_a_stretched_image_has_bright_objects() -> None:
    dark = np.full((20, 20, 3), 200, np.uint8)
    dark[5:10, 5:10] = 190
    found = stretch(dark)
    assert set(found[5:10, 5:10].ravel()) == {255}
    assert found.sum() == 25 * 255


def test_pages_show_the_tables_of_the_recorded_rows(capsys: pytest.CaptureFixture[str]) -> None:
    def printed() -> list[str]:
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]

    pages = [(ROOT / "docs" / name).read_text() for name in ("losses/study.md", "comparison.md")]
    print_overview(RESULTS / "two_budgets")
    assert [line for line in printed() if line not in pages[0]] == []
    print_replays(RESULTS / "two_budgets")
    assert [line for line in printed()[:-6] if line not in pages[1]] == []


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


@pytest.mark.parametrize("data", ["drive", "isbi2012", "dubai"])
def test_every_image_has_one_role(data: str, shared_data: Path) -> None:
    files = find_scenes(study_config(data, shared_data).data, Path())
    assert set(Counter(each.name for each in files).values()) == {1}
    assert {each.role for each in files} == {"train", "validation", "test"}
