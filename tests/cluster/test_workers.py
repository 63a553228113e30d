"""Runs on workers: the same pixels as in this process, whatever is lost on the way."""

from __future__ import annotations

import multiprocessing
import signal
import socket
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
from tilesegm.bench.case import make_network
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


def same(one: Path, other: Path, layers: tuple[str, ...] = LAYERS) -> bool:
    """Compare layers, to the last bit."""
    pairs = (
        [path.with_name(f"{path.stem}{layer}.tif") for path in (one, other)] for layer in layers
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


@pytest.mark.slow
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
    assert done.resumed in (1024 * 130, 2 * 1024 * 130)  # the first of one run, or of both
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


@pytest.mark.slow
def test_a_network_of_keras_scores_the_same_on_any_number_of_workers(tmp_path: Path) -> None:
    import keras

    from tilesegm.networks.build import unet

    keras.utils.set_random_seed(0)
    network = unet(3, 4, filters=8, depth=3)
    network.save(tmp_path / "model.keras")
    image = write(tmp_path / "image.tif", blobs(3000, 900), **GEO)
    path = tmp_path / "model.keras"
    run(image, tmp_path / "one.tif", path)
    # One thread a worker, and this process has as many as there are cores.
    for workers, model in ((2, path), (4, network)):
        run(image, tmp_path / f"{workers}.tif", model, cluster=Cluster(workers=workers))
        assert same(tmp_path / "one.tif", tmp_path / f"{workers}.tif", LAYERS[:2])
        scores = [read(tmp_path / f"{name}_scores.tif", None) for name in ("one", workers)]
        np.testing.assert_allclose(*scores, atol=1e-6)


@pytest.mark.slow
def test_one_thread_makes_what_several_make(tmp_path: Path) -> None:
    make_network(4).save(tmp_path / "model.keras")
    image = write(tmp_path / "image.tif", blobs(500, 400), **GEO)
    for threads in (1, 3):
        output = tmp_path / f"{threads}.tif"
        words = [
            "-m",
            "tests.cluster.one_process",
            threads,
            image,
            tmp_path / "model.keras",
            output,
        ]
        subprocess.run([sys.executable, *map(str, words)], check=True, cwd=ROOT)
    assert same(tmp_path / "1.tif", tmp_path / "3.tif", LAYERS)


@pytest.mark.slow
def test_workers_that_were_started_end_with_the_run(image: Path, tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())

    def stop(event: Any) -> None:
        if isinstance(event, PixelsDone):
            assert len(set(multiprocessing.active_children()) - before) == 2
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(image, tmp_path / "a.tif", networks.slow, cluster=Cluster(workers=2), on_event=stop)
        assert set(multiprocessing.active_children()) <= before
    assert run(image, tmp_path / "a.tif", networks.slow).resumed > 0


@pytest.mark.slow
def test_a_scheduler_that_comes_back_is_gone_on_with(
    image: Path, alone: Path, tmp_path: Path
) -> None:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    first = start_scheduler(port)
    output, cluster = tmp_path / "out.tif", Cluster(address=address)
    processes = [first]

    def restart(event: Any) -> None:
        if isinstance(event, PixelsDone) and len(processes) == 1:
            first.kill()
            first.wait()
            processes.append(start_scheduler(port))

    try:
        done = run(image, output, networks.slow, cluster=cluster, on_event=restart)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert len(processes) == 2
    assert done.resumed == 0
    assert same(alone, output)


@pytest.mark.slow
def test_a_scheduler_that_is_gone_is_told(
    image: Path, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tilesegm.cluster.run._RECONNECT", 1.0)
    port = free_port()
    scheduler = start_scheduler(port)
    output, cluster = tmp_path / "out.tif", Cluster(address=f"tcp://127.0.0.1:{port}")

    def stop(event: Any) -> None:
        if isinstance(event, PixelsDone):
            scheduler.kill()

    with pytest.raises(ClusterError, match="the scheduler was lost; finished work is kept"):
        run(image, output, networks.slow, cluster=cluster, on_event=stop)
    with pytest.raises(ClusterError, match=r"no scheduler answers at tcp://127\.0\.0\.1"):
        run(image, output, networks.slow, cluster=cluster)
    scheduler.communicate()
    assert run(image, output, networks.slow).resumed >= 1024 * 130
    assert same(alone, output)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def start_scheduler(port: int) -> subprocess.Popen[bytes]:
    """Start a scheduler with two workers, which end with it."""
    command = [sys.executable, "-m", "tests.cluster.scheduler", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process
