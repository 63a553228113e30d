"""Workers that several images share, and the bound on what waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tilesegm.cluster.cluster import Cluster
from tilesegm.cluster.local import end_workers, has_pages, start_workers
from tilesegm.cluster.task import forget
from tilesegm.errors import BudgetError, ClusterError, SettingsError
from tilesegm.events import ClusterJoined, OnEvent, ignore

if TYPE_CHECKING:
    from tilesegm.cluster.shipping import ModelPlugin, Shipped

__all__ = ["Pool", "open_pool"]

_EACH = 2
"""Tasks in flight a worker: one that it computes, and one that waits there for it."""

_LOOK = 5.0
"""Seconds after which it is asked again how many workers there are."""

_MESSAGES = 50
"""Messages to and from a worker that Dask keeps, to be looked at after an error."""

_STOPPED = "the run was stopped; the same command goes on with it"

_CONNECT = 30.0
"""Seconds in which a scheduler has to answer, also one that was lost and is to come back."""


@contextmanager
def open_pool(cluster: Cluster | None, on_event: OnEvent = ignore) -> Iterator[Pool | None]:
    """Open the workers of a cluster for one image or many.

    A scheduler is connected to at once. Workers of this machine start when the first region is to
    be computed, so that nothing starts where all is finished or an input is refused. What was
    started here ends with the block, however it ends; tasks in flight are cancelled.

    Images that are segmented at the same time, each in a thread of its own, share the workers and
    the bound on tasks in flight: pass the pool to each of them in their `Request`.

    Args:
        cluster: the workers; None gives None, for the regions to be computed in this process.
        on_event: called with `ClusterJoined` once workers are there.

    Raises:
        ClusterError: the scheduler does not answer.
    """
    if cluster is None:
        yield None
        return
    pool = Pool(cluster, on_event)
    try:
        if not cluster.workers:
            pool.join()
        yield pool
    except BaseException:
        pool.close(hurry=True)
        raise
    else:
        pool.close()


class Pool:
    """Workers, of which each gets two tasks at a time. Used from any number of threads."""

    def __init__(self, cluster: Cluster, on_event: OnEvent) -> None:
        self._cluster = cluster
        self._on_event = on_event
        self._client: Any = None
        self._local: Any = None
        self._lock = threading.Lock()
        self._room = threading.Condition()
        self._flying = 0
        self._closed = False
        self._asked = -_LOOK
        self._workers = cluster.workers or 1
        self._shipped: dict[int, tuple[Any, ModelPlugin]] = {}
        self._scheduler = ""

    @property
    def local(self) -> int | None:
        """Workers on this machine that are started for this run; None for those of others."""
        return self._cluster.workers

    @property
    def workers(self) -> int:
        """Workers that can compute a region now, at least 1."""
        self._count()
        return self._workers

    @property
    def alive(self) -> bool:
        """Whether the scheduler is there, or was not asked yet."""
        return self._client is None or self._client.status == "running"

    def join(self) -> Any:
        """Return the client of the scheduler, and start or connect what is not there yet.

        Raises:
            ClusterError: the scheduler does not answer, or workers do not start.
            SettingsError: no worker offers the resource.
        """
        with self._lock:
            if self._closed:
                raise ClusterError(_STOPPED)
            if self._client is None:
                self._client = self._connect()
                self._count()
                page = self._client.dashboard_link if not self.local or has_pages() else ""
                self._on_event(ClusterJoined(self._workers, page or ""))
        return self._client

    def submit(self, function: Callable[..., Any], *values: Any) -> Any:
        """Hand a call to a worker and return its future. `take` room for it first."""
        needs = {self._cluster.resource: 1} if self._cluster.resource else None
        return self.join().submit(function, *values, pure=False, resources=needs)

    def take(self, wait: bool) -> bool:
        """Take room for a task.

        Args:
            wait: whether to wait for room; otherwise False is returned where there is none.

        Raises:
            ClusterError: the pool is closed.
        """
        with self._room:
            while True:
                if self._closed:
                    raise ClusterError(_STOPPED)
                if self._flying < _EACH * self.workers:
                    self._flying += 1
                    return True
                if not wait:
                    return False
                self._room.wait(_LOOK)

    def give(self) -> None:
        """Give back the room of a task that is over."""
        with self._room:
            self._flying -= 1
            self._room.notify_all()

    def ship(self, model: Any) -> Shipped:
        """Send a model that lies in the memory of this process to each worker, once.

        Raises:
            SettingsError: it cannot be sent.
        """
        from tilesegm.cluster.shipping import ModelPlugin, Shipped
        from tilesegm.model.packed import pack

        client = self.join()
        with self._lock:
            if id(model) not in self._shipped:
                self._shipped[id(model)] = model, ModelPlugin(pack(model))
                self._send(client, self._shipped[id(model)][1])
            return Shipped(self._shipped[id(model)][1].name)

    def rejoin(self) -> None:
        """Tell a scheduler that took the place of another what that one knew."""
        client = self.join()
        with self._lock:
            if client.scheduler_info()["id"] != self._scheduler:
                for _, plugin in self._shipped.values():
                    self._send(client, plugin)

    def check_memory(self, peak: int) -> None:
        """Refuse a plan that a worker has no memory for.

        Args:
            peak: bytes that a worker needs.

        Raises:
            BudgetError: one has less.
        """
        if self.local:
            return
        for name, worker in self.join().scheduler_info()["workers"].items():
            limit = worker.get("memory_limit") or 0
            if 0 < limit < peak:
                raise BudgetError(
                    f"worker {name} may take {limit / 1e6:.0f} MB and a region needs "
                    f"{peak / 1e6:.0f} MB; give workers more, or let the run take less (--memory, "
                    "--tile)"
                )

    def close(self, hurry: bool = False) -> None:
        """Cancel what is in flight, and end what was started here.

        Args:
            hurry: whether workers of this machine end in the middle of a region.
        """
        with self._room:
            self._closed = True
            self._room.notify_all()
        client, self._client = self._client, None
        if client is None:
            return
        with suppress(Exception):  # a scheduler that is gone keeps nothing
            if client.status == "running" and self._local is None:
                client.run(forget, on_error="ignore")
                for _, plugin in self._shipped.values():
                    client.unregister_worker_plugin(plugin.name)
        if self._cluster.client is None:
            with suppress(Exception):
                client.close(timeout=2)
        if self._local is not None:
            if hurry:
                end_workers(self._local)
            with suppress(Exception):
                self._local.close(timeout=5)

    def _send(self, client: Any, plugin: ModelPlugin) -> None:
        self._scheduler = client.scheduler_info()["id"]
        client.register_plugin(plugin, name=plugin.name)

    def _connect(self) -> Any:
        import dask
        from distributed import Client

        if self._cluster.client is not None:
            return self._cluster.client
        if self._cluster.workers:
            # This scheduler is in our process, and each message that it keeps holds a whole task.
            with dask.config.set({"distributed.admin.low-level-log-length": _MESSAGES}):
                self._local = start_workers(self._cluster.workers)
                return Client(self._local)
        try:
            return Client(self._cluster.address, timeout=_CONNECT)
        except (OSError, ValueError, ImportError) as error:
            raise ClusterError(
                f"no scheduler answers at {self._cluster.address} within {_CONNECT:.0f} s "
                f"({' '.join(str(error).split())[:200]}); check the address and that it runs"
            ) from error

    def _count(self) -> None:
        """Count the workers, unless that was done a moment ago."""
        now = time.monotonic()
        if self._client is None or now - self._asked < _LOOK:
            return
        self._asked = now
        try:
            workers = self._client.scheduler_info()["workers"]
        except OSError:
            return  # what waits for a result finds out that the scheduler is gone
        if name := self._cluster.resource:
            able = [one for one in workers.values() if one.get("resources", {}).get(name)]
            if workers and not able:
                raise SettingsError(
                    f"none of the {len(workers)} workers offers {name}; start them with the "
                    f"resources {name}=1, or leave the resource out"
                )
            self._workers = max(len(able), 1)
        else:
            self._workers = max(len(workers), 1)
