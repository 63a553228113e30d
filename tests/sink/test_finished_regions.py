"""Finished regions come back as they were taken, in little memory."""

from __future__ import annotations

import hashlib
import tracemalloc

import pytest

from tilesegm.grid.window import Window
from tilesegm.sink.finished_region import FinishedRegion
from tilesegm.sink.finished_regions import FinishedRegions

DIGEST = hashlib.sha256(b"chunks").hexdigest()
WINDOW = Window(2**40, 0, 1024, 77)


@pytest.mark.parametrize(
    "region",
    [
        FinishedRegion(3, {"computed": 4, "skipped": 0, "empty": 2**40}, WINDOW, DIGEST),
        FinishedRegion(
            2**62, {"seconds": 1.5, "input": "äö", "deep": [{"a": None}]}, WINDOW, DIGEST
        ),
        FinishedRegion(0),
        FinishedRegion(1, {}, WINDOW, ""),
        FinishedRegion(1, {}, WINDOW, "of another program"),
        FinishedRegion(1, {}, WINDOW, DIGEST.upper()),
        FinishedRegion(1, {}, WINDOW, "ab " + DIGEST),
        FinishedRegion(1, {}, WINDOW, "ab" * 1000),
    ],
)
def test_a_region_comes_back_as_it_was(region: FinishedRegion) -> None:
    regions = FinishedRegions()
    facts = regions.facts
    regions.add(region)
    assert regions[region.number] == region
    assert dict(facts) == {region.number: region.facts}
    regions.forget(region.number)
    assert not regions
    assert region.number not in facts


def test_a_region_takes_few_bytes() -> None:
    regions = FinishedRegions()
    tracemalloc.start()
    for number in range(10_000):
        facts = {"computed": 300 + number, "skipped": 0, "empty": number * 1000}
        window = Window(1024 * number, 1024, 1024, 4096)
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        regions.add(FinishedRegion(number, facts, window, digest))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken / 10_000 < 260
