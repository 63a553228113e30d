"""Zarr in which many chunks share a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import tilesegm as ts
from tests.images import blobs
from tests.sink.conftest import CLASSES, patches
from tilesegm.sink.layer import Layer
from tilesegm.sink.ome_zarr import finish_zarr
from tilesegm.sink.shards import are_wanted, shard_side, windows
from tilesegm.sink.staged_array import StagedArray

SCORES = Layer("scores", np.dtype("float32"), planes=2, nodata=np.nan)


def array(*shape: int, chunk: int = 1024, dtype: str = "u1") -> StagedArray:
    return StagedArray(Path("none"), (shape[0], shape[1]), chunk, np.dtype(dtype), 0)


@pytest.mark.parametrize(
    ("given", "side"),
    [
        (array(10**6, 10**6), 8192),  # 64 MiB of pixels
        (array(10**6, 10**6, dtype="f2"), 4096),  # 32 MiB: a side of 8192 would be 128 MiB
        (array(10**6, 10**6, dtype="f4"), 4096),
        (array(10**6, 10**6, chunk=256), 8192),
        (array(3000, 700, chunk=256), 4096),  # no larger than the array needs
        (array(1, 1), 1024),
    ],
)
def test_a_shard_is_whole_chunks_that_fit_in_memory(given: StagedArray, side: int) -> None:
    assert shard_side(given) == side
    assert side % given.chunk == 0


def test_shards_are_for_very_many_chunks() -> None:
    # 99 x 101 = 9999 chunks and 100 x 101 = 10 100.
    few, many = array(99 * 1024, 101 * 1024), array(99 * 1024 + 1, 101 * 1024)
    assert [are_wanted("auto", [one]) for one in (few, many)] == [False, True]
    assert are_wanted("auto", [few, few])
    assert [are_wanted(choice, [many, few]) for choice in ("yes", "no")] == [True, False]


def test_a_million_chunks_are_few_files() -> None:
    whole = array(1000 * 1024, 1000 * 1024)
    assert len([*windows(whole, shards=True)]) == 125**2  # 64 chunks each


def test_every_level_reads_back(tmp_path, staged, facts) -> None:
    scores = np.random.default_rng(0).random((2, 1100, 1300), np.float32)
    layers = {CLASSES: patches(1100, 1300), SCORES: scores}
    staging = staged(layers)
    finish_zarr(staging, tmp_path / "plain.zarr", facts, shards="no")
    finish_zarr(staging, tmp_path / "shards.zarr", facts, shards="yes")
    plain, shards = (
        zarr.open_group(tmp_path / f"{name}.zarr", mode="r") for name in ("plain", "shards")
    )
    for name in ("0/classes", "1/classes", "scores/0/scores", "scores/2/scores"):
        assert np.array_equal(plain[name][:], shards[name][:])
        assert plain[name].chunks == shards[name].chunks
    files = [
        len([path for path in (tmp_path / name).rglob("c/**/*") if path.is_file()])
        for name in ("plain.zarr", "shards.zarr")
    ]
    # Of 3 planes and 3 levels, each is one shard of 5 x 6 chunks: both shrink by the same.
    assert files == [3 * 3 * 30, 3 * 3]


def test_a_run_with_shards_is_verified_resumed_and_refused_like_others(tmp_path: Path) -> None:
    image, options = blobs(1100, 300), ts.Options(shards="yes", confidence="top")
    out = tmp_path / "map.zarr"
    tiling = ts.Tiling(tile=256, overlap=64)

    def network(pixels: Any) -> Any:
        return pixels

    ts.segment(image, network, out, tiling=tiling, options=options)
    assert ts.verify(out, recompute=0.5, image=image, model=network).whole
    plain = replace(options, shards="no")  # the same pixels: found finished
    assert ts.segment(image, network, out, tiling=tiling, options=plain).tiles == 0
    with ts.open_source(out) as source:
        values = source.read(source.info.window).values[..., 0]
    np.testing.assert_array_equal(values, image.argmax(-1))
    (shard,) = (out / "0" / "classes" / "c").rglob("0/0")
    data = bytearray(shard.read_bytes())
    data[20] ^= 1
    shard.write_bytes(data)
    assert "not as it was written" in ts.verify(out).damage[0]
