from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from tilesegm.engine.prefetch import prefetch


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.mark.parametrize("depth", [1, 3])
def test_items_keep_their_order(depth: int) -> None:
    assert list(prefetch(iter(range(200)), depth)) == list(range(200))


def test_nothing_gives_nothing() -> None:
    assert list(prefetch(iter(()))) == []


def test_none_is_an_item_like_others() -> None:
    assert list(prefetch(iter([None, 0, None]))) == [None, 0, None]


def test_work_happens_in_a_thread_of_its_own() -> None:
    names = (threading.current_thread().name for _ in range(2))
    assert set(prefetch(names)) == {"tilesegm-stage"}


def test_it_runs_ahead_by_its_depth_and_no_further() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in itertools.count():
            made.append(number)
            yield number

    ahead = prefetch(items(), depth=2)
    assert next(ahead) == 0
    for _ in range(100):
        if len(made) == 4:
            break
        time.sleep(0.01)
    time.sleep(0.05)
    assert made == [0, 1, 2, 3]  # one taken, two waiting, one in hand
    ahead.close()


def test_an_error_arrives_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    ahead = prefetch(items())
    assert next(ahead) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)


def test_an_error_passes_through_a_chain() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(prefetch(n + 1 for n in prefetch(items())))


def test_leaving_early_closes_the_whole_chain() -> None:
    closed: list[str] = []

    def items() -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            closed.append("source")

    def doubled() -> Iterator[int]:
        inner = prefetch(items())
        try:
            for number in inner:
                yield 2 * number
        finally:
            inner.close()
            closed.append("stage")

    outer = prefetch(doubled())
    assert next(outer) == 0
    outer.close()
    assert closed == ["source", "stage"]


def test_a_stage_that_is_never_read_starts_nothing() -> None:
    before = threading.active_count()
    prefetch(iter(range(9)))
    assert threading.active_count() == before
