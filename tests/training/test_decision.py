"""The decision that a run chooses on held-out pixels is the one that predict applies."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from tests.cli.conftest import Cli, cli  # noqa: F401
from tests.images import GEO
from tests.training.scenery import settings
from tilesegm import segment
from tilesegm.data.settings import ClassSettings, LabelSettings, SceneSettings
from tilesegm.grid.tiling import Tiling
from tilesegm.grid.window import Window
from tilesegm.model.bundle import read_bundle
from tilesegm.segmentation.options import Options
from tilesegm.training.run import train
from tilesegm.training.settings.config import LossSettings, TrainingConfig, ValidationSettings
from tilesegm.training.validation.validator import _squares


def write(folder: Path, name: str, seed: int) -> None:
    """Write a scene whose class 1 is brighter, in noise that hides much of it."""
    random = np.random.default_rng(seed)
    rows, cols = np.indices((96, 96))
    labels = ((rows // 12 + cols // 16) % 4 == 0).astype(np.uint8)
    image = 100 + 40 * labels[..., None] + random.normal(0, 35, (96, 96, 2))
    labels[random.random(labels.shape) < 0.05] = 255
    shape: dict[str, Any] = {"driver": "GTiff", "height": 96, "width": 96, "dtype": "uint8", **GEO}
    with rasterio.open(folder / f"{name}.tif", "w", count=2, **shape) as file:
        file.write(np.clip(image, 0, 255).astype(np.uint8).transpose(2, 0, 1))
    with rasterio.open(folder / f"{name}_labels.tif", "w", count=1, **shape) as file:
        file.write(labels[None])


def config_of(folder: Path, **validation: Any) -> TrainingConfig:
    """Settings of a run whose loss is too fond of class 1."""
    scenes = []
    for number, role in enumerate(("train", "validation", "validation", "test")):
        write(folder, f"s{number}", number)
        image, labels = (str(folder / f"s{number}{end}.tif") for end in ("", "_labels"))
        scenes.append(SceneSettings(image, labels, role=role))
    config = settings(folder)
    data = replace(
        config.data,
        scenes=tuple(scenes),
        labels=LabelSettings((ClassSettings("sea", 0), ClassSettings("ice", 1)), ignore=(255,)),
    )
    return replace(
        config,
        data=data,
        loss=LossSettings(terms=({"name": "tversky", "alpha": 0.05, "beta": 0.95},)),
        schedule=replace(config.schedule, epochs=1, steps=25),
        validation=ValidationSettings(tile=64, overlap=16, **validation),
    )


def counts(path: Path, folder: Path, name: str) -> NDArray[np.int64]:
    with rasterio.open(path) as file, rasterio.open(folder / f"{name}_labels.tif") as labels:
        found, truth = file.read(1), labels.read(1)
    confusion = np.zeros((2, 2), np.int64)
    np.add.at(confusion, (truth[truth < 2], found[truth < 2]), 1)
    return confusion


def mean_iou(confusion: NDArray[np.int64]) -> float:
    right = confusion.diagonal()
    return float((right / (confusion.sum(0) + confusion.sum(1) - right)).mean())


def test_the_decision_is_chosen_told_kept_and_applied(tmp_path: Path, cli: Cli) -> None:  # noqa: F811
    config = config_of(tmp_path)
    result = train(config)
    point = read_bundle(result.bundle).info.operating_point
    assert point is not None
    assert point.measure == "mean_iou"
    threshold = point.rule.threshold
    assert threshold is not None
    assert threshold > 0.5
    decision = result.decision
    assert decision["threshold"] == threshold
    assert decision["pixels"] == sum(map(sum, result.validation)) == decision["sampled"]
    assert decision["cross_fitted"]["mean_iou"] > decision["held_out"]["before"]["mean_iou"]

    # What is told of test pixels, without and with it, is what predict gives.
    for kind, options in (("before", Options(decision="argmax")), ("after", Options())):
        path = tmp_path / f"{kind}.tif"
        segment(tmp_path / "s3.tif", result.bundle, path, tiling=Tiling(64, 16), options=options)
        confusion = counts(path, tmp_path, "s3")
        assert decision["test"][kind]["mean_iou"] == pytest.approx(mean_iou(confusion), abs=1e-12)
    np.testing.assert_array_equal(confusion, result.test)

    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["decision"] == decision
    page = (tmp_path / "run" / "report.html").read_text()
    assert f"A pixel is ice from a probability of {threshold:.4f} on, chosen for mean iou" in page
    assert "<td>calibration error</td>" in page
    assert "Reliability of the highest probability" in page

    # The same again: read as it was kept, and made again from the checkpoints.
    assert train(config).decision == decision
    shutil.rmtree(result.bundle)
    assert train(config).decision == decision
    assert read_bundle(result.bundle).info.operating_point == point
    said = cli("info", result.bundle)
    assert f"'ice' from a probability of {threshold:.4f} on" in said.out


def test_nothing_is_chosen_where_settings_say_so(tmp_path: Path) -> None:
    config = config_of(tmp_path, decision="none", calibrate=False)
    result = train(replace(config, schedule=replace(config.schedule, steps=1)))
    assert read_bundle(result.bundle).info.operating_point is None
    assert result.decision == {}
    assert "operating_point" not in json.loads((result.bundle / "bundle.json").read_text())


@pytest.mark.parametrize(
    ("given", "measure"),
    [
        ({}, "mean_iou"),
        ({"metric": "loss"}, "mean_iou"),
        ({"metric": "mean_dice"}, "mean_dice"),
        ({"metric": "accuracy"}, "none"),
        ({"metric": "mean_dice", "decision": "mean_iou"}, "mean_iou"),
        ({"decision": "none"}, "none"),
    ],
)
def test_what_counts_in_training_is_what_the_decision_is_chosen_for(
    given: dict[str, Any], measure: str
) -> None:
    assert ValidationSettings(**given).measure == measure


def test_squares_cover_a_window_along_the_grid_of_the_image() -> None:
    window = Window(5, 18, 20, 13)
    squares = list(_squares(window, 10))
    covered = np.zeros((40, 40), int)
    for square in squares:
        covered[square.slices] += 1
        assert square.row // 10 == (square.stop_row - 1) // 10
        assert square.col // 10 == (square.stop_col - 1) // 10
    assert covered.sum() == covered[window.slices].sum() == window.pixels
