"""Zarr arrays and OME-Zarr images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
import zarr

from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

from .conftest import pixels


def write_ome(path: Path, version: str, image: np.ndarray, unit: str = "micrometer") -> None:
    """Write ``(t, c, z, y, x)`` and its half resolution by the rules of NGFF ``version``."""
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    datasets: list[dict[str, Any]] = []
    for level, step in enumerate((1, 2)):
        group.create_array(f"s{level}", data=image[..., ::step, ::step], chunks=(1, 1, 1, 16, 16))
        scale = [1.0, 1.0, 3.0, 0.5 * step, 0.25 * step]
        transforms = [{"type": "scale", "scale": scale}]
        datasets.append({"path": f"s{level}", "coordinateTransformations": transforms})
    axes = [
        {"name": "t", "type": "time"},
        {"name": "c", "type": "channel"},
        *({"name": name, "type": "space", "unit": unit} for name in "zyx"),
    ]
    multiscales = [{"name": "cells", "axes": axes, "datasets": datasets}]
    omero = {"channels": [{"label": "nuclei"}, {"label": "membrane"}]}
    if version == "0.4":
        multiscales[0]["version"] = version
        group.attrs.update({"multiscales": multiscales, "omero": omero})
    else:
        group.attrs["ome"] = {"version": version, "multiscales": multiscales, "omero": omero}


CUBE = pixels(2 * 2 * 3, 40, 50, "uint16").reshape(2, 2, 3, 40, 50)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("level", [0, 1])
def test_ome_zarr(version: str, level: int, tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.zarr"
    write_ome(path, version, CUBE)
    step = level + 1
    truth = CUBE[0, :, 0, ::step, ::step].transpose(1, 2, 0)
    with open_source(path, level=level) as source:
        info = source.info
        assert info.kind == f"OME-Zarr {version}"
        assert (info.height, info.width, info.bands) == truth.shape
        assert info.block == (16, 16)
        assert info.band_names == ("nuclei", "membrane")
        assert info.georeference.pixel_size == (0.5 * step, 0.25 * step)
        np.testing.assert_array_equal(source.read(info.window).values, truth)
    with open_source(path, level=level, bands=[2]) as source:
        assert source.info.band_names == ("membrane",)
        np.testing.assert_array_equal(source.read(source.info.window).values, truth[..., 1:])


def test_pixel_size_in_other_units(tmp_path: Path) -> None:
    write_ome(tmp_path / "a.zarr", "0.5", CUBE, unit="nanometer")
    write_ome(tmp_path / "b.zarr", "0.5", CUBE, unit="parsec")
    with open_source(tmp_path / "a.zarr") as source:
        assert source.info.georeference.pixel_size == pytest.approx((5e-4, 2.5e-4))
    with open_source(tmp_path / "b.zarr") as source:
        assert source.info.georeference.pixel_size is None


def test_level_that_is_not_there(tmp_path: Path) -> None:
    write_ome(tmp_path / "cells.zarr", "0.5", CUBE)
    with pytest.raises(SourceError, match=r"level=2 .* has 2 levels; choose from 0 to 1"):
        open_source(tmp_path / "cells.zarr", level=2)
    with pytest.raises(SettingsError, match="a single array has level 0 alone"):
        open_source(tmp_path / "cells.zarr" / "s0", level=1)


@pytest.mark.parametrize(
    ("shape", "names", "expected"),
    [
        ((7, 5), None, (7, 5, 1)),
        ((7, 5, 3), None, (7, 5, 3)),
        ((3, 7, 5), None, (7, 5, 3)),
        # Equal ends: bands last.
        ((5, 7, 5), None, (5, 7, 5)),
        # Names overrule the guess.
        ((9, 7, 5), ("band", "y", "x"), (7, 5, 9)),
        ((9, 7, 5), ("x", "y", "c"), (7, 9, 5)),
        ((9, 7), ("x", "y"), (7, 9, 1)),
        ((2, 7, 5), ("time", "lat", "lon"), (7, 5, 1)),
    ],
)
def test_axes(
    shape: tuple[int, ...],
    names: tuple[str, ...] | None,
    expected: tuple[int, int, int],
) -> None:
    data = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    array = zarr.create_array({}, data=data, dimension_names=names)
    with open_source(array) as source:
        info = source.info
        assert (info.height, info.width, info.bands) == expected
        read = source.read(info.window).values
    if names is None:
        order = (1, 2, 0) if shape[0] < shape[-1] else tuple(range(len(shape)))
        truth = data.transpose(order) if len(shape) == 3 else data[..., None]
    else:
        space = [next(i for i, n in enumerate(names) if n in pair) for pair in ("y lat", "x lon")]
        band = [i for i, n in enumerate(names) if n in ("band", "c")]
        rest = [i for i in range(len(names)) if i not in space + band]
        moved = data.transpose(rest + space + band)
        moved = moved[0] if rest else moved
        truth = moved if band else moved[..., None]
    np.testing.assert_array_equal(read, truth)


def test_names_of_xarray_in_v2(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", data=pixels(9, 7, 5), zarr_format=2)
    array.attrs["_ARRAY_DIMENSIONS"] = ["band", "y", "x"]
    array.attrs["_FillValue"] = 3
    with open_source(tmp_path / "a.zarr") as source:
        assert (source.info.height, source.info.width, source.info.bands) == (7, 5, 9)
        assert source.info.nodata == 3


@pytest.mark.parametrize(
    ("shape", "names", "message"),
    [
        ((9,), None, r"shape \(9,\); expected \(H, W\), \(H, W, bands\) or \(bands, H, W\)"),
        ((2, 3, 4, 5), None, "or names of the axes"),
        ((4, 5), ("t", "x"), "axes t, x; expected one called y and one x"),
    ],
)
def test_axes_that_make_no_image(shape: Any, names: Any, message: str) -> None:
    array = zarr.create_array({}, shape=shape, dtype="uint8", dimension_names=names)
    with pytest.raises(SourceError, match=message):
        open_source(array)


def test_plain_group_names_its_arrays(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "group.zarr")
    group.create_array("trees", data=pixels(4, 4, 1))
    group.create_array("roads", data=pixels(4, 4, 1))
    with pytest.raises(SourceError, match="pass one of its arrays: roads, trees"):
        open_source(tmp_path / "group.zarr")
    with open_source(tmp_path / "group.zarr" / "trees") as source:
        assert source.info.height == 4


def test_folder_without_zarr_in_it(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(SourceError, match=r"empty\.zarr: no Zarr array or group can be opened"):
        open_source(tmp_path / "empty.zarr")
    with pytest.raises(SourceError, match=r"absent\.zarr: no such folder"):
        open_source(tmp_path / "absent.zarr")


def test_damaged_chunk_is_named(tmp_path: Path) -> None:
    path = tmp_path / "image.zarr"
    zarr.create_array(path, data=pixels(32, 32, 3), chunks=(16, 16, 3))
    chunk = path / "c" / "1" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:9])
    with open_source(path) as source:
        source.read(Window(0, 0, 16, 32))
        with pytest.raises(SourceError, match=r"image\.zarr: .*Window\(row=16.* damaged"):
            source.read(Window(16, 0, 16, 16))


def test_zip_store(tmp_path: Path) -> None:
    path = tmp_path / "image.zarr.zip"
    image = pixels(20, 30, 3)
    with zarr.storage.ZipStore(path, mode="w") as store:
        zarr.create_array(store, data=image, chunks=(16, 16, 3))
    with open_source(path) as source:
        np.testing.assert_array_equal(source.read(source.info.window).values, image)
        assert dict(source.info.identity)["size"] == str(path.stat().st_size)


def series(folder: Path, names: list[str], version: str, listed: bool) -> Path:
    """Images as bioformats2raw writes them, each in a group with its number."""
    path = folder / "raw.zarr"
    root = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    layout = {"bioformats2raw.layout": 3}
    root.attrs.update(layout if version == "0.4" else {"ome": {"version": "0.5", **layout}})
    if listed:
        root.create_group("OME").attrs.update({"series": names})
    for name in names:
        write_ome(path / name, version, CUBE)
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("listed", [True, False])
def test_only_series_of_bioformats2raw(version: str, listed: bool, tmp_path: Path) -> None:
    with open_source(series(tmp_path, ["0"], version, listed)) as source:
        assert (source.info.height, source.info.bands) == (40, 2)
        assert source.info.notes == (
            "the first of 2 steps along t is read and 1 left out; --at t=1 reads the second",
            "the first of 3 steps along z is read and 2 left out; --at z=1 reads the second",
        )


@pytest.mark.parametrize("listed", [True, False])
def test_several_series_are_named(listed: bool, tmp_path: Path) -> None:
    path = series(tmp_path, ["0", "1", "2"], "0.4", listed)
    with pytest.raises(SourceError, match=r"holds 3 images, 0, 1, 2; .*such as \S+raw\.zarr/0"):
        open_source(path)
    with open_source(path / "1") as source:
        assert source.info.bands == 2


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_plates_and_wells_name_their_images(version: str, tmp_path: Path) -> None:
    path = tmp_path / "plate.zarr"
    root = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    plate = {"plate": {"wells": [{"path": "A/1"}, {"path": "B/2"}]}}
    well = {"well": {"images": [{"path": "0"}, {"path": "1"}]}}
    wrap = (lambda part: part) if version == "0.4" else (lambda part: {"ome": part})
    root.attrs.update(wrap(plate))
    root.create_group("A/1").attrs.update(wrap(well))
    write_ome(path / "A/1/0", version, CUBE)
    with pytest.raises(SourceError, match=r"a plate of 2 wells; .*plate\.zarr/A/1/0"):
        open_source(path)
    with pytest.raises(SourceError, match=r"holds 2 images, 0, 1"):
        open_source(path / "A/1")
    with open_source(path / "A/1/0") as source:
        assert source.info.bands == 2


def test_group_of_bands_offers_a_stack_that_works(tmp_path: Path) -> None:
    path = tmp_path / "bands.zarr"
    group = zarr.create_group(path)
    for name in ("B02", "B03"):
        group.create_array(name, data=pixels(4, 6, 1)[..., 0], dimension_names=("y", "x"))
    group.create_array("y", data=np.arange(4.0), dimension_names=("y",))
    stack = f"--stack {path}/B02 {path}/B03"
    with pytest.raises(SourceError, match=f"its arrays: B02, B03; .*{stack}"):
        open_source(path)
    with open_source([f"{path}/B02", f"{path}/B03"]) as source:
        assert source.info.bands == 2


def test_group_of_groups_names_them(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "tree.zarr").create_group("measurements")
    with pytest.raises(SourceError, match="without arrays of images; it holds the groups meas"):
        open_source(tmp_path / "tree.zarr")


def test_multiscales_of_geozarr_are_no_ome(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "geo.zarr")
    group.attrs["multiscales"] = {"layout": [{"asset": "r10m"}, {"asset": "r20m"}]}
    group.create_group("r10m").create_array("b02", data=pixels(4, 6, 1)[..., 0])
    with pytest.raises(SourceError, match="holds the groups r10m"):
        open_source(tmp_path / "geo.zarr")
    with open_source(tmp_path / "geo.zarr" / "r10m") as source:
        assert source.info.width == 6


@pytest.mark.parametrize("kind", ["plain", "ome", "xarray", "xarray of dask"])
def test_a_step_of_any_further_axis_can_be_chosen(kind: str, tmp_path: Path) -> None:
    values = np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6)
    names = ("t", "z", "c", "y", "x")
    image: Any = tmp_path / "a.zarr"
    if kind == "plain":
        zarr.create_array(image, data=values, dimension_names=names)
    elif kind == "ome":
        scale = {"type": "scale", "scale": [1.0] * 5}
        level = {"path": "0", "coordinateTransformations": [scale]}
        ome = {"multiscales": [{"axes": [{"name": n} for n in names], "datasets": [level]}]}
        group = zarr.create_group(image, attributes={"ome": {"version": "0.5", **ome}})
        group.create_array("0", data=values)
    else:
        image = xarray.DataArray(values, dims=names)
        image = image.chunk({"t": 1}) if "dask" in kind else image
    identities = []
    for at in ({"t": 0}, {"t": 1}, {"depth": 2}, {"time": 1, "z": 1}):
        time = at.get("t", at.get("time", 0))
        depth = at.get("z", at.get("depth", 0))
        with open_source(image, at=at, bands=[4, 2]) as source:
            read = source.read(Window(1, 2, 3, 4)).values
            expected = values[time, depth][[3, 1], 1:4, 2:6].transpose(1, 2, 0)
            np.testing.assert_array_equal(read, expected)
            assert len(source.info.notes) == 2 - len(at)
            identities.append(source.info.identity)
    assert len(set(identities)) == 4
    with pytest.raises(SourceError, match=r"z=3 was asked for.*choose from 0 to 2"):
        open_source(image, at={"z": 3})
