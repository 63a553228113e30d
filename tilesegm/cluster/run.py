"""Segments what an image still lacks on workers; this process alone writes the journal."""

from __future__ import annotations

import queue
import time
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tilesegm.cluster.pool import Pool
from tilesegm.cluster.task import Order, Outcome, Task, compute
from tilesegm.engine.plan import Plan
from tilesegm.engine.regions import Region
from tilesegm.engine.run import TileCounts, agreed_batch, count_tiles
from tilesegm.engine.sharing import cut_runs, share
from tilesegm.errors import (
    BudgetError,
    ClusterError,
    OutputError,
    SourceError,
    TilesegmError,
)
from tilesegm.events import Noted, OnEvent, PixelsDone
from tilesegm.sink.finished_region import FinishedRegion
from tilesegm.sink.region_store import DurableStore

__all__ = ["run_on_workers"]

_TRIES = 3
"""Times that a run is tried which a worker cannot read or write: another one may."""

_TICK = 0.5
"""Seconds after which it is looked whether there is room for more tasks."""

_RECONNECT = 60.0
"""Most seconds to wait for a scheduler that was lost; Dask may give up earlier."""

_WORTH_ANOTHER = (SourceError, OutputError, ClusterError)


@dataclass
class _Try:
    """A run of regions that is to be computed."""

    run: tuple[Region, ...]
    failed: int = 0


def run_on_workers(
    pool: Pool, order: Order, plan: Plan, staging: DurableStore, on_event: OnEvent
) -> TileCounts:
    """Compute the regions that ``staging`` lacks on the workers of a pool.

    Results are those of `run_regions`: a region does not depend on where its run begins. When a
    device runs out of memory the batch is halved for all tasks from then on.

    Raises:
        InputError: a worker cannot read the image, or the network fails.
        OutputError: a worker cannot write results.
        BudgetError: a device has no memory for a single tile, or a worker too little.
        ClusterError: the scheduler was lost, or workers die; finished regions are safe.
    """
    return _Runner(pool, order, plan, staging, on_event).run()


class _Runner:
    def __init__(
        self, pool: Pool, order: Order, plan: Plan, staging: DurableStore, on_event: OnEvent
    ) -> None:
        self._pool, self._order, self._plan = pool, order, plan
        self._staging, self._on_event = staging, on_event
        self._site = staging.site
        self._batch = agreed_batch(staging, plan.memory.batch, on_event)
        self._topic = f"tilesegm-{uuid.uuid4().hex}"
        self._again: deque[_Try] = deque()
        self._flying: dict[Any, tuple[_Try, int]] = {}
        self._arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(self) -> TileCounts:
        """Run to the end, or cancel what is in flight."""
        length = share(self._plan, self._pool.workers).regions
        done = frozenset(self._staging.done)
        if len(done) == sum(map(len, self._plan.panels)):
            return count_tiles(self._staging)  # no worker is needed
        more = cut_runs(self._plan.panels, done, length)
        client = self._listen()
        try:
            while True:
                while self._pool.take(wait=not self._flying):
                    following = self._again.popleft() if self._again else None
                    run = None if following else next(more, None)
                    if following is None and run is None:
                        self._pool.give()
                        break
                    self._submit(following or _Try(run or ()))
                if not self._flying:
                    return count_tiles(self._staging)
                told, over = self._wait()
                self._record(*map(FinishedRegion.parse, told))
                for future in over:
                    self._receive(future)
        finally:
            with suppress(Exception):  # a scheduler that is gone tells nothing more
                client.unsubscribe_topic(self._topic)
            for future in self._flying:
                future.release()
                self._pool.give()

    def _listen(self) -> Any:
        """Hear of regions as workers finish them."""
        client = self._pool.join()
        client.subscribe_topic(self._topic, lambda event: self._arrived.put(event[1]))
        return client

    def _submit(self, one: _Try) -> None:
        task = Task(self._order, self._site, one.run, self._batch, self._topic)
        try:
            with _lost():
                future = self._pool.submit(compute, task)
        except BaseException:
            self._pool.give()
            raise
        self._flying[future] = one, self._batch
        future.add_done_callback(self._arrived.put)

    def _wait(self) -> tuple[list[dict[str, Any]], list[Any]]:
        """Return what arrived in the meantime: regions that are safe, and tasks that are over."""
        arrived = []
        with suppress(queue.Empty):
            arrived.append(self._arrived.get(timeout=_TICK))
            while True:
                arrived.append(self._arrived.get_nowait())
        told = [one for one in arrived if isinstance(one, dict)]
        return told, [one for one in arrived if not isinstance(one, dict)]

    def _receive(self, future: Any) -> None:
        one, batch = self._flying.pop(future)
        try:
            outcome = self._outcome(future, one)
        finally:
            future.release()
            self._pool.give()
        self._record(*outcome.finished)
        lacking = (region for region in one.run if region.number not in self._staging.done)
        rest = _Try(tuple(lacking), one.failed)
        if outcome.exhausted:
            self._halve(batch)
        elif outcome.error is not None:
            rest.failed += 1
            if rest.failed >= _TRIES or not isinstance(outcome.error, _WORTH_ANOTHER):
                raise outcome.error
        if rest.run:
            self._again.append(rest)

    def _record(self, *regions: FinishedRegion | None) -> None:
        """Take up regions that are safe; those of a run are told as they come, and at its end."""
        told = {one.number: one for one in regions if one}
        new = [one for number, one in told.items() if number not in self._staging.done]
        if new:
            self._staging.record(new)
        for region in new:
            assert region.window is not None
            self._on_event(PixelsDone(region.window.pixels))

    def _outcome(self, future: Any, one: _Try) -> Outcome:
        """Return what a worker gave back, in words of ours where something was lost."""
        from distributed import KilledWorker

        rows = f"rows {one.run[0].window.row} to {one.run[-1].window.stop_row - 1}"
        try:
            outcome: Outcome = future.result()
        except CancelledError:
            self._wait_for_scheduler()
            return Outcome(finished=())
        except KilledWorker as error:
            raise ClusterError(
                f"{error.allowed_failures + 1} workers died one after the other at {rows} of "
                f"{self._plan.info.uri}, as for lack of memory; give workers more, or let the run "
                "take less (--memory, --tile); finished work is kept"
            ) from error
        except ImportError as error:
            raise ClusterError(
                f"a worker lacks a module ({error}); install tilesegm there as it is here, and the "
                "modules of your own network"
            ) from error
        except TilesegmError:
            raise
        except Exception as error:
            raise ClusterError(
                f"a worker failed at {rows} of {self._plan.info.uri}: {type(error).__name__}: "
                f"{' '.join(str(error).split())[:200]}; its log tells more"
            ) from error
        return outcome

    def _halve(self, batch: int) -> None:
        """Halve the batch, unless that was done while this task was under way."""
        if batch > self._batch:
            return
        if batch == 1:
            height, width = self._plan.grid.tile
            raise BudgetError(
                f"a worker runs out of memory on a single tile of {height} x {width} pixels; take "
                "a smaller tile"
            )
        self._batch = batch // 2
        self._staging.note("batch", self._batch)

    def _wait_for_scheduler(self) -> None:
        client = self._pool.join()
        end = time.monotonic() + _RECONNECT
        if client.status == "connecting":
            self._on_event(Noted("the scheduler was lost; waiting for it to come back"))
        while client.status == "connecting" and time.monotonic() < end:
            time.sleep(0.2)
        with _lost():
            if client.status != "running":
                raise OSError
            self._pool.rejoin()
            self._listen()


@contextmanager
def _lost() -> Iterator[None]:
    """Say in words of ours that the scheduler does not answer."""
    from distributed.client import ClosedClientError

    try:
        yield
    except TilesegmError:
        raise
    except (OSError, ClosedClientError) as error:
        raise ClusterError(
            "the scheduler was lost; finished work is kept: start it, and run the same command "
            "again"
        ) from error
