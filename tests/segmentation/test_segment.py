"""Whole runs in this process, from image to finished files, with functions as networks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import zarr

import tilesegm as ts
from tests.images import GEO, blobs, file_state, read, write
from tilesegm.errors import ModelError, OutputError, ResumeError, SourceError
from tilesegm.events import Event, PixelsDone, RunEnded, RunStarted
from tilesegm.sink.staging import Staging

SMALL = ts.Tiling(tile=128, overlap=32)


def brightest(pixels: np.ndarray) -> np.ndarray:
    """Score each of three bands by its own value."""
    return pixels


def steps(pixels: np.ndarray) -> np.ndarray:
    """Score 256 classes by how near the first band is to their number."""
    return -np.abs(pixels[..., :1] - np.arange(256, dtype=np.float32))


def test_a_class_map_keeps_its_place_on_the_ground(tmp_path: Path) -> None:
    image = blobs(700, 1300)
    path = write(tmp_path / "image.tif", image, **GEO)
    result = ts.segment(path, brightest, tmp_path / "out.tif", tiling=SMALL)
    np.testing.assert_array_equal(read(result.output), image.argmax(axis=2))
    with rasterio.open(result.output) as dataset:
        assert dataset.crs == GEO["crs"]
        assert dataset.transform == GEO["transform"]
        assert dataset.nodata == 255
        assert dataset.dtypes == ("uint8",)
        assert dataset.overviews(1)
        assert dataset.tags()["TILESEGM_EXACT"] == "no"
    assert {file.name for file in tmp_path.iterdir()} == {"image.tif", "out.tif", "out.tif.aux.xml"}
    assert result.resumed == 0
    assert result.tiles == result.plan.tiles


def test_a_result_is_shown_in_one_line(tmp_path: Path) -> None:
    result = ts.segment(blobs(300, 400), brightest, tmp_path / "out.tif", tiling=SMALL)
    shown = r"Segmentation\(out\.tif, 300 x 400 px, 3 classes, 12 tiles, \d+\.\d MP/s\)"
    assert re.fullmatch(shown, repr(result))
    with pytest.raises(TypeError, match="positional"):
        ts.Segmentation(result.output, result.extras)  # type: ignore[misc]


def test_an_image_without_a_place_gets_none(tmp_path: Path) -> None:
    ts.segment(blobs(50, 60), brightest, tmp_path / "out.tif")
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        dataset = rasterio.open(tmp_path / "out.tif")
    with dataset:
        assert dataset.crs is None
        assert dataset.transform.is_identity


def test_an_image_over_several_regions_and_panels_is_not_shifted(tmp_path: Path) -> None:
    # 2300 rows are three regions; the budget makes two panels or more of 2100 columns.
    rows, cols = np.mgrid[:2300, :2100]
    image = np.stack([rows, cols], axis=-1).astype(np.int16)
    options = ts.Options(scores="float32")
    needed = ts.plan(image, coordinates, tiling=SMALL, options=options).plan.memory
    budget = needed.peak - needed.stream // 3
    result = ts.segment(
        image,
        coordinates,
        tmp_path / "out.tif",
        tiling=SMALL,
        options=ts.Options(scores="float32", memory=budget),
    )
    assert len(result.plan.panels) > 1
    assert len(result.plan.panels[0]) == 3
    scores = read(dict(result.extras)["scores"], bands=None)
    np.testing.assert_allclose(np.log(scores[0] / scores[1]), (rows - cols) / 1000, atol=1e-4)
    np.testing.assert_array_equal(read(result.output), cols > rows)


def coordinates(pixels: np.ndarray) -> np.ndarray:
    """Score a pixel by its own row and column, small enough for a softmax to keep both."""
    return pixels / 1000


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "uint32", "int16", "int32", "float32", "float64"]
)
def test_any_real_dtype_goes_in(tmp_path: Path, dtype: str) -> None:
    image = blobs(60, 70).astype(dtype)
    ts.segment(image, brightest, tmp_path / "out.tif")
    np.testing.assert_array_equal(read(tmp_path / "out.tif"), image.argmax(axis=2))


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (129, 127)])
def test_images_of_any_shape(tmp_path: Path, shape: tuple[int, int]) -> None:
    image = blobs(*shape)
    ts.segment(image, brightest, tmp_path / "out.tif", tiling=SMALL)
    np.testing.assert_array_equal(read(tmp_path / "out.tif"), image.argmax(axis=2))


def test_nan_is_missing(tmp_path: Path) -> None:
    image = blobs(200, 150).astype(np.float32)
    image[40:90, 20:70, 1] = np.nan
    expected = np.nan_to_num(image).argmax(axis=2)
    expected[40:90, 20:70] = 255
    ts.segment(image, brightest, tmp_path / "out.tif", tiling=SMALL)
    np.testing.assert_array_equal(read(tmp_path / "out.tif"), expected)


def test_a_mask_as_area(tmp_path: Path) -> None:
    image = blobs(300, 400)
    wanted = np.zeros((300, 400), np.uint8)
    wanted[100:130, 200:260] = 1
    area = write(tmp_path / "area.png", wanted, driver="PNG")
    result = ts.segment(
        image, brightest, tmp_path / "out.tif", tiling=SMALL, options=ts.Options(area=area)
    )
    expected = np.where(wanted, image.argmax(axis=2), 255)
    np.testing.assert_array_equal(read(result.output), expected)
    assert result.skipped > 0
    assert result.tiles + result.skipped == result.plan.tiles


def test_all_classes_of_a_byte_and_more(tmp_path: Path) -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = write(tmp_path / "image.tif", image, **GEO)
    ts.segment(path, steps, tmp_path / "out.tif")
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert dataset.dtypes == ("uint16",)
        assert dataset.nodata == 65535
        np.testing.assert_array_equal(dataset.read(1), image)


def test_extras_in_files_and_in_zarr(tmp_path: Path) -> None:
    image = blobs(90, 80)
    options = ts.Options(confidence="margin", scores="uint8")
    files = ts.segment(image, brightest, tmp_path / "out.tif", options=options)
    assert [path.name for _, path in files.extras] == ["out_confidence.tif", "out_scores.tif"]
    store = ts.segment(image, brightest, tmp_path / "out.zarr", options=options)
    assert store.extras == (
        ("confidence", store.output / "confidence"),
        ("scores", store.output / "scores"),
    )
    group = zarr.open_group(store.output, mode="r")
    np.testing.assert_array_equal(group["0/classes"][:], read(files.output))
    paths = dict(files.extras)
    np.testing.assert_array_equal(group["confidence/0/confidence"][:], read(paths["confidence"]))
    scores = read(paths["scores"], bands=None)
    np.testing.assert_array_equal(group["scores/0/scores"][:], scores)


def test_events_tell_of_every_pixel_once(tmp_path: Path) -> None:
    events: list[Event] = []
    ts.segment(blobs(1100, 40), brightest, tmp_path / "out.tif", on_event=events.append)
    assert isinstance(events[0], RunStarted)
    assert events[0].pixels == sum(e.pixels for e in events if isinstance(e, PixelsDone)) == 44_000
    assert isinstance(events[-1], RunEnded)


class Stopping:
    """A network that is interrupted in the middle of its work, like a process by Ctrl-C."""

    def __init__(self, calls: int) -> None:
        self.calls = calls

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        self.calls -= 1
        if not self.calls:
            raise KeyboardInterrupt
        return pixels


def interrupted(image: Any, output: Path, **settings: Any) -> None:
    """Leave unfinished work behind: the first region is done, the second is not."""
    with pytest.raises(KeyboardInterrupt):
        ts.segment(image, Stopping(16), output, tiling=SMALL, **settings)
    assert not output.exists()
    assert (output.parent / (output.name + ".partial")).is_dir()


def test_the_same_call_goes_on(tmp_path: Path) -> None:
    image, output = blobs(3000, 200), tmp_path / "out.tif"
    interrupted(image, output)
    result = ts.segment(image, Stopping(10**9), output, tiling=SMALL)
    assert 1024 * 200 <= result.resumed < 3000 * 200
    assert result.resumed % (1024 * 200) == 0
    np.testing.assert_array_equal(read(output), image.argmax(axis=2))
    straight = ts.segment(image, Stopping(10**9), tmp_path / "straight.tif", tiling=SMALL)
    np.testing.assert_array_equal(read(output), read(straight.output))
    assert output.read_bytes() == straight.output.read_bytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": blobs(3000, 200, seed=1)}, "image"),
        ({"network": brightest}, "model"),
        ({"tiling": ts.Tiling(tile=128, overlap=64)}, "overlap"),
        ({"options": ts.Options(confidence="top")}, "confidence"),
        ({"options": ts.Options(normalisation=ts.Normalisation((1.0,), (1.0,)))}, "normalisation"),
        ({"options": ts.Options(nodata=0)}, "nodata"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_work_is_refused_with_the_difference_named(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    image, output = blobs(3000, 200), tmp_path / "out.tif"
    interrupted(image, output)
    asked = {"image": image, "network": Stopping(10**9), "tiling": SMALL, "options": None} | changes
    network, source = asked.pop("network"), asked.pop("image")
    with pytest.raises(ResumeError, match=words) as caught:
        ts.segment(source, network, output, **asked)
    assert "\n" not in str(caught.value)
    assert "--overwrite" in str(caught.value)
    result = ts.segment(source, network, output, overwrite=True, **asked)
    assert result.resumed == 0
    assert result.output.exists()


def test_an_output_in_use_is_refused(tmp_path: Path) -> None:
    output = tmp_path / "out.tif"
    with (
        Staging.open(tmp_path / "out.tif.partial", size=(9, 9), layers=(), fingerprint={}),
        pytest.raises(ResumeError, match="another run is writing"),
    ):
        ts.segment(blobs(9, 9), brightest, output)


def test_a_finished_output_is_left_as_it_is(tmp_path: Path) -> None:
    image, output = blobs(90, 80), tmp_path / "out.tif"
    first = ts.segment(image, brightest, output, tiling=SMALL)
    before = file_state(output)
    again = ts.segment(image, brightest, output, tiling=SMALL)
    assert (again.tiles, again.resumed) == (0, 90 * 80)
    assert again.extras == first.extras
    assert file_state(output) == before
    with pytest.raises(OutputError, match="exists and is not the result"):
        ts.segment(blobs(90, 80, seed=1), brightest, output, tiling=SMALL)
    assert file_state(output) == before
    ts.segment(blobs(90, 80, seed=1), brightest, output, tiling=SMALL, overwrite=True)
    np.testing.assert_array_equal(read(output), blobs(90, 80, seed=1).argmax(axis=2))


def test_a_failed_overwrite_keeps_the_finished_output(tmp_path: Path) -> None:
    image, output = blobs(90, 80), tmp_path / "out.tif"
    ts.segment(image, brightest, output)
    before = output.read_bytes()
    with pytest.raises(ModelError, match="NaN or infinite"):
        ts.segment(image, lambda pixels: pixels * np.nan, output, overwrite=True)
    assert output.read_bytes() == before


def test_no_band_of_a_stack_is_overwritten(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.tif", blobs(20, 30, 1)) for n in range(3)]
    before = paths[1].read_bytes()
    with pytest.raises(OutputError, match="is the input image"):
        ts.segment(paths, brightest, paths[1], overwrite=True)
    assert paths[1].read_bytes() == before


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (lambda pixels: np.full_like(pixels, np.inf), "NaN or infinite scores"),
        (lambda pixels: pixels[:, ::2, ::2], "a score vector for every pixel"),
        (lambda pixels: pixels.mean(axis=(1, 2)), "a score vector for every pixel"),
        (lambda pixels: pixels[..., :1], "one score per pixel"),
        (lambda pixels: pixels @ np.ones((7, 2)), "fails on float32 values"),
        (3, "is no model"),
    ],
)
def test_networks_that_do_not_fit_leave_nothing_behind(
    tmp_path: Path, network: Any, words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        ts.segment(blobs(50, 60), network, tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()


@pytest.mark.parametrize("image", [np.zeros((0, 5), np.uint8), "absent.tif", np.zeros(5), None, 7])
def test_images_that_are_none_leave_nothing_behind(tmp_path: Path, image: Any) -> None:
    with pytest.raises(SourceError):
        ts.segment(image, brightest, tmp_path / "out.tif")
    assert not list(tmp_path.iterdir())


def one_hot(pixels: np.ndarray) -> np.ndarray:
    """Score 13 classes: one for the pixel's own value."""
    return (pixels == np.arange(13, dtype=np.float32)).astype(np.float32)


def check_identity(image: Path, output: Path, tiling: ts.Tiling) -> None:
    """Segment an image of class ids by `one_hot`, and compare everything."""
    ts.segment(image, one_hot, output, tiling=tiling)
    with rasterio.open(image) as before, rasterio.open(output) as after:
        assert after.crs == before.crs
        assert after.transform == before.transform
        values, found = before.read(1), after.read(1)
        missing = values == before.nodata
        assert missing.any()
        np.testing.assert_array_equal(after.read_masks(1) == 0, missing)
        np.testing.assert_array_equal(found, np.where(missing, 255, values))


def test_identity_on_a_part_of_a_real_image(tmp_path: Path, shared_data: Path) -> None:
    with rasterio.open(shared_data / "rio_tiler" / "cog_cmap.tif") as dataset:
        window = rasterio.windows.Window(4500, 7000, 1100, 1200)
        profile = {"transform": dataset.transform, "crs": dataset.crs, "nodata": 0}
        path = write(tmp_path / "part.tif", dataset.read(1, window=window), **profile)
    check_identity(path, tmp_path / "out.tif", ts.Tiling(tile=512, overlap=64))


@pytest.mark.slow
def test_identity_on_a_whole_real_image(tmp_path: Path, shared_data: Path) -> None:
    image = shared_data / "rio_tiler" / "cog_cmap.tif"
    check_identity(image, tmp_path / "out.tif", ts.Tiling())
