"""Images that lead elsewhere, never end, or claim what no memory holds."""

# ruff: noqa: E501 (tables of attacks, one a row)

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio

import tilesegm as ts
from tests.faults.outcomes import attempt
from tilesegm.errors import SourceError

PLAIN = {"driver": "GTiff", "height": 64, "width": 64, "count": 1, "dtype": "uint8"}

PLACE = rasterio.Affine(1, 0, 0, 0, -1, 64)


def write(path: Path, value: int = 1, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **(PLAIN | {"transform": PLACE} | options)) as file:
        file.write(np.full((1, 64, 64), value, np.uint8))
    return path


def mosaic(name: str, relative: int = 0, band: str = "", more: str = "") -> str:
    source = (
        f'<SimpleSource><SourceFilename relativeToVRT="{relative}">{name}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource>"
    )
    return (
        f'<VRTDataset rasterXSize="64" rasterYSize="64"><VRTRasterBand dataType="Byte" band="1"{band}>'
        f"{source if name else ''}{more}</VRTRasterBand></VRTDataset>"
    )


def read(path: str | Path) -> np.ndarray:
    with ts.open_source(path) as source:
        return source.read(ts.Window(0, 0, 16, 16)).values


WARPED = (
    '<VRTDataset rasterXSize="64" rasterYSize="64" subClass="VRTWarpedDataset">'
    '<VRTRasterBand dataType="Byte" band="1" subClass="VRTWarpedRasterBand"/>'
    '<GDALWarpOptions><SourceDataset relativeToVRT="0">{secret}</SourceDataset></GDALWarpOptions>'
    "</VRTDataset>"
)
RAW = (
    '<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1" '
    'subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="0">/etc/passwd</SourceFilename>'
    "</VRTRasterBand></VRTDataset>"
)
LEADING = {
    "an absolute path": mosaic("{secret}"),
    "a path that climbs": mosaic("../elsewhere/secret.tif", 1),
    "a link": mosaic("link.tif", 1),
    "the network": mosaic("/vsicurl/http://127.0.0.1:9/a.tif"),
    "the network, as WMS in the text": mosaic("&lt;GDAL_WMS&gt;&lt;/GDAL_WMS&gt;"),
    "an archive": mosaic("/vsizip/{secret}.zip/a.tif"),
    "a text beside it": mosaic("wms.tif", 1),
    "a mosaic beside it": mosaic("inner.tif", 1),
    "a device": mosaic("/dev/zero"),
    "a driver's name": mosaic("WMS:http://127.0.0.1:9/"),
    "a page elsewhere": mosaic("GTIFF_DIR:1:{secret}"),
    "warping": WARPED,
    "raw bytes": RAW,
    "overviews": mosaic("a.tif", 1, more="<Overview><SourceFilename>{secret}</SourceFilename></Overview>"),
    "a geolocation": mosaic("a.tif", 1, more='<Metadata domain="GEOLOCATION"><MDI key="X_DATASET">/vsicurl/http://127.0.0.1:9/</MDI></Metadata>'),
    "Python": mosaic("a.tif", 1, ' subClass="VRTDerivedRasterBand"', "<PixelFunctionLanguage>Python</PixelFunctionLanguage><PixelFunctionType>m.f</PixelFunctionType>"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "inside"
    write(inside / "a.tif")
    secret = write(tmp_path / "elsewhere" / "secret.tif", 77)
    (inside / "link.tif").symlink_to(secret)
    (inside / "wms.tif").write_text("<GDAL_WMS><Service name='TMS'></Service></GDAL_WMS>")
    (inside / "inner.tif").write_text(mosaic(str(secret)))
    return inside


@pytest.mark.parametrize("suffix", [".vrt", ".tif", ".png"])
@pytest.mark.parametrize("name", LEADING)
def test_a_mosaic_that_leads_elsewhere(folder: Path, name: str, suffix: str) -> None:
    path = folder / f"mosaic{suffix}"
    path.write_text(LEADING[name].replace("{secret}", str(folder.parent / "elsewhere/secret.tif")))
    with pytest.raises(SourceError, match=r"leads to|part of a mosaic|runs Python|device"):
        read(path)


def test_a_mosaic_of_what_lies_beside_or_below_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "below" / "b.tif", 5)
    path = folder / "mosaic.tif"
    for name, relative, value in (
        ("a.tif", 1, 1),
        ("below/b.tif", 1, 5),
        (str(folder / "a.tif"), 0, 1),
        ("GTIFF_DIR:1:" + str(folder / "a.tif"), 0, 1),
    ):
        path.write_text(mosaic(name, relative))
        assert (read(path) == value).all()
    path.write_text(mosaic(str(folder.parent / "elsewhere" / "secret.tif")))
    monkeypatch.setenv("TILESEGM_TRUST", "1")
    assert (read(path) == 77).all()


def test_mosaics_without_end(folder: Path) -> None:
    (folder / "x.vrt").write_text(mosaic("y.vrt", 1))
    (folder / "y.vrt").write_text(mosaic("x.vrt", 1))
    with pytest.raises(SourceError, match="mosaics of mosaics"):
        read(folder / "x.vrt")
    entities = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(12))
    (folder / "x.vrt").write_text(
        f'<!DOCTYPE a [<!ENTITY a0 "aaaaaaaaaa">{entities}]>' + mosaic("&a12;", 1)
    )
    with pytest.raises(SourceError):
        read(folder / "x.vrt")


@pytest.mark.parametrize("how", ["tag", "aux", "file"])
def test_overviews_that_lead_elsewhere(folder: Path, how: str) -> None:
    path = folder / "a.tif"
    secret = folder.parent / "elsewhere" / "secret.tif"
    if how == "tag":
        with rasterio.open(path, "w", **PLAIN, transform=PLACE) as file:
            file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(secret))
    elif how == "aux":
        (folder / "a.tif.aux.xml").write_text(
            '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">'
            f"{secret}</MDI></Metadata></PAMDataset>"
        )
    else:
        (folder / "a.tif.ovr").write_text(mosaic(str(secret)))
    with pytest.raises(SourceError, match=r"leads? to"):
        read(path)


def test_an_hdf5_image_that_lies_in_other_files(tmp_path: Path) -> None:
    path = tmp_path / "city.tif"
    for how in ("storage", "link"):
        with h5py.File(path, "w") as file:
            if how == "link":
                file["a"] = h5py.ExternalLink("/tmp/other.h5", "/a")
            else:
                file.create_dataset("a", (16, 16), "u1", external=[("/etc/passwd", 0, 256)])
        with pytest.raises(SourceError, match="leads to other files, as 'a' does"):
            read(path)


SERVICES = {
    "WMS": "<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1:9/${z}</ServerUrl></Service>"
    "<DataWindow><TileLevel>3</TileLevel></DataWindow></GDAL_WMS>",
    "WMTS": "<GDAL_WMTS><GetCapabilitiesUrl>http://127.0.0.1:9/</GetCapabilitiesUrl></GDAL_WMTS>",
    "GDALG": '{"type": "gdal_streamed_alg", "command_line": "gdal raster read /etc/passwd"}',
    "STACTA": '{"stac_extensions": ["tiled-assets"], "asset_templates": {}}',
    "MRF": "<MRF_META><CachedSource><Source>http://127.0.0.1:9/</Source></CachedSource></MRF_META>",
    "GTI": "<GDALTileIndexDataset><IndexDataset>/etc/passwd</IndexDataset></GDALTileIndexDataset>",
}


@pytest.mark.parametrize("name", SERVICES)
def test_services_under_the_name_of_an_image(tmp_path: Path, name: str) -> None:
    path = tmp_path / "city.tif"
    path.write_text(SERVICES[name])
    with pytest.raises(SourceError, match="not an image that GDAL"):
        read(path)


@pytest.mark.parametrize("name", ["city.tif", "city.png", "city.svs", "city.zarr", "city"])
def test_pipes_and_devices(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    os.mkfifo(path)
    with pytest.raises(SourceError, match="is a pipe, and a file is expected; save its contents"):
        read(path)
    for device in (
        "/dev/zero",
        "/dev/random",
        "/proc/self/environ",
        "/proc/kmsg",
        "/sys/kernel/mm",
    ):
        path.unlink()
        path.symlink_to(device)
        with pytest.raises(SourceError, match=r"is a device|of the operating system"):
            read(path)


@pytest.mark.parametrize("suffix", [".aux.xml", ".ovr", ".msk", ".tfw"])
def test_a_pipe_beside_an_image(folder: Path, suffix: str) -> None:
    os.mkfifo(folder / ("a.tfw" if suffix == ".tfw" else f"a.tif{suffix}"))
    with pytest.raises(SourceError, match="is a pipe"):
        read(folder / "a.tif")


@pytest.mark.parametrize("name", ["a\0b.tif", "\ud800.tif", "x" * 5000])
def test_names_that_no_file_has(name: str) -> None:
    with pytest.raises(SourceError) as told:
        read(name)
    assert "\n" not in str(told.value)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(side: int, interlaced: int) -> bytes:
    """A grey PNG of zeros, whose rows are compressed a thousand times."""
    squeeze = zlib.compressobj(9)
    rows = b"".join(squeeze.compress(bytes(side + 1)) for _ in range(min(side, 3000)))
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, interlaced)
    data = rows + squeeze.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_an_interlaced_png_is_decoded_whole(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(30_000, 1))
    with pytest.raises(SourceError, match="decoded at once unpacks to 900 MB"):
        read(path)
    path.write_bytes(png(30_000, 0))  # rows follow each other
    assert (read(path) == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"height": 40_000, "width": 40_000, "blockysize": 40_000}, "cannot be read"),
        ({"height": 60_000, "width": 60_000, "tiled": True, "blockxsize": 16384, "blockysize": 16384}, "unpacks to 268 MB"),
        ({"height": 16, "width": 16, "count": 65535, "interleave": "pixel"}, "more than 4096 bands"),
    ],
    ids=["a strip, read by rows", "a tile", "bands"],
)  # fmt: skip
def test_tiffs_that_claim_much(tmp_path: Path, options: dict, message: str) -> None:
    path = tmp_path / "city.tif"
    sparse = PLAIN | {
        "compress": "deflate",
        "sparse_ok": True,
        "BIGTIFF": "YES",
        "transform": PLACE,
    }
    with rasterio.open(path, "w", **(sparse | options)):
        pass
    with pytest.raises(SourceError, match=message):
        read(path)


def test_sides_beyond_plans(tmp_path: Path) -> None:
    path = tmp_path / "city.vrt"
    for rows, cols in ((2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (2**22, 2**22)):
        path.write_text(
            f'<VRTDataset rasterXSize="{cols}" rasterYSize="{rows}">'
            '<VRTRasterBand dataType="Byte" band="1"/></VRTDataset>'
        )
        with pytest.raises(SourceError, match="cannot be planned; cut it to parts"):
            read(path)


@pytest.mark.parametrize("make", [png], ids=["png"])
def test_cut_images(tmp_path: Path, make: Callable[[int, int], bytes]) -> None:
    data = make(64, 0)
    path = tmp_path / "cut.png"
    for end in range(0, len(data), 3):
        path.write_bytes(data[:end])
        attempt(str(end), lambda: read(path))


def flipped(data: bytes, seed: int) -> bytes:
    chance = np.random.default_rng(seed)
    changed = bytearray(data)
    for at in chance.integers(0, min(len(data), 600), chance.integers(1, 5)):
        changed[at] = chance.integers(0, 256)
    return bytes(changed)


def fuzz(folder: Path, attempts: int) -> int:
    made = [
        write(folder / "a.tif"),
        write(folder / "b.tif", tiled=True, compress="deflate", blockxsize=16, blockysize=16),
    ]
    made.append(write(folder / "c.png", driver="PNG"))
    tried = 0
    for path in made:
        data = path.read_bytes()
        for seed in range(attempts):
            path.write_bytes(flipped(data, seed))
            attempt(f"{path.name} seed {seed}", lambda path=path: read(path))
            tried += 1
    return tried


def test_headers_with_flipped_bytes(tmp_path: Path) -> None:
    assert fuzz(tmp_path, 150) == 450


@pytest.mark.slow
def test_headers_with_flipped_bytes_often(tmp_path: Path) -> None:
    assert fuzz(tmp_path, 2000) == 6000
