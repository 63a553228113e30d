from __future__ import annotations

import json
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
import xarray as xr

import tilesegm as ts
from tests.images import GEO, blobs, file_state, read, write
from tilesegm.errors import ModelError, OutputError, SettingsError, SourceError
from tilesegm.events import Event, RunEnded


def brightest(pixels: np.ndarray) -> np.ndarray:
    """Score each band by its own value."""
    assert pixels.shape[3] == 3
    return pixels


def images(folder: Path, *seeds: int) -> list[Path]:
    return [write(folder / f"{n}.tif", blobs(60, 50, seed=n), **GEO) for n in seeds]


def test_each_image_gets_its_map(tmp_path: Path) -> None:
    events: list[Event] = []
    paths = images(tmp_path, 1, 2, 3)
    items = ts.segment_many(paths, brightest, tmp_path / "maps", on_event=events.append)
    assert [item.image for item in items] == [str(path) for path in paths]
    for seed, item in zip((1, 2, 3), items, strict=True):
        assert item.result is not None
        assert item.result.output == tmp_path / "maps" / f"{seed}_classes.tif"
        np.testing.assert_array_equal(
            read(item.result.output), blobs(60, 50, seed=seed).argmax(axis=2)
        )
    assert sum(isinstance(event, RunEnded) for event in events) == 3


def test_arrays_are_called_by_their_place_or_their_key(tmp_path: Path) -> None:
    parts = [blobs(60, 50, seed=seed) for seed in (1, 2)]
    lazy = da.from_array(parts[1], chunks=20)
    labelled = xr.DataArray(parts[0].transpose(2, 0, 1), dims=("band", "y", "x"))
    for images_, names in (
        ([parts[0], lazy], ["image_0", "image_1"]),
        (np.stack(parts), ["image_0", "image_1"]),
        ({"north": labelled, "south": parts[1]}, ["north", "south"]),
    ):
        folder = tmp_path / f"maps of {type(images_).__name__}"
        items = ts.segment_many(images_, brightest, folder)
        assert [item.image for item in items] == names
        for name, part in zip(names, parts, strict=True):
            found = read(folder / f"{name}_classes.tif")
            np.testing.assert_array_equal(found, part.argmax(axis=2))


def test_pages_of_one_file_are_several_images(tmp_path: Path) -> None:
    stack = np.stack([blobs(60, 50, seed=seed) for seed in (1, 2)])
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="rgb")
    pages = [f"GTIFF_DIR:{n}:{tmp_path / 'stack.tif'}" for n in (1, 2)]
    ts.segment_many(pages, brightest, tmp_path / "maps")
    for n, page in enumerate(stack, 1):
        found = read(tmp_path / "maps" / f"stack_{n}_classes.tif")
        np.testing.assert_array_equal(found, page.argmax(axis=2))


def test_one_array_is_not_many(tmp_path: Path) -> None:
    for image in (blobs(60, 50), str(tmp_path / "a.tif"), tmp_path / "a.tif"):
        with pytest.raises(SettingsError, match="takes several images; pass a list"):
            ts.segment_many(image, brightest, tmp_path / "maps")


def test_a_bad_image_does_not_stop_the_rest(tmp_path: Path) -> None:
    first, last = images(tmp_path, 1, 2)
    five = write(tmp_path / "five.tif", blobs(60, 50, 5), **GEO)
    items = ts.segment_many([first, "absent.tif", five, last], brightest, tmp_path / "maps")
    assert [type(item.error) for item in items] == [type(None), SourceError, ModelError, type(None)]
    assert repr(items[0]) == "BatchItem(1.tif -> 1_classes.tif)"
    assert repr(items[1]) == f"BatchItem(absent.tif: SourceError: {items[1].error})"
    assert [item.result is None for item in items] == [False, True, True, False]
    assert set(items[1].summary()) == {"image", "error"}
    assert len(list((tmp_path / "maps").glob("*.tif"))) == 2


def test_a_bad_first_image_leaves_the_model_to_the_next(tmp_path: Path) -> None:
    five = write(tmp_path / "five.tif", blobs(60, 50, 5), **GEO)
    items = ts.segment_many([five, *images(tmp_path, 1)], brightest, tmp_path / "maps")
    assert [item.error is None for item in items] == [False, True]


def test_a_file_that_is_no_model_stops_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.keras does not exist"):
        ts.segment_many(images(tmp_path, 1, 2), "absent.keras", tmp_path / "maps")
    assert not list((tmp_path / "maps").iterdir())


def test_finished_images_are_not_computed_again(tmp_path: Path) -> None:
    paths = images(tmp_path, 1, 2)
    ts.segment_many(paths[:1], brightest, tmp_path / "maps")
    before = file_state(tmp_path / "maps" / "1_classes.tif")
    items = ts.segment_many(paths, brightest, tmp_path / "maps")
    assert [item.result.tiles for item in items if item.result] == [0, 1]
    assert file_state(tmp_path / "maps" / "1_classes.tif") == before


def test_an_image_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    (path,) = images(tmp_path, 1)
    with pytest.raises(SettingsError, match="would both be written"):
        ts.segment_many([path, path], brightest, tmp_path / "maps")
    assert not (tmp_path / "maps").exists()


def test_images_of_one_name_get_outputs_of_their_own(tmp_path: Path) -> None:
    for n, folder in enumerate(("east", "west")):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "a.tif", blobs(60, 50, seed=n), **GEO)
    paths = [tmp_path / folder / "a.tif" for folder in ("east", "west")]
    ts.segment_many(paths[:1], brightest, tmp_path / "first")
    ts.segment_many(paths, brightest, tmp_path / "maps")
    for n, folder in enumerate(("east", "west")):
        found = read(tmp_path / "maps" / f"{folder}_a_classes.tif")
        np.testing.assert_array_equal(found, blobs(60, 50, seed=n).argmax(axis=2))
    # What an earlier run named stays, whatever comes to it.
    items = ts.segment_many(paths, brightest, tmp_path / "first")
    assert [item.result and item.result.output.name for item in items] == [
        "a_classes.tif",
        "west_a_classes.tif",
    ]
    assert [item.reason for item in items] == ["finished before", "new"]


def test_a_new_image_is_told_from_its_namesakes_of_earlier_runs(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "a.tif" for folder in ("east", "west", "north")]
    for path in paths:
        path.parent.mkdir()
        write(path, blobs(60, 50), **GEO)
    ts.segment_many(paths[:2], brightest, tmp_path / "maps")
    items = ts.segment_many(paths, brightest, tmp_path / "maps")
    names = [item.result and item.result.output.name for item in items]
    assert names == [f"{folder}_a_classes.tif" for folder in ("east", "west", "north")]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be made"):
        ts.segment_many(images(tmp_path, 1), brightest, tmp_path / "no" / "such")


def test_outputs_of_urls_are_named_by_their_path(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/scene.tif?token=1"
    (item,) = ts.segment_many([url], brightest, tmp_path / "maps")
    assert item.error is not None
    assert item.image == url
    first, second = ts.segment_many([url, tmp_path / "scene.png"], brightest, tmp_path / "maps")
    assert (first.error is None, second.error is None) == (False, False)
    lines = (tmp_path / "maps" / "manifest.jsonl").read_text().splitlines()
    assert [json.loads(line)["output"] for line in lines] == [
        "scene_classes.tif",
        f"{tmp_path.name}_scene_classes.tif",
    ]
    assert "token=1" not in "".join(lines)


def test_no_images_give_no_results(tmp_path: Path) -> None:
    assert ts.segment_many([], brightest, tmp_path / "maps") == []


def test_an_area_may_be_an_array(tmp_path: Path) -> None:
    area = np.zeros((60, 50), np.uint8)
    area[:20] = 1
    paths = images(tmp_path, 1, 2)
    items = ts.segment_many(paths, brightest, tmp_path / "maps", options=ts.Options(area=area))
    assert [item.error for item in items] == [None, None]
    assert (read(tmp_path / "maps" / "2_classes.tif")[20:] == 255).all()
