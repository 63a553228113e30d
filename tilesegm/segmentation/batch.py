"""Images with the network, settings and outputs of each, and how they are worked through."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tilesegm.batch.entry import Entry
from tilesegm.batch.manifest import Manifest
from tilesegm.batch.names import OutputNames
from tilesegm.batch.stopping import stops_all
from tilesegm.cluster.pool import Pool, open_pool
from tilesegm.errors import (
    BudgetError,
    ClusterError,
    ModelError,
    OutputError,
    SettingsError,
    TilesegmError,
)
from tilesegm.events import Event, Noted, OnEvent, StageProgress, StageStarted
from tilesegm.model.base import Predictor
from tilesegm.segmentation.batch_folder import (
    DiskFolder,
    StoreFolder,
    folder_of,
    results_of,
)
from tilesegm.segmentation.batch_item import BatchItem
from tilesegm.segmentation.batch_record import failed
from tilesegm.segmentation.in_memory import check_without_output, segment_in_memory
from tilesegm.segmentation.outputs import reads_of
from tilesegm.segmentation.recorded import segment_recorded
from tilesegm.segmentation.setup import open_predictor
from tilesegm.segmentation.work import Request
from tilesegm.shown import line_of
from tilesegm.source.base import ImageInfo

__all__ = ["Batch"]

_EACH, _MOST = 2, 16
"""Images at work a worker, as small ones have one region each, and all together."""


@dataclass(frozen=True)
class Batch:
    """Images with the network, settings and outputs of each; see `segment_many`."""

    entries: Sequence[Entry]
    model: Any
    request: Request
    """Settings of all images."""
    requests: Sequence[Request]
    """Those of each."""
    outputs: Sequence[Path | str | None]
    """Files, or addresses in a store."""
    folder: DiskFolder | StoreFolder | None
    manifest: Manifest | None

    @classmethod
    def of(
        cls, entries: Sequence[Entry], model: Any, folder: str | Path | None, request: Request
    ) -> Batch:
        """Name the outputs, and make their folder once nothing is against them.

        Raises:
            SettingsError: two images share an output, or options of one are out of range.
            OutputError: an output is read, or the folder cannot be made, or its store be reached.
        """
        requests = [_request(entry, request) for entry in entries]
        if folder is None:
            check_without_output(request)
            return cls(entries, model, request, requests, [None] * len(entries), None, None)
        names = OutputNames.of(folder)
        place = folder_of(names.folder, request.options)
        manifest = place.manifest()
        outputs = names.name(entries, manifest.images)
        written = [
            (entry.name, result)
            for entry, output, one in zip(entries, outputs, requests, strict=True)
            for result in results_of(output, one.options)
        ]
        _check_once(entries, outputs)
        areas = {id(one.options.area): one.options.area for one in requests}.values()
        reads = reads_of([entry.image for entry in entries], model, request.options)
        reads += [("the area of interest", area) for area in areas]
        place.check(written, reads)
        place.make()
        return cls(entries, model, request, requests, outputs, place, manifest)

    @property
    def place(self) -> Path | str | None:
        """Where the manifest lies."""
        return self.manifest.place if self.manifest else None

    def run(self, on_event: OnEvent) -> Iterator[BatchItem]:
        """Segment the images that are not finished, and return what became of each, in order.

        Raises:
            ModelError: the model's file cannot be opened.
            OutputError: the disk is full, or the manifest cannot be written.
            BudgetError: the machine is out of memory.
        """
        try:
            yield from self._run(on_event)
        except BaseException:
            if self.manifest is not None:
                self.manifest.pause()
            raise
        if self.manifest is not None:
            self.manifest.tidy()

    def _run(self, on_event: OnEvent) -> Iterator[BatchItem]:
        opener = _Opener(self.model, self.request)
        cluster = self.request.options.cluster
        if cluster is None or self.manifest is None:
            for number in range(len(self.entries)):
                yield self._one(number, opener, None, on_event)
        else:
            with open_pool(cluster, on_event) as pool:
                yield from self._share(opener, pool, on_event)

    def _share(self, opener: _Opener, pool: Pool | None, on_event: OnEvent) -> Iterator[BatchItem]:
        """Work at several images at a time, whose regions share the workers of a pool.

        Pixels and stages of several images at once are no progress that one can follow: finished
        images are told instead.
        """
        total = len(self.entries)
        together = min(_EACH * (pool.workers if pool else 1), _MOST)
        listen = _Serial(on_event, total)
        threads = ThreadPoolExecutor(together, thread_name_prefix="tilesegm-image")
        waiting: deque[Future[BatchItem]] = deque()
        try:
            waiting.extend(
                threads.submit(self._one, number, opener, pool, listen) for number in range(total)
            )
            for done in range(1, total + 1):
                item = waiting.popleft().result()
                on_event(StageProgress(done / total))
                yield item
        except BaseException:
            opener.stopped = True
            if pool is not None:
                pool.close()  # wakes those that wait for workers
            raise
        finally:
            threads.shutdown(cancel_futures=True)

    def _one(self, number: int, opener: _Opener, pool: Pool | None, on_event: OnEvent) -> BatchItem:
        """Segment one image; its errors are its own, unless they would meet the others too."""
        entry, before = self.entries[number], self._before(number)
        try:
            return self._segment(number, opener, pool, on_event)
        except Exception as error:
            if opener.stopped:
                raise
            if isinstance(error, ModelError) and opener.of_files and not opener.opened:
                raise  # a file that is no model suits no other image either
            own = _own(error, entry)
            lost = isinstance(error, ClusterError) and pool is not None and not pool.alive
            stops = lost or (self.folder.stops if self.folder else stops_all)(error)
            self._note_failure(number, own, stops, before)
            if stops:
                raise _stopped(own, number, len(self.entries)) from error
            return BatchItem(image=entry.name, error=own)

    def _segment(
        self, number: int, opener: _Opener, pool: Pool | None, on_event: OnEvent
    ) -> BatchItem:
        entry, output = self.entries[number], self.outputs[number]
        request = replace(self.requests[number], pool=pool)
        if entry.error is not None:
            raise entry.error
        if output is None or self.manifest is None:
            result = segment_in_memory(entry.image, opener, request, on_event)
            return BatchItem(image=entry.name, result=result)
        return segment_recorded(entry, opener, output, request, self.manifest, on_event)

    def _before(self, number: int) -> dict[str, Any] | None:
        """Return what the manifest says of an image."""
        output = self.outputs[number]
        if self.manifest is None or output is None:
            return None
        return self.manifest.records.get(os.path.basename(output))

    def _note_failure(
        self, number: int, error: TilesegmError, stops: bool, before: dict[str, Any] | None
    ) -> None:
        """Write a failure into the manifest, if that can be written."""
        output = self.outputs[number]
        if self.manifest is None or output is None:
            return
        try:
            self.manifest.add(failed(self.entries[number], output, error, before))
        except OutputError:
            if not stops:
                raise


@dataclass
class _Opener:
    """Opens the network of a batch once, for the first image that can be read."""

    model: Any
    request: Request
    opened: list[Predictor] = field(default_factory=list)
    stopped: bool = False
    """Whether the batch is given up, so that errors are of that."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def of_files(self) -> bool:
        """Whether the network, or each of several, is a file."""
        models = self.model if isinstance(self.model, list | tuple) else [self.model]
        return all(isinstance(model, str | Path) for model in models)

    def __call__(self, info: ImageInfo) -> Predictor:
        """Return the network."""
        with self._lock:
            if not self.opened:
                self.opened.append(open_predictor(self.model, info, self.request.options))
        return self.opened[0]


class _Serial:
    """Passes on what several images tell at the same time, one after the other."""

    def __init__(self, on_event: OnEvent, total: int) -> None:
        self._on_event = on_event
        self._lock = threading.Lock()
        on_event(StageStarted(f"{total} images"))

    def __call__(self, event: Event) -> None:
        """Pass on what is said once; see `Batch`."""
        if isinstance(event, Noted):
            with self._lock:
                self._on_event(event)


def _request(entry: Entry, request: Request) -> Request:
    """Return the settings of one image.

    Raises:
        SettingsError: those that a table gives are out of range.
    """
    request = replace(request, of_batch=True)
    if not entry.changes:
        return request
    try:
        return replace(request, options=replace(request.options, **entry.changes))
    except SettingsError as error:
        raise SettingsError(f"{entry.origin}: {error}") from error


def _check_once(entries: Sequence[Entry], outputs: Sequence[Path | str]) -> None:
    """Refuse an image that is given twice, with one output.

    Raises:
        SettingsError: there is one.
    """
    seen = set()
    for entry, output in zip(entries, outputs, strict=True):
        if (entry.identity, output) in seen:
            raise SettingsError(
                f"{entry.name} is given twice: the two would both be written to {output}; give it "
                "once, or in a table (.csv) with an output for each"
            )
        seen.add((entry.identity, output))


def _own(error: Exception, entry: Entry) -> TilesegmError:
    """Return an error as one of ours; those of libraries may be of any kind."""
    if isinstance(error, TilesegmError):
        return error
    own = TilesegmError(f"{entry.name} failed ({type(error).__name__}: {line_of(error)})")
    own.__cause__ = error
    return own


def _stopped(error: TilesegmError, number: int, total: int) -> TilesegmError:
    """Return what ends a batch."""
    kind: type[TilesegmError] = BudgetError
    if isinstance(error, ClusterError):
        kind = ClusterError
    elif isinstance(error, OSError) or isinstance(error.__cause__, OSError):
        kind = OutputError
    return kind(
        f"{error}; the batch stops at image {number + 1} of {total}, since this is of the machine "
        "or the store, and would meet the others too: mend it, and the same command goes on"
    )
