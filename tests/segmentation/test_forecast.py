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


def _disc(height: int, width: int) -> np.ndarray:
    rows, cols = np.ogrid[:height, :width]
    found: np.ndarray = (rows - 0.3 * height) ** 2 + (cols - 0.6 * width) ** 2 < (
        0.12 * height
    ) ** 2
    return found


def _framed(colour: int) -> np.ndarray:
    """An image with much of one colour above and to the left of it."""
    image = np.full((500, 700, 3), colour, np.uint8)
    image[160:, 300:] = blobs(340, 400) // 2 + 60
    return image


NARROWED = {
    "area": (blobs(500, 700), ts.Options(area=_disc(500, 700))),
    "coarse area": (blobs(500, 700), ts.Options(area=_disc(50, 70))),
    "margin": (_framed(255), ts.Options(skip="background")),
    "margin and area": (_framed(255), ts.Options(skip="background", area=_disc(500, 700))),
    "missing pixels": (_framed(0), ts.Options(nodata=0)),
    "area without a pixel that is there": (
        _framed(0),
        ts.Options(nodata=0, area=np.pad(np.ones((99, 99), bool), ((0, 401), (0, 601)))),
    ),
}


@pytest.mark.parametrize("case", NARROWED)
def test_a_plan_tells_the_tiles_that_the_run_computes_and_skips(case: str) -> None:
    image, options = NARROWED[case]
    forecast = ts.plan(image, brightest, tiling=TILING, options=options)
    result = ts.segment(image, brightest, tiling=TILING, options=options)
    facts = forecast.summary()
    assert facts["tiles"] == result.tiles < forecast.plan.tiles
    assert facts["skipped"] == result.skipped
    assert facts["tiles_assume"] is None
    assert f" {result.tiles} tiles" in repr(forecast)
    told = [note.removeprefix("<numpy array>: ") for note in result.notes]
    assert [one for one in told if "no pixel gets" not in one and one not in facts["notes"]] == []


def test_a_plan_tells_regions_that_need_no_tile() -> None:
    # Regions of 1024 rows; tiles of 512 start at 0, 512, ... 2560 (moved back: 2488).
    area = np.zeros((3000, 40), bool)
    area[1100:1110] = True
    image = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (3000, 40, 3))
    tiling = ts.Tiling(tile=512, overlap=0)
    facts = ts.plan(image, brightest, tiling=tiling, options=ts.Options(area=area)).summary()
    assert (facts["tiles"], facts["skipped"]) == (1, 5)
    assert (facts["regions"], facts["empty_regions"]) == (3, 2)


def test_of_a_large_image_a_plan_says_what_it_assumes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tilesegm.engine.needed._READ", 1000)
    image, options = NARROWED["missing pixels"]
    facts = ts.plan(image, brightest, tiling=TILING, options=options).summary()
    assert facts["tiles"] == 5 * 7
    assert facts["tiles_assume"] == "no pixel is missing"
    # What an area leaves out is known without reading.
    image, options = NARROWED["area"]
    facts = ts.plan(image, brightest, tiling=TILING, options=options).summary()
    assert facts["tiles_assume"] is None
    assert facts["skipped"] > 0


def test_with_an_area_the_network_takes_as_much_less_time() -> None:
    """The time of a batch is measured, so it is the number of tiles that counts."""
    area = np.zeros((500, 700), bool)
    area[20:30, 20:30] = True
    calls: list[int] = []

    def counting(pixels: np.ndarray) -> np.ndarray:
        calls.append(len(pixels))
        return pixels

    forecast = ts.plan(blobs(500, 700), counting, tiling=TILING, options=ts.Options(area=area))
    assert forecast.tiles == 1
    assert forecast.seconds is not None
    assert forecast.seconds < 1


def test_results_on_the_grid_of_the_image_are_planned_as_they_run(tmp_path: Path) -> None:
    path = write(tmp_path / "image.tif", blobs(500, 700), **GEO)
    options = ts.Options(area=_disc(500, 700), resolution="20m", grid="image")
    tiling = ts.Tiling(tile=64, overlap=16)
    forecast = ts.plan(path, brightest, tiling=tiling, options=options)
    result = ts.segment(path, brightest, tiling=tiling, options=options)
    assert (forecast.tiles, forecast.skipped) == (result.tiles, result.skipped)
    assert forecast.skipped > 0
