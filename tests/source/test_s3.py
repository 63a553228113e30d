"""Images in an object store, from an S3 server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr

from tests.images import GEO, blobs, write
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.object_store import ask, find_session, open_store
from tilesegm.source.open import open_source
from tilesegm.source.remote import FetchError

from .store import BUCKET, Line, Store, serving_store

IMAGE = blobs(500, 600)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("images")
    write(folder / "city.tif", IMAGE, driver="COG", BLOCKSIZE=128, COMPRESS="DEFLATE", **GEO)
    zarr.create_array(folder / "city.zarr", data=IMAGE, chunks=(128, 128, 3))
    zarr.create_array(
        folder / "shards.zarr", data=IMAGE, chunks=(128, 128, 3), shards=(256, 256, 3)
    )
    with serving_store() as store:
        store.put(folder, "in")
        yield store


@pytest.fixture
def store(served: Store) -> Iterator[Store]:
    """Forget what happened before, and behave."""
    yield served
    vars(served.line).update(vars(Line()))


@pytest.mark.parametrize("name", ["city.tif", "city.zarr", "shards.zarr"])
@pytest.mark.parametrize("every", [pytest.param(0, marks=pytest.mark.slow), 3])
def test_images_are_read_whatever_happens_now_and_then(store: Store, name: str, every: int) -> None:
    store.line.every = every
    with open_source(f"s3://{BUCKET}/in/{name}") as source:
        for window in Window(0, 0, *IMAGE.shape[:2]).tiles(256):
            np.testing.assert_array_equal(source.read(window).values, IMAGE[window.slices])


def test_identity_follows_the_object(store: Store, tmp_path: Path) -> None:
    before = []
    for seed in (1, 2):
        write(tmp_path / "one.tif", blobs(64, 64, seed=seed))
        store.put(tmp_path / "one.tif", "in/one.tif")
        with open_source(f"s3://{BUCKET}/in/one.tif") as source:
            before.append(source.info.identity)
            # GDAL keeps what it read under a name as long as the process lives.
            values = source.read(source.info.window).values
            np.testing.assert_array_equal(values, blobs(64, 64, seed=seed))
            assert f"s3://{BUCKET}/in/one.tif" in source.info.files
    assert before[0] != before[1]


@pytest.mark.parametrize("name", ["none.tif", "none.zarr"])
def test_what_is_not_there_is_one_line(store: Store, name: str) -> None:
    with pytest.raises(
        SourceError, match=rf"^s3://{BUCKET}/{name}: [^\n]*check the address[^\n]*$"
    ):
        open_source(f"s3://{BUCKET}/{name}")


@pytest.mark.parametrize("name", ["in/", "in/*.tif"])
def test_who_takes_folders_and_patterns_is_said(store: Store, name: str) -> None:
    with pytest.raises(SourceError, match="folders and patterns of a store are taken by predict"):
        open_source(f"s3://{BUCKET}/{name}")


@pytest.mark.parametrize("name", ["in/a#1.tif", "in#1/a.tif"])
def test_a_name_that_gdal_opens_not_is_said_to_be_the_trouble(store: Store, name: str) -> None:
    store.client.put_object(Bucket=BUCKET, Key=name, Body=b"any")
    with pytest.raises(SourceError, match="opens no object with '#' or an empty folder") as caught:
        open_source(f"s3://{BUCKET}/{name}")
    assert not isinstance(caught.value, FetchError)


@pytest.mark.parametrize("name", ["in//city.tif", "in/../city.tif", "in//city.zarr"])
def test_an_empty_folder_is_no_trouble_of_the_network(store: Store, name: str) -> None:
    with pytest.raises(SourceError, match="copy it to one without empty folders") as caught:
        open_source(f"s3://{BUCKET}/{name}")
    assert not isinstance(caught.value, FetchError)


def test_a_list_of_objects_that_is_denied_is_no_trouble_of_the_network(store: Store) -> None:
    import obstore

    listed = open_store(f"s3://{BUCKET}")
    store.line.every, store.line.faults = 1, ("denied",)
    with pytest.raises(SourceError, match="the store denies access") as caught:
        ask(f"s3://{BUCKET}", lambda: obstore.list_with_delimiter(listed, "in"))
    assert not isinstance(caught.value, FetchError)
    assert sum("list-type" in one for one in store.line.seen) == 1  # asking again is of no use


@pytest.mark.parametrize("name", ["in/city.tif", "in/city.zarr"])
def test_without_credentials_one_line_says_which_are_taken(
    store: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SourceError, match=r"AWS_PROFILE.*AWS_NO_SIGN_REQUEST[^\n]*$"):
        open_source(f"s3://{BUCKET}/{name}")


def test_a_profile_gives_credentials_and_endpoint(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    config = tmp_path / "config"
    config.write_text(
        "[profile lab]\nregion = us-east-1\n"
        f"endpoint_url = {os.environ['AWS_ENDPOINT_URL']}\n"
        "aws_access_key_id = AKIALAB\naws_secret_access_key = ofTheProfile\n"
    )
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    window = Window(100, 90, 80, 70)
    for name in ("city.tif", "city.zarr"):
        with open_source(f"s3://{BUCKET}/in/{name}") as source:
            np.testing.assert_array_equal(source.read(window).values, IMAGE[window.slices])
    assert any("AKIALAB" in head for head in store.line.heads)


def test_keys_are_not_looked_for_at_each_read(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    class Counted(boto3.Session):
        made = 0

        def __init__(self, **words: str | None) -> None:
            Counted.made += 1
            super().__init__(**words)

    monkeypatch.setattr(boto3, "Session", Counted)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")  # another environment than before
    local = write(tmp_path / "one.tif", IMAGE, **GEO)
    for name in (str(local), f"s3://{BUCKET}/in/city.tif", f"s3://{BUCKET}/in/city.zarr"):
        with open_source(name) as source:
            opened = Counted.made
            for window in Window(0, 0, *IMAGE.shape[:2]).tiles(256):
                np.testing.assert_array_equal(source.read(window).values, IMAGE[window.slices])
            assert Counted.made == opened


def test_keys_that_change_while_a_process_lives_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for key in ("AKIAFIRST", "AKIASECOND"):
        path.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = x\n")
        assert find_session().get_credentials().access_key == key
