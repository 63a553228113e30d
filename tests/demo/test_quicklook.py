"""The quicklook: panels of the right size, and errors where truth and prediction differ."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from tilesegm.classes import ClassInfo
from tilesegm.demo.quicklook import quicklook_panels, write_quicklook
from tilesegm.errors import SourceError
from tilesegm.pictures.colours import MISSING, RIGHT

CLASSES = (ClassInfo("red things", (220, 20, 10)), ClassInfo("blue things", (10, 40, 200)))


def write(path: Path, array: np.ndarray, **placed: object) -> Path:
    bands = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    count, height, width = bands.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=array.dtype,
        **placed,
    ) as file:  # fmt: skip
        file.write(bands)
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Image, truth and prediction of 400 x 600 pixels."""
    truth = np.zeros((400, 600), np.uint8)
    truth[:, 300:] = 1
    truth[:100] = 255
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # files without a place on the ground
        return (
            write(tmp_path / "image.tif", np.full((400, 600, 4), 77, np.uint8)),
            write(tmp_path / "truth.tif", truth),
            write(tmp_path / "predicted.tif", np.zeros((400, 600), np.uint8)),
        )


def test_panels_of_files_without_a_place(files: tuple[Path, Path, Path]) -> None:
    image, truth, predicted, errors = (
        panel.pixels for panel in quicklook_panels(*files, CLASSES, 300)
    )
    assert image.shape == (200, 300, 3)
    assert (image == 77).all()
    assert (truth[:49] == MISSING).all()
    assert (truth[51:, :149] == CLASSES[0].colour).all()
    assert (truth[51:, 151:] == CLASSES[1].colour).all()
    assert (predicted == CLASSES[0].colour).all()
    assert (errors[51:, :149] == RIGHT).all()
    assert (errors[51:, 151:] == CLASSES[1].colour).all()
    assert (errors[:49] == MISSING).all()


def test_small_files_are_not_enlarged(files: tuple[Path, Path, Path]) -> None:
    for panel in quicklook_panels(*files, CLASSES, 1000):
        assert panel.pixels.shape == (400, 600, 3)


def test_four_panels_lie_in_two_rows(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    panels = quicklook_panels(*files, CLASSES, 300)
    with Image.open(write_quicklook(tmp_path / "look.png", panels, CLASSES)) as picture:
        width, height = picture.size
    assert 600 < width < 660
    assert 400 < height < 540


def test_a_file_that_is_no_raster(files: tuple[Path, Path, Path]) -> None:
    files[1].write_text("no raster")
    with pytest.raises(SourceError, match="not an image that GDAL"):
        quicklook_panels(*files, CLASSES, 300)
