"""Passwords and signatures open images, and are found nowhere afterwards."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import tilesegm as ts
from tests.cli.conftest import Cli
from tests.faults.server import Manners, serving
from tests.images import GEO, blobs, read, write
from tilesegm.errors import SourceError, TilesegmError
from tilesegm.events import PixelsDone
from tilesegm.grid.window import Window
from tilesegm.shown import without_secrets
from tilesegm.source.open import open_source

SECRET = "s3cr3tWord"
USER = f"ann:{SECRET}"
IMAGE = blobs(200, 300)

ADDRESSES = {
    "https://ann:s3cr3tWord@host/a.tif": "https://***@host/a.tif",
    "https://host/a.tif?v=2&sig=s3cr3tWord&id=3": "https://host/a.tif?v=2&sig=***&id=3",
    "https://h/a.tif?X-Amz-Date=s3cr3tWord&X-Amz-Signature=s3cr3tWord: no such file": (
        "https://h/a.tif?X-Amz-Date=***&X-Amz-Signature=***: no such file"
    ),
    "('https://h/a?access_token=s3cr3tWord', 2)": "('https://h/a?access_token=***', 2)",
    "/vsicurl/https://u:s3cr3tWord@h/a.tif?token=s3cr3tWord;": "/vsicurl/https://***@h/a.tif?token=***;",
    "/vsicurl?header.Authorization=s3cr3tWord&url=https%3A%2F%2Fu%3As3cr3tWord%40h%2Fa": (
        "/vsicurl?header.Authorization=***&url=https%3A%2F%2F***%40h%2Fa"
    ),
    "<SourceFilename>http://h/x.tif?a=1&amp;sig=s3cr3tWord</SourceFilename>": (
        "<SourceFilename>http://h/x.tif?a=1&amp;sig=***</SourceFilename>"
    ),
    "GTIFF_DIR:2:/vsicurl/https://h/a.tif?key=s3cr3tWord": (
        "GTIFF_DIR:2:/vsicurl/https://h/a.tif?key=***"
    ),
    "https://h/a.tif?st=s3cr3tWord&se=s3cr3tWord&sig=s3cr3tWord": (
        "https://h/a.tif?st=***&se=***&sig=***"
    ),
    "Authorization: Bearer s3cr3tWord": "Authorization: Bearer ***",
}
"""Texts, and what is shown of them."""

PLAIN = (
    "https://h/a.tif?v=2&design=s3cr3tWord&st=north",
    "https://h/a@b.tif, mail ann@x.de",
    "/data/a b=c;d.tif",
    "s3://bucket/key.tif",
)
"""Texts without a secret."""


@pytest.mark.parametrize("text", ADDRESSES)
def test_secrets_are_hidden_and_the_rest_stays(text: str) -> None:
    assert without_secrets(text) == ADDRESSES[text]
    assert without_secrets(ADDRESSES[text]) == ADDRESSES[text]


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_secrets_of_the_environment_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert SECRET not in str(TilesegmError(f"signed with {SECRET}"))


def network(pixels: Any) -> Any:
    return pixels


def address(host: str, name: str, way: str) -> str:
    """Name a file of a server that asks for a password or a signature."""
    if way == "password":
        return f"http://{USER}@{host}/{name}"
    return f"http://{host}/{name}?v=1&sig={SECRET}"


def manners(way: str) -> Manners:
    return Manners(user=USER) if way == "password" else Manners(signature=SECRET)


@pytest.fixture(params=["tif", "zarr"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """Folder of a server, and the name of an image in it."""
    folder = tmp_path / "served"
    folder.mkdir()
    if request.param == "tif":
        write(folder / "city.tif", IMAGE, tiled=True, blockxsize=128, blockysize=128, **GEO)
        return folder, "city.tif"
    zarr.create_array(folder / "city.zarr", data=IMAGE, chunks=(128, 128, 3))
    return folder, "city.zarr"


@pytest.mark.parametrize("way", ["password", "signature"])
def test_images_behind_passwords_and_signatures_are_read(
    served: tuple[Path, str], way: str
) -> None:
    folder, name = served
    with (
        serving(folder, manners(way)) as (host, _),
        open_source(address(host, name, way)) as source,
    ):
        assert SECRET not in repr(source.info)
        window = Window(100, 90, 80, 70)
        np.testing.assert_array_equal(source.read(window).values, IMAGE[window.slices])


@pytest.mark.parametrize("way", ["password", "signature"])
@pytest.mark.parametrize("suffix", ["tif", "zarr"])
def test_no_file_and_no_event_holds_a_secret(
    served: tuple[Path, str], way: str, suffix: str, tmp_path: Path
) -> None:
    folder, name = served
    output = tmp_path / f"map.{suffix}"
    said: list[Any] = []
    other, user = "n3wS3cr3t", "bob:n3wS3cr3t"
    with serving(folder, manners(way)) as (host, manner):
        image = address(host, name, way)
        first = ts.segment(image, network, output, on_event=said.append)
        # Signed again, or with another password, it is the same image.
        manner.user, manner.signature = manner.user and user, manner.signature and other
        image = image.replace(USER, user).replace(SECRET, other)
        again = ts.segment(image, network, output, on_event=said.append)
    assert (first.tiles, again.tiles) == (1, 0)
    texts = [repr(said), repr(first), json.dumps(first.summary()), first.plan.info.uri]
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    for secret in (SECRET, other):
        assert not [text for text in texts if secret in text]
        assert not [data for data in kept if secret.encode() in data]


def test_a_run_goes_on_with_an_address_that_was_signed_again(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    image = blobs(2100, 64)
    write(tmp_path / "served" / "city.tif", image, tiled=True, blockxsize=128, blockysize=128)
    output = tmp_path / "map.tif"

    def stop(event: Any) -> None:
        if isinstance(event, PixelsDone):
            raise KeyboardInterrupt

    with serving(tmp_path / "served", manners("signature")) as (host, manner):
        with pytest.raises(KeyboardInterrupt):
            ts.segment(address(host, "city.tif", "signature"), network, output, on_event=stop)
        staged = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        assert not [data for data in staged if SECRET.encode() in data]
        manner.signature = "again"
        result = ts.segment(f"http://{host}/city.tif?v=1&sig=again", network, output)
    assert result.resumed > 0
    np.testing.assert_array_equal(read(output), image.argmax(-1))


@pytest.mark.parametrize("name", ["absent.tif", "absent.zarr", "text.tif", "cut.tif"])
@pytest.mark.parametrize("way", ["password", "signature"])
def test_errors_and_their_tracebacks_hold_no_secret(name: str, way: str, tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("no image")
    (tmp_path / "cut.tif").write_bytes(
        write(tmp_path / "whole.tif", IMAGE, **GEO).read_bytes()[:30000]
    )
    with (
        serving(tmp_path, manners(way)) as (host, _),
        pytest.raises(SourceError) as caught,
        open_source(address(host, name, way)) as source,
    ):
        source.read(source.info.window)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["city.tif", "city.zarr"])
def test_a_password_is_not_sent_on_to_another_host(name: str, tmp_path: Path) -> None:
    write(tmp_path / "city.tif", IMAGE, **GEO)
    zarr.create_array(tmp_path / "city.zarr", data=IMAGE, chunks=(128, 128, 3))
    with (
        serving(tmp_path) as (other, there),
        serving(tmp_path, Manners(user=USER, fault="redirect", elsewhere=f"http://{other}")) as (
            host,
            _,
        ),
        open_source(f"http://{USER}@{host}/{name}") as source,
    ):
        np.testing.assert_array_equal(source.read(source.info.window).values, IMAGE)
    assert there.seen
    assert not [seen for seen in there.seen if "authorization" in seen]


def test_no_command_tells_a_secret(cli: Cli, tmp_path: Path, models: Path) -> None:
    write(tmp_path / "city.tif", IMAGE, **GEO)
    truth = write(tmp_path / "truth.tif", IMAGE[..., :1] % 4, **GEO)
    with serving(tmp_path, Manners(signature=SECRET)) as (host, _):
        image = f"http://{host}/city.tif?sig={SECRET}"
        bundle, maps = models / "bundle", tmp_path / "maps"
        said = [
            cli("info", image),
            cli("info", image, "--json"),
            cli("plan", image, "-m", bundle, "--no-probe"),
            cli("audit", image, "-m", bundle, "--tile", "128", "--overlap", "32"),
            cli("predict", image, "-m", bundle, "-o", tmp_path / "map.tif", "--json"),
            cli("predict", image, f"{image}0", truth, "-m", bundle, "-o", maps),
            cli("predict", image.replace("city", "none"), "-m", bundle, "-o", maps, "--json"),
            cli("evaluate", image, image, "--json"),
            cli(
                *("evaluate", f"http://{host}/truth.tif?sig={SECRET}"),
                *(f"http://{host}/truth.tif?sig={SECRET}", "--classes", "4"),
                *("--report", tmp_path / "page.html", "--json-file", tmp_path / "scores.json"),
                *("--image", image),
            ),
            cli("train", "init", image, "--labels", truth, "-o", tmp_path / "run.yaml"),
        ]
    assert [one.code for one in said[:5]] == [0] * 5, said[:5]
    assert (tmp_path / "page.html").exists(), said[8]
    assert not [one for one in said if SECRET in one.out + one.err]
    # The file of settings must open the image again, which is said.
    assert "holds a password or signature" in said[-1].err
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "run.yaml"]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert read(tmp_path / "map.tif").shape == IMAGE.shape[:2]
