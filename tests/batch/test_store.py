"""Batches whose maps, manifest and areas lie in an object store, an S3 server on loopback."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilesegm as ts
from tests.images import blobs, write
from tests.source.store import BUCKET, SECRET, Store, serving_store
from tilesegm.batch.find import find_entries
from tilesegm.batch.names import OutputNames
from tilesegm.batch.stored_manifest import StoredManifest
from tilesegm.errors import InputError, OutputError, SettingsError
from tilesegm.events import Event, Noted, PixelsDone, RunStarted
from tilesegm.products.area_files import find_maps
from tilesegm.sink.stored_text import StoredText

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
    served.clear()


def brightest(pixels: np.ndarray) -> np.ndarray:
    """Score each band by its own value."""
    return pixels


def images(folder: Path, *seeds: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [write(folder / f"{n}.tif", blobs(40, 30, seed=n)) for n in seeds]


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
    folder = tmp_path / "in"
    paths = images(folder, 0, 1)
    (folder / "text.tif").write_text("no image")
    items = segment([folder], MAPS + "/")
    assert [item.error is None for item in items] == [True] * 2 + [False]
    assert [item.result.output for item in items[:2] if item.result] == [
        f"{MAPS}/{n}_classes.tif" for n in range(2)
    ]
    with ts.open_source(f"{MAPS}/1_classes.tif") as found:
        values = found.read(found.info.window).values[..., 0]
        np.testing.assert_array_equal(values, blobs(40, 30, seed=1).argmax(axis=2))
    made = {name for name in store.names() if not name.endswith(".aux.xml")}
    assert made == {*(f"maps/{n}_classes.tif" for n in range(2)), "maps/manifest.jsonl"}
    rows = records(store)
    assert [row["status"] for row in rows] == ["done"] * 2 + ["failed"]
    assert [row["output"] for row in rows] == [f"{n}_classes.tif" for n in (0, 1, "text")]
    assert not [*Path.cwd().iterdir()]

    # The disk is empty, as that of another machine: the store alone tells what is done.
    write(paths[1], blobs(40, 30, seed=7))
    (folder / "text.tif").unlink()
    begun: list[Event] = []
    again = segment([folder], on_event=begun.append)
    assert reasons(again) == ["finished before", "input changed"]
    assert sum(isinstance(event, RunStarted) for event in begun) == 1
    assert [row["status"] for row in records(store)] == ["done", "done", "failed"]
    store.client.delete_object(Bucket=BUCKET, Key="maps/0_classes.tif")
    write(folder / "text.tif", blobs(40, 30, seed=9))
    assert reasons(segment([folder])) == ["output missing", "finished before", "failed before"]
    store.line.seen.clear()
    assert reasons(segment([folder])) == ["finished before"] * 3
    assert not [seen for seen in store.line.seen if "PUT" in seen and ".partial" not in seen]
    assert reasons(segment(paths[:1], tiling=ts.Tiling(16, 4))) == ["options changed"]
    assert len(records(store)) == 3
    assert not [*Path.cwd().iterdir()]


def test_areas_of_a_folder_are_those_of_the_maps_in_it(store: Store, tmp_path: Path) -> None:
    paths = images(tmp_path / "in", 0, 1)
    segment(paths, options=ts.Options(confidence="margin"))
    segment(paths[:1], f"{MAPS}/{{name}}.zarr")
    maps = [f"{MAPS}/{name}" for name in ("0.zarr", "0_classes.tif", "1_classes.tif")]
    assert "maps/0_classes_confidence.tif" in store.names()
    for folder in (MAPS, f"{MAPS}/"):
        assert find_maps([folder, maps[1]]) == (maps, "")
    with pytest.raises(InputError, match="holds no class maps"):
        find_maps([f"s3://{BUCKET}/none/"])


def test_objects_of_others_stay(store: Store, tmp_path: Path) -> None:
    paths = images(tmp_path / "in", 0, 1)
    store.client.put_object(Bucket=BUCKET, Key="maps/0_classes.tif", Body=b"mine")
    first, second = segment(paths, overwrite=True)
    assert re.search("not the result of tilesegm", str(first.error))
    assert second.reason == "by --overwrite"
    assert store.get("maps/0_classes.tif") == b"mine"
    # A map of ours that the manifest does not know is nobody's to replace either.
    ts.segment(paths[0], brightest, f"{MAPS}/x_classes.tif", tiling=TILING)
    store.client.delete_object(Bucket=BUCKET, Key="maps/manifest.jsonl")
    other = write(tmp_path / "x.tif", blobs(40, 30, seed=5))
    (item,) = segment([other])
    assert re.search("is not the result of this image", str(item.error))
    store.client.put_object(Bucket=BUCKET, Key="maps/manifest.jsonl", Body=b'{"mine": 1}\n')
    with pytest.raises(OutputError, match=r"manifest\.jsonl is there and is no manifest"):
        segment(paths)
    assert store.get("maps/manifest.jsonl") == b'{"mine": 1}\n'
    assert not [*Path.cwd().iterdir()]


def test_an_image_of_another_machine_is_not_taken_for_one_that_was_moved(
    store: Store, tmp_path: Path
) -> None:
    (path,) = images(tmp_path / "east", 0)
    segment([path])
    before = store.get("maps/0_classes.tif")
    path.unlink()  # as seen from a machine that does not have it
    write(tmp_path / "0.tif", blobs(40, 30, seed=3))
    (tmp_path / "table.csv").write_text("image,output\n0.tif,0_classes\n")
    (item,) = segment([tmp_path / "0.tif"])
    assert item.result is not None
    assert item.result.output == f"{MAPS}/{tmp_path.name}_0_classes.tif"
    for _ in range(2):  # also where the manifest tells of the first attempt
        (named,) = segment([tmp_path / "table.csv"])
        assert re.search("is not the result of this image", str(named.error))
    assert store.get("maps/0_classes.tif") == before


def test_images_of_one_name_and_zarrs(store: Store, tmp_path: Path) -> None:
    paths = [*images(tmp_path / "east", 0), *images(tmp_path / "west", 0)]
    items = segment(paths, f"s3://{BUCKET}/{{name}}.zarr")
    outputs = [f"s3://{BUCKET}/{name}.zarr" for name in ("east_0", "west_0")]
    assert [item.result.output for item in items if item.result] == outputs
    assert [row["output"] for row in records(store, "manifest.jsonl")] == [
        output.rpartition("/")[2] for output in outputs
    ]
    assert reasons(segment(paths, f"s3://{BUCKET}/{{name}}.zarr")) == ["finished before"] * 2
    # A slash at the end changes nothing, and GDAL opens no object with "#" in its name.
    names = OutputNames.of(f"{MAPS}/")
    assert names.path("a#b") == f"{MAPS}/a_b_classes.tif"


@pytest.mark.parametrize(
    ("folder", "kind", "words"),
    [
        ("s3://maps/{name}.png", SettingsError, r"ends in \.tif, \.tiff, \.zarr$"),
        ("s3://maps/{name}/x.tif", SettingsError, "once, in the last part"),
        ("s3://maps/x.zarr", OutputError, "is that of one map"),
        ("s3://{name}.tif", OutputError, "no folder of maps"),
        ("s3://", OutputError, "no folder of maps"),
        ("s3://maps/a//b", OutputError, "empty folder"),
        ("s3://maps/#/", OutputError, "with '#'"),
        ("s3://absent/maps", OutputError, "no such object or bucket"),
        (Path("s3://maps/x"), OutputError, "in Python as str"),
        ("gs://maps/x", OutputError, r"s3://BUCKET/FOLDER/.*a path on disk$"),
    ],
)
def test_what_cannot_be_a_folder_is_refused_before_the_work(
    store: Store, tmp_path: Path, folder: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        segment(images(tmp_path / "in", 0), folder, network=None)


def test_wrong_settings_are_refused_before_the_work(store: Store, tmp_path: Path) -> None:
    (path,) = images(tmp_path / "in", 0)
    with pytest.raises(SettingsError, match="leave update out"):
        segment([path], options=ts.Options(update=True))
    with pytest.raises(OutputError, match="with --staging"):
        segment([path], options=ts.Options(staging=path))
    with pytest.raises(SettingsError, match="leave staging out"):
        segment([path], str(tmp_path / "maps"), options=ts.Options(staging=tmp_path))
    (tmp_path / "table.csv").write_text("image,output\nin/0.tif,x.png\n")
    with pytest.raises(SettingsError, match=r"'x\.png' cannot be written to a store"):
        segment([tmp_path / "table.csv"])
    store.put(path, "maps/0_classes.tif")
    with pytest.raises(OutputError, match=r"0_classes\.tif is the input image"):
        segment([f"{MAPS}/0_classes.tif", path])
    store.line.broken_puts = 0
    with pytest.raises(OutputError, match="denies access"):
        segment([path])
    assert not [*Path.cwd().iterdir()]


def test_a_store_that_fails_stops_the_batch_and_the_same_command_goes_on(
    store: Store, tmp_path: Path
) -> None:
    paths = images(tmp_path / "in", 0, 1, 2)
    # Marks come and go, of the folder and of two images, with names of classes and maps after.
    store.line.broken_puts = 2 + 4 + 3
    with pytest.raises(OutputError, match=r"stops at image 2 of 3[^\n]*$") as caught:
        segment(paths)
    assert caught.value.exit_code == 3
    (left,) = Path.cwd().glob("maps.*.unsent")
    kept = (left / "manifest.jsonl").read_text()
    assert [json.loads(line)["status"] for line in kept.splitlines()][-1] == "failed"
    assert SECRET not in kept
    assert "maps/manifest.jsonl" not in store.names()
    store.line.broken_puts = None
    begun: list[Event] = []
    items = segment(paths, on_event=begun.append)
    assert reasons(items) == ["finished before", "finished before", "new"]
    assert sum(isinstance(event, RunStarted) for event in begun) == 1  # one was only sent
    assert [row["status"] for row in records(store)] == ["done"] * 3
    assert not [*Path.cwd().iterdir()]
    assert not [name for name in store.names() if SECRET.encode() in store.get(name)]


def test_a_store_of_unfinished_work_that_fails_stops_the_batch(
    store: Store, tmp_path: Path
) -> None:
    paths = images(tmp_path / "in", 0, 1, 2)
    options = ts.Options(staging=f"s3://{BUCKET}/work")
    # Head, notes and region of the first image come and go in two requests; then comes one head.
    store.line.broken_puts = 3 + 2 + 1
    with pytest.raises(OutputError, match=r"stops at image 2 of 3[^\n]*$"):
        segment(paths, "maps", options=options)
    store.line.broken_puts = None
    items = segment(paths, "maps", options=options)
    assert reasons(items) == ["finished before", "failed before", "new"]
    assert not store.names()


def test_lines_of_several_machines_come_together(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = (StoredManifest(MAPS, tmp_path / name) for name in ("here", "there"))
    line = {"image": "/a.tif", "status": "done"}
    here.add(line | {"output": "a.tif", "time": "2026-01-01T00:00:02+00:00"})
    here.pause()
    assert here.path.exists()  # until the end
    # Not seen by this one so far. The later line of one output counts, whoever sends it.
    there.add(line | {"output": "b.tif", "time": "2026-01-01T00:00:01+00:00"})
    there.add(line | {"output": "a.tif", "time": "2026-01-01T00:00:01+00:00", "status": "running"})
    there.tidy()
    assert [(row["output"], row["status"]) for row in records(store)] == [
        ("a.tif", "done"),
        ("b.tif", "done"),
    ]
    # A process that shares the folder on the disk was killed before it sent its line.
    killed = StoredManifest(MAPS, tmp_path / "here")
    killed.add(line | {"output": "c.tif", "time": "2026-01-01T00:00:03+00:00"})
    assert killed.records.keys() == {"a.tif", "b.tif", "c.tif"}
    here.add(line | {"output": "b.tif", "time": "2026-01-01T00:00:03+00:00", "status": "failed"})
    here.tidy()
    assert [row["status"] for row in records(store)] == ["done", "failed", "done"]
    assert not [path for path in tmp_path.iterdir() if path.name != "work"]
    # This one has not looked since, and finds its file gone.
    killed.add(line | {"output": "d.tif", "time": "2026-01-01T00:00:04+00:00"})
    killed.tidy()
    assert [row["output"] for row in records(store)] == [f"{name}.tif" for name in "abcd"]
    # Another process finishes with the folder in the moment before a line is written.
    claimed = here._claimed

    @contextmanager
    def late() -> Iterator[None]:
        monkeypatch.setattr(here, "_claimed", claimed)
        with claimed():
            shutil.rmtree(here.path.parent)
            yield

    monkeypatch.setattr(here, "_claimed", late)
    here.add(line | {"output": "f.tif"})
    # What another program has put there since stays.
    here.add(line | {"output": "e.tif"})
    store.client.put_object(Bucket=BUCKET, Key="maps/manifest.jsonl", Body=b"mine")
    with pytest.raises(OutputError, match=r"is no manifest.*is kept in .*here.manifest\.jsonl"):
        here.tidy()
    assert store.get("maps/manifest.jsonl") == b"mine"
    assert here.path.exists()


def test_the_manifest_is_sent_while_a_batch_is_at_work(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tilesegm.batch.stored_manifest._PAUSE", 0)
    paths = images(tmp_path / "in", 0, 1)
    seen: list[list[str]] = []

    def look(event: Event) -> None:
        if isinstance(event, PixelsDone):
            seen.append([row["status"] for row in records(store)])

    segment(paths, on_event=look)
    assert [*dict.fromkeys(map(tuple, seen))] == [("running",), ("done", "running")]

    def stop(event: Event) -> None:
        if isinstance(event, PixelsDone):
            raise KeyboardInterrupt

    monkeypatch.setattr("tilesegm.batch.stored_manifest._PAUSE", 1e9)
    with pytest.raises(KeyboardInterrupt):
        segment(images(tmp_path / "in", 2), on_event=stop)
    assert [row["status"] for row in records(store)] == ["done", "done", "running"]
    assert len([*Path.cwd().iterdir()]) == 2  # unfinished work, and the manifest
    assert reasons(segment([tmp_path / "in" / "2.tif"])) == ["interrupted before"]
    assert not [*Path.cwd().iterdir()]


def test_a_store_that_knows_no_conditions_takes_a_manifest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import obstore
    from obstore.exceptions import GenericError

    put = obstore.put

    def plain(*args: Any, mode: Any = None, **more: Any) -> Any:
        if mode is not None:
            raise GenericError("501 Not Implemented: <Code>NotImplemented</Code>")
        return put(*args, **more)

    monkeypatch.setattr(obstore, "put", plain)
    text = StoredText(f"{MAPS}/x")
    assert text.replace(b"one")
    assert text.replace(b"two")
    assert text.read() == b"two"


def found(store: Store, address: str) -> tuple[list[str], list[str]]:
    """Keys of images that an address stands for, and notes."""
    events: list[Event] = []
    entries = find_entries([address], events.append)
    notes = [event.text for event in events if isinstance(event, Noted)]
    return [entry.name.removeprefix(f"s3://{BUCKET}/") for entry in entries], notes


def test_folders_and_patterns_in_a_store_stand_for_images(store: Store, tmp_path: Path) -> None:
    (path,) = images(tmp_path / "in", 0)
    for key in ("in/a.tif", "in/b.TIF", "in/c.dat", "in/.d.tif", "in/x/e.tif", "in/x/y/f.tif"):
        store.put(path, key)
    for key in ("in/z.zarr/zarr.json", "in/x/w/zarr.json", "in/m.tif.partial/g.tif", "in/no.txt"):
        store.client.put_object(Bucket=BUCKET, Key=key, Body=b"{}")
    # Maps of tilesegm are no images: by their marks, or by their names beside their images.
    ts.segment(path, brightest, f"s3://{BUCKET}/in/trees.tif", tiling=TILING)
    ts.segment(path, brightest, f"s3://{BUCKET}/in/trees.zarr", tiling=TILING)
    store.put(path, "in/a_classes.tif")
    names, notes = found(store, f"s3://{BUCKET}/in/")
    assert names == ["in/a.tif", "in/b.TIF", "in/z.zarr"]
    assert "3 images; 7 other objects are left out (a_classes.tif, c.dat" in notes[0]
    assert f"1 folders within it are not looked into ('s3://{BUCKET}/in/**' does)" in notes[0]
    assert found(store, f"s3://{BUCKET}/in")[0] == names
    assert found(store, f"s3://{BUCKET}/in/**")[0] == [
        *names[:2],
        *("in/x/e.tif", "in/x/w", "in/x/y/f.tif", "in/z.zarr"),
    ]
    assert found(store, f"s3://{BUCKET}/*/*.dat")[0] == ["in/c.dat"]
    assert found(store, f"s3://{BUCKET}/in/[ab].*")[0] == ["in/a.tif", "in/b.TIF"]
    assert found(store, f"s3://{BUCKET}/in/?")[0] == ["in/x/e.tif", "in/x/w"]
    # Addresses of images stand for themselves, also where a name has marks of patterns in it.
    store.put(path, "in/[1].tif")
    store.put(path, "in/bare")
    for key in ("in/a.tif", "in/z.zarr", "in/[1].tif", "in/x/w", "in/bare", "absent.tif"):
        assert found(store, f"s3://{BUCKET}/{key}") == ([key], [])
    (item,) = segment([f"s3://{BUCKET}/in/x/y/"])
    assert item.reason == "new"
    assert [row["image"] for row in records(store)] == [f"s3://{BUCKET}/in/x/y/f.tif"]


def test_an_image_that_may_not_be_read_is_a_failed_image(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in images(tmp_path / "in", 0, 1):
        store.put(path, f"in/{path.name}")
    passed = store.line.next_fault

    def archived(method: str, path: str) -> str:
        fault = passed(method, path)
        return "denied" if method == "GET" and path.endswith("/in/0.tif") else fault

    monkeypatch.setattr(store.line, "next_fault", archived)
    first, second = segment([f"s3://{BUCKET}/in/"])
    assert first.image.endswith("in/0.tif")
    assert first.error is not None
    assert second.reason == "new"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("s3://maps/none/", "no objects that are images, nor others"),
        ("s3://maps/in/*.png", "no objects that are images"),
        ("s3://maps/", r"itself holds no image, but 1 folders \(in\); give 's3://maps/\*\*'"),
        ("s3://maps/list.txt", "is a list in a store"),
        ("gs://maps/*.tif", r"a list of them \(\.txt\)"),
        ("/vsis3/maps/in/", r"a list of them \(\.txt\)"),
        ("s3://absent/in/", "no such object or bucket"),
    ],
)
def test_what_stands_for_no_image_is_refused(store: Store, address: str, words: str) -> None:
    store.client.put_object(Bucket=BUCKET, Key="in/a.tif", Body=b"{}")
    with pytest.raises(InputError, match=words):
        find_entries([address])
