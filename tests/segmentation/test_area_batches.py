"""Batches beside an area of interest hold needed tiles only, and work begun otherwise goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilesegm as ts
from tests.faults.tiny_run import tiny
from tests.images import GEO, blobs, read, write
from tilesegm.engine.batches import Reading
from tilesegm.engine.plan import Plan
from tilesegm.errors import ModelError
from tilesegm.segmentation.verify import verify
from tilesegm.sink.provenance import read_map_facts

SMALL = ts.Tiling(tile=32, overlap=8)


def ring(height: int = 200, width: int = 300) -> NDArray[np.uint8]:
    """An area that needs few tiles, more in some rows than in others."""
    rows, cols = np.ogrid[:height, :width]
    distance = np.hypot(rows - 90, cols - 140)
    return ((distance < 70) & (distance > 50)).astype(np.uint8)


def around(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Score bands by their means over 3 x 3 pixels, so that context matters."""
    padded = np.pad(pixels, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
    shifts = [(i, j) for i in range(3) for j in range(3)]
    height, width = pixels.shape[1:3]
    return sum(padded[:, i : i + height, j : j + width] for i, j in shifts) / np.float32(9)


def together(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Score bands with a context that reaches over the whole batch, so that each tile counts."""
    return pixels * np.float32(0.01) + pixels.mean() * np.asarray([0.0, 0.01, 0.02], np.float32)


def before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill batches up as earlier versions did beside an area alone."""
    now = Plan.reading

    def full(self: Plan, source: Any, area: Any = None, background: Any = None) -> Reading:
        return replace(now(self, source, area, background), shrinks=background is not None)

    monkeypatch.setattr(Plan, "reading", full)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, ts.Options]:
    """An image, and options with an area."""
    image = write(tmp_path / "image.tif", blobs(200, 300), **GEO)
    return image, ts.Options(area=write(tmp_path / "area.tif", ring(), **GEO))


def test_the_network_gets_no_tile_but_needed_ones() -> None:
    shapes: list[int] = []

    def counting(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        shapes.append(len(pixels))
        return around(pixels)

    options = ts.Options(area=ring(), scores="float32")
    whole = ts.segment(blobs(200, 300), around, tiling=SMALL, options=ts.Options(scores="float32"))
    looked = len(shapes)
    result = ts.segment(blobs(200, 300), counting, tiling=SMALL, options=options)
    assert 0 < result.tiles < 0.7 * whole.tiles
    batches = [size for size in shapes[looked:] if size > 1]
    # A network is looked at on single tiles before.
    assert 0 <= sum(shapes) - result.tiles <= sum(size == 1 for size in shapes)
    assert max(batches) <= result.plan.memory.batch
    inside = ring() > 0
    np.testing.assert_array_equal(result.classes[inside], whole.classes[inside])
    for name, values in result.stored.items():
        np.testing.assert_array_equal(values[..., inside], whole.stored[name][..., inside])
    assert (result.classes[~inside] == 255).all()


def test_results_are_those_of_full_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    options = ts.Options(area=ring(), scores="float32")
    now = ts.segment(blobs(200, 300), around, tiling=SMALL, options=options)
    before(monkeypatch)
    filled = ts.segment(blobs(200, 300), around, tiling=SMALL, options=options)
    assert (now.tiles, now.skipped) == (filled.tiles, filled.skipped)
    np.testing.assert_array_equal(now.classes, filled.classes)
    np.testing.assert_array_equal(now.stored["scores"], filled.stored["scores"])


def test_work_of_an_earlier_version_goes_on_with_its_batches(
    files: tuple[Path, ts.Options], tmp_path: Path
) -> None:
    image, options = files
    maps = {}
    with tiny():
        for name in ("now", "before"):
            with pytest.MonkeyPatch.context() as patched:
                if name == "before":
                    before(patched)
                ts.segment(image, together, tmp_path / f"{name}.tif", tiling=SMALL, options=options)
            maps[name] = read(tmp_path / f"{name}.tif")
        assert (maps["now"] != maps["before"]).any(), "the batches must count"
        for name in maps:
            output, calls = tmp_path / f"{name}_resumed.tif", [0]

            def stopping(pixels: Any, calls: list[int] = calls) -> Any:
                calls[0] += 1
                if calls[0] == 8:
                    raise RuntimeError("stopped")
                return together(pixels)

            with pytest.MonkeyPatch.context() as patched:
                if name == "before":
                    before(patched)
                with pytest.raises(ModelError, match="stopped"):
                    ts.segment(image, stopping, output, tiling=SMALL, options=options)
            done = ts.segment(image, stopping, output, tiling=SMALL, options=options)
            assert 0 < done.resumed < 200 * 300
            np.testing.assert_array_equal(read(output), maps[name])


@pytest.mark.parametrize("earlier", [False, True])
def test_a_result_is_verified_with_the_batches_of_its_run(
    files: tuple[Path, ts.Options],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    earlier: bool,
) -> None:
    image, options = files
    sizes: list[int] = []

    def counting(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        sizes.append(len(pixels))
        return around(pixels)

    with pytest.MonkeyPatch.context() as patched:
        if earlier:
            before(patched)
        ts.segment(image, counting, tmp_path / "map.tif", tiling=SMALL, options=options)
    assert ("shrinks" in (read_map_facts(tmp_path / "map.tif").run or "")) is not earlier
    again = ts.segment(image, counting, tmp_path / "map.tif", tiling=SMALL, options=options)
    assert again.resumed == 200 * 300
    sizes.clear()
    found = verify(tmp_path / "map.tif", recompute=0.2, model=counting)
    assert not found.damage
    full = again.plan.memory.batch
    assert full > 9  # as many tiles as lie around one
    assert (full in sizes) is earlier


def test_an_update_keeps_the_batches_of_its_map(
    files: tuple[Path, ts.Options], tmp_path: Path
) -> None:
    image, options = files
    options, output = replace(options, update=True), tmp_path / "map.tif"
    with tiny():
        with pytest.MonkeyPatch.context() as patched:
            before(patched)
            ts.segment(image, together, output, tiling=SMALL, options=options)
        area = ring()
        area[190:, 290:] = 1
        moved = replace(options, area=write(tmp_path / "moved.tif", area, **GEO))
        updated = ts.segment(image, together, output, tiling=SMALL, options=moved)
        assert updated.kept
        with pytest.MonkeyPatch.context() as patched:
            before(patched)
            ts.segment(image, together, tmp_path / "whole.tif", tiling=SMALL, options=moved)
    np.testing.assert_array_equal(read(output), read(tmp_path / "whole.tif"))
