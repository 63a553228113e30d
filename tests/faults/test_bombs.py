"""Small files that claim to be huge: refused, or handled, in bounded time and memory.

Each is opened in a process of its own, which may take 2 s and 300 MB beyond its imports.
"""

# ruff: noqa: E501 (tables of attacks, one a row)

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import zarr

from tests.faults.test_hostile_images import PLACE, PLAIN, png

MOST_MB = 300

PROBE = """
import json, sys, time
import numpy as np
import tilesegm as ts
{imports}
def peak():
    # Not ru_maxrss, which begins with the peak of the process that started this one.
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024
open("/proc/self/clear_refs", "w").write("5")
before, began, path = peak(), time.monotonic(), sys.argv[1]
try:
    {attempt}
    outcome = "read"
except ts.TilesegmError as error:
    outcome = str(error)
print(json.dumps([outcome, time.monotonic() - began, peak() - before]))
"""
WAYS = {
    "image": ("import rasterio, tifffile, zarr, tilesegm.source.pages, tilesegm.source.zarr",
              "ts.open_source(path).read(ts.Window(0, 0, 4, 4))"),
    "model": ("import keras, tilesegm.losses, h5py\nfrom tilesegm.model.open import open_model",
              "open_model(path)"),
    "vector": ("import pyogrio, shapely, rasterio\nfrom tilesegm.source.vector.address import VectorAddress\n"
               "from tilesegm.source.vector.layers import read_layers",
               "read_layers(VectorAddress.parse(path))"),
    "settings": ("import yaml, pydantic\nfrom tilesegm.training.settings.schema import adapter\nadapter()\n"
                 "from tilesegm.training.settings.settings_file import load_config",
                 "load_config(path)"),
    "statistics": ("from tilesegm.data.statistics.cache import load_statistics",
                   "load_statistics(__import__('pathlib').Path(path), 'key')"),
}  # fmt: skip


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return path


def tiff(path: Path, **options: object) -> Path:
    sparse = PLAIN | {"compress": "deflate", "sparse_ok": True, "transform": PLACE}
    with rasterio.open(path, "w", **(sparse | options)):
        pass
    return path


def hdf5(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (10**6, 10**6), "f4", chunks=(8, 8), compression="gzip")
        file.attrs["model_config"] = "{}"
    return path


def written(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def gif(path: Path) -> Path:
    """One pixel's worth of data behind the header of 65 535 x 65 535."""
    screen = b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6)
    return written(path, screen + b",\0\0\0\0\xff\xff\xff\xff\x40\x02\x02\x44\x01\0;")


def array(path: Path, **options: object) -> Path:
    zarr.create_array(path, **({"dtype": "u1"} | options))
    return path


def chunked(path: Path) -> Path:
    data = np.zeros((2**14, 2**14), np.uint8)
    zarr.create_array(path, data=data, chunks=data.shape)
    return path


BOMBS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    ".keras: a member of 1 GB": ("model", lambda p: zipped(p / "a.keras", assets=bytes(2**30))),
    ".keras: config.json of 1 GB": ("model", lambda p: zipped(p / "a.keras", config__json=b" " * 2**30, metadata__json=b"{}")),
    ".h5: an array of 4 TB": ("model", lambda p: hdf5(p / "a.h5")),
    ".keras: an array of 4 TB": ("model", lambda p: zipped(p / "a.keras", model__weights__h5=hdf5(p / "w").read_bytes())),
    ".npz: an array of 1 GB": ("statistics", lambda p: zipped(p / "a.npz", key__npy=bytes(2**30))),
    ".zarr.zip: a file of 1 GB": ("image", lambda p: zipped(p / "a.zarr.zip", zarr__json=b" " * 2**30)),
    ".shp.zip: a file of 1 GB": ("vector", lambda p: zipped(p / "a.shp.zip", a__shp=bytes(2**30))),
    "PNG: interlaced, 30 000 px": ("image", lambda p: written(p / "a.png", png(30_000, 1))),
    "PNG: 10^6 px": ("image", lambda p: written(p / "a.png", png(10**6, 0))),
    "GIF: 65 535 px": ("image", lambda p: gif(p / "a.gif")),
    "TIFF: a tile of 16 384 px": ("image", lambda p: tiff(p / "a.tif", height=2**16, width=2**16, tiled=True, blockxsize=2**14, blockysize=2**14)),
    "TIFF: 65 535 bands": ("image", lambda p: tiff(p / "a.tif", count=65535, interleave="pixel")),
    "VRT: sides of 2e9": ("image", lambda p: written(p / "a.tif", '<VRTDataset rasterXSize="2147483647" rasterYSize="2147483647"><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>')),
    "VRT: entities of 10 TB": ("image", lambda p: written(p / "a.vrt", "<!DOCTYPE a [<!ENTITY a0 'aaaaaaaaaa'>" + "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(12)) + "]><VRTDataset>&a12;</VRTDataset>")),
    "Zarr: a chunk of 1e12": ("image", lambda p: array(p / "a.zarr", shape=(10**6, 10**6), chunks=(10**6, 10**6))),
    "Zarr: a stored chunk of 268 MB": ("image", lambda p: chunked(p / "a.zarr")),
    "Zarr: sides of 1e18": ("image", lambda p: array(p / "a.zarr", shape=(10**18, 10**18), chunks=(64, 64))),
    "Zarr: an index of 1e8": ("image", lambda p: array(p / "a.zarr", shape=(2**16, 2**16), shards=(2**16, 2**16), chunks=(4, 4))),
    "YAML: 10 000 levels": ("settings", lambda p: written(p / "a.yaml", "[" * 10_000)),
    "YAML: aliases of 9^12": ("settings", lambda p: written(p / "a.yaml", "a0: &a0 [x]\n" + "\n".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(12)))),
    "YAML: 9 MB": ("settings", lambda p: written(p / "a.yaml", "#" * 9_000_000)),
}  # fmt: skip


def measure(kind: str, path: Path) -> tuple[str, float, float]:
    imports, attempt = WAYS[kind]
    code = PROBE.format(imports=imports, attempt=attempt)
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outcome, seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
    return outcome, seconds, megabytes


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from Linux")
@pytest.mark.parametrize(
    "name",
    [
        # Some take long to make.
        pytest.param(name, marks=pytest.mark.slow) if "1 GB" in name or "10^6" in name else name
        for name in BOMBS
    ],
)
def test_a_bomb(tmp_path: Path, name: str) -> None:
    kind, make = BOMBS[name]
    outcome, _, megabytes = measure(kind, make(tmp_path))
    assert megabytes < MOST_MB, outcome


def main() -> None:
    """Print the table of SECURITY.md."""
    import tempfile

    for name, (kind, make) in BOMBS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = make(Path(folder))
            inside = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
            size = sum(p.stat().st_size for p in inside)
            outcome, seconds, megabytes = measure(kind, path)
        verdict = "read" if outcome == "read" else "refused"
        print(
            f"| {name} | {size / 1000:.1f} kB | {verdict} | {seconds:.2f} s | {megabytes:.0f} MB |"
        )


if __name__ == "__main__":
    main()
