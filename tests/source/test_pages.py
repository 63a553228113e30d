"""TIFF files of several pages: bands, one image beside small ones, or a choice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image

from tilesegm.errors import SettingsError, SourceError
from tilesegm.source.open import open_source

from .conftest import WriteRaster, pixels

VOLUME = pixels(3 * 64, 48, 1).reshape(3, 64, 48)
PAGES = "GTIFF_DIR:1:"
PLACE = rasterio.Affine(10, 0, 500000, 0, -10, 4000000)


def write(folder: Path, image: Any = VOLUME, **options: Any) -> Path:
    path = folder / "volume.tif"
    tifffile.imwrite(path, image, photometric="minisblack", **options)
    return path


def imagej(axes: str, image: Any = VOLUME) -> Callable[[Path], Path]:
    return lambda folder: write(folder, image, imagej=True, metadata={"axes": axes})


def by_gdal(folder: Path) -> Path:
    """Pages that GDAL appends, each with its place."""
    path = folder / "volume.tif"
    for number, page in enumerate(VOLUME):
        mode = "YES" if number else "NO"
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=1,
            height=64,
            width=48,
            dtype="uint8",
            crs="EPSG:32633",
            transform=PLACE,
            APPEND_SUBDATASET=mode,
        ) as file:
            file.write(page, 1)
    return path


def of_different_sizes(folder: Path) -> Path:
    """Scans of two sheets."""
    path = folder / "volume.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(VOLUME[0])
        file.write(VOLUME[1, :60])
    return path


def thumbnail_first(folder: Path) -> Path:
    path = folder / "volume.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(VOLUME[0, ::4, ::4].copy())
        file.write(VOLUME[1])
    return path


@pytest.mark.parametrize(
    "make",
    [
        imagej("CYX"),
        lambda folder: write(folder, metadata={"axes": "CYX"}),
        lambda folder: write(folder, VOLUME[None], metadata={"axes": "TCYX"}),
        lambda folder: write(folder, ome=True, metadata={"axes": "CYX"}),
    ],
    ids=["ImageJ", "tifffile", "one time", "OME without its suffix"],
)
def test_channels_are_bands(make: Any, tmp_path: Path) -> None:
    path = make(tmp_path)
    with open_source(path) as source:
        info = source.info
        assert (info.uri, info.height, info.width, info.bands) == (str(path), 64, 48, 3)
        read = source.read(info.window).values
    np.testing.assert_array_equal(read, VOLUME.transpose(1, 2, 0))
    with open_source(path, bands=[3, 1]) as source:
        read = source.read(source.info.window).values
    np.testing.assert_array_equal(read, VOLUME[[2, 0]].transpose(1, 2, 0))


@pytest.mark.parametrize(
    "make",
    [
        write,
        imagej("ZYX"),
        imagej("TYX"),
        imagej("ZCYX", pixels(6 * 64, 48, 1).reshape(3, 2, 64, 48)),
        lambda folder: write(folder, metadata={"axes": "ZYX"}),
        by_gdal,
    ],
    ids=["plain", "slices", "frames", "slices of channels", "axes", "GDAL"],
)
def test_a_stack_is_refused_with_its_pages_and_a_way_that_works(make: Any, tmp_path: Path) -> None:
    path = make(tmp_path)
    with pytest.raises(SourceError) as refused:
        open_source(path)
    message = str(refused.value)
    assert "pages of 64 x 48 pixels, 1 band" in message
    assert f"{PAGES}{path}" in message
    assert "--bands 1,2" in message
    truth = tifffile.imread(path).reshape(-1, 64, 48)
    with open_source(path, bands=[2]) as source:
        np.testing.assert_array_equal(source.read(source.info.window).values[..., 0], truth[1])
    with open_source(path, bands=[3, 1]) as source:
        assert source.info.band_names == ("volume_3", "volume_1")
        read = source.read(source.info.window).values
    np.testing.assert_array_equal(read, truth[[2, 0]].transpose(1, 2, 0))
    with open_source(f"GTIFF_DIR:3:{path}") as source:
        np.testing.assert_array_equal(source.read(source.info.window).values[..., 0], truth[2])


def test_a_page_is_another_image_when_its_file_changes(tmp_path: Path) -> None:
    path = write(tmp_path)
    identities = []
    for image, page in ((VOLUME, 1), (VOLUME, 2), (VOLUME[:, :60], 1)):
        tifffile.imwrite(path, image, photometric="minisblack")
        with open_source(f"GTIFF_DIR:{page}:{path}") as source:
            identities.append(source.info.identity)
    assert len(set(identities)) == 3


def test_bands_beyond_the_pages(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="band 4 was asked for, but the image has 3 bands"):
        open_source(write(tmp_path), bands=[4])


def test_pages_of_colour_are_stacked_on_demand(tmp_path: Path) -> None:
    path = tmp_path / "slices.tif"
    tifffile.imwrite(path, pixels(2 * 64, 48, 3).reshape(2, 64, 48, 3), photometric="rgb")
    with pytest.raises(SourceError, match=r"2 pages of 64 x 48 pixels, 3 bands.*--stack GTIFF_DIR"):
        open_source(path)
    with open_source([f"GTIFF_DIR:{n}:{path}" for n in (1, 2)]) as source:
        assert source.info.bands == 6


@pytest.mark.parametrize("make", [of_different_sizes, thumbnail_first])
def test_images_of_different_sizes_are_named(make: Any, tmp_path: Path) -> None:
    path = make(tmp_path)
    with pytest.raises(SourceError, match=r"images of different sizes; .*GTIFF_DIR:2:\S+ \(6"):
        open_source(path)


def test_planes_behind_one_page_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, metadata={"axes": "ZYX"}, truncate=True)
    with pytest.raises(SourceError, match="3 planes behind one page"):
        open_source(path)


def test_a_thumbnail_is_left_out_aloud(tmp_path: Path) -> None:
    path = tmp_path / "slide.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(VOLUME[0])
        file.write(VOLUME[0, ::4, ::4].copy())
    with open_source(path) as source:
        np.testing.assert_array_equal(source.read(source.info.window).values[..., 0], VOLUME[0])
        assert source.info.notes == (f"smaller pages of the file are left out: GTIFF_DIR:2:{path}",)


def test_overviews_and_masks_are_no_pages(write_raster: WriteRaster) -> None:
    mask = np.arange(512 * 512).reshape(512, 512) % 3 > 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = write_raster("cog.tif", pixels(512, 512, 1), mask=mask, transform=PLACE)
        with rasterio.open(path, "r+") as file:
            file.build_overviews([2, 4])
    with open_source(path) as source:
        assert source.info.bands == 1
        assert source.info.masked
        assert not source.info.notes


def test_depth_and_time_of_ome_are_left_out_aloud(tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.tif"
    image = pixels(2 * 3 * 5 * 32, 32, 1).reshape(2, 3, 5, 32, 32)
    tifffile.imwrite(path, image, metadata={"axes": "TCZYX"}, photometric="minisblack")
    with open_source(path) as source:
        assert source.info.bands == 3
        assert source.info.notes == (
            "the first of 2 steps along time is read and 1 left out; --at time=1 reads the second",
            "the first of 5 steps along depth is read and 4 left out; "
            "--at depth=1 reads the second",
        )


def test_the_stack_of_isbi_as_it_was_published(shared_data: Path, tmp_path: Path) -> None:
    slices = (shared_data / "isbi2012/image").glob("*.png")
    stack = np.stack([np.asarray(Image.open(path).convert("L")) for path in slices])
    path = tmp_path / "train-volume.tif"
    tifffile.imwrite(path, stack, photometric="minisblack")
    with pytest.raises(SourceError, match=r"30 pages of 512 x 512 pixels.*GTIFF_DIR:30:"):
        open_source(path)
    with open_source(path, bands=[30]) as source:
        np.testing.assert_array_equal(source.read(source.info.window).values[..., 0], stack[29])


def test_the_thumbnail_of_a_slide_under_another_suffix(shared_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "slide.tif"
    path.symlink_to(shared_data / "wsi/cmu_small_region.svs")
    with open_source(path) as source:
        assert (source.info.height, source.info.width) == (2967, 2220)
        assert source.info.notes == (f"smaller pages of the file are left out: GTIFF_DIR:2:{path}",)


STEPS = pixels(2 * 3 * 5 * 16, 24, 1).reshape(2, 3, 5, 16, 24)


def written(kind: str, folder: Path) -> tuple[Path, np.ndarray]:
    """Write a film of volumes with channels, and return it as time, depth, channel, row, col."""
    path = folder / ("film.ome.tif" if kind == "OME" else "film.tif")
    told = {"photometric": "minisblack", "metadata": {"axes": "TCZYX"}}
    if kind == "ImageJ":
        stored = STEPS.transpose(0, 2, 1, 3, 4).copy()
        tifffile.imwrite(path, stored, imagej=True, metadata={"axes": "TZCYX"})
    else:
        tifffile.imwrite(path, STEPS, **told)
    return path, STEPS.transpose(0, 2, 1, 3, 4)


@pytest.mark.parametrize("kind", ["OME", "ImageJ", "tifffile"])
@pytest.mark.parametrize("bands", [None, [3, 1]])
def test_a_depth_and_a_time_can_be_chosen(
    kind: str, bands: list[int] | None, tmp_path: Path
) -> None:
    path, film = written(kind, tmp_path)
    chosen = [0, 1, 2] if bands is None else [band - 1 for band in bands]
    identities = []
    for time, depth in ((0, 0), (1, 3), (1, 4)):
        with open_source(path, at={"Z": depth, "time": time}, bands=bands) as source:
            read = source.read(source.info.window).values
            np.testing.assert_array_equal(read, film[time, depth][chosen].transpose(1, 2, 0))
            assert source.info.notes == ()
            steps = {step.axis: (step.index, step.count) for step in source.info.steps}
            assert steps == {"time": (time, 2), "depth": (depth, 5)}
            identities.append(source.info.identity)
    assert len(set(identities)) == 3


@pytest.mark.parametrize("kind", ["OME", "ImageJ", "tifffile"])
def test_steps_that_are_not_there_are_refused_and_others_told(kind: str, tmp_path: Path) -> None:
    path, _ = written(kind, tmp_path)
    with open_source(path, at={"z": 2}) as source:
        assert source.info.notes == (
            "the first of 2 steps along time is read and 1 left out; --at time=1 reads the second",
        )
    for at, words in (
        ({"z": 5}, "z=5 was asked for, but the image has 5 steps along z; choose from 0 to 4"),
        ({"w": 0}, r"w is none of the axes .*, which are time \(2 steps\), depth \(5 steps\)"),
    ):
        with pytest.raises(SourceError, match=words):
            open_source(path, at=at)


@pytest.mark.parametrize(
    ("at", "words"), [({"z": -1}, "count from 0"), ({"z": 1, "depth": 1}, "names an axis twice")]
)
def test_steps_that_make_no_sense_are_refused(at: dict[str, int], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        open_source(np.zeros((3, 3)), at=at)


def test_an_image_without_further_axes_has_no_step(
    tmp_path: Path, write_raster: WriteRaster
) -> None:
    flat = (write_raster("a.tif", pixels(8, 8, 1)), write(tmp_path, VOLUME), np.zeros((4, 4, 2)))
    for image in flat:
        with pytest.raises(SourceError, match=r"z=0 was asked for.*has none; leave it out"):
            open_source(image, at={"z": 0})


def test_a_stack_of_declared_steps_is_refused_with_a_step_that_works(tmp_path: Path) -> None:
    path = imagej("ZYX")(tmp_path)
    with pytest.raises(SourceError, match=r"they are 3 steps along depth; .*\(--at depth=0\)"):
        open_source(path)
    with open_source(path, at={"depth": 0}) as source:
        np.testing.assert_array_equal(source.read(source.info.window).values[..., 0], VOLUME[0])
