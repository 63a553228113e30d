"""A server that misbehaves: the image is read all the same, or refused in a line, and soon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import tilesegm as ts
from tests.faults.server import Manners, serving
from tests.images import GEO, blobs, read, write
from tilesegm.errors import SourceError
from tilesegm.events import PixelsDone
from tilesegm.source import remote
from tilesegm.source.open import open_source

IMAGE = blobs(300, 260)

PASSING = ("unavailable", "unsatisfiable", "reset", "dropped", "short", "long", "whole")
HARMLESS = (("long", "tif"), ("whole", "zarr"))
STALLING = ("silent", "drip", "dripping_head")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a tenth of the time that users wait."""
    monkeypatch.setenv("GDAL_HTTP_TIMEOUT", "1")
    monkeypatch.setenv("GDAL_HTTP_CONNECTTIMEOUT", "1")
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "1")
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.05")
    monkeypatch.setattr(remote, "_PAUSES", (0.05, 0.1))
    monkeypatch.setattr(remote, "_STALLED", 3.0)


def image_in(folder: Path, kind: str) -> str:
    if kind == "tif":
        write(folder / "city.tif", IMAGE, tiled=True, blockxsize=128, blockysize=128, **GEO)
    else:
        zarr.create_array(folder / "city.zarr", data=IMAGE, chunks=(128, 128, 3))
    return f"city.{kind}"


def read_all(address: str) -> Any:
    with open_source(address) as source:
        return source.read(source.info.window).values


@pytest.mark.parametrize("kind", ["tif", "zarr"])
@pytest.mark.parametrize("after", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (0, 5))])
@pytest.mark.parametrize("fault", [*PASSING, "silent"])
def test_one_fault_is_got_over(fault: str, after: int, kind: str, tmp_path: Path) -> None:
    name = image_in(tmp_path, kind)
    with serving(tmp_path, Manners(fault=fault, times=1, after=after)) as (host, _):
        np.testing.assert_array_equal(read_all(f"http://{host}/{name}"), IMAGE)


@pytest.mark.parametrize("kind", ["tif", "zarr"])
@pytest.mark.parametrize("fault", [*PASSING, *STALLING])
def test_a_fault_that_stays_is_one_line_after_few_requests(
    fault: str, kind: str, tmp_path: Path
) -> None:
    name = image_in(tmp_path, kind)
    with serving(tmp_path, Manners(fault=fault, after=3)) as (host, manners):
        address = f"http://{host}/{name}"
        # More than was asked for holds what is needed.
        if (fault, kind) in HARMLESS:
            np.testing.assert_array_equal(read_all(address), IMAGE)
        else:
            with pytest.raises(SourceError, match=rf"{name}[^\n]*$"):
                read_all(address)
        assert len(manners.seen) < 80


def test_what_was_finished_stays_when_a_server_goes_away(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    image = blobs(3100, 64)
    write(served / "city.tif", image, tiled=True, blockxsize=64, blockysize=64, **GEO)
    output = tmp_path / "map.tif"
    tiling = ts.Tiling(tile=128, overlap=32)
    with serving(served) as (host, manners):

        def fail(event: Any) -> None:
            if isinstance(event, PixelsDone):
                manners.fault = "unavailable"

        def run(on_event: Any = fail) -> Any:
            return ts.segment(
                f"http://{host}/city.tif", lambda x: x, output, tiling=tiling, on_event=on_event
            )

        with pytest.raises(SourceError, match="city"):
            run()
        assert not output.exists()
        manners.fault = ""
        result = run(lambda event: None)
    assert result.resumed > 0
    np.testing.assert_array_equal(read(output), image.argmax(-1))
