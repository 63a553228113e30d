"""Staged results that were damaged give the right files all the same; see `damage`.

A part of the faults is tried here and all of them, and many more flips, by ``-m slow``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.damage import CHUNK_FAULTS, chunks, flips, journals, run_files
from tests.faults.tally import Tally
from tests.faults.tiny_run import TinyRun, network, tiny
from tests.images import blobs
from tilesegm.errors import OutputError
from tilesegm.events import Event, Noted
from tilesegm.segmentation.many import segment_many


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    with tiny():
        yield


def show(tally: Tally) -> None:
    print(tally.row())
    assert not tally.wrong, "\n".join(tally.wrong[:20])


def test_some_flipped_bits(tmp_path: Path) -> None:
    tally = flips(tmp_path, 16)
    show(tally)
    assert tally.repaired > 8


def test_some_chunks_damaged_as_wholes(tmp_path: Path) -> None:
    tally = chunks(tmp_path, every=89)
    show(tally)
    assert tally.tried > len(CHUNK_FAULTS)
    assert tally.repaired == tally.tried


def test_some_journals(tmp_path: Path) -> None:
    show(journals(tmp_path, every=51))


def test_some_run_files(tmp_path: Path) -> None:
    show(run_files(tmp_path, every=51))


@pytest.mark.slow
@pytest.mark.parametrize("attack", [lambda base: flips(base, 2000), chunks, journals, run_files])
def test_all_of_them(tmp_path: Path, attack: Callable[[Path], Tally]) -> None:
    show(attack(tmp_path))


@pytest.mark.parametrize(
    ("output", "level", "moment"),
    [
        *(("out.tif", level, moment) for level in (0, 2, 3) for moment in ("before", "during")),
        *(("out.zarr", level, "during") for level in (0, 3)),
        ("out.zarr", 2, "before"),
    ],
)
def test_damage_while_the_file_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, level: int, moment: str
) -> None:
    """A chunk changes after its region was finished: before it is copied, or after that began."""
    run = TinyRun(tmp_path, output)
    expected = run.expected()
    damaged: list[Path] = []

    def damage(*arguments: Any) -> None:
        if not damaged:
            chunk = run.staging / "scores" / "1" / str(level) / "0.0"
            data = bytearray(chunk.read_bytes())
            data[len(data) // 2] ^= 16
            chunk.write_bytes(data)
            damaged.append(chunk)

    name = {
        ("out.tif", "before"): "tilesegm.sink.geotiff.layer_vrt",
        ("out.tif", "during"): "tilesegm.sink.geotiff.check_whole",
        ("out.zarr", "before"): "tilesegm.sink.ome_zarr._attributes",
        ("out.zarr", "during"): "tilesegm.sink.ome_zarr.flush_tree",
    }[output, moment]
    calls(monkeypatch, name, damage)
    outcome = run.start()
    assert outcome.error is None
    assert damaged
    assert outcome.files == expected
    again = "did not read back as they were written"
    assert any(again in note for note in outcome.notes), outcome.notes
    # The damaged region is the first, of 64 rows.
    assert outcome.computed == 200 * 150 + (64 * 150 if level < 3 else 0)


def test_a_disk_that_never_gives_back_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = TinyRun(tmp_path)
    run.clear()
    calls(monkeypatch, "tilesegm.sink.geotiff.check_whole", lambda *_: spoil(run))
    error = run.start().error
    assert isinstance(error, OutputError)
    text = str(error)
    assert "3 times in a row" in text
    assert "write to another disk" in text
    assert "\n" not in text
    assert "full disk" not in text
    assert "same command" not in text
    assert not run.output.exists()


def test_a_chunk_that_gdal_cannot_read_is_no_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = TinyRun(tmp_path)
    expected = run.expected()
    copies: list[int] = []

    def cut(*arguments: Any) -> None:
        copies.append(1)
        if len(copies) == 1:
            spoil(run, b"")

    calls(monkeypatch, "tilesegm.sink.geotiff._copy", cut)
    outcome = run.start()
    assert outcome.error is None
    assert outcome.files == expected


def test_a_finding_is_said_once_with_its_count(tmp_path: Path) -> None:
    run = TinyRun(tmp_path)
    run.restore(run.interrupted())
    spoil(run)
    notes = [note for note in run.start().notes if str(run.staging) in note]
    assert notes == [
        f"{run.staging}: 1 of 4 finished regions did not read back as they were written; it is "
        "computed again"
    ]


@pytest.mark.parametrize("text", ["", "[]", "null", '{"format": 1}', "[" * 99_999])
def test_a_damaged_run_file_stops_no_batch(tmp_path: Path, text: str) -> None:
    staging = tmp_path / "maps" / "one_classes.tif.partial"
    staging.mkdir(parents=True)
    (staging / "lock").touch()
    (staging / "run.json").write_text(text)
    notes: list[Event] = []
    images = {name: blobs(60, 50) for name in ("one", "two")}
    items = segment_many(images, network, tmp_path / "maps", on_event=notes.append)
    assert [item.error for item in items] == [None, None]
    said = [event.text for event in notes if isinstance(event, Noted)]
    assert sum("run.json is damaged or missing" in text for text in said) == 1
    assert sorted(path.suffix for path in (tmp_path / "maps").glob("*classes.tif*")) == [
        ".tif",
        ".tif",
        ".xml",
        ".xml",
    ]


def test_a_damaged_run_file_beside_files_of_somebody_else_is_refused(tmp_path: Path) -> None:
    run = TinyRun(tmp_path)
    run.restore(run.interrupted())
    (run.staging / "run.json").write_text("[]")
    (run.staging / "thesis.txt").write_text("precious")
    before = run.contents()
    for overwrite in (False, True):
        outcome = run.start(overwrite=overwrite)
        assert outcome.against({}) == "clear error"
        assert "holds other files (thesis.txt); move it away" in str(outcome.error)
        assert outcome.files == before


def spoil(run: TinyRun, data: bytes = b"spoilt") -> None:
    (run.staging / "classes" / "0" / "0" / "1.1").write_bytes(data)


def calls(patch: pytest.MonkeyPatch, name: str, first: Callable[..., None]) -> None:
    """Let something happen before each call of a function."""
    module, _, attribute = name.rpartition(".")
    before = getattr(__import__(module, fromlist=[attribute]), attribute)

    def call(*arguments: Any, **more: Any) -> Any:
        first(*arguments)
        return before(*arguments, **more)

    patch.setattr(name, call)
