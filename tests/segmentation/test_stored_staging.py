"""Unfinished results in an object store, from an S3 server on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

import tilesegm as ts
from tests.images import blobs, read, write
from tests.source.store import BUCKET, SECRET, Store, serving_store
from tilesegm.errors import OutputError, SettingsError
from tilesegm.events import PixelsDone
from tilesegm.grid.window import Window
from tilesegm.sink.finished_region import FinishedRegion
from tilesegm.sink.layer import Layer
from tilesegm.sink.run_file import OtherWorkError
from tilesegm.sink.staging import Staging
from tilesegm.sink.staging_prefix import StagingPrefix
from tilesegm.sink.stored_staging import StoredStaging

IMAGE = blobs(2500, 300)
TILING = ts.Tiling(tile=256, overlap=64)
WORK = f"s3://{BUCKET}/work"
OPTIONS = ts.Options(confidence="top", staging=WORK)


@pytest.fixture(scope="module")
def served() -> Iterator[Store]:
    with serving_store() as store:
        yield store


@pytest.fixture
def store(served: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty bucket behind a line that behaves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield served
    served.clear()


def network(pixels: Any) -> Any:
    return pixels


def segment(output: str | Path, image: Any = IMAGE, **more: Any) -> ts.Segmentation:
    options = more.pop("options", OPTIONS)
    return ts.segment(image, network, output, tiling=TILING, options=options, **more)


class StoppedError(Exception):
    """What stops a run in these tests."""


def stop_after(regions: int, seen: list[Any] | None = None) -> Any:
    """Return what stops a run once it has finished so many regions."""
    left = [regions]

    def listen(event: Any) -> None:
        if seen is not None:
            seen.append(event)
        if isinstance(event, PixelsDone):
            left[0] -= 1
            if not left[0]:
                raise StoppedError

    return listen


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """The class map of a run that has a disk."""
    (tmp_path / "plain").mkdir()
    options = ts.Options(confidence="top")
    return Path(segment(tmp_path / "plain" / "map.tif", options=options).output)


def assert_same(made: Path, plain: Path) -> None:
    """Compare all files of two folders byte for byte."""
    names = {p.relative_to(plain).as_posix() for p in plain.rglob("*") if p.is_file()}
    assert names
    for name in names:
        assert (made / name).read_bytes() == (plain / name).read_bytes(), name


@pytest.mark.parametrize("every", [0, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("suffix", ["tif", pytest.param("zarr", marks=pytest.mark.slow)])
@pytest.mark.parametrize("where", [pytest.param("disk", marks=pytest.mark.slow), "store"])
def test_results_are_those_of_work_on_a_disk(
    store: Store, tmp_path: Path, suffix: str, where: str, every: int
) -> None:
    (tmp_path / "plain").mkdir()
    plain = segment(tmp_path / "plain" / f"map.{suffix}", options=ts.Options(confidence="top"))
    store.line.every = every
    output = f"s3://{BUCKET}/out/map.{suffix}" if where == "store" else f"map.{suffix}"
    result = segment(output)
    assert (result.tiles, result.resumed) == (plain.tiles, 0)
    store.line.every = 0
    if where == "store":
        store.copy("out", tmp_path)
    assert_same(tmp_path / "out" if where == "store" else tmp_path, tmp_path / "plain")
    assert not store.names("work")
    assert not [*tmp_path.glob("*partial*"), *tmp_path.glob("*unsent*")]
    again = segment(output)
    assert (again.tiles, again.resumed) == (0, 750_000)


def test_a_run_goes_on_from_a_machine_with_an_empty_disk(
    store: Store, tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = f"s3://{BUCKET}/out/map.tif"
    store.line.faults, store.line.every = ("slow_down", "failure", "reset"), 7
    with pytest.raises(StoppedError):
        segment(output, on_event=stop_after(2))
    left = store.names("work")
    folder = left[0].rpartition("/")[0]
    assert left == [
        f"{folder}/{name}" for name in ("notes.json", "regions/0.zip", "regions/1.zip", "run.json")
    ]
    for name in left:
        tags = store.client.head_object(Bucket=BUCKET, Key=name)["Metadata"]
        assert SECRET not in str(tags)
        assert SECRET.encode() not in store.get(name)
    assert not [*tmp_path.glob("*unsent*")]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    seen: list[Any] = []
    result = segment(output, on_event=seen.append)
    assert result.resumed == 2 * 1024 * 300
    assert sum(event.pixels for event in seen if isinstance(event, PixelsDone)) == 452 * 300
    store.line.every = 0
    store.copy("out", tmp_path)
    assert_same(tmp_path / "out", plain.parent)
    assert not store.names("work")
    assert not [*(tmp_path / "elsewhere").iterdir()]


def test_damaged_objects_are_computed_again(store: Store, tmp_path: Path, plain: Path) -> None:
    with pytest.raises(StoppedError):
        segment("map.tif", on_event=stop_after(3))
    *_, first, second, third, _ = store.names("work")
    bucket = {"Bucket": BUCKET}
    head = store.client.head_object(**bucket, Key=first)
    kept = {"Metadata": head["Metadata"]}
    swapped = store.get(second)
    store.client.put_object(**bucket, Key=first, Body=swapped, **kept)  # of another region
    store.client.put_object(**bucket, Key=second, Body=swapped)  # not said of what
    other = store.client.head_object(**bucket, Key=third)["Metadata"]
    store.client.put_object(**bucket, Key=third, Body=store.get(third)[:-9], Metadata=other)
    result = segment("map.tif")
    said = [note for note in result.notes if "computed again" in note]
    assert [note.partition(": ")[2] for note in said] == [
        "1 finished regions are not of this run, or cannot be read; it is computed again",
        "2 of 3 finished regions did not read back as they were written; they are computed again",
    ]
    assert_same(tmp_path, plain.parent)


def test_a_region_with_a_place_outside_the_folder_is_not_unpacked(
    store: Store, tmp_path: Path
) -> None:
    import io
    import zipfile

    from tilesegm.sink.chunk_digest import digest_of
    from tilesegm.sink.finished_region import FinishedRegion, sum_up

    with pytest.raises(StoppedError):
        segment("map.tif", on_event=stop_after(1))
    (name,) = (name for name in store.names("work") if name.endswith("regions/0.zip"))
    entry = json.loads(
        store.client.head_object(Bucket=BUCKET, Key=name)["Metadata"]["tilesegm-region"]
    )
    evil = io.BytesIO()
    with zipfile.ZipFile(evil, "w") as archive:
        archive.writestr("../../evil", b"evil")
    region = FinishedRegion.parse(entry)
    assert region is not None
    entry["digest"] = sum_up(region.facts, {"../../evil": digest_of(b"evil")})
    store.client.put_object(
        Bucket=BUCKET,
        Key=name,
        Body=evil.getvalue(),
        Metadata={"tilesegm-region": json.dumps(entry)},
    )
    result = segment("map.tif")
    assert any("1 of 3 finished regions did not read back" in note for note in result.notes)
    assert not list(tmp_path.parent.rglob("evil"))


def test_work_of_another_run_is_refused_and_discarded_by_overwrite(
    store: Store, tmp_path: Path, plain: Path
) -> None:
    with pytest.raises(StoppedError):
        segment("map.tif", on_event=stop_after(1))
    before = store.names("work")
    with pytest.raises(OtherWorkError, match=r"map.tif\.\w{8} differs .* \(results changed"):
        segment("map.tif", options=ts.Options(staging=WORK))
    assert store.names("work") == before
    assert not [*tmp_path.glob("*partial*")]
    with pytest.raises(StoppedError):
        segment("map.tif", on_event=stop_after(2), overwrite=True)
    result = segment("map.tif", overwrite=True)
    assert result.resumed == 2 * 1024 * 300
    assert_same(tmp_path, plain.parent)


def test_what_is_not_ours_is_left_alone(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        segment("map.tif", on_event=stop_after(1))
    folder = store.names("work")[0].split("/")[1]
    (tmp_path / "diary.txt").write_text("mine")
    store.put(tmp_path / "diary.txt", f"work/{folder}/diary.txt")
    before = store.names("work")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=r"holds other objects \(diary.txt\); move them away"):
            segment("map.tif", overwrite=overwrite)
    assert store.names("work") == before


def test_a_store_that_takes_no_more_stops_the_run_and_keeps_its_work(
    store: Store, tmp_path: Path, plain: Path
) -> None:
    store.line.broken_puts = 3  # head, a note and a region
    with pytest.raises(OutputError, match="the store denies access"):
        segment("map.tif")
    store.line.broken_puts = None
    assert segment("map.tif").resumed == 1024 * 300
    assert_same(tmp_path, plain.parent)


def test_a_place_without_a_bucket_is_refused(store: Store) -> None:
    with pytest.raises(SettingsError, match=r"staging s3://: expected s3://BUCKET"):
        segment("map.tif", options=ts.Options(staging="s3://"))
    with pytest.raises(OutputError, match="no such object or bucket"):
        segment("map.tif", options=ts.Options(staging="s3://nowhere/work"))


def test_what_lies_in_the_folder_never_counts_more_than_the_store(
    store: Store, tmp_path: Path
) -> None:
    window, layer = Window(0, 0, 1024, 300), Layer("classes", np.dtype("u1"))
    run: dict[str, Any] = {"size": (1024, 300), "layers": [layer], "fingerprint": {"a": 1}}
    prefix = StagingPrefix(f"{WORK}/map.tif.partial")
    with Staging.open(tmp_path / "map.tif.partial", **run) as folder:
        stored = StoredStaging.open(prefix, **run)
        for number, place in enumerate((folder, stored)):
            place.write("classes", window, np.full((1024, 300), number, np.uint8))
            place.commit(0, {"computed": number})
            place.note("batch", number)
        stored.move_to(folder, lambda fraction: None)
        assert (folder.levels("classes")[0].read(window) == 1).all()
        assert (folder.facts[0], folder.notes["batch"]) == ({"computed": 1}, 1)
        assert not folder.findings
        folder.write("classes", window, np.zeros((1024, 300), np.uint8))
        folder.commit(0, {"computed": 2})
        tags = {"tilesegm-region": json.dumps(FinishedRegion(0, {}, window, "00").entry())}
        key = "work/map.tif.partial/regions/0.zip"
        store.client.put_object(Bucket=BUCKET, Key=key, Body=store.get(key), Metadata=tags)
        StoredStaging.open(prefix, **run).move_to(folder, lambda fraction: None)
        assert not folder.done
        assert "1 of 1 finished regions did not read back" in folder.findings[0]


def test_workers_need_no_disk_of_this_machine(store: Store, tmp_path: Path, plain: Path) -> None:
    write(tmp_path / "city.tif", IMAGE)
    store.put(tmp_path / "city.tif", "in/city.tif")
    on_disk: list[Path] = []

    def look(event: Any) -> None:
        if isinstance(event, PixelsDone):
            on_disk.extend(tmp_path.glob("map.tif.partial/*/*/*/[0-9]*"))

    with Client(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as client:
        options = ts.Options(confidence="top", staging=WORK, cluster=ts.Cluster(client=client))
        segment("map.tif", f"s3://{BUCKET}/in/city.tif", options=options, on_event=look)
    assert not on_disk
    np.testing.assert_array_equal(read(tmp_path / "map.tif"), read(plain))
    assert not store.names("work")
