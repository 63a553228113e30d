"""Images of a batch and their regions share workers."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client, LocalCluster
from numpy.typing import NDArray

import tilesegm as ts
from tests.batch.test_batch import brightest, records
from tests.images import GEO, blobs, read, write
from tests.source.store import BUCKET, serving_store
from tilesegm.cluster.cluster import Cluster
from tilesegm.events import Event, PixelsDone, StageProgress, StageStarted

TILING = ts.Tiling(tile=256, overlap=32)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Return the client of two workers, which are threads of this process."""
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def images(folder: Path) -> list[Path]:
    paths = [write(folder / f"{n}.tif", blobs(60, 50, seed=n), **GEO) for n in range(6)]
    paths.append(write(folder / "tall.tif", blobs(2500, 60, seed=9), **GEO))
    (folder / "text.tif").write_text("nothing")
    return [*paths, folder / "text.tif"]


def test_images_and_regions_share_the_workers(client: Client, tmp_path: Path) -> None:
    paths = images(tmp_path)
    alone = ts.segment_many(paths, brightest, tmp_path / "alone", tiling=TILING)
    at_work: list[int] = []

    def crowded(pixels: NDArray[Any]) -> NDArray[Any]:
        at_work.append(sum("image" in thread.name for thread in threading.enumerate()))
        return brightest(pixels)

    events: list[Event] = []
    options = ts.Options(cluster=Cluster(client=client))
    items = ts.segment_many(
        paths, crowded, tmp_path / "maps", tiling=TILING, options=options, on_event=events.append
    )
    assert [item.image for item in items] == [str(path) for path in paths]
    assert [item.error is None for item in items] == [True] * 7 + [False]
    assert max(at_work) > 1
    for one, other in zip(alone[:-1], items[:-1], strict=True):
        assert one.result is not None
        assert other.result is not None
        np.testing.assert_array_equal(read(one.result.output), read(other.result.output))
    assert Counter(row["status"] for row in records(tmp_path / "maps")) == {"done": 7, "failed": 1}
    assert StageStarted("8 images") in events
    assert StageProgress(1.0) in events
    assert not any(isinstance(event, PixelsDone) for event in events)
    again = ts.segment_many(paths, crowded, tmp_path / "maps", tiling=TILING, options=options)
    assert Counter(item.reason for item in again) == {"finished before": 7, "": 1}


def test_a_batch_on_workers_that_is_stopped_goes_on(client: Client, tmp_path: Path) -> None:
    paths = images(tmp_path)[:-1]
    options = ts.Options(cluster=Cluster(client=client))

    def stop(event: Event) -> None:
        if isinstance(event, StageProgress) and event.fraction > 0.2:
            raise KeyboardInterrupt

    def slow(pixels: NDArray[Any]) -> NDArray[Any]:
        time.sleep(0.05)
        return brightest(pixels)

    words: dict[str, Any] = {"tiling": TILING, "options": options}
    with pytest.raises(KeyboardInterrupt):
        ts.segment_many(paths, slow, tmp_path / "maps", on_event=stop, **words)
    assert not [thread for thread in threading.enumerate() if "image" in thread.name]
    statuses = {row["status"] for row in records(tmp_path / "maps")}
    assert "failed" not in statuses
    items = ts.segment_many(paths, slow, tmp_path / "maps", **words)
    assert [item.error for item in items] == [None] * 7
    assert items[0].reason == "finished before"


def test_images_of_a_store_share_the_workers(client: Client, tmp_path: Path) -> None:
    paths = images(tmp_path)[4:]
    options = ts.Options(cluster=Cluster(client=client), staging=tmp_path)
    with serving_store() as store:
        maps = f"s3://{BUCKET}/maps"
        items = ts.segment_many(paths, brightest, maps, tiling=TILING, options=options)
        assert [item.reason for item in items] == ["new", "new", "new", ""]
        for path, item in zip(paths, items[:3], strict=False):
            assert item.result is not None
            with ts.open_source(item.result.output) as found, ts.open_source(path) as image:
                classes = image.read(image.info.window).values.argmax(axis=2)
                values = found.read(found.info.window).values[..., 0]
            np.testing.assert_array_equal(values, classes)
        lines = store.get("maps/manifest.jsonl").splitlines()
        assert Counter(json.loads(line)["status"] for line in lines) == {"done": 3, "failed": 1}
    assert not [*tmp_path.glob("*.unsent")]
