"""Bytes and requests of a run on an image behind http and in S3, against what is stored.

Run: python benchmarks/remote.py --size 2100 2300

The servers run on loopback; ``--delay`` makes each request of S3 wait, ``--every`` lets one of as
many fail. Needs the packages of the tests, and runs in the project's folder.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import tifffile
import zarr

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tilesegm as ts
from tests.images import blobs, write
from tests.source.server import serving
from tests.source.store import BUCKET, serving_store

NAMES = ("cog.tif", "chunks.zarr", "shards.zarr")


def make(folder: Path, size: tuple[int, int]) -> dict[str, int]:
    image = blobs(*size)
    write(folder / "cog.tif", image, driver="COG", BLOCKSIZE=512, COMPRESS="DEFLATE")
    for name, shards in (("chunks", None), ("shards", (1024, 1024, 3))):
        chunks = (256, 256, 3)
        zarr.create_array(folder / f"{name}.zarr", data=image, chunks=chunks, shards=shards)
    with tifffile.TiffFile(folder / "cog.tif") as tiff:
        stored = {"cog.tif": sum(tiff.pages[0].databytecounts)}
    for name in NAMES[1:]:
        files = [path for path in (folder / name).rglob("c/**/*") if path.is_file()]
        stored[name] = sum(map(os.path.getsize, files))
    return stored


def run(image: str) -> float:
    began = time.monotonic()
    ts.segment(image, lambda pixels: pixels, tiling=ts.Tiling(tile=512, overlap=64))
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(2100, 2300))
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--every", type=int, default=0)
    given = parser.parse_args()
    with TemporaryDirectory() as place:
        folder = Path(place)
        stored = make(folder, tuple(given.size))
        print("| image | server | bytes sent / stored | requests | s |")
        print("| --- | --- | --- | --- | --- |")
        with serving(folder) as (address, server):
            for name in NAMES:
                server.sent = server.requests = 0  # type: ignore[attr-defined]
                seconds = run(f"{address}/{name}")
                part = server.sent / stored[name]  # type: ignore[attr-defined]
                print(f"| {name} | http | {part:.2f} | {server.requests} | {seconds:.1f} |")  # type: ignore[attr-defined]
        with serving_store() as store:
            for name in NAMES:
                store.put(folder / name, name)
            store.line.delay, store.line.every = given.delay, given.every
            for name in NAMES:
                store.line.sent = 0
                store.line.seen.clear()
                seconds = run(f"s3://{BUCKET}/{name}")
                part = store.line.sent / stored[name]
                print(f"| {name} | S3 | {part:.2f} | {len(store.line.seen)} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
