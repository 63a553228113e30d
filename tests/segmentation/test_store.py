"""Maps that are written to an object store, from an S3 server on loopback."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilesegm as ts
from tests.images import GEO, blobs, write
from tests.source.store import BUCKET, SECRET, Store, serving_store
from tilesegm.errors import OutputError, SettingsError
from tilesegm.events import Noted, PixelsDone
from tilesegm.files import write_file
from tilesegm.products.polygonize import polygonize

IMAGE = blobs(1100, 300)
TILING = ts.Tiling(tile=256, overlap=64)
OPTIONS = ts.Options(confidence="top")


@pytest.fixture(scope="module")
def served() -> Iterator[Store]:
    with serving_store() as store:
        yield store


@pytest.fixture
def store(served: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty bucket behind a line that behaves."""
    monkeypatch.chdir(tmp_path)
    yield served
    served.clear()


def network(pixels: Any) -> Any:
    return pixels


def segment(output: str | Path, image: Any = IMAGE, **more: Any) -> ts.Segmentation:
    options = more.pop("options", OPTIONS)
    return ts.segment(image, network, output, tiling=TILING, options=options, **more)


def files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file by its name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("suffix", ["tif", "zarr"])
@pytest.mark.parametrize("every", [pytest.param(0, marks=pytest.mark.slow), 4])
def test_maps_in_a_store_are_those_of_a_disk(
    store: Store, tmp_path: Path, suffix: str, every: int
) -> None:
    write(tmp_path / "city.tif", IMAGE, driver="COG", BLOCKSIZE=256, COMPRESS="DEFLATE", **GEO)
    store.put(tmp_path / "city.tif", "in/city.tif")
    (tmp_path / "disk").mkdir()
    local = segment(tmp_path / "disk" / f"map.{suffix}", f"s3://{BUCKET}/in/city.tif")
    store.line.every = every
    uri = f"s3://{BUCKET}/out/map.{suffix}"
    result = segment(uri, f"s3://{BUCKET}/in/city.tif")
    assert (result.output, local.tiles) == (uri, result.tiles)
    store.copy("out", tmp_path)
    assert files(tmp_path / "out") == files(tmp_path / "disk")
    assert {path.name for path in tmp_path.iterdir()} == {"city.tif", "disk", "out"}
    with ts.open_source(uri) as there:
        np.testing.assert_array_equal(
            there.read(there.info.window).values[..., 0], IMAGE.argmax(-1)
        )
    # Rerun, here or elsewhere: found finished, and nothing is sent.
    store.line.every = 0
    store.line.seen.clear()
    again = segment(uri, f"s3://{BUCKET}/in/city.tif")
    assert (again.tiles, again.resumed) == (0, IMAGE.shape[0] * IMAGE.shape[1])
    assert not [seen for seen in store.line.seen if not seen.startswith(("GET", "HEAD"))]


@pytest.mark.parametrize("suffix", ["tif", "zarr"])
def test_a_map_that_is_partly_sent_is_none_and_the_rest_follows(
    store: Store, tmp_path: Path, suffix: str
) -> None:
    uri = f"s3://{BUCKET}/map.{suffix}"
    # Two more than are sent: the mark that shows that the store takes the map comes and goes.
    store.line.broken_puts = 6 if suffix == "zarr" else 3
    with pytest.raises(OutputError, match=r"denies access.*run the same command again[^\n]*$"):
        segment(uri)
    names = store.names()
    assert names
    assert not {f"map.{suffix}", "map.zarr/zarr.json"} & {*names}
    if suffix == "zarr":
        with pytest.raises(ts.TilesegmError):
            ts.open_source(uri)
    store.line.broken_puts = None
    store.line.seen.clear()
    result = segment(uri)
    assert result.tiles == 0  # computed before
    for name in names:
        sent_again = f"PUT /{BUCKET}/{name}" in store.line.seen
        assert sent_again == name.endswith((".partial", ".tif")), name
    with ts.open_source(uri) as there:
        np.testing.assert_array_equal(
            there.read(there.info.window).values[..., 0], IMAGE.argmax(-1)
        )
    assert not [*tmp_path.iterdir()]
    assert not [name for name in store.names() if name.endswith(".partial")]


@pytest.mark.parametrize("suffix", ["tif", "zarr"])
def test_a_store_that_takes_no_map_is_refused_before_the_work(
    store: Store, tmp_path: Path, suffix: str
) -> None:
    def never(pixels: Any) -> Any:
        # A function is asked once for its classes, with zeros.
        assert not pixels.any()
        return pixels

    store.line.broken_puts = 0
    with pytest.raises(OutputError, match=r"denies access[^\n]*$") as caught:
        ts.segment(IMAGE, never, f"s3://{BUCKET}/map.{suffix}", tiling=TILING)
    assert "kept in" not in str(caught.value)
    store.line.broken_puts = None
    with pytest.raises(OutputError, match=r"no such object or bucket[^\n]*$"):
        ts.segment(IMAGE, never, f"s3://absent/map.{suffix}", tiling=TILING)
    assert not store.names()
    assert not [*tmp_path.iterdir()]


def test_an_object_of_others_with_the_name_of_the_mark_stays(store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    store.put(tmp_path / "mine", "map.tif.partial")
    with pytest.raises(OutputError, match=r"map\.tif\.partial exists and is not"):
        segment(f"s3://{BUCKET}/map.tif")
    assert store.get("map.tif.partial") == b"mine"


def test_an_interrupted_run_goes_on(store: Store, tmp_path: Path) -> None:
    uri = f"s3://{BUCKET}/map.tif"

    def stop(event: Any) -> None:
        if isinstance(event, PixelsDone):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment(uri, on_event=stop)
    assert store.names() == []
    assert segment(uri).resumed > 0
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["map.tif", "map.zarr/note.txt", "map.zarr/zarr.json"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_objects_of_others_stay(store: Store, tmp_path: Path, name: str, overwrite: bool) -> None:
    store.client.put_object(Bucket=BUCKET, Key=name, Body=b"{}")
    with pytest.raises(OutputError, match=r"tilesegm[^\n]*give another name$"):
        segment(f"s3://{BUCKET}/{name.partition('/')[0]}", overwrite=overwrite)
    assert store.get(name) == b"{}"
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("suffix", ["tif", "zarr"])
def test_another_map_of_ours_is_replaced_when_that_is_asked_for(store: Store, suffix: str) -> None:
    uri = f"s3://{BUCKET}/map.{suffix}"
    segment(uri)
    other = IMAGE[:300, :200, ::-1].copy()
    with pytest.raises(OutputError, match="--overwrite"):
        segment(uri, other)
    segment(uri, other, overwrite=True)
    with ts.open_source(uri) as there:
        np.testing.assert_array_equal(
            there.read(there.info.window).values[..., 0], other.argmax(-1)
        )


def test_what_appears_while_a_run_is_at_work_stays(store: Store) -> None:
    def put(event: Any) -> None:
        if isinstance(event, PixelsDone):
            store.client.put_object(Bucket=BUCKET, Key="map.tif", Body=b"mine")

    with pytest.raises(OutputError, match="finished map is kept"):
        segment(f"s3://{BUCKET}/map.tif", on_event=put)
    assert store.get("map.tif") == b"mine"


def test_what_cannot_be_an_output_is_one_line(store: Store, tmp_path: Path) -> None:
    for output in (f"s3://{BUCKET}/map.png", f"s3://{BUCKET}/", "s3://", f"s3://{BUCKET}/map"):
        with pytest.raises(OutputError, match=r"s3://BUCKET/NAME[^\n]*$"):
            segment(output)
    for output in (f"s3://{BUCKET}/map#1.tif", f"s3://{BUCKET}/a//map.zarr"):
        with pytest.raises(OutputError, match="give another one"):
            segment(output)
    for output in ("gs://maps/map.tif", "https://host/map.zarr"):
        with pytest.raises(OutputError, match=r"a path on disk$"):
            segment(output)
    write(tmp_path / "ids.tif", IMAGE[:64, :64, 0] % 3)
    place = Path(f"s3://{BUCKET}/a.gpkg")
    for make in (lambda: polygonize("ids.tif", place), lambda: write_file(place, "")):
        with pytest.raises(OutputError, match=rf"^cannot write to s3://{BUCKET}/a.gpkg:"):
            make()
    assert not Path("s3:").exists()
    with pytest.raises(OutputError, match="no such object or bucket"):
        segment("s3://absent/map.tif")
    with pytest.raises(SettingsError, match="leave staging out"):
        segment(tmp_path / "map.tif", options=ts.Options(staging=tmp_path))
    with pytest.raises(OutputError, match="--staging"):
        segment(f"s3://{BUCKET}/map.tif", options=ts.Options(staging=tmp_path / "none"))
    write(tmp_path / "city.tif", IMAGE[:64, :64])
    store.put(tmp_path / "city.tif", "city.tif")
    with pytest.raises(OutputError, match="is the input image"):
        segment(f"s3://{BUCKET}/city.tif", f"s3://{BUCKET}/city.tif", overwrite=True)


def test_no_secret_is_told(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    write(tmp_path / "city.tif", IMAGE[:300, :300], tiled=True, **GEO)
    store.put(tmp_path / "city.tif", "in/city.tif")
    said: list[Any] = []
    for suffix in ("tif", "zarr"):
        uri = f"s3://{BUCKET}/map.{suffix}"
        store.line.broken_puts = 2  # the mark before the work comes and goes
        with pytest.raises(OutputError) as caught:
            segment(uri, f"s3://{BUCKET}/in/city.tif", on_event=said.append)
        kept = files(tmp_path)
        assert len(kept) > 1
        store.line.broken_puts = None
        result = segment(uri, f"s3://{BUCKET}/in/city.tif", on_event=said.append)
        said += [caught.value, json.dumps(result.summary())]
        assert not [name for name, data in kept.items() if SECRET.encode() in data]
    assert not [name for name in store.names() if SECRET.encode() in store.get(name)]
    assert [one for one in said if isinstance(one, Noted) or one]
    texts = [repr(said), caplog.text, *capfd.readouterr(), *store.line.heads, *store.line.seen]
    assert not [text for text in texts if SECRET in text]


@pytest.mark.parametrize("name", ["map.tif", "map.zarr"])
def test_a_map_in_a_store_is_verified_to_the_last_byte(
    store: Store, tmp_path: Path, name: str
) -> None:
    uri = f"s3://{BUCKET}/deep/{name}"
    segment(uri)
    found = ts.verify(uri, recompute=0.2, image=IMAGE, model=network)
    assert found.whole
    others = f", s3://{BUCKET}/deep/map_confidence.tif" * (name == "map.tif")
    assert repr(found) == f"Verification({uri}{others}: whole)"
    store.client.put_object(Bucket=BUCKET, Key="deep/note.txt", Body=b"mine")
    with pytest.raises(ts.TilesegmError, match=f"^s3://{BUCKET}/deep/note.txt is no result"):
        ts.verify(f"s3://{BUCKET}/deep/note.txt")
    damaged = "deep/map_confidence.tif" if name == "map.tif" else "deep/map.zarr/0/classes/c/0/0"
    data = bytearray(store.get(damaged))
    data[-10] ^= 1
    store.client.put_object(Bucket=BUCKET, Key=damaged, Body=bytes(data))
    found = ts.verify(uri)
    assert not found.whole
    assert f"s3://{BUCKET}/deep/map" in found.damage[0]
    with pytest.raises(ts.TilesegmError, match="no such result"):
        ts.verify(uri.replace("map.", "none."))
