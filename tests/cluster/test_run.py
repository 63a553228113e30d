"""What a run on workers does with them, seen with workers in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

import tilesegm as ts
from tests.cluster import networks
from tests.images import GEO, blobs, read, write
from tilesegm.cluster.cluster import Cluster
from tilesegm.cluster.pool import Pool
from tilesegm.errors import (
    ClusterError,
    ModelError,
    OutputError,
    SettingsError,
)
from tilesegm.events import PixelsDone
from tilesegm.sink.staging import staging_folder
from tilesegm.sink.staging_site import StagingSite

SMALL = ts.Tiling(tile=128, overlap=32)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Return two workers that are threads of this process."""
    with Client(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as client:
        yield Cluster(client=client)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an image of six regions."""
    return write(tmp_path_factory.mktemp("image") / "image.tif", blobs(1024 * 5 + 300, 260), **GEO)


@pytest.fixture(scope="module")
def alone(image: Path) -> Path:
    """Return the class map of this process without workers."""
    return run(image, image.parent / "alone.tif").output


def run(image: Any, output: Path, network: Any = networks.context, **more: Any) -> ts.Segmentation:
    """Segment the image."""
    on_event = more.pop("on_event", lambda event: None)
    options = ts.Options(**more)
    return ts.segment(image, network, output, tiling=SMALL, options=options, on_event=on_event)


def equal(one: Path, other: Path) -> bool:
    """Compare class maps."""
    return np.array_equal(read(one), read(other))


def stop_after(regions: int) -> Any:
    """Return a listener that stops the run as Ctrl-C does."""
    seen: list[Any] = []

    def hear(event: Any) -> None:
        seen.extend([event] if isinstance(event, PixelsDone) else [])
        if len(seen) == regions:
            raise KeyboardInterrupt

    return hear


@pytest.mark.parametrize("first", ["workers", "this process"])
def test_what_one_began_the_other_finishes(
    cluster: Cluster, image: Path, alone: Path, tmp_path: Path, first: str
) -> None:
    both = [cluster, None] if first == "workers" else [None, cluster]
    with pytest.raises(KeyboardInterrupt):
        run(image, tmp_path / "out.tif", cluster=both[0], on_event=stop_after(2))
    done = run(image, tmp_path / "out.tif", cluster=both[1])
    assert done.resumed >= 2 * 1024 * 260
    assert equal(alone, tmp_path / "out.tif")


def test_workers_get_few_tasks_at_a_time(
    cluster: Cluster, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flying: list[int] = []
    submit = Pool.submit

    def watch(pool: Pool, *values: Any) -> Any:
        flying.append(pool._flying)
        return submit(pool, *values)

    monkeypatch.setattr(Pool, "submit", watch)
    monkeypatch.setattr("tilesegm.engine.sharing._LONGEST", 1)
    run(image, tmp_path / "out.tif", cluster=cluster)
    assert len(flying) == 6
    assert max(flying) == 4


def test_a_plan_tells_the_tiles_that_workers_compute(
    cluster: Cluster, image: Path, tmp_path: Path
) -> None:
    area = np.zeros((1024 * 5 + 300, 260), np.uint8)
    area[900:2200, 100:] = area[3060:3090, :50] = 1
    options = ts.Options(area=write(tmp_path / "area.tif", area, **GEO))
    asked = replace(options, cluster=ts.Cluster(workers=2))
    forecast = ts.plan(image, networks.context, tiling=SMALL, options=asked, probe=False)
    result = run(image, tmp_path / "out.tif", area=options.area, cluster=cluster)
    assert (forecast.tiles, forecast.skipped) == (result.tiles, result.skipped)
    alone = run(image, tmp_path / "alone.tif", area=options.area)
    assert equal(alone.output, result.output)
    one = ts.plan(image, networks.context, tiling=SMALL, options=options, probe=False)
    assert one.tiles < forecast.tiles, "rows at the edges of runs are computed twice"
    assert forecast.skipped > 0


def test_a_batch_that_does_not_fit_is_halved_for_all(cluster: Cluster, tmp_path: Path) -> None:
    wide = write(tmp_path / "wide.tif", blobs(2100, 700), **GEO)
    maps = [
        run(wide, tmp_path / f"{n}.tif", networks.greedy, cluster=c)
        for n, c in enumerate([None, cluster])
    ]
    assert equal(*(one.output for one in maps))
    first, second = (ts.verify(one.output, recompute=0.1, model=networks.greedy) for one in maps)
    assert first.whole
    assert second.whole


def test_a_network_that_fails_is_told_in_one_line(
    cluster: Cluster, image: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        ModelError, match=r"gives NaN or infinite scores.*\(on worker [01] of \S+\)$"
    ):
        run(image, tmp_path / "out.tif", networks.broken, cluster=cluster)
    assert not staging_folder(tmp_path / "out.tif").exists()


def test_arrays_stay_in_this_process(cluster: Cluster, image: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"numpy\.ndarray in the memory of this process"):
        run(blobs(60, 80), tmp_path / "out.tif", cluster=cluster)
    with pytest.raises(SettingsError, match="cluster is for files"):
        ts.segment(image, networks.context, options=ts.Options(cluster=cluster))


def test_a_model_that_cannot_be_sent_is_told(cluster: Cluster, image: Path, tmp_path: Path) -> None:
    handle = image.open("rb")
    with handle, pytest.raises(SettingsError, match=r"cannot be sent to workers.*pass its path"):
        run(image, tmp_path / "out.tif", lambda x: (x, handle)[0], cluster=cluster)


def test_another_image_under_the_same_name_is_found(
    cluster: Cluster, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tilesegm.segmentation import order

    told = order._comparable

    def elsewhere(fingerprint: Any, model: Any) -> Any:
        known = told(fingerprint, model)
        known["image"]["size"] = f"{calls.pop()}"
        return known

    calls = [*"1" * 20, "2"]
    monkeypatch.setattr(order, "_comparable", elsewhere)
    with pytest.raises(ClusterError, match=r"finds something else.*image changed: size 2 -> 1"):
        run(image, tmp_path / "out.tif", cluster=cluster)


def test_a_folder_out_of_sight_is_told(tmp_path: Path) -> None:
    site = StagingSite(folder=tmp_path / "absent", size=(1, 1), layers=(), chunk=1024, seal="")
    with pytest.raises(OutputError, match="a disk that all workers have under the same path"):
        site.check()
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "run.json").write_text("{}")
    with pytest.raises(OutputError, match="belongs to another run"):
        site.check()


def test_results_on_the_grid_of_the_image_are_those_of_one_process(
    cluster: Cluster, tmp_path: Path
) -> None:
    image = write(tmp_path / "image.tif", blobs(2300, 400), **GEO)
    grid: dict[str, Any] = {"resolution": "17m", "grid": "image", "confidence": "top"}
    alone = run(image, tmp_path / "alone.tif", **grid)
    shared = run(image, tmp_path / "shared.tif", cluster=cluster, **grid)
    assert equal(alone.output, shared.output)
    assert equal(*(dict(each.extras)["confidence"] for each in (alone, shared)))


def test_settings_that_name_no_workers_are_refused() -> None:
    with pytest.raises(SettingsError, match="given by nothing"):
        Cluster()
    with pytest.raises(SettingsError, match="given by workers and address"):
        Cluster(workers=2, address="tcp://127.0.0.1:1")
    with pytest.raises(SettingsError, match="started here offer no resource"):
        Cluster(workers=2, resource="GPU")
    with pytest.raises(SettingsError, match="workers"):
        Cluster(workers=0)


def test_workers_without_the_resource_are_told(
    cluster: Cluster, image: Path, tmp_path: Path
) -> None:
    lacking = Cluster(client=cluster.client, resource="GPU")
    with pytest.raises(SettingsError, match="none of the 2 workers offers GPU"):
        run(image, tmp_path / "out.tif", cluster=lacking)


@pytest.mark.slow
def test_the_precision_of_several_models_is_not_left_to_workers(
    cluster: Cluster, image: Path, tmp_path: Path
) -> None:
    several = [networks.context, networks.slow]
    with pytest.raises(SettingsError, match="each worker could decide otherwise"):
        run(image, tmp_path / "out.tif", several, cluster=cluster, precision="auto")
    both = [
        run(image, tmp_path / f"{n}.tif", several, cluster=c) for n, c in enumerate([None, cluster])
    ]
    assert equal(*(one.output for one in both))


@pytest.mark.parametrize(
    "address",
    [
        *("folder/file", "10.0.0.1", "tcp://10.0.0.1", "a b:1", ":8786"),
        *("host:0", "host:65536", f"0:{'9' * 400}"),
    ],
)
def test_what_is_no_address_is_refused_before_anything_waits_for_it(address: str) -> None:
    with pytest.raises(SettingsError, match="expected HOST:PORT"):
        Cluster(address=address)


@pytest.mark.parametrize(
    "address",
    ["tcp://10.0.0.1:8786", "host:1", "tls://[::1]:8786", "wss://a.example:443/b", "inproc://1/2"],
)
def test_addresses_of_dask_are_taken(address: str) -> None:
    assert Cluster(address=address).address == address
