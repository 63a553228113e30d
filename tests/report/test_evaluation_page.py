"""The page of an evaluation: whole maps at a small scale, worst windows, comparisons."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cli.conftest import Cli, cli  # noqa: F401
from tests.evaluation.test_evaluate import write
from tests.metrics.maps import random_maps
from tests.report.test_page import read
from tilesegm.classes import ClassInfo
from tilesegm.evaluation.evaluate import EvaluationOptions, evaluate, evaluate_many
from tilesegm.evaluation.inputs import MapPair
from tilesegm.evaluation.report import ReportOptions, write_evaluation_report
from tilesegm.grid.window import Window
from tilesegm.metrics.measures import Measures
from tilesegm.metrics.pair import WindowPair, make_pair
from tilesegm.report import overview as module
from tilesegm.report.comparison import Comparison
from tilesegm.report.overview import survey
from tilesegm.report.page import Page
from tilesegm.report.places import worst_blocks, worst_window

CLASSES = (ClassInfo("land", (200, 100, 0)), ClassInfo("sea", (0, 0, 250)))
OPTIONS = EvaluationOptions(3, measures=Measures(cap=8, objects=(1,), thin=(2,), block=32))


def test_an_overview_holds_every_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, predicted = random_maps(3, 95, 61, 2)
    truth[:7, :9] = 99
    monkeypatch.setattr(module, "_SIDE", 20)
    monkeypatch.setattr(module, "_WINDOW", 12)

    def look(window: Window) -> WindowPair:
        return make_pair(truth[window.slices], predicted[window.slices], 2)

    found = survey(look, lambda window: predicted[window.slices], Window(0, 0, 95, 61), CLASSES)
    assert (found.step, found.wrong.shape) == (5, (19, 13))
    # Also where nothing is known of the truth.
    np.testing.assert_array_equal(found.predicted, _middles(predicted))
    for row in range(19):
        for col in range(13):
            cell = slice(5 * row, 5 * row + 5), slice(5 * col, 5 * col + 5)
            known = truth[cell] != 99
            wrong = known & (truth[cell] != predicted[cell])
            if not known.any():
                assert np.isnan(found.wrong[row, col])
                continue
            assert found.wrong[row, col] == pytest.approx(wrong.sum() / known.sum())
            if wrong.any():
                colours = np.array([info.colour for info in CLASSES])[truth[cell][wrong]]
                assert found.colour[row, col] == pytest.approx(colours.mean(0))


def _middles(ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take the pixel in the middle of each dot of five by five pixels."""
    rows, cols = (np.minimum(5 * np.arange(-(-size // 5)) + 2, size - 1) for size in ids.shape)
    return ids[np.ix_(rows, cols)]


def test_a_frame_marks_where_truth_lies_on_the_whole_map(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[NDArray[np.uint8]] = []

    def keep(rgb: NDArray[np.uint8], **_: object) -> str:
        drawn.append(rgb)
        return ""

    monkeypatch.setattr(module, "picture", keep)
    wrong = np.full((60, 80), np.nan)
    wrong[10:30, 20:50] = 0.0
    truth = np.where(np.isfinite(wrong), 1, -1)
    page = Page("a")
    found = module.Overview(1, truth, np.ones((60, 80), np.int64), wrong, np.zeros((60, 80, 3)))
    module.add_overview(page, "a", found, CLASSES)
    _, _, predicted = drawn
    sea = (predicted == CLASSES[1].colour).all(-1)
    assert sea[10:30, 20:50].all(), "truth lies inside the frame"
    assert not sea[8:10, 20:50].any()
    assert not sea[10:30, 50:52].any()
    outside = np.ones_like(sea)
    outside[6:34, 16:54] = False
    assert sea[outside].all(), "the prediction is drawn all over the map"
    assert (predicted[8, 20:50] == 0).all()
    assert (predicted[6, 20:50] == 255).all()


def test_errors_are_fainter_where_less_is_wrong() -> None:
    truth = np.zeros((1, 3), np.int64)
    found = module.Overview(1, truth, truth, np.array([[1.0, 0.25, 0.0]]), np.full((1, 3, 3), 50.0))
    assert found.errors[0, :, 0].tolist() == [50, 150, 250]


def test_the_worst_window_holds_most_mistakes() -> None:
    truth = np.zeros((700, 600), np.uint8)
    predicted = truth.copy()
    predicted[300:340, 500:560] = 1
    predicted[10:20, 10:20] = 1
    found = worst_window(make_pair(truth, predicted, 2), 1000, 2000)
    assert (found.height, found.width) == (256, 256)
    assert found.contains(Window(1300, 2500, 40, 60))


def test_worst_blocks_come_first() -> None:
    truth = np.zeros((64, 96), np.uint8)
    predicted = truth.copy()
    predicted[40, 70:80] = predicted[3, 3:5] = 1
    evaluation = evaluate(predicted, truth, options=OPTIONS)
    found = worst_blocks(evaluation, 5)
    assert [(block.row, block.col) for _, block in found] == [(32, 64), (0, 0)]
    assert all(image is evaluation.images[0] for image, _ in found)


def test_a_batch_shows_worst_maps_and_all_numbers(tmp_path: Path) -> None:
    pairs = []
    for n in range(3):
        truth, predicted = random_maps(n, 70, 90, 3)
        predicted[: 10 * n] = 0
        pairs.append(
            MapPair(write(tmp_path / f"p{n}.tif", predicted), write(tmp_path / f"t{n}.tif", truth))
        )
    evaluation = evaluate_many(pairs, OPTIONS)
    shown = ReportOptions(maps=1, places=2)
    path = write_evaluation_report(tmp_path / "page.html", evaluation, pairs, OPTIONS, shown)
    reader = read(path)
    assert all(address.startswith("data:") for address in reader.addresses)
    assert len(reader.addresses) == 3 + 2 * 3
    worst = min(evaluation.images, key=lambda image: image.counts.class_scores.accuracy)
    assert f"Errors of {Path(worst.prediction).name}" in reader.text
    for number in (
        evaluation.class_scores.mean_iou,
        evaluation.images[1].counts.class_scores.mean_iou,
    ):
        assert f"{number:.4f}" in reader.text
    for title in ("Borders", "Objects", "Thin structures", "Worst windows", "Images"):
        assert title in reader.text


def test_comparison_says_which_is_better() -> None:
    truth, bad = random_maps(0, 128, 128, 3)
    good = np.where(np.arange(128) < 100, truth, bad)
    named = {
        name: evaluate(ids, truth, options=OPTIONS) for name, ids in (("bad", bad), ("good", good))
    }
    (said,) = Comparison.of(named).to_list()
    accuracy = said["differences"][0]
    assert (said["first"], said["other"], accuracy["metric"]) == ("bad", "good", "accuracy")
    assert accuracy["difference"] == pytest.approx(((good == truth) * 1.0 - (bad == truth)).mean())
    assert accuracy["certain"]
    assert accuracy["low"] > 0


def test_the_command_compares_and_writes_the_page(cli: Cli, tmp_path: Path) -> None:  # noqa: F811
    truth, bad = random_maps(0, 120, 90, 3)
    good = np.where(np.arange(90) < 60, truth, bad).astype(np.uint8)
    files = {
        name: write(tmp_path / f"{name}.tif", ids)
        for name, ids in (("truth", truth), ("bad", bad), ("good", good))
    }
    one_hot = (np.arange(3)[:, None, None] == bad).astype(np.float32)
    scores = write(tmp_path / "scores.tif", one_hot)
    image = write(tmp_path / "image.tif", np.stack([truth] * 3) * np.uint8(80))
    words = ("--classes", "land,sea,<b>ice", "--block", "32", "--against", files["good"])
    page = tmp_path / "page.html"
    shown = ("--scores", scores, "--report", page, "--image", image, "--json")
    said = cli("evaluate", files["bad"], files["truth"], *words, *shown)
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["comparison"][0]["differences"][1]["other"] > found["mean_iou"]
    reader = read(page)
    assert all(address.startswith("data:") for address in reader.addresses)
    for text in ("Comparison", "good.tif", "Calibration", "Thresholds", "<b>ice", "Image, truth"):
        assert text in reader.text


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--image", "t.tif"), "--report"),
        (("--against", "p.tif"), "the prediction itself"),
        (("--against", "t.tif"), "block"),
        (("--image", "small.tif", "--report", "page.html"), "give the image"),
    ],
)
def test_what_makes_no_page_is_refused(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    truth, predicted = random_maps(0, 50, 60, 3)
    for name, ids in (("p", predicted), ("t", truth), ("small", truth[:9])):
        write(tmp_path / f"{name}.tif", ids)
    said = cli("evaluate", "p.tif", "t.tif", "--classes", "3", "--no-borders", *words)
    assert said.code == 2
    (line,) = said.err.splitlines()
    assert reason in line
    assert not (tmp_path / "page.html").exists()
