"""Scenes: images with labels, read together."""

from __future__ import annotations

import gc
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
import zarr
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from tests.data.label_parts import TRANSFORM, UTM, classes, write_polygons
from tests.images import GEO, blobs, write
from tilesegm.data import instances
from tilesegm.data.border_weights import falk_weights, ronneberger_weights, separate_instances
from tilesegm.data.copies import Copies
from tilesegm.data.find import find_scenes
from tilesegm.data.instances import Instances, write_border_weights
from tilesegm.data.memory_scenes import scenes_in_memory
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.patch import IGNORE
from tilesegm.data.scene_notes import left_out
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import (
    BorderWeightSettings,
    ClassSettings,
    DataSettings,
    LabelSettings,
    SceneSettings,
)
from tilesegm.data.statistics import measure
from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

PLACE = {"crs": UTM, "transform": TRANSFORM}


def open_with(
    folder: Path,
    scene: SceneSettings,
    labels: LabelSettings,
    border: BorderWeightSettings | None = None,
    **data: Any,
) -> Scenes:
    found = DataSettings((scene,), labels, **data)
    return open_scenes(find_scenes(found, folder), found, border)


def picture(path: Path, mode: str | None = None) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened.convert(mode) if mode else opened)


def ids(height: int, width: int, seed: int = 1) -> np.ndarray:
    return blobs(height, width, 1, seed)[..., 0] // 60


@pytest.mark.parametrize(("suffix", "driver"), [("tif", "GTiff"), ("png", "PNG")])
def test_windows_are_parts_of_image_and_labels(tmp_path: Path, suffix: str, driver: str) -> None:
    image, labels = blobs(60, 90), ids(60, 90)
    write(tmp_path / f"a.{suffix}", image, driver=driver)
    write(tmp_path / f"l.{suffix}", labels, driver=driver)
    scene = SceneSettings(f"a.{suffix}", f"l.{suffix}", group="g", role="test")
    with open_with(tmp_path, scene, classes(0, 1, (2, 3), 4)) as scenes:
        assert (scenes.bands, scenes.dtype, len(scenes)) == (3, np.uint8, 1)
        info = scenes.infos[0]
        assert (info.name, info.group, info.role) == ("a", "g", "test")
        assert (info.height, info.width) == (60, 90)
        expected = np.array([0, 1, 2, 2, 3])[labels]
        for window in (Window(0, 0, 60, 90), Window(31, 17, 20, 33), Window(5, 80, 1, 10)):
            patch = scenes.read(0, window)
            np.testing.assert_array_equal(patch.pixels, image[window.slices])
            np.testing.assert_array_equal(patch.labels, expected[window.slices])
            np.testing.assert_array_equal(scenes.read_labels(0, window), expected[window.slices])
            assert patch.valid.all()
            assert patch.weights is None
            patch.pixels[:], patch.labels[:] = 0, 0  # a reader may do as it likes with them
        with pytest.raises(SourceError, match="leaves the image"):
            scenes.read(0, Window(50, 0, 20, 20))


@pytest.mark.parametrize(("suffix", "driver"), [("tif", "GTiff"), ("png", "PNG")])
def test_missing_pixels_and_those_outside_the_area_are_not_learnt(
    tmp_path: Path, suffix: str, driver: str
) -> None:
    image, labels = blobs(20, 30) | 1, ids(20, 30)
    image[3:6] = 0
    write(tmp_path / f"a.{suffix}", image, driver=driver, **PLACE)
    write(tmp_path / "l.png", labels, driver="PNG")
    write_polygons(tmp_path / "area.gpkg", [shapely.box(0, 0, 12, 20)])
    scene = SceneSettings(f"a.{suffix}", "l.png", area="area.gpkg")
    with open_with(tmp_path, scene, classes(0, 1, 2, 3, 4), nodata=0, bands=(3, 1)) as scenes:
        patch = scenes.read(0, Window(2, 5, 10, 10))
        expected = labels.astype(int)
        expected[3:6] = IGNORE
        expected[:, 12:] = IGNORE
        np.testing.assert_array_equal(patch.labels, expected[2:12, 5:15])
        np.testing.assert_array_equal(scenes.read_labels(0, Window(2, 5, 10, 10)), patch.labels)
        # Beyond the area pixels are still seen; only missing ones are invalid.
        np.testing.assert_array_equal(
            patch.valid, np.isin(np.arange(2, 12), (3, 4, 5), invert=True)[:, None].repeat(10, 1)
        )
        np.testing.assert_array_equal(patch.pixels, image[2:12, 5:15, [2, 0]])


def test_a_turned_photo_is_learnt_upright(tmp_path: Path) -> None:
    upright, labels = blobs(24, 40), ids(24, 40)
    exif = Image.Exif()
    exif[274] = 6  # turn by a quarter to the right to view
    Image.fromarray(np.rot90(upright)).save(tmp_path / "a.png", exif=exif)
    write(tmp_path / "l.png", labels, driver="PNG")
    given_classes = classes(0, 1, 2, 3, 4)
    with open_with(tmp_path, SceneSettings("a.png", "l.png"), given_classes) as scenes:
        patch = scenes.read(0, Window(3, 4, 10, 20))
        np.testing.assert_array_equal(patch.pixels, upright[3:13, 4:24])
        np.testing.assert_array_equal(patch.labels, labels[3:13, 4:24])
    write(tmp_path / "l.png", np.rot90(labels), driver="PNG")
    with pytest.raises(SourceError, match="a photo is read upright"):
        open_with(tmp_path, SceneSettings("a.png", "l.png"), given_classes)


def test_scenes_in_memory() -> None:
    images = [blobs(10, 12), blobs(8, 9, seed=3)]
    labels = [ids(10, 12), np.full((8, 9), -1)]
    with scenes_in_memory(images, labels, groups=["x", "y"], roles=[None, "test"]) as scenes:
        assert [info.name for info in scenes.infos] == ["0", "1"]
        assert [(info.group, info.role) for info in scenes.infos] == [("x", None), ("y", "test")]
        assert len(scenes.classes) == labels[0].max() + 1
        patch = scenes.read(0, Window(1, 2, 5, 6))
        np.testing.assert_array_equal(patch.pixels, images[0][1:6, 2:8])
        np.testing.assert_array_equal(patch.labels, labels[0][1:6, 2:8])
        assert (scenes.read_labels(1, Window(0, 0, 8, 9)) == IGNORE).all()
    changed = labels[0].copy()
    changed[4, 4] += 1
    other = scenes_in_memory(images[:1], [changed])
    assert other.infos[0].identity != scenes.infos[0].identity


@pytest.mark.parametrize(
    ("image", "labels", "words"),
    [
        (np.zeros((4, 5)), np.zeros((5, 4), int), r"shape \(5, 4\) .*shape \(4, 5\)"),
        (np.zeros((4, 5)), np.zeros((4, 5)), "dtype float64; expected whole class ids"),
        (np.zeros((4, 5)), np.full((4, 5), -2), "labels hold -2"),
    ],
)
def test_arrays_that_are_no_scene_are_refused(image: Any, labels: Any, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        scenes_in_memory([image], [labels])


def test_images_of_different_bands_do_not_go_together(tmp_path: Path) -> None:
    write(tmp_path / "1.tif", blobs(8, 9))
    write(tmp_path / "2.tif", blobs(8, 9, 5))
    write(tmp_path / "l.tif", ids(8, 9))
    scene = SceneSettings("{n:[12]}.tif", "l.tif")
    with pytest.raises(SourceError, match=r"2\.tif: 5 bands, but .*1\.tif has 3"):
        open_with(tmp_path, scene, classes(0, 1))
    with open_with(tmp_path, scene, classes(0, 1, 2, 3, 4), bands=(1, 2)) as scenes:
        assert scenes.bands == 2


def test_identity_follows_files_and_the_meaning_of_labels(tmp_path: Path) -> None:
    image, labels = write(tmp_path / "a.tif", blobs(8, 9)), write(tmp_path / "l.tif", ids(8, 9))
    scene, some = SceneSettings("a.tif", "l.tif"), classes(0, 1, 2, 3, 4)

    def identity(label_settings: LabelSettings = some) -> Any:
        with open_with(tmp_path, scene, label_settings) as scenes:
            return scenes.infos[0].identity

    first = identity()
    painted = replace(some.classes[0], colour="#102030", name="another")
    assert identity(replace(some, classes=(painted, *some.classes[1:]))) == first
    assert identity(classes(0, 1, 2, 4, 3)) != first
    assert identity(classes(0, 1, 2, 3, ignore=(4,))) != first
    for path in (labels, image):
        os.utime(path, (1, 1))
        assert identity() != first
        first = identity()


def test_many_threads_read_the_same(tmp_path: Path) -> None:
    images, labels = {}, {}
    for n in range(40):  # more than stay open
        images[n], labels[n] = blobs(40, 50, seed=n), ids(40, 50, seed=n)
        write(tmp_path / f"{n}.tif", images[n])
        write(tmp_path / f"{n}.png", labels[n], driver="PNG")
    scenes = open_with(tmp_path, SceneSettings("{n}.tif", "{n}.png"), classes(0, 1, 2, 3, 4))
    window = Window(7, 9, 25, 30)

    def check(n: int) -> bool:
        patch = scenes.read(n % 40, window)
        same = np.array_equal(patch.pixels, images[n % 40][window.slices])
        return same and np.array_equal(patch.labels, labels[n % 40][window.slices])

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(check, range(240)))
    scenes.close()


def test_copies_are_made_once_and_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept, calls = Copies(), []

    def fill(array: np.ndarray) -> None:
        calls.append(1)
        array[:] = 7

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(kept.get, "a", (50, 4), np.int16, fill) for _ in range(32)]
    arrays = [each.result() for each in asked]
    assert len(calls) == 1
    assert all((array == 7).all() for array in arrays)
    (folder,) = tmp_path.iterdir()
    assert (folder / "0.bin").stat().st_size == 400
    with pytest.raises(ValueError, match="read-only"):
        arrays[0][0] = 1
    kept.close()
    assert not folder.exists()
    kept.get("a", (50, 4), np.int16, fill)
    assert len(calls) == 2
    assert list(tmp_path.iterdir())
    del kept, asked
    gc.collect()
    assert not list(tmp_path.iterdir())


# -- instances ---------------------------------------------------------------------------------


def cells(height: int, width: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(height, width))
    return ndimage.label(ndimage.gaussian_filter(noise, 4) > 0.03)[0].astype(np.int32)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["ronneberger", "falk"]), st.booleans())
def test_weights_by_squares_are_those_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kind: Any, separate: bool
) -> None:
    found = cells(150, 170, seed)
    path = write(tmp_path_factory.mktemp("cells") / "cells.tif", found)
    with open_source(path) as source:
        opened = Instances(str(path), source.info, separate=separate)
    border = BorderWeightSettings(kind, w0=8.0, sigma=3.0)
    got = np.empty(found.shape, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instances, "_BLOCK", 40)
        write_border_weights(opened, border, got)
    opened.close()
    whole = separate_instances(found) if separate else found
    if kind == "falk":
        expected = falk_weights(whole, strength=8.0, sigma=3.0)
    else:
        expected = ronneberger_weights(whole, w0=8.0, sigma=3.0)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


def test_labels_from_instances_and_their_weights(tmp_path: Path) -> None:
    found = np.zeros((20, 30), np.uint16)
    found[4:12, 3:10], found[4:12, 10:20] = 300, 5
    write(tmp_path / "a.png", blobs(20, 30), driver="PNG")
    write(tmp_path / "i.tif", found)
    scene = SceneSettings("a.png", "instances", instances="i.tif")
    window = Window(2, 2, 15, 25)
    with open_with(tmp_path, scene, classes(0, 1)) as scenes:
        patch = scenes.read(0, window)
        np.testing.assert_array_equal(patch.labels, (found > 0)[window.slices])
        assert patch.weights is None
    with open_with(tmp_path, scene, classes(1, 0), BorderWeightSettings()) as scenes:
        patch = scenes.read(0, window)
        apart = separate_instances(found)
        np.testing.assert_array_equal(patch.labels, (apart == 0)[window.slices])
        np.testing.assert_allclose(
            patch.weights, ronneberger_weights(apart)[window.slices], atol=1e-6
        )
    with pytest.raises(SettingsError, match="needs the value 0"):
        open_with(tmp_path, scene, classes(1, 2))


def test_instances_that_are_no_ids_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", blobs(8, 9))
    scene = SceneSettings("a.tif", "instances", instances="a.tif")
    with pytest.raises(SourceError, match="3 bands of uint8; expected one band of whole ids"):
        open_with(tmp_path, scene, classes(0, 1))


# -- real sets ---------------------------------------------------------------------------------

DUBAI = LabelSettings(
    tuple(
        ClassSettings(name, colour)
        for name, colour in {
            "building": "#3C1098", "land": "#8429F6", "road": "#6EC1E4",
            "vegetation": "#FEDD3A", "water": "#E2A929",
        }.items()
    ),
    ignore=("#9B9B9B", "#000000"),
)  # fmt: skip


@pytest.mark.parametrize("tile", ["tile_1", "tile_2"])
def test_dubai_by_colour_and_by_palette(shared_data: Path, tile: str) -> None:
    scene = SceneSettings("{n:image_part_00[1-3]}.jpg", "../masks/{n}.png")
    folder = shared_data / "dubai" / tile / "images"
    with open_with(folder, scene, DUBAI) as scenes:
        for number, info in enumerate(scenes.infos):
            window = Window(0, 0, info.height, info.width)
            got = scenes.read_labels(number, window)
            mask = picture(folder.parent / "masks" / f"{info.name}.png", "RGB")
            expected = np.full(got.shape, IGNORE)
            for index, each in enumerate(scenes.classes):
                expected[(mask == each.colour).all(-1)] = index
            np.testing.assert_array_equal(got, expected)
            assert len(np.unique(got)) >= 3
            part = Window(100, 37, 64, 80)
            np.testing.assert_array_equal(scenes.read(number, part).labels, got[part.slices])


def read_all(scenes: Scenes) -> None:
    for number, info in enumerate(scenes.infos):
        scenes.read_labels(number, Window(0, 0, info.height, info.width))


def test_dubai_without_its_ignored_colour_counts_it(shared_data: Path) -> None:
    scene = SceneSettings("dubai/tile_3/images/{n}.jpg", "dubai/tile_3/masks/{n}.png")
    strict = replace(DUBAI, ignore=())
    with (
        open_with(shared_data, scene, strict) as scenes,
        pytest.raises(SourceError, match=r"#9B9B9B \([\d,]+ pixels\)"),
    ):
        read_all(scenes)


def test_sentinel_polygons_of_another_system(shared_data: Path) -> None:
    names = ["Sand", "Forested Wetland", "Emergent Wetland", "WetSand", "Subtidal Haline"]
    labels = LabelSettings(
        tuple(ClassSettings(name, name) for name in [*names, "Herbaceous"]), attribute="Classname"
    )
    bands = tuple(f"sentinel2/S2B_L1C_20181013_B0{n}.tiff" for n in range(1, 9))
    scene = SceneSettings(bands, "sentinel2/rcr_landcover.shp")
    with open_with(shared_data, scene, labels) as scenes:
        assert scenes.bands == 8
        found = scenes.read_labels(0, Window(0, 0, 2201, 2629))
        counts = np.bincount(found.ravel() + 1, minlength=7)
        assert (counts[1:] > 30).all()
        # Area of the polygons in the projection (square metres) over that of a pixel on the ground.
        import pyogrio

        fields = pyogrio.raw.read(shared_data / "sentinel2" / "rcr_landcover.shp")
        areas = shapely.area(shapely.from_wkb(fields[2]))
        metres = 111_320 * np.cos(np.radians(34.68)) * 8.984632940281312e-05
        pixel = metres * 110_930 * 7.391322126306281e-05
        assert counts[1:].sum() == pytest.approx(areas.sum() / pixel, rel=0.03)


def test_landsat_classes_with_nodata(shared_data: Path) -> None:
    scene = SceneSettings("nc_landsat/lsat7_2002.tif", "nc_landsat/landclass96.tif")
    with open_with(shared_data, scene, classes(*range(1, 8))) as scenes:
        counts = np.bincount(scenes.read_labels(0, Window(0, 0, 474, 526)).ravel() + 1)
        assert counts.tolist() == [1, 73077, 2137, 25518, 16829, 126265, 5303, 194]


def test_drive_within_its_field_of_view(shared_data: Path) -> None:
    scene = SceneSettings(
        "drive/training/images/{n:2[1-3]}_training.tif",
        "drive/training/1st_manual/{n}_manual1.gif",
        area="drive/training/mask/{n}_training_mask.gif",
    )
    with open_with(shared_data, scene, classes(0, 255)) as scenes:
        window = Window(100, 150, 300, 200)
        for number, info in enumerate(scenes.infos):
            at = shared_data / "drive" / "training"
            vessels = picture(at / "1st_manual" / f"{info.name}_manual1.gif")
            seen = picture(at / "mask" / f"{info.name}_training_mask.gif")
            expected = np.where(seen > 0, vessels.astype(int) // 255, IGNORE)
            whole = scenes.read_labels(number, Window(0, 0, 584, 565))
            np.testing.assert_array_equal(whole, expected)
            np.testing.assert_array_equal(
                scenes.read(number, window).labels, expected[window.slices]
            )


def test_nuclei_of_one_mask_each(shared_data: Path) -> None:
    scene = SceneSettings(
        "dsb2018/{id:0*}/images/{id}.png", "instances", instances="dsb2018/{id}/masks/*.png"
    )
    with open_with(shared_data, scene, classes(0, 1), BorderWeightSettings("falk")) as scenes:
        info = scenes.infos[0]
        folder = shared_data / "dsb2018" / info.name / "masks"
        numbered = np.zeros((info.height, info.width), np.int32)
        for number, mask in enumerate(sorted(folder.iterdir()), 1):
            numbered[picture(mask) > 0] = number
        apart = separate_instances(numbered)
        patch = scenes.read(0, Window(0, 0, info.height, info.width))
        np.testing.assert_array_equal(patch.labels, apart > 0)
        expected = falk_weights(apart)
        np.testing.assert_allclose(patch.weights, expected, atol=1e-5)


def test_labels_of_a_finer_grid_serve_an_image(tmp_path: Path) -> None:
    fine = Affine(5, 0, TRANSFORM.c, 0, -5, TRANSFORM.f)
    labels = ids(10, 12)
    write(tmp_path / "a.tif", blobs(10, 12), **PLACE)
    write(tmp_path / "l.tif", labels.repeat(2, 0).repeat(2, 1), crs=UTM, transform=fine)
    given_classes = classes(0, 1, 2, 3, 4)
    with open_with(tmp_path, SceneSettings("a.tif", "l.tif"), given_classes) as scenes:
        np.testing.assert_array_equal(scenes.read_labels(0, Window(0, 0, 10, 12)), labels)


def test_scenes_without_polygons_are_background_and_counted(tmp_path: Path) -> None:
    pixels = np.ones((20, 30, 3), "uint8")
    places = {"near": TRANSFORM, "far": TRANSFORM @ Affine.translation(5000, 0)}
    for name, transform in places.items():
        write(tmp_path / f"{name}.tif", pixels, crs=UTM, transform=transform)
    write_polygons(tmp_path / "a.gpkg", [shapely.box(2, 3, 12, 10)], ["x"])
    labels = classes("none", "x", attribute="kind", background="class 0")
    scene = SceneSettings("{name}.tif", "a.gpkg")
    with open_with(tmp_path, scene, labels) as scenes:
        assert scenes.infos[0].name == "far"
        whole = Window(0, 0, 20, 30)
        assert [np.bincount(scenes.read_labels(n, whole).ravel()).tolist() for n in (0, 1)] == [
            [600],
            [530, 70],
        ]
        assert scenes.notes == (
            "1 of 2 images have no polygon and are background throughout, such as "
            f"{tmp_path / 'far.tif'}",
        )
    with pytest.raises(SourceError, match=r"a\.gpkg misses the image .*far\.tif"):
        open_with(tmp_path, SceneSettings("far.tif", "a.gpkg"), labels)


def test_images_of_another_order_of_bands_are_noted(tmp_path: Path) -> None:
    for number, names in enumerate(("rgb", "rgb", "bgr", "xyz", "rbg")):
        path = write(tmp_path / f"{number}.tif", blobs(8, 9), **GEO)
        with rasterio.open(path, "r+") as file:
            file.descriptions = tuple(names)
    write(tmp_path / "l.tif", ids(8, 9))
    scene = SceneSettings("{n:[0-4]}.tif", "l.tif")
    with open_with(tmp_path, scene, classes(0, 1, 2, 3, 4)) as scenes:
        assert scenes.notes == (
            f"{tmp_path / '2.tif'} and 1 more: bands b, g, r stand in another order than those of "
            f"{tmp_path / '0.tif'}, r, g, b, and are learnt from as they stand; write all images "
            "in one order, or leave one kind out",
        )


def test_what_was_left_out_of_images_is_said_once_with_counts(tmp_path: Path) -> None:
    image = np.zeros((40, 30, 1), np.float32)
    image[3, 4:9] = -np.inf
    ids = np.zeros((40, 30), np.int64)
    with scenes_in_memory([image, image], [ids, ids]) as scenes:
        for _ in range(2):  # measured, and read from the cache
            statistics = measure(scenes, cache=tmp_path / "statistics.npz")
            assert [scene.infinite for scene in statistics] == [5, 5]
            assert np.isfinite(statistics[0].means).all()
            assert left_out(scenes, statistics) == (
                "<numpy array> and 1 more: 5 pixels are infinite, and missing like NaN",
            )


def test_a_depth_of_a_volume_is_learnt_from(tmp_path: Path) -> None:
    volume = np.stack([blobs(40, 50, 1, seed)[..., 0] for seed in range(3)])
    zarr.create_array(tmp_path / "a.zarr", data=volume, dimension_names=("z", "y", "x"))
    write(tmp_path / "l.tif", ids(40, 50))
    scene = SceneSettings("a.zarr", "l.tif")
    identities = []
    for at, depth in ((None, 0), ({"z": 2}, 2)):
        with open_with(tmp_path, scene, classes(0, 1, 2, 3, 4), at=at) as scenes:
            patch = scenes.read(0, Window(3, 4, 20, 30))
            np.testing.assert_array_equal(patch.pixels[..., 0], volume[depth, 3:23, 4:34])
            identities.append(scenes.infos[0].identity)
    assert identities[0] != identities[1]
    with pytest.raises(SourceError, match="choose from 0 to 2"):
        open_with(tmp_path, scene, classes(0, 1, 2, 3, 4), at={"z": 3})
