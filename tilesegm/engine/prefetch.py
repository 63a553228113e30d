"""Runs a generator in a thread of its own, a few items ahead of its consumer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

__all__ = ["prefetch"]

T = TypeVar("T")


_END = object()


def prefetch(items: Iterator[T], depth: int = 1) -> Generator[T]:
    """Yield ``items`` in order while a thread makes the next ones.

    Stages of the engine are generators; each wrapped in this function runs beside the others, and
    at most ``depth`` finished items wait between two of them. An error of a stage is raised where
    its items are consumed. When the consumer stops early the thread stops after its current item.

    Args:
        items: what to run; it is used in the new thread only.
        depth: most items that wait.
    """
    waiting: queue.Queue[object] = queue.Queue(maxsize=depth)
    stop = threading.Event()
    failures: list[BaseException] = []

    def put(item: object) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    break
        except BaseException as error:
            failures.append(error)
        put(_END)
        close = getattr(items, "close", None)
        if close is not None:
            close()

    thread = threading.Thread(target=work, name="tilesegm-stage", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            yield item  # type: ignore[misc]
        for failure in failures:
            raise failure
    finally:
        stop.set()
        thread.join()
