"""Batches whose maps, manifest and areas lie in an object store, an S3 server on loopback."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilesegm as ts
from tests.images import GEO, blobs, write
from tests.source.store import BUCKET, SECRET, Line, Store, serving_store
from tilesegm.errors import OutputError, SettingsError
from tilesegm.events import Event, PixelsDone, RunStarted

TILING = ts.Tiling(tile=32, overlap=8)
MAPS = f"s3://{BUCKET}/maps"


@pytest.fixture(scope="module")
def served() -> Iterator[Store]:
    with serving_store() as store:
        yield store


@pytest.fixture
def store(served: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty bucket behind a line that behaves, and a folder to work in that is empty too."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    yield served
    vars(served.line).update(vars(Line()))
    for name in served.names():
        served.client.delete_object(Bucket=BUCKET, Key=name)


def brightest(pixels: np.ndarray) -> np.ndarray:
    """Score each band by its own value."""
    return pixels


def images(folder: Path, *seeds: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [write(folder / f"{n}.tif", blobs(40, 30, seed=n), **GEO) for n in seeds]


def segment(paths: list[Any], folder: str = MAPS, **more: Any) -> list[ts.BatchItem]:
    network = more.pop("network", brightest)
    return ts.segment_many(paths, network, folder, **({"tiling": TILING} | more))


def records(store: Store, key: str = "maps/manifest.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in store.get(key).decode().splitlines()]


def reasons(items: list[ts.BatchItem]) -> list[str]:
    return [item.reason or str(item.error) for item in items]


def test_a_batch_in_a_store_does_what_is_missing_failed_or_changed(
    store: Store, tmp_path: Path
) -> None:
    paths = images(tmp_path / "in", 0, 1, 2)
    (tmp_path / "in" / "text.tif").write_text("no image")
    items = segment([tmp_path / "in"], MAPS + "/")
    assert [item.error is None for item in items] == [True] * 3 + [False]
    assert [item.result.output for item in items[:3] if item.result] == [
        f"{MAPS}/{n}_classes.tif" for n in range(3)
    ]
    with ts.open_source(f"{MAPS}/1_classes.tif") as found:
        values = found.read(found.info.window).values[..., 0]
        np.testing.assert_array_equal(values, blobs(40, 30, seed=1).argmax(axis=2))
    made = {name for name in store.names() if not name.endswith(".aux.xml")}
    assert made == {*(f"maps/{n}_classes.tif" for n in range(3)), "maps/manifest.jsonl"}
    rows = records(store)
    assert [row["status"] for row in rows] == ["done"] * 3 + ["failed"]
    assert [row["output"] for row in rows] == [f"{n}_classes.tif" for n in (0, 1, 2, "text")]
    assert not [*Path.cwd().iterdir()]

    # The disk is empty, as that of another machine: the store alone tells what is done.
    write(paths[1], blobs(40, 30, seed=7), **GEO)
    store.client.delete_object(Bucket=BUCKET, Key="maps/2_classes.tif")
    write(tmp_path / "in" / "text.tif", blobs(40, 30, seed=9), **GEO)
    begun: list[Event] = []
    again = segment([tmp_path / "in"], on_event=begun.append)
    assert reasons(again) == ["finished before", "input changed", "output missing", "failed before"]
    assert sum(isinstance(event, RunStarted) for event in begun) == 3
    assert [row["status"] for row in records(store)] == ["done"] * 4
    store.line.seen.clear()
    assert reasons(segment([tmp_path / "in"])) == ["finished before"] * 4
    assert not [seen for seen in store.line.seen if "PUT" in seen and ".partial" not in seen]
    assert reasons(segment([tmp_path / "in"], tiling=ts.Tiling(16, 4))) == ["options changed"] * 4
    assert reasons(segment([paths[0]], overwrite=True)) == ["options changed"]
    assert reasons(segment([paths[0]], overwrite=True)) == ["by --overwrite"]
    assert len(records(store)) == 4
    assert not [*Path.cwd().iterdir()]
