"""A batch of many images: what fails, what a second run does, and what the manifest says."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilesegm as ts
from tests.faults.tiny_run import network
from tests.images import GEO, blobs, file_state, read, write
from tilesegm.errors import OutputError
from tilesegm.events import Event, RunStarted
from tilesegm.grid.tiling import Tiling
from tilesegm.products.clean import CleanOptions, clean
from tilesegm.products.extent import Extent

TILING = Tiling(tile=32, overlap=8)


def brightest(pixels: np.ndarray) -> np.ndarray:
    """Score each band by its own value."""
    return pixels


@pytest.fixture(autouse=True)
def _no_flushes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def broken(folder: Path) -> list[Path]:
    """Five images that cannot be segmented, each for a reason of its own."""
    good = write(folder / "whole.tif", blobs(60, 50), **GEO).read_bytes()
    (folder / "whole.tif").unlink()
    (folder / "b_empty.tif").write_bytes(b"")
    (folder / "b_text.tif").write_text("no image\n" * 99)
    (folder / "b_cut.tif").write_bytes(good[: len(good) // 2])
    write(folder / "b_bands.tif", blobs(60, 50, 5), **GEO)
    os.symlink(folder / "gone.tif", folder / "b_missing.tif")
    return sorted(folder.glob("b_*.tif"))


def test_a_hundred_images_of_which_five_are_broken(tmp_path: Path) -> None:
    folder, maps = tmp_path / "images", tmp_path / "maps"
    folder.mkdir()
    for n in range(95):
        write(folder / f"{n:03}.tif", blobs(40, 30, seed=n), **GEO)
    bad = broken(folder)
    items = ts.segment_many([folder], brightest, maps, tiling=TILING)
    failures = [item for item in items if item.error is not None]
    assert [item.image for item in failures] == [str(path) for path in bad]
    assert all("\n" not in str(item.error) and str(item.error) for item in failures)
    assert len(list(maps.glob("*.tif"))) == 95
    for n in (0, 94):
        classes = read(maps / f"{n:03}_classes.tif")
        np.testing.assert_array_equal(classes, blobs(40, 30, seed=n).argmax(axis=2))

    rows = records(maps)
    assert Counter(row["status"] for row in rows) == {"done": 95, "failed": 5}
    assert [row["image"] for row in rows] == [item.image for item in items]
    told = {Path(row["image"]).name: row["error"]["message"] for row in rows if "error" in row}
    assert list(told) == [path.name for path in bad]
    assert len(set(told.values())) == 5
    assert "expects 3 bands" in told["b_bands.tif"]
    assert rows[0]["figures"]["width"] == 30
    missing, done = (next(r for r in rows if r["status"] == one) for one in ("failed", "done"))
    assert missing.keys() == done.keys() | {"error"}
    assert Counter(row["reason"] for row in rows) == {"new": 100}

    before = {path.name: file_state(path) for path in maps.glob("*.tif")}
    for n, path in enumerate(bad):
        path.unlink()
        write(path, blobs(40, 30, seed=200 + n), **GEO)
    events: list[Event] = []
    mended = ts.segment_many([folder], brightest, maps, tiling=TILING, on_event=events.append)
    assert [event.uri for event in events if isinstance(event, RunStarted)] == list(map(str, bad))
    assert Counter(item.reason for item in mended) == {"finished before": 95, "failed before": 5}
    assert before.items() <= {path.name: file_state(path) for path in maps.glob("*.tif")}.items()
    assert Counter(row["status"] for row in records(maps)) == {"done": 100}


def test_what_changed_is_computed_again_and_said(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.tif", blobs(40, 30, seed=n), **GEO) for n in range(3)]
    maps = tmp_path / "maps"

    def reasons(**more: Any) -> list[str]:
        network = more.pop("network", brightest)
        return [item.reason for item in ts.segment_many(paths, network, maps, **more)]

    assert reasons(tiling=TILING) == ["new"] * 3
    write(paths[1], blobs(40, 30, seed=7), **GEO)
    (maps / "2_classes.tif").unlink()
    assert reasons(tiling=TILING) == ["finished before", "input changed", "output missing"]
    np.testing.assert_array_equal(
        read(maps / "1_classes.tif"), blobs(40, 30, seed=7).argmax(axis=2)
    )
    assert reasons() == ["options changed"] * 3
    assert reasons(network=lambda pixels: -pixels) == ["model changed"] * 3
    assert len(records(maps)) == 3


def test_a_failure_tells_what_the_image_was_before(tmp_path: Path) -> None:
    path, maps = write(tmp_path / "a.tif", blobs(40, 30), **GEO), tmp_path / "maps"
    ts.segment_many([path], brightest, maps, tiling=TILING)
    (done,) = records(maps)
    path.write_bytes(b"no image")
    for reason in ("done before", "failed before"):
        ts.segment_many([path], brightest, maps, tiling=TILING)
        (row,) = records(maps)
        assert (row["status"], row["reason"]) == ("failed", reason)
        assert row["fingerprint"] == done["fingerprint"]
        assert row["figures"] == {}


def test_what_the_manifest_does_not_know_is_not_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", blobs(40, 30), **GEO)
    maps = tmp_path / "maps"
    maps.mkdir()
    ts.segment(path, brightest, maps / "a_classes.tif")
    before = file_state(maps / "a_classes.tif")
    (item,) = ts.segment_many([path], brightest, maps, tiling=TILING)
    assert isinstance(item.error, OutputError)
    # Neither is what somebody put in the place of what it knows.
    ts.segment_many([path], brightest, maps)
    assert file_state(maps / "a_classes.tif") == before
    ts.segment(path, lambda p: -p, maps / "a_classes.tif", overwrite=True)
    (item,) = ts.segment_many([path], brightest, maps, tiling=TILING)
    assert isinstance(item.error, OutputError)
    arrays = [blobs(40, 30, seed=1)]
    ts.segment_many(arrays, brightest, maps)
    (item,) = ts.segment_many([blobs(40, 30, seed=2)], brightest, maps)
    assert isinstance(item.error, OutputError)


def test_a_cleaned_map_stays_where_an_image_failed(tmp_path: Path) -> None:
    path, maps = tmp_path / "a.tif", tmp_path / "maps"
    path.write_bytes(b"no image")
    ts.segment_many([path], brightest, maps, tiling=TILING)
    write(path, blobs(40, 30), **GEO)
    ts.segment(path, brightest, tmp_path / "raw.tif", tiling=TILING)
    three = Extent.length("3", "--majority")
    clean(tmp_path / "raw.tif", maps / "a_classes.tif", CleanOptions(majority=three))
    before = file_state(maps / "a_classes.tif")
    (item,) = ts.segment_many([path], brightest, maps, tiling=TILING)
    assert isinstance(item.error, OutputError)
    assert file_state(maps / "a_classes.tif") == before


def test_an_output_of_another_image_stays_however_often_it_is_asked_for(tmp_path: Path) -> None:
    first, other = (write(tmp_path / f"{n}.tif", blobs(40, 30, seed=n), **GEO) for n in range(2))
    maps = tmp_path / "maps"
    ts.segment_many([first], brightest, maps, tiling=TILING)
    before = file_state(maps / "0_classes.tif")
    (tmp_path / "table.csv").write_text(f"image,output\n{other},0_classes\n")
    for _ in range(2):
        (item,) = ts.segment_many([tmp_path / "table.csv"], brightest, maps, tiling=TILING)
        assert isinstance(item.error, OutputError)
    assert file_state(maps / "0_classes.tif") == before


def test_any_exception_of_a_library_is_of_one_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write(tmp_path / f"{n}.tif", blobs(40, 30, seed=n), **GEO) for n in range(3)]

    def fragile(pixels: np.ndarray) -> np.ndarray:
        if pixels.max() > 500:
            raise RuntimeError("segmentation\nfault")
        return pixels

    write(paths[1], blobs(40, 30).astype(np.uint16) * 9, **GEO)
    items = ts.segment_many(paths, fragile, tmp_path / "maps", tiling=TILING)
    assert [item.error is None for item in items] == [True, False, True]
    assert "segmentation fault" in str(items[1].error)
    row = records(tmp_path / "maps")[1]
    assert row["error"]["type"] in ("RuntimeError", "ModelError")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), MemoryError()])
def test_what_is_of_the_machine_stops_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    paths = [write(tmp_path / f"{n}.tif", blobs(40, 30, seed=n), **GEO) for n in range(3)]
    done: list[str] = []

    def full(event: Event) -> None:
        if isinstance(event, RunStarted):
            done.append(event.uri)
            if len(done) == 2:
                raise error

    with pytest.raises(ts.TilesegmError, match="the batch stops at image 2 of 3") as raised:
        ts.segment_many(paths, brightest, tmp_path / "maps", tiling=TILING, on_event=full)
    assert raised.value.exit_code == (3 if isinstance(error, OSError) else 4)
    items = ts.segment_many(paths, brightest, tmp_path / "maps", tiling=TILING)
    assert [item.reason for item in items] == ["finished before", "failed before", "new"]


KILLED = """
import os, signal, sys
import tilesegm as ts
from tests.faults.tiny_run import network
from tilesegm.events import PixelsDone
count = 0
def on_event(event):
    global count
    count += isinstance(event, PixelsDone)
    if count == 7:
        os.kill(os.getpid(), signal.SIGKILL)
images, maps = sys.argv[1:]
ts.segment_many([images], network, maps, tiling=ts.Tiling(32, 8), on_event=on_event)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no such signal")
def test_a_batch_that_was_killed_goes_on(tmp_path: Path) -> None:
    folder, maps = tmp_path / "images", tmp_path / "maps"
    folder.mkdir()
    for n in range(10):
        write(folder / f"{n}.tif", blobs(40, 30, seed=n), **GEO)
    words = [sys.executable, "-c", KILLED, str(folder), str(maps)]
    done = subprocess.run(words, capture_output=True, cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL, done.stderr
    rows = records(maps)
    assert [row["status"] for row in rows].count("done") == 6
    assert rows[-1]["status"] == "running"
    with open(maps / "manifest.jsonl", "ab") as file:
        file.write(b'{"manifest": 1, "image": "/torn')
    before = {n: file_state(maps / f"{n}_classes.tif") for n in range(6)}
    items = ts.segment_many([folder], network, maps, tiling=TILING)
    assert [item.error for item in items] == [None] * 10
    assert Counter(item.reason for item in items) == {
        "finished before": 6,
        "interrupted before": 1,
        "new": 3,
    }
    assert {n: file_state(maps / f"{n}_classes.tif") for n in range(6)} == before
    assert [row["status"] for row in records(maps)] == ["done"] * 10
    assert not list(maps.glob("*.partial"))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not list handles")
def test_no_handle_stays_open(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.tif", blobs(20, 20, seed=n), **GEO) for n in range(30)]

    def handles(event: Event) -> None:
        if isinstance(event, RunStarted):
            counts.append(len(os.listdir("/proc/self/fd")))

    counts: list[int] = []
    ts.segment_many(paths, brightest, tmp_path / "maps", tiling=TILING, on_event=handles)
    assert counts[-1] <= counts[5] + 2


def test_somebody_elses_manifest_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", blobs(40, 30), **GEO)
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "manifest.jsonl").write_text('{"mine": true}\n')
    with pytest.raises(OutputError, match="is no manifest of tilesegm"):
        ts.segment_many([path], brightest, tmp_path / "maps")
    assert (tmp_path / "maps" / "manifest.jsonl").read_text() == '{"mine": true}\n'
