"""Runs on images behind http and in a store: equal to local ones, and few bytes are read twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import tilesegm as ts
from tests.images import GEO, blobs, write
from tests.source.server import serving
from tests.source.store import BUCKET, Line, Store, serving_store

IMAGE = blobs(2100, 2300)
TILING = ts.Tiling(tile=512, overlap=64)
NAMES = ("cog.tif", "city.zarr", "shards.zarr")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    write(folder / "cog.tif", IMAGE, driver="COG", BLOCKSIZE=512, COMPRESS="DEFLATE", **GEO)
    zarr.create_array(folder / "city.zarr", data=IMAGE, chunks=(256, 256, 3))
    zarr.create_array(
        folder / "shards.zarr", data=IMAGE, chunks=(256, 256, 3), shards=(1024, 1024, 3)
    )
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[Store]:
    with serving_store() as store:
        for name in NAMES:
            store.put(folder / name, name)
        yield store
        vars(store.line).update(vars(Line()))


def slow(name: str) -> Any:
    return pytest.param(name, marks=pytest.mark.slow)


def classes(image: str) -> Any:
    return ts.segment(image, lambda pixels: pixels, tiling=TILING).classes


def stored_bytes(path: Path) -> int:
    """Return the bytes of the full resolution."""
    if path.suffix == ".tif":
        import tifffile

        with tifffile.TiffFile(path) as tiff:
            return sum(tiff.pages[0].databytecounts)
    return sum(os.path.getsize(file) for file in path.rglob("c/**/*") if file.is_file())


@pytest.mark.parametrize("name", ["cog.tif", *map(slow, NAMES[1:])])
def test_few_bytes_are_read_twice_over_http(folder: Path, name: str) -> None:
    with serving(folder) as (address, server):
        found = classes(f"{address}/{name}")
        amplification = server.sent / stored_bytes(folder / name)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(found, IMAGE.argmax(-1))
    assert 1 <= amplification <= 1.3


@pytest.mark.parametrize("name", ["cog.tif", slow("city.zarr"), "shards.zarr"])
def test_few_bytes_are_read_twice_from_a_store_that_fails_now_and_then(
    store: Store, folder: Path, name: str
) -> None:
    store.line.every, store.line.delay, store.line.sent = 9, 0.01, 0
    found = classes(f"s3://{BUCKET}/{name}")
    amplification = store.line.sent / stored_bytes(folder / name)
    np.testing.assert_array_equal(found, IMAGE.argmax(-1))
    assert 1 <= amplification <= 1.3
