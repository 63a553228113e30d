"""Maps that are brought up to date: only what depends on a change is computed again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import tilesegm as ts
from tests.images import GEO, blobs, read, write
from tilesegm.engine import plan as engine_plan
from tilesegm.errors import OutputError, SettingsError
from tilesegm.events import Event, Noted, PixelsDone, RunStarted, StageProgress, StageStarted
from tilesegm.segmentation import staged_run
from tilesegm.segmentation.region_inputs import RegionInputs
from tilesegm.segmentation.verify import verify
from tilesegm.sink.provenance import read_map_facts

TILING = ts.Tiling(32, 8)
UPDATE = ts.Options(update=True, confidence="top", scores="uint8")


def network(pixels: NDArray[Any]) -> NDArray[Any]:
    """Score three bands by their values and those of neighbours on both sides."""
    return pixels + np.roll(pixels, 3, axis=1) / 2 + np.roll(pixels, -4, axis=2) / 3


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Regions of 64 rows, so that small images have several."""
    for module in (engine_plan, staged_run):
        monkeypatch.setattr(module, "CHUNK", 64)
    return 64


def run(image: Any, output: Path, **more: Any) -> tuple[ts.Segmentation, list[str]]:
    """Segment with an update, and return the notes too."""
    events: list[Event] = []
    settings = {"tiling": TILING, "options": UPDATE} | more
    done = ts.segment(image, network, output, on_event=events.append, **settings)
    return done, [event.text for event in events if isinstance(event, Noted)]


def files(output: Path) -> dict[str, bytes]:
    """Bytes of the map and of its layers."""
    paths = [output, *output.parent.glob(f"{output.stem}_*")]
    return {path.name: path.read_bytes() for path in paths if not path.name.endswith(".xml")}


@contextmanager
def from_scratch(output: Path) -> Iterator[None]:
    """Move a map away, for one to be made in its place; its bytes must be the same."""
    before = files(output)
    for name in before:
        (output.parent / name).unlink()
    yield
    assert files(output) == before


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    box=st.tuples(*[st.integers(0, 299), st.integers(0, 79), st.integers(1, 40), st.integers(1, 9)])
)
def test_an_update_is_what_a_run_from_scratch_gives(
    small_chunks: int, tmp_path: Path, box: tuple[int, int, int, int]
) -> None:
    folder = tmp_path / "-".join(map(str, box))
    folder.mkdir(exist_ok=True)
    image, output = blobs(300, 80), folder / "map.tif"
    write(folder / "image.tif", image, nodata=0)
    run(folder / "image.tif", output)
    row, col, height, width = box
    image[row : row + height, col : col + width] = 255 - image[row, col]
    write(folder / "image.tif", image, nodata=0)
    done, notes = run(folder / "image.tif", output)
    # Tiles of 32 rows with 8 of overlap: what lies more than a tile away depends on nothing else.
    touched = {
        number
        for number in range(5)
        if 64 * number < row + height + 32 and row - 32 < 64 * (number + 1)
    }
    assert done.kept is not None
    assert 5 - len(touched) <= done.kept <= 4
    assert any(f"{done.kept} of 5 regions are kept" in note for note in notes) or not done.kept
    with from_scratch(output):
        run(folder / "image.tif", output)
    shutil.rmtree(folder)


def test_a_map_tells_what_its_regions_were_made_of(small_chunks: int, tmp_path: Path) -> None:
    image = blobs(200, 90)
    done, _ = run(image, tmp_path / "map.tif")
    inputs = RegionInputs.parse(read_map_facts(done.output).inputs)
    assert [(w.row, w.col, w.height, w.width) for w in inputs.regions] == [
        (0, 0, 64, 90),
        (64, 0, 64, 90),
        (128, 0, 64, 90),
        (192, 0, 8, 90),
    ]
    assert RegionInputs.parse(inputs.text()) == inputs
    assert verify(done.output, recompute=1.0, image=image, model=network).whole
    plain = ts.segment(image, network, tmp_path / "plain.tif", tiling=TILING)
    assert read_map_facts(plain.output).inputs is None


@pytest.mark.parametrize("suffix", [".tif", ".zarr", ".png"])
def test_all_formats_are_updated(small_chunks: int, tmp_path: Path, suffix: str) -> None:
    image, output = blobs(200, 90), tmp_path / f"map{suffix}"
    options = ts.Options(update=True, confidence="margin")
    run(image, output, options=options)
    image[190, 60] += 9
    done, _ = run(image, output, options=options)
    assert done.kept == 2
    fresh, _ = run(image, tmp_path / f"fresh{suffix}", options=options)
    for (_, mine), (_, other) in zip(done.extras, fresh.extras, strict=True):
        with ts.open_source(mine) as a, ts.open_source(other) as b:
            np.testing.assert_array_equal(*(one.read(a.info.window).values for one in (a, b)))
    with ts.open_source(output) as a, ts.open_source(fresh.output) as b:
        np.testing.assert_array_equal(*(one.read(a.info.window).values for one in (a, b)))
    assert verify(output).whole


def test_a_mosaic_of_which_a_part_was_replaced(small_chunks: int, tmp_path: Path) -> None:
    image, lines = blobs(256, 90), []
    for number in range(4):
        place = GEO["transform"] @ Affine.translation(0, 64 * number)
        part = image[64 * number : 64 * (number + 1)]
        write(tmp_path / f"{number}.tif", part, **(GEO | {"transform": place}))
        lines += [
            f'<SimpleSource><SourceFilename relativeToVRT="1">{number}.tif</SourceFilename>'
            f'<SourceBand>BAND</SourceBand><SrcRect xOff="0" yOff="0" xSize="90" ySize="64"/>'
            f'<DstRect xOff="0" yOff="{64 * number}" xSize="90" ySize="64"/></SimpleSource>'
        ]
    bands = [
        f'<VRTRasterBand dataType="Byte" band="{band}">'
        + "".join(lines).replace("BAND", str(band))
        + "</VRTRasterBand>"
        for band in (1, 2, 3)
    ]
    mosaic = tmp_path / "mosaic.vrt"
    mosaic.write_text(
        f'<VRTDataset rasterXSize="90" rasterYSize="256">{"".join(bands)}</VRTDataset>'
    )
    output = tmp_path / "map.tif"
    run(mosaic, output)
    replaced = blobs(64, 90, seed=5)
    write(tmp_path / "3.tif", replaced, **(GEO | {"transform": place}))
    done, _ = run(mosaic, output)
    assert done.kept == 2
    with from_scratch(output):
        run(mosaic, output)
    # Written anew with the same pixels: nothing is computed.
    write(tmp_path / "3.tif", replaced, **(GEO | {"transform": place}), tiled=True)
    done, notes = run(mosaic, output)
    assert (done.kept, done.tiles, done.resumed) == (4, 0, 256 * 90)
    assert any("4 of 4 regions are kept" in note for note in notes)


def test_a_zarr_of_which_chunks_changed(small_chunks: int, tmp_path: Path) -> None:
    store = tmp_path / "image.zarr"
    values = blobs(200, 90).transpose(2, 0, 1)
    array = zarr.create_array(store, data=values, chunks=(3, 50, 45))
    run(store, tmp_path / "map.tif")
    array[:, 0:10, 0:10] = 3
    done, _ = run(store, tmp_path / "map.tif")
    assert done.kept == 3
    with from_scratch(tmp_path / "map.tif"):
        run(store, tmp_path / "map.tif")


def test_a_larger_area_of_interest(small_chunks: int, tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", blobs(256, 90), **GEO)
    mask = np.zeros((256, 90), np.uint8)
    mask[10:40, 20:60] = 1
    area = write(tmp_path / "area.tif", mask, **GEO)
    options = ts.Options(update=True, area=area)
    first, _ = run(image, tmp_path / "map.tif", options=options)
    mask[198:218, 5:50] = 1
    write(area, mask, **GEO)
    done, _ = run(image, tmp_path / "map.tif", options=options)
    assert done.kept == 2
    assert (first.empty, done.empty) == (256 * 90 - 30 * 40, 256 * 90 - 30 * 40 - 20 * 45)
    with from_scratch(tmp_path / "map.tif"):
        again, _ = run(image, tmp_path / "map.tif", options=options)
    assert again.empty == done.empty


@pytest.mark.parametrize("skip", [None, "background"])
def test_an_area_alone_where_the_map_had_none(
    skip: str | None, small_chunks: int, tmp_path: Path
) -> None:
    image = write(tmp_path / "image.tif", blobs(256, 90), **GEO)
    mask = np.zeros((256, 90), np.uint8)
    mask[10:140, 20:60] = 1
    area = write(tmp_path / "area.tif", mask, **GEO)
    earlier = area if skip else None
    run(image, tmp_path / "map.tif", options=ts.Options(update=True, skip=skip, area=earlier))
    options = ts.Options(update=True, area=area)
    run(image, tmp_path / "map.tif", options=options)
    with from_scratch(tmp_path / "map.tif"):
        run(image, tmp_path / "map.tif", options=options)


def test_an_image_that_grew(small_chunks: int, tmp_path: Path) -> None:
    image, output = blobs(320, 120), tmp_path / "map.tif"
    path = write(tmp_path / "image.tif", image[:200, :90])
    run(path, output)
    write(path, image[:300, :90])
    done, _ = run(path, output)
    assert done.kept == 2  # the third had the lower edge, and the tile that was moved back from it
    with from_scratch(output):
        run(path, output)
    write(path, image[:300])
    done, notes = run(path, output)
    assert done.kept == 0
    assert any("an image of another width" in note for note in notes)
    with from_scratch(output):
        run(path, output)


def test_what_is_interrupted_goes_on(
    small_chunks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, output = blobs(300, 90), tmp_path / "map.tif"
    path = write(tmp_path / "image.tif", image)
    run(path, output)
    image[100:110] = 7
    image[250:255] = 8
    write(path, image)

    before, told = read(output), []

    def stop(event: Event) -> None:
        told.append(event)
        counted = any(isinstance(one, Noted) and "are kept" in one.text for one in told)
        if counted and isinstance(event, PixelsDone):
            raise KeyboardInterrupt  # after the first region that was computed

    with pytest.raises(KeyboardInterrupt):
        ts.segment(path, network, output, tiling=TILING, options=UPDATE, on_event=stop)
    np.testing.assert_array_equal(read(output), before)  # the earlier map is whole until the end
    kept = [one.text for one in told if isinstance(one, Noted) and "are kept" in one.text]
    done, notes = run(path, output)
    assert kept[0] in notes
    assert done.resumed > 64 * 90 * (done.kept or 0)
    with from_scratch(output):
        run(path, output)


def test_the_look_for_changes_tells_how_far_it_is(small_chunks: int, tmp_path: Path) -> None:
    image, output, told = blobs(300, 90), tmp_path / "map.tif", list[Event]()
    path = write(tmp_path / "image.tif", image)
    run(path, output)
    image[250:255] = 8
    write(path, image)
    ts.segment(path, network, output, tiling=TILING, options=UPDATE, on_event=told.append)
    start = told.index(StageStarted("looking for what changed"))
    later = [event for event in told[start + 1 :] if not isinstance(event, Noted)]
    regions = -(-300 // 64)
    assert later[:regions] == [StageProgress((n + 1) / regions) for n in range(regions)]
    # Then pixels count again, those that were kept as finished.
    assert later[regions] == RunStarted(str(path), 300 * 90, 192 * 90)
    assert sum(event.pixels for event in later if isinstance(event, PixelsDone)) == 108 * 90


def test_what_cannot_be_updated_is_refused(small_chunks: int, tmp_path: Path) -> None:
    image, output = blobs(200, 90), tmp_path / "map.tif"
    ts.segment(image, network, output, tiling=TILING)
    image[5, 5] += 1
    with pytest.raises(OutputError, match="settings; replace it with --overwrite"):
        ts.segment(image, network, output, tiling=TILING)
    options = ts.Options(update=True)
    done, notes = run(image, output, options=options)
    assert done.kept == 0
    assert any("was made without --update: all of it is computed again" in n for n in notes)
    image[5, 5] += 1
    with pytest.raises(OutputError, match="compute what changed with --update, replace it with"):
        ts.segment(image, network, output, tiling=TILING)
    for model, more, line in (
        (lambda pixels: pixels, {}, r"settings, which differ \(model changed: model"),
        (network, {"tiling": ts.Tiling(64, 16)}, "tiling: "),
        (network, {"options": UPDATE}, "results changed: confidence"),
    ):
        with pytest.raises(OutputError, match=line):
            ts.segment(image, model, output, **{"tiling": TILING, "options": options} | more)
    for place in (output, None):
        with pytest.raises(SettingsError, match="update"):
            ts.segment(image, network, place, options=options, overwrite=place is not None)
    damaged = bytearray(output.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    output.write_bytes(damaged)
    with pytest.raises(OutputError, match="make it again with --overwrite"):
        run(image, output, options=options)


def test_layers_of_different_runs_are_not_mixed(small_chunks: int, tmp_path: Path) -> None:
    image, output = blobs(200, 90), tmp_path / "map.tif"
    run(image, output)
    image[5, 5] += 1
    run(image, tmp_path / "other.tif")
    for name in ("confidence", "scores"):
        shutil.copy(tmp_path / f"other_{name}.tif", tmp_path / f"map_{name}.tif")
    image[150, 5] += 1
    with pytest.raises(OutputError, match=r"map_confidence.tif and .*map.tif are of different"):
        run(image, output)
    (tmp_path / "map_confidence.tif").unlink()
    with pytest.raises(OutputError, match=r"map_confidence.tif is gone, so .* cannot be updated"):
        run(image, output)
