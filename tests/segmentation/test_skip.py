"""Pixels that show nothing: skipped on request, with all others as they were; else told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling

import tilesegm as ts
from tests.faults.tiny_run import tiny
from tests.images import GEO, blobs, read, write
from tests.pages import ROOT
from tilesegm.errors import ModelError, OutputError, ResumeError, SettingsError
from tilesegm.events import Noted
from tilesegm.grid.window import Window
from tilesegm.segmentation.verify import verify
from tilesegm.source.margin_share import find_margin_share
from tilesegm.source.open import open_source

SMALL = ts.Tiling(tile=64, overlap=16)
SKIP = ts.Options(skip="background")


def collar(height: int = 400, width: int = 500) -> np.ndarray:
    """An image with a white margin above and to the left of its content."""
    image = np.full((height, width, 3), 255, np.uint8)
    image[200:, 260:] = blobs(height - 200, width - 260) // 2 + 60
    return image


def neighbours(pixels: np.ndarray) -> np.ndarray:
    """Score bands by their means over 3 x 3 pixels, so that context matters."""
    around = np.pad(pixels, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
    shifts = [(i, j) for i in range(3) for j in range(3)]
    height, width = pixels.shape[1:3]
    return sum(around[:, i : i + height, j : j + width] for i, j in shifts) / 9


def counting(tiles: list[int]) -> Callable[[np.ndarray], np.ndarray]:
    def model(pixels: np.ndarray) -> np.ndarray:
        tiles.append(len(pixels))
        return neighbours(pixels)

    return model


def margin_notes(image: Any, options: ts.Options | None = None) -> list[str]:
    notes = ts.segment(image, neighbours, tiling=SMALL, options=options).notes
    return [note for note in notes if "of one colour" in note]


def test_what_is_skipped_has_no_class_and_all_else_is_as_without() -> None:
    whole = ts.segment(collar(), neighbours, tiling=SMALL)
    skipped = ts.segment(collar(), neighbours, tiling=SMALL, options=SKIP)
    gone = skipped.classes == 255
    assert gone[:180].all()
    assert gone[:, :240].all()
    assert not gone[200:, 260:].any()
    np.testing.assert_array_equal(skipped.classes[~gone], whole.classes[~gone])
    assert skipped.empty == gone.sum()
    (note,) = skipped.notes
    assert f"({gone.sum():,} pixels) is background and skipped" in note
    assert "(255,255,255 ± 3)" in note


def test_tiles_of_background_alone_are_not_computed() -> None:
    calls: dict[str | None, int] = {}
    computed: dict[str | None, int] = {}
    for skip in (None, "background"):
        tiles: list[int] = []
        options = ts.Options(skip=skip)  # type: ignore[arg-type]
        result = ts.segment(collar(), counting(tiles), tiling=SMALL, options=options)
        calls[skip] = result.tiles
        assert result.tiles + result.skipped == result.plan.tiles
        computed[skip] = sum(tiles)
    assert calls["background"] < 0.5 * calls[None]
    # Nor are batches filled up, but for those by which a network is looked at.
    assert computed["background"] - calls["background"] <= computed[None] - calls[None]


def test_an_area_and_the_background_narrow_each_other() -> None:
    area = np.zeros((400, 500), bool)
    area[:300] = True
    options = ts.Options(skip="background", area=area)
    result = ts.segment(collar(), neighbours, tiling=SMALL, options=options)
    alone = ts.segment(collar(), neighbours, tiling=SMALL, options=SKIP)
    expected = np.where(area, alone.classes, 255)
    np.testing.assert_array_equal(result.classes, expected)


def test_an_image_of_nothing_else_says_so() -> None:
    result = ts.segment(np.full((90, 80, 3), 255, np.uint8), neighbours, options=SKIP)
    assert (result.classes == 255).all()
    assert any("all of them are skipped as background" in note for note in result.notes)


def test_unfinished_work_with_other_pixels_is_not_resumed(tmp_path: Path) -> None:
    path, output = write(tmp_path / "image.tif", collar(), **GEO), tmp_path / "out.tif"
    tiles: list[int] = []

    def failing(pixels: np.ndarray) -> np.ndarray:
        tiles.append(1)
        if len(tiles) == 4:
            raise RuntimeError("stopped")
        return neighbours(pixels)

    with tiny():
        with pytest.raises(ModelError, match="stopped"):
            ts.segment(path, failing, output, tiling=SMALL, options=SKIP)
        with pytest.raises(ResumeError, match="background"):
            ts.segment(path, failing, output, tiling=SMALL)
        result = ts.segment(path, failing, output, tiling=SMALL, options=SKIP)
    assert 0 < result.resumed < 200_000
    expected = ts.segment(collar(), neighbours, tiling=SMALL, options=SKIP).classes
    np.testing.assert_array_equal(read(output), expected)


def test_a_result_with_skipped_pixels_is_found_finished_and_verified(tmp_path: Path) -> None:
    path, output = write(tmp_path / "image.tif", collar(), **GEO), tmp_path / "out.tif"
    result = ts.segment(path, neighbours, output, tiling=SMALL, options=SKIP)
    again = ts.segment(path, neighbours, output, tiling=SMALL, options=SKIP)
    assert again.resumed == 200_000
    with pytest.raises(OutputError, match="is not the result of this image, model and settings"):
        ts.segment(path, neighbours, output, tiling=SMALL)
    assert (read(output) == 255).sum() == result.empty
    found = verify(output, recompute=1, model=neighbours)
    assert not found.damage
    assert found.recomputed is not None


def two_classes(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([pixels, -pixels], axis=-1)


def test_glass_is_looked_for_in_images_of_three_8_bit_bands_alone() -> None:
    with pytest.raises(SettingsError, match="has 1 of uint16"):
        ts.segment(np.zeros((60, 60), np.uint16), two_classes, options=ts.Options(skip="glass"))
    with pytest.raises(SettingsError, match="skip"):
        ts.Options(skip="nothing")  # type: ignore[arg-type]


def test_a_margin_that_is_segmented_is_told() -> None:
    (note,) = margin_notes(collar())
    # 76 %, less cells that are cut.
    assert "75% of the image is of one colour (255,255,255 ± 3), connected to its border" in note
    assert "--skip background leaves it out" in note


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (collar(), ts.Options(nodata=255)),
        (collar(), ts.Options(area=np.ones((400, 500), bool))),
        (collar(), ts.Options(area=np.ones((40, 50), bool))),
        (np.full((90, 80, 3), 255, np.uint8), None),
        (blobs(300, 300), None),
        (np.pad(blobs(300, 300), ((0, 6), (0, 0), (0, 0))), None),
    ],
    ids=["nodata", "area", "coarse area", "nothing else", "no margin", "a small one"],
)
def test_where_no_margin_is_segmented_nothing_is_told(
    image: np.ndarray, options: ts.Options | None
) -> None:
    assert margin_notes(image, options) == []


class Counted:
    """An array that counts the pixels that are taken from it."""

    dtype = np.dtype(np.uint8)
    chunks = None

    def __init__(self, height: int, width: int, margin: int) -> None:
        self.shape, self.margin, self.taken = (height, width, 3), margin, 0

    def __getitem__(self, index: Any) -> np.ndarray:
        rows, cols = (np.arange(size)[part] for size, part in zip(self.shape, index, strict=False))
        self.taken += len(rows) * len(cols)
        values = np.full((len(rows), len(cols), 3), 255, np.uint8)
        values[rows >= self.margin] = (cols[:, None] * 37 % 200).astype(np.uint8)
        return values


@pytest.mark.parametrize(("margin", "most"), [(30_000, 1.2e6), (0, 1e4)])
def test_an_image_without_levels_is_looked_at_in_few_samples(margin: int, most: float) -> None:
    image = Counted(60_000, 90_000, margin)
    with open_source(image) as source:
        image.taken = 0
        found = find_margin_share(source)
    assert image.taken < most
    if not margin:
        assert found is None
        return
    assert found is not None
    assert found.share == pytest.approx(0.5, abs=0.05)
    assert "about 50% of the image" in found.text
    assert "by samples" in found.text


def test_a_large_image_is_looked_at_in_its_overviews(tmp_path: Path) -> None:
    image = np.full((2300, 2100, 3), 255, np.uint8)
    image[1400:, 700:] = blobs(900, 1400) // 2 + 60
    path = write(tmp_path / "ortho.tif", image, tiled=True, **GEO)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.average)
    heard: list[Any] = []
    forecast = ts.segment(
        str(path), lambda pixels: pixels, tiling=ts.Tiling(512, 0), on_event=heard.append
    )
    (note,) = [each.text for each in heard if isinstance(each, Noted)]
    skipped = ts.segment(str(path), lambda pixels: pixels, tiling=ts.Tiling(512, 0), options=SKIP)
    assert "at most 73.8%" in skipped.notes[0]  # pixels of an overview stand for several
    assert "73% of the image is of one colour" in note
    assert "samples" not in note
    assert note in forecast.notes


OAM = ROOT.parent / "shared" / "data" / "oam_tcd"
SLIDE = ROOT.parent / "shared" / "data" / "wsi" / "cmu_small_region.svs"


@pytest.mark.skipif(not OAM.exists(), reason="the real images are absent")
def test_of_an_orthophoto_no_labelled_tree_is_skipped() -> None:
    path = str(next(OAM.glob("*.tif")))
    labels = read(next(OAM.glob("*_mask.png")))
    result = ts.segment(path, lambda pixels: pixels, tiling=ts.Tiling(256, 32), options=SKIP)
    gone = result.classes == 255
    assert 0.70 < gone.mean() < 0.727
    assert not labels[gone].any()
    with open_source(path) as source:
        values = source.read(Window(0, 0, 2048, 2048)).values
    assert (values[gone] >= 252).all()


@pytest.mark.skipif(not SLIDE.exists(), reason="the real images are absent")
def test_of_a_slide_no_tissue_is_skipped() -> None:
    result = ts.segment(str(SLIDE), lambda pixels: pixels, tiling=ts.Tiling(256, 32), options=SKIP)
    gone = result.classes == 255
    assert 0.55 < gone.mean() < 0.62
    assert result.skipped > 0.3 * result.plan.tiles
    with open_source(str(SLIDE)) as source:
        values = source.read(source.info.window).values[gone].astype(int)
    dark = values.min(-1) < 180  # stained, or dust that is smaller than a cell
    assert dark.mean() < 2e-4
