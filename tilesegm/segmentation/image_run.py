"""Segments one image into files, on a disk or in a store, with a network that is given."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tilesegm.engine.run import TileCounts
from tilesegm.errors import SettingsError
from tilesegm.events import Listener, Noted, OnEvent, RunEnded
from tilesegm.model.base import Predictor
from tilesegm.segmentation.finished import is_made
from tilesegm.segmentation.order import check_travels
from tilesegm.segmentation.outputs import (
    Places,
    check_format,
    check_outputs,
    extra_paths,
    output_paths,
)
from tilesegm.segmentation.result import Segmentation
from tilesegm.segmentation.staged_run import make_outputs
from tilesegm.segmentation.store_target import StoreTarget
from tilesegm.segmentation.update import find_earlier
from tilesegm.segmentation.work import Request, open_work, tell_counts
from tilesegm.sink.provenance import digest
from tilesegm.sink.staging_prefix import StagingPrefix
from tilesegm.sink.stored_staging import discard_staged
from tilesegm.source.base import ImageInfo

__all__ = ["run_request"]


def run_request(
    image: Any,
    opener: Callable[[ImageInfo], Predictor],
    output: str | Path,
    request: Request,
    on_event: OnEvent,
) -> Segmentation:
    """Segment one image with the network that ``opener`` gives for it; see `segment`."""
    target = StoreTarget.of(output, request.options.staging)
    with nullcontext() if target is None else target.workplace():
        return _segment(image, opener, target or Path(output), request, on_event)


def _segment(
    image: Any,
    opener: Callable[[ImageInfo], Predictor],
    place: Path | StoreTarget,
    request: Request,
    on_event: OnEvent,
) -> Segmentation:
    began = time.monotonic()
    on_event = listener = Listener(on_event)
    if request.pool is not None:
        check_travels(image, request.options.area)
    target = place if isinstance(place, StoreTarget) else None
    if target is not None and request.options.update:
        raise SettingsError(
            f"update reads an earlier map on this machine, and {target.uri} lies in a store; "
            "leave update out"
        )
    prefix = StagingPrefix.of(request.options.staging, target.uri if target else str(place))
    paths = output_paths(place.local if isinstance(place, StoreTarget) else place, request.options)
    check_outputs(paths.values())
    before = target.fingerprints(paths) if target else {}
    with open_work(image, opener, request, on_event) as work:
        info = work.plan.info
        check_format(paths.values(), work.plan)
        places = Places.of(paths.values())
        earlier = find_earlier(paths, work, on_event) if request.options.update else None
        mine = digest(work.fingerprint)
        sent = target is not None and not request.overwrite and target.holds(before, mine, on_event)
        finished = sent or (earlier is None and is_made(paths, work, target is not None, on_event))
        kept: int | None = None
        if finished:
            tiles, resumed = TileCounts(computed=0, skipped=0), info.pixels
        else:
            if target:
                target.check_taken()
            tiles, resumed, kept = make_outputs(work, paths, on_event, places, earlier, prefix)
        if target and not sent:
            if finished:
                on_event(Noted(f"{target.uri}: was finished before, and is sent now"))
            target.send(paths, before, mine, on_event)
        if prefix is not None:
            discard_staged(prefix, work.fingerprint)
    tell_counts(work, tiles, on_event)
    seconds = time.monotonic() - began
    if not finished:
        on_event(RunEnded(info.uri, seconds))
    stay = target.addresses(paths) if target else paths
    return Segmentation(
        output=stay["classes"],
        extras=extra_paths(stay),
        plan=work.plan,
        tiles=tiles.computed,
        skipped=tiles.skipped,
        infinite=tiles.infinite,
        empty=tiles.empty,
        resumed=resumed,
        kept=kept,
        seconds=seconds,
        notes=listener.notes,
    )
