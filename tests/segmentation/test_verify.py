"""`verify` finds every flipped byte, what is missing, and tiles that the network would not give."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.faults.tiny_run import TinyRun, network, tiny
from tests.images import GEO, blobs, write
from tilesegm.errors import InputError
from tilesegm.grid.tiling import Tiling
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.recompute import Recomputed
from tilesegm.segmentation.segment import segment
from tilesegm.segmentation.verify import verify
from tilesegm.sink.findings import Findings
from tilesegm.sink.result_check import check_result
from tilesegm.sink.tiff_check import file_beside


@pytest.fixture(autouse=True)
def _tiny() -> Iterator[None]:
    with tiny():
        yield


@pytest.fixture
def run(tmp_path: Path) -> TinyRun:
    run = TinyRun(tmp_path)
    run.clear()
    assert run.start().error is None
    return run


@pytest.fixture
def store(tmp_path: Path) -> TinyRun:
    store = TinyRun(tmp_path, "out.zarr")
    store.clear()
    assert store.start().error is None
    return store


def flipped(path: Path, at: int, bit: int) -> Iterator[None]:
    data = path.read_bytes()
    path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
    yield
    path.write_bytes(data)


def test_a_whole_result_is_whole(run: TinyRun, store: TinyRun) -> None:
    for one in (run, store):
        one.clear()
        assert one.start().error is None
        found = verify(one.output)
        assert found.whole
        assert found.notes == ()
    run.clear()
    run.start()
    names = ["out.tif", "out_confidence.tif", "out_scores.tif"]
    found = verify(run.output)
    assert [path.name for path in found.files] == names
    assert found.bytes == sum((run.folder / name).stat().st_size for name in names)


EVERY = pytest.mark.parametrize("every", [13, pytest.param(1, marks=pytest.mark.slow)])


@EVERY
def test_a_bit_of_any_byte_of_a_geotiff_is_found(tmp_path: Path, every: int) -> None:
    result = tmp_path / "map.tif"
    segment(write(tmp_path / "image.tif", blobs(40, 30), **GEO), network, result)
    rng = random.Random(0)
    for at in range(0, result.stat().st_size, every):
        for _ in flipped(result, at, rng.randrange(8)):
            assert check_result(result).damage, at
    assert check_result(result) == Findings(bytes=result.stat().st_size)


def test_a_bit_of_what_lies_beside_is_found(run: TinyRun) -> None:
    beside = file_beside(run.output)
    for at in range(beside.stat().st_size):
        for _ in flipped(beside, at, at % 8):
            damage = check_result(run.output).damage
            assert damage, at
            assert str(beside) in damage[0]


@EVERY
def test_a_bit_of_any_byte_of_a_zarr_is_found(tmp_path: Path, every: int) -> None:
    store, options = tmp_path / "map.zarr", Options(confidence="top", network_outputs="logits")
    segment(write(tmp_path / "image.tif", blobs(70, 60), **GEO), network, store, options=options)
    rng = random.Random(0)
    files = sorted(path for path in store.rglob("*") if path.is_file())
    for path in files:
        for at in range(0, path.stat().st_size, every):
            for _ in flipped(path, at, rng.randrange(8)):
                assert check_result(store).damage, (path, at)
    assert check_result(store) == Findings(bytes=sum(path.stat().st_size for path in files))


@pytest.mark.parametrize("fault", ["gone", "empty", "cut", "longer", "zeros", "swapped"])
def test_whole_files_of_a_zarr(store: TinyRun, fault: str) -> None:
    one, two = sorted((store.output / "scores" / "0" / "scores" / "c" / "1").rglob("1/*"))[:2]
    data, other = one.read_bytes(), two.read_bytes()
    changed = {"empty": b"", "cut": data[:-1], "longer": data + b"\0", "zeros": bytes(len(data))}
    one.write_bytes(changed.get(fault, other))
    two.write_bytes(data if fault == "swapped" else other)
    if fault == "gone":
        one.unlink()
    (line,) = verify(store.output).damage
    assert line.startswith(f"{one.parent}: a file in it is not as it was written")


def test_what_belongs_to_no_zarr_is_harmless(store: TinyRun) -> None:
    (store.output / ".DS_Store").write_bytes(b"x")
    assert verify(store.output).whole
    (store.output / "0" / "more").mkdir()
    (store.output / "0" / "more" / "zarr.json").write_text("{}")
    assert "were not written with the result" in verify(store.output).damage[0]


def test_damage_is_told_with_its_place(run: TinyRun) -> None:
    scores = run.folder / "out_scores.tif"
    data = scores.read_bytes()
    scores.write_bytes(data[:-9])
    (line,) = verify(run.output).damage
    assert f"{scores} is not as it was written" in line
    whole = run.output.read_bytes()
    run.output.write_bytes(whole[:-40] + bytes(40))
    (line,) = verify(run.output).damage
    # The file ends with the image itself: overviews come before it.
    assert "pixels that may be wrong: level 0 from row 0, column 0" in line
    run.output.write_bytes(b"")
    assert not verify(run.output).whole


def test_statistics_of_a_viewer_are_no_damage(run: TinyRun) -> None:
    beside = file_beside(run.output)
    text = beside.read_text()
    added = (
        "<Histograms><HistItem><HistMin>0</HistMin></HistItem></Histograms><Metadata>"
        '<MDI key="STATISTICS_MAXIMUM">2</MDI></Metadata></PAMRasterBand>'
    )
    beside.write_text(text.replace("</PAMRasterBand>", added))
    assert beside.read_text() != text
    assert verify(run.output).whole
    beside.unlink()
    found = verify(run.output)
    assert found.whole
    assert "GDAL programs show no class names" in found.notes[0]


def test_extra_outputs_belong_to_it(run: TinyRun, tmp_path: Path) -> None:
    (run.folder / "out_scores.tif").unlink()
    (line,) = verify(run.output).damage
    assert line == f"{run.folder / 'out_scores.tif'} is gone: the run wrote its scores there"
    other = blobs(200, 150, seed=3)
    write(tmp_path / "other.tif", other, **GEO)
    segment(
        tmp_path / "other.tif",
        network,
        run.folder / "other.tif",
        options=Options(scores="uint8", confidence="top", network_outputs="logits"),
    )
    (run.folder / "other_scores.tif").rename(run.folder / "out_scores.tif")
    (line,) = verify(run.output).damage
    assert line == f"{run.folder / 'out_scores.tif'} is of another run than {run.output}"


def test_what_is_no_result_is_refused(run: TinyRun, tmp_path: Path) -> None:
    for path, words in (
        (run.image, "was not written by tilesegm"),
        (tmp_path / "absent.tif", "no such result"),
        (Path(__file__), "is no result of tilesegm"),
    ):
        with pytest.raises(InputError, match=words):
            verify(path)


def test_all_tiles_computed_again_are_the_same(run: TinyRun, store: TinyRun) -> None:
    for one in (run, store):
        one.clear()
        one.start()
        found = verify(one.output, recompute=1, model=network)
        assert found.whole
        assert found.recomputed is not None
        assert (found.recomputed.sampled, found.recomputed.tiles) == (30, 30)


def test_an_altered_tile_is_found_at_the_stated_odds(tmp_path: Path) -> None:
    image = blobs(200, 150)
    wrong = image.copy()
    wrong[100, 70] = np.roll(np.sort(image[100, 70]), int(image[100, 70].argmax() == 2))
    assert wrong[100, 70].argmax() != image[100, 70].argmax()
    write(tmp_path / "image.tif", wrong, **GEO)
    result, tiling = tmp_path / "altered.tif", Tiling(tile=48, overlap=16)
    segment(tmp_path / "image.tif", network, result, tiling=tiling)
    # A map of which one pixel is not that of the image, sealed as if it were.
    right = write(tmp_path / "image.tif", image, **GEO)
    seeds, found = 100, 0
    for seed in range(seeds):
        again = verify(result, recompute=0.1, seed=seed, image=right, model=network)
        assert again.recomputed is not None
        assert again.recomputed.sampled == 3
        found += not again.whole
        assert len(again.damage) <= 1
    odds = again.recomputed.odds(1)
    assert odds == pytest.approx(0.1)
    assert abs(found - seeds * odds) < 4 * math.sqrt(seeds * odds * (1 - odds))
    (line,) = verify(result, recompute=1, image=right, model=network).damage
    assert line.endswith(": 1 of 1024 pixels differ")


@pytest.mark.parametrize(("altered", "expected"), [(0, 0), (1, 0.2), (2, 1 - 28 / 45), (99, 1)])
def test_odds_are_hypergeometric(altered: int, expected: float) -> None:
    again = Recomputed(tiles=10, sampled=2, altered=(), rounded=0)
    assert again.odds(altered) == pytest.approx(expected)


def test_rounding_is_allowed_when_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = rng.random((90, 80, 3), np.float32)
    options = Options(scores="float32", confidence="top", network_outputs="logits")
    first = write(tmp_path / "image.tif", image, **GEO)
    result, tiling = tmp_path / "map.tif", Tiling(tile=48, overlap=16)
    segment(first, network, result, tiling=tiling, options=options)
    # What another processor does to the last digits, done to the pixels.
    for change, rounding, whole in ((1e-4, 0.0, False), (1e-4, 1e-3, True), (0.1, 1e-3, False)):
        other = image + (change * (rng.random(image.shape) - 0.5)).astype(np.float32)
        near = write(tmp_path / "near.tif", other, **GEO)
        found = verify(result, recompute=1, image=near, model=network, rounding=rounding)
        assert found.whole == whole
        assert found.recomputed is not None
        assert found.recomputed.rounded == (found.recomputed.tiles if whole else 0)


def test_another_network_is_refused(run: TinyRun) -> None:
    with pytest.raises(InputError, match="not what the result was made of: model changed"):
        verify(run.output, recompute=1, model=lambda pixels: pixels)


def test_inputs_that_are_missing_or_others_are_told(run: TinyRun, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not tell the path of its model.*--model"):
        verify(run.output, recompute=0.5)
    moved = run.image.rename(tmp_path / "moved.tif")
    with pytest.raises(InputError, match=r"no such file.*--image"):
        verify(run.output, recompute=0.5, model=network)
    assert verify(run.output, recompute=0.5, model=network, image=moved).whole
    write(run.image, blobs(200, 150, seed=1), **GEO)
    with pytest.raises(InputError, match="image changed: mtime_ns"):
        verify(run.output, recompute=0.5, model=network)
    for fraction in (-0.1, 1.1, math.nan):
        with pytest.raises(InputError, match="fraction of tiles from 0 to 1"):
            verify(run.output, recompute=fraction)


def test_a_summary_is_json(run: TinyRun) -> None:
    found = verify(run.output, recompute=0.1, model=network)
    plain = json.loads(json.dumps(found.summary()))
    assert plain["whole"] is True
    assert plain["recomputed"] == {
        "tiles": 30,
        "sampled": 3,
        "altered": 0,
        "rounded": 0,
        "found_if_altered": {"1": pytest.approx(0.1), "10": pytest.approx(1 - 1140 / 4060)},
    }
