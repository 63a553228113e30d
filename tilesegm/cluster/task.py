"""What a worker does: it computes a run of regions and writes their chunks."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Protocol

from tilesegm.engine.heap import share_heap, trim_heap
from tilesegm.engine.on_grid import stream_results
from tilesegm.engine.regions import Region
from tilesegm.engine.run import facts_of, with_batch
from tilesegm.engine.stream import Job
from tilesegm.errors import TilesegmError
from tilesegm.sink.finished_region import FinishedRegion
from tilesegm.sink.region_store import Site

__all__ = ["Order", "Outcome", "Task", "compute", "forget"]

_KEPT = 4
"""Images that a worker keeps open."""


class Order(Protocol):
    """What opens image and network on a worker. Small, since it travels with each task."""

    @property
    def key(self) -> str:
        """Differs where something else would be opened."""
        ...

    @property
    def folder(self) -> str:
        """Folder that relative paths start from."""
        ...

    def open(self) -> AbstractContextManager[Job]:
        """Open both, and check that they are those of the client."""
        ...


@dataclass(frozen=True)
class Task:
    """A run of neighbouring regions of one panel."""

    order: Order
    site: Site
    run: tuple[Region, ...]
    batch: int
    """Tiles in a batch."""
    topic: str
    """Under which each region but the last is told as it is finished."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a task."""

    finished: tuple[FinishedRegion, ...]
    """Regions whose chunks are safe: the first ones of the run, in order."""
    error: TilesegmError | None = None
    """What stopped the rest."""
    exhausted: bool = False
    """Whether the rest needs more memory than the device has."""


_at_work = threading.Lock()
_opened: OrderedDict[str, tuple[Job, ExitStack]] = OrderedDict()


def compute(task: Task) -> Outcome:
    """Compute the regions of a task, one after the other, as far as possible.

    Workers with several threads compute one task at a time: a network and an image are used from
    one thread, and the stages of a task are threads already.
    """
    from distributed import get_worker

    finished: list[FinishedRegion] = []
    with _at_work:
        try:
            with _inside(task.order.folder):
                for region in _regions(task):
                    finished.append(region)
                    if len(finished) == len(task.run) or not _wanted():
                        break
                    get_worker().log_event(task.topic, region.entry())
        except MemoryError:
            return Outcome(finished=tuple(finished), exhausted=True)
        except TilesegmError as error:
            return Outcome(finished=tuple(finished), error=_placed(error))
    return Outcome(finished=tuple(finished))


def forget() -> None:
    """Close the images that are kept open, unless a task is at work."""
    if _at_work.acquire(blocking=False):
        try:
            while _opened:
                _opened.popitem()[1][1].close()
        finally:
            _at_work.release()


def _regions(task: Task) -> Iterator[FinishedRegion]:
    share_heap()
    task.site.check()
    job = with_batch(_job(task.order), task.batch)
    writer = task.site.writer()
    with closing(stream_results(job, task.run)) as regions:
        for region in regions:
            task.site.check()
            for name, values in region.results.items():
                writer.write(name, region.region.window, values)
            yield writer.finish(region.region.number, facts_of(region, job.decision.layers))
            trim_heap()


def _job(order: Order) -> Job:
    """Return the job of an order, which stays open for the next tasks."""
    if order.key in _opened:
        _opened.move_to_end(order.key)
        return _opened[order.key][0]
    while len(_opened) >= _KEPT:
        _opened.popitem(last=False)[1][1].close()
    with ExitStack() as stack:
        job = stack.enter_context(order.open())
        _opened[order.key] = job, stack.pop_all()
    return job


@contextmanager
def _inside(folder: str) -> Iterator[None]:
    """Let relative paths mean what they mean to the client, where its folder exists."""
    if not os.path.isdir(folder):
        yield
        return
    with contextlib.chdir(folder):
        yield


def _wanted() -> bool:
    """Tell whether somebody still waits for the task: who stopped needs no more regions."""
    from distributed import get_worker
    from distributed.worker import thread_state

    try:
        task = get_worker().state.tasks.get(thread_state.key)
    except (AttributeError, ValueError):
        return True
    return task is None or task.state not in ("cancelled", "released", "forgotten")


def _placed(error: TilesegmError) -> TilesegmError:
    """Return the error with the worker where it happened."""
    from distributed import get_worker

    return type(error)(f"{error} (on worker {get_worker().name} of {socket.gethostname()})")
