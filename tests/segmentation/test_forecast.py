from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tilesegm as ts
from tests.images import GEO, blobs, write
from tilesegm.errors import BudgetError, ModelError, SourceError

TILING = ts.Tiling(tile=128, overlap=32)


def brightest(pixels: np.ndarray) -> np.ndarray:
    """Score each of three bands by its own value."""
    return pixels


def test_a_plan_foretells_the_run_and_writes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "image.tif", blobs(500, 700), tiled=True, **GEO)
    options = ts.Options(confidence="top", scores="uint8")
    forecast = ts.plan(path, brightest, tiling=TILING, options=options)
    assert [file.name for file in tmp_path.iterdir()] == ["image.tif"]
    result = ts.segment(path, brightest, tmp_path / "out.tif", tiling=TILING, options=options)
    assert forecast.plan.memory == result.plan.memory
    assert forecast.plan.panels == result.plan.panels
    assert forecast.plan != result.plan, "equality of plans must not raise"
    assert forecast.summary()["tiles"] == result.tiles == 5 * 7
    written = sum(file.stat().st_size for file in tmp_path.glob("out*.tif"))
    assert written <= forecast.output_bytes
    assert forecast.seconds is not None
    assert 0 < forecast.seconds < 60


def test_seams_of_a_network_that_sees_one_pixel_change_nothing() -> None:
    forecast = ts.plan(blobs(300, 400), brightest, tiling=TILING)
    assert forecast.flips == 0
    # A function cannot be looked into: nothing is promised.
    assert not forecast.plan.exact
    assert forecast.plan.spec.inexact


def test_seams_of_a_network_that_sees_its_whole_tile_are_measured() -> None:
    def relative(pixels: np.ndarray) -> np.ndarray:
        gray = pixels.mean(axis=3)
        darker = gray < gray.mean(axis=(1, 2), keepdims=True)
        return np.stack([darker, ~darker], axis=3).astype(np.float32)

    forecast = ts.plan(blobs(600, 900), relative, tiling=TILING)
    assert forecast.flips is not None
    assert 0 < forecast.flips < 1


def test_without_a_probe_nothing_is_measured() -> None:
    forecast = ts.plan(blobs(300, 400), brightest, tiling=TILING, probe=False)
    assert (forecast.seconds, forecast.flips) == (None, None)
    shown = f"12 tiles, {forecast.plan.memory.peak / 1e6:.0f} MB)"
    assert repr(forecast) == f"Forecast(<numpy array>, 300 x 400 px, 3 classes, {shown}"
    measured = replace(forecast, seconds=1.4, flips=0.000512)
    assert repr(measured).endswith(" MB, 1 s, 0.051 % flips)")


def test_a_plan_above_the_budget_is_refused() -> None:
    with pytest.raises(BudgetError, match="limited to 100 MB"):
        ts.plan(blobs(300, 400), brightest, options=ts.Options(memory=100_000_000))


def test_what_segment_refuses_plan_refuses() -> None:
    with pytest.raises(SourceError):
        ts.plan("absent.tif", brightest)
    with pytest.raises(ModelError, match="every pixel"):
        ts.plan(blobs(30, 40), lambda pixels: pixels[:, ::2])
