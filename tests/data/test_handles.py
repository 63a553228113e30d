"""Files stay open, and serve one thread at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock, Thread

import numpy as np

from tilesegm.data.handles import Handles


class Thing:
    def __init__(self, number: int) -> None:
        self.number, self.open, self.busy = number, True, Lock()

    def use(self) -> None:
        assert self.open
        assert self.busy.acquire(blocking=False), "two threads at once"
        self.busy.release()

    def close(self) -> None:
        self.open = False


class Shelf:
    def __init__(self) -> None:
        self.made: list[Thing] = []

    def __call__(self, number: int) -> Thing:
        self.made.append(Thing(number))
        return self.made[-1]


def test_threads_that_come_and_go_find_it_open() -> None:
    shelf = Shelf()
    handles = Handles(shelf, most=2)

    def borrow() -> None:
        with handles.lend(7) as thing:
            thing.use()

    for _ in range(20):
        thread = Thread(target=borrow)
        thread.start()
        thread.join()
    assert [thing.number for thing in shelf.made] == [7]


def test_threads_of_tensorflow_find_it_open() -> None:
    import tensorflow as tf

    shelf = Shelf()
    handles = Handles(shelf, most=2)

    def borrow(number: np.int64) -> np.int64:
        with handles.lend(0) as thing:
            thing.use()
        return number

    numbers = tf.data.Dataset.range(50).map(
        lambda n: tf.numpy_function(borrow, [n], tf.int64), num_parallel_calls=2
    )
    assert sorted(numbers.as_numpy_iterator()) == list(range(50))
    assert len(shelf.made) <= 2


def test_one_borrower_at_a_time() -> None:
    shelf = Shelf()
    handles = Handles(shelf, most=2)

    def borrow(number: int) -> None:
        for _ in range(200):
            with handles.lend(number % 3) as thing:
                assert thing.number == number % 3
                thing.use()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(borrow, range(8)))
    assert sum(thing.open for thing in shelf.made) == 2


def test_those_not_used_for_longest_are_closed() -> None:
    shelf = Shelf()
    handles = Handles(shelf, most=2)
    for number in (0, 1, 0, 2):
        with handles.lend(number) as thing:
            thing.use()
    assert [(thing.number, thing.open) for thing in shelf.made] == [
        (0, True),
        (1, False),
        (2, True),
    ]


def test_what_is_lent_is_closed_when_it_comes_back() -> None:
    shelf = Shelf()
    handles = Handles(shelf, most=2)
    with handles.lend(0) as lent:
        with handles.lend(0) as other:
            assert other is not lent
        handles.close()
        assert lent.open
        assert not other.open
    assert not lent.open
