"""A network takes the bands that it learnt from, by number, name and scale, or says otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

import tilesegm as ts
from tests.images import GEO, read, write
from tests.model.networks import pointwise
from tilesegm.errors import ModelError
from tilesegm.model.base import ModelSpec
from tilesegm.model.bundle import BundleInfo, save_bundle
from tilesegm.model.normalisation import Normalisation
from tilesegm.segmentation.bands import check_bands

NAMES = ("blue", "green", "red", "nir")
MEANS, SPREADS = np.array([2800, 2400, 1600, 1300]), np.array([900, 1000, 1300, 2000])
TILING = ts.Tiling(64, 16)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = Normalisation.of_statistics(MEANS.tolist(), SPREADS.tolist())
    info = BundleInfo(normalisation=pixels, band_names=NAMES, pixels=pixels)
    return save_bundle(tmp_path_factory.mktemp("b") / "cover", pointwise(4), info)


def scene(path: Path, names: tuple[str, ...], factor: float = 1, dtype: str = "uint16") -> Path:
    """Write an image with a band of each name, with its own mean and deviation."""
    random = np.random.default_rng(0)
    columns = [NAMES.index(name.lower()) if name.lower() in NAMES else 0 for name in names]
    values = MEANS[columns] + SPREADS[columns] * random.normal(0, 1, (90, 80, len(names)))
    write(path, (np.clip(values, 0, None) * factor).astype(dtype), **GEO)
    with rasterio.open(path, "r+") as file:
        file.descriptions = names
    return path


def notes(image: Path, bundle: Path, **options: object) -> list[str]:
    said: list[str] = []
    ts.segment(
        image,
        bundle,
        image.with_suffix(".map.tif"),
        tiling=TILING,
        options=ts.Options(**options),  # type: ignore[arg-type]
        on_event=lambda event: said.append(event.text) if isinstance(event, ts.Noted) else None,
    )
    return said


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (("red", "green", "blue", "nir"), "--bands 3,2,1,4 takes them by name; --bands 1,2,3,4"),
        (("nir", "Red", "swir", "green"), "give --bands in that order; --bands 1,2,3,4"),
        (("coast", "blue", "green", "red", "nir"), "--bands 2,3,4,5 takes those of the names"),
        (("a", "b", "c", "d", "e"), "choose 4 of them, e.g. --bands 1,2,3,4"),
    ],
)
def test_bands_of_known_names_at_other_places_are_refused(
    tmp_path: Path, bundle: Path, names: tuple[str, ...], advice: str
) -> None:
    image = scene(tmp_path / "a.tif", names)
    for call in (ts.segment, ts.plan, ts.audit):
        output = [tmp_path / "map.tif"] if call is ts.segment else []
        with pytest.raises(ModelError, match=advice):
            call(image, bundle, *output, tiling=TILING)  # type: ignore[operator]


def test_the_advice_gives_the_map_of_bands_in_order(tmp_path: Path, bundle: Path) -> None:
    image = scene(tmp_path / "a.tif", ("red", "green", "blue", "nir"))
    assert notes(image, bundle, bands=[3, 2, 1, 4]) == []
    write(tmp_path / "b.tif", read(image, None)[[2, 1, 0, 3]].transpose(1, 2, 0), **GEO)
    assert notes(tmp_path / "b.tif", bundle) == []  # no names: nothing is known
    np.testing.assert_array_equal(read(tmp_path / "a.map.tif"), read(tmp_path / "b.map.tif"))


def test_bands_that_were_asked_for_are_taken_with_a_note(tmp_path: Path, bundle: Path) -> None:
    image = scene(tmp_path / "a.tif", ("red", "green", "blue", "nir"))
    assert notes(image, bundle, bands=[1, 2, 3, 4]) == [
        "bands are taken as --bands says, red, green, blue, nir, and cover learnt from blue, "
        "green, red, nir"
    ]


@pytest.mark.parametrize("names", [("B2", "B3", "B4", "B8"), NAMES, ("Blue", "GREEN", "x", "y")])
def test_other_names_tell_nothing(tmp_path: Path, bundle: Path, names: tuple[str, ...]) -> None:
    known = tuple(NAMES[n] for n in range(4))
    image = scene(tmp_path / "a.tif", known)
    with rasterio.open(image, "r+") as file:
        file.descriptions = names
    assert notes(image, bundle) == []


@pytest.mark.parametrize(
    ("factor", "dtype"), [(1e-4, "float32"), (1 / 257, "uint8"), (100, "float64")]
)
def test_values_on_another_scale_are_noted(
    tmp_path: Path, bundle: Path, factor: float, dtype: str
) -> None:
    image = scene(tmp_path / "a.tif", NAMES, factor, dtype)
    options = {"bands": [1, 2, 3, 4]} if dtype == "uint8" else {}  # GDAL tags the fourth alpha
    (note,) = notes(image, bundle, **options)
    assert "another scale than those that cover learnt from: medians are" in note
    assert "means were 2.8e+03, 2.4e+03, 1.6e+03, 1.3e+03" in note


@pytest.mark.parametrize("sides", [(4, 20, 30), (4, 2, 3)])
def test_arrays_whose_first_axis_counts_bands_are_told(
    bundle: Path, sides: tuple[int, ...]
) -> None:
    with pytest.raises(ModelError, match=r"np\.moveaxis\(image, 0, -1\)"):
        ts.segment(np.zeros(sides, np.uint16), bundle)


def test_results_keep_what_nobody_listened_to(tmp_path: Path, bundle: Path) -> None:
    """A notebook calls without `on_event`."""
    image = scene(tmp_path / "a.tif", NAMES, 1e-4, "float32")
    arrays, files = ts.segment(image, bundle), ts.segment(image, bundle, tmp_path / "map.tif")
    (note,) = arrays.notes
    assert "another scale" in note
    assert "; 1 note)" in repr(arrays)
    assert files.notes == arrays.notes
    assert any("another scale" in note for note in files.summary()["notes"])
    assert ts.segment(scene(tmp_path / "b.tif", NAMES), bundle).notes == ()


def test_dark_missing_and_even_images_are_on_the_same_scale(tmp_path: Path, bundle: Path) -> None:
    assert notes(scene(tmp_path / "dark.tif", NAMES, 0.3), bundle) == []
    assert notes(scene(tmp_path / "bright.tif", NAMES, 3), bundle) == []
    mean = np.broadcast_to(MEANS.astype(np.uint16), (50, 50, 4))
    assert notes(write(tmp_path / "mean.tif", mean, **GEO), bundle) == []
    (note,) = notes(write(tmp_path / "none.tif", mean * 0, nodata=0, **GEO), bundle)
    assert "no pixel gets a class" in note


def test_arrays_whose_labels_are_numbers_in_another_order_are_refused(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    names = ("band 1", "band 2", "band 3")
    learnt = ModelSpec(name="m", bands=3, classes=(), band_names=names)
    image = xarray.DataArray(
        np.zeros((3, 8, 9), np.uint8), dims=("band", "y", "x"), coords={"band": [1, 2, 3]}
    )
    with ts.open_source(image) as source:
        check_bands(learnt, source.info, None)
    with (
        ts.open_source(image.isel(band=slice(None, None, -1))) as source,
        pytest.raises(ModelError, match="--bands 3,2,1 takes them by name"),
    ):
        check_bands(learnt, source.info, None)
