from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilesegm.grid.window import Window
from tilesegm.sink.finished_region import FinishedRegion
from tilesegm.sink.journal import Journal

ENTRIES = [{"region": n, "facts": {"text": "é\n" * n}} for n in range(5)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("journal") / "journal"
    journal = Journal(path)
    for entry in ENTRIES:
        journal.append(entry)
    journal.close()
    return path


def reopened(path):
    journal = Journal(path)
    journal.close()
    return journal.entries


def test_entries_come_back(whole):
    assert reopened(whole) == ENTRIES


@given(cut=st.integers(0, 400), garbage=st.binary(max_size=40))
def test_a_torn_tail_is_dropped_and_writing_goes_on(whole, cut, garbage):
    data = whole.read_bytes()
    cut = min(cut, len(data))
    torn = whole.with_name("torn")
    torn.write_bytes(data[:cut] + garbage)
    journal = Journal(torn)
    kept = data[:cut].count(b"\n")
    # Garbage may happen to restore the next bytes, never to invent an entry.
    assert journal.entries in (ENTRIES[:kept], ENTRIES[: kept + 1])
    journal.append({"note": "after", "value": 1})
    journal.close()
    assert reopened(torn) == [*journal.entries]
    assert journal.entries[-1] == {"note": "after", "value": 1}


def test_a_damaged_line_hides_all_behind_it(whole):
    damaged = whole.with_name("damaged")
    data = bytearray(whole.read_bytes())
    second = data.index(b"\n") + 15
    data[second] ^= 1
    damaged.write_bytes(data)
    assert reopened(damaged) == ENTRIES[:1]


def test_a_failed_line_leaves_the_journal_as_it_was(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "journal")
    journal.append(ENTRIES[0])

    def fail(descriptor):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output"):
            journal.append(ENTRIES[1])
    journal.append(ENTRIES[2])
    journal.close()
    assert reopened(tmp_path / "journal") == [ENTRIES[0], ENTRIES[2]]


def test_a_region_reads_back_from_its_line_and_from_a_message() -> None:
    region = FinishedRegion(3, {"computed": 2}, Window(1024, 0, 300, 130), "ab" * 32)
    line = json.loads(json.dumps(region.entry()))
    assert FinishedRegion.parse(line) == region
    assert FinishedRegion.parse(line | {"window": tuple(line["window"])}) == region
    assert FinishedRegion.parse(line | {"window": (1024, 0, 300)}) is None
