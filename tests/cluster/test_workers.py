"""Runs on workers: the same pixels as in this process, whatever is lost on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client, LocalCluster

import tilesegm as ts
from tests.cluster import networks
from tests.images import GEO, blobs, read, write
from tilesegm.cluster.cluster import Cluster
from tilesegm.cluster.pool import Pool
from tilesegm.errors import ClusterError
from tilesegm.events import ClusterJoined, PixelsDone

ROOT = Path(__file__).parents[2]
SMALL = ts.Tiling(tile=128, overlap=32)
RESULTS: dict[str, Any] = {"confidence": "top", "scores": "float32"}
LAYERS = ("", "_confidence", "_scores")


@pytest.fixture(scope="module")
def processes() -> Iterator[Client]:
    """Return the client of two worker processes."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an image of six regions."""
    return write(tmp_path_factory.mktemp("image") / "image.tif", blobs(1024 * 5 + 300, 130), **GEO)


@pytest.fixture(scope="module")
def alone(image: Path) -> Path:
    """Return the results of one process."""
    run(image, image.parent / "alone.tif")
    return image.parent / "alone.tif"


def run(image: Path, output: Path, network: Any = networks.context, **more: Any) -> Any:
    """Segment the image, with all results."""
    on_event = more.pop("on_event", lambda event: None)
    options = ts.Options(**RESULTS | more)
    return ts.segment(image, network, output, tiling=SMALL, options=options, on_event=on_event)


def same(one: Path, other: Path) -> bool:
    """Compare all layers, to the last bit."""
    pairs = (
        [path.with_name(f"{path.stem}{layer}.tif") for path in (one, other)] for layer in LAYERS
    )
    return all(np.array_equal(read(a), read(b)) for a, b in pairs)


def test_workers_make_the_same_pixels(
    processes: Client, image: Path, alone: Path, tmp_path: Path
) -> None:
    events: list[Any] = []
    done = run(
        image, tmp_path / "two.tif", cluster=Cluster(client=processes), on_event=events.append
    )
    assert same(alone, tmp_path / "two.tif")
    assert [event.workers for event in events if isinstance(event, ClusterJoined)] == [2]
    finished = sum(event.pixels for event in events if isinstance(event, PixelsDone))
    assert finished == done.plan.info.pixels
    assert ts.verify(tmp_path / "two.tif").whole


def test_a_worker_that_is_killed_costs_nothing_but_time(
    processes: Client, image: Path, alone: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.tif"
    run(image, output, networks.dying(tmp_path / "marks"), cluster=Cluster(client=processes))
    assert (tmp_path / "died").exists()
    assert same(alone, output)


def test_regions_of_a_run_are_safe_one_by_one(
    processes: Client, image: Path, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[Any] = []
    submit = Pool.submit

    def watch(pool: Pool, *values: Any) -> Any:
        submitted.extend(values[1:])
        return submit(pool, *values)

    def stop(event: Any) -> None:
        if isinstance(event, PixelsDone):
            raise KeyboardInterrupt  # as Ctrl-C does

    monkeypatch.setattr(Pool, "submit", watch)
    output, cluster = tmp_path / "out.tif", Cluster(client=processes)
    with pytest.raises(KeyboardInterrupt):
        run(image, output, networks.slow, cluster=cluster, on_event=stop)
    assert [len(task.run) for task in submitted] == [3, 3]
    done = run(image, output, networks.slow, cluster=cluster)
    assert 0 < done.resumed < 3 * 1024 * 130
    assert same(alone, output)


@pytest.mark.slow
def test_workers_that_all_die_are_told(processes: Client, image: Path, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="workers died one after the other at rows"):
        run(image, tmp_path / "out.tif", networks.deadly, cluster=Cluster(client=processes))


@pytest.mark.slow
def test_what_a_killed_client_began_is_finished(
    processes: Client, image: Path, alone: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.tif"
    words = [sys.executable, "-m", "tests.cluster.client", str(image), str(output)]
    client = subprocess.Popen([*words, processes.scheduler.address], cwd=ROOT)
    journal = tmp_path / "out.tif.partial" / "journal"
    end = time.monotonic() + 60
    while not journal.exists() or not journal.read_bytes().count(b'"region"'):
        assert client.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    client.send_signal(signal.SIGKILL)
    client.wait()
    done = run(image, output, networks.slow, cluster=Cluster(client=processes))
    assert 0 < done.resumed < done.plan.info.pixels
    assert same(alone, output)
