"""Segments an image into arrays, if they fit in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tilesegm.engine.plan import Plan
from tilesegm.engine.run import run_regions
from tilesegm.errors import BudgetError, SettingsError
from tilesegm.events import Listener, OnEvent, RunEnded, RunStarted
from tilesegm.model.base import Predictor
from tilesegm.segmentation.machine import free_memory
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.segmented_image import SegmentedImage
from tilesegm.segmentation.work import Request, open_work, tell_counts, tell_notes
from tilesegm.sink.region_store import ArrayStore
from tilesegm.source.base import ImageInfo

__all__ = ["check_without_output", "segment_in_memory"]


def check_without_output(request: Request) -> None:
    """Refuse settings of files where no file is written.

    Raises:
        SettingsError: there are some.
    """
    given = [
        name
        for name, there in (
            ("overwrite", request.overwrite),
            ("update", request.options.update),
            ("compress", request.options.compress != Options().compress),
            ("cluster", request.options.cluster is not None),
            ("shards", request.options.shards != Options().shards),
            ("staging", request.options.staging is not None),
        )
        if there
    ]
    if given:
        raise SettingsError(
            f"{' and '.join(given)} is for files, and without an output none is written; leave it "
            "out, or pass an output such as 'map.tif'"
        )


def segment_in_memory(
    image: Any,
    opener: Callable[[ImageInfo], Predictor],
    request: Request,
    on_event: OnEvent,
) -> SegmentedImage:
    """Segment one image with the network that ``opener`` gives for it; see `segment`.

    Raises:
        BudgetError: the results do not fit in memory.
    """
    began = time.monotonic()
    on_event = listener = Listener(on_event)
    with open_work(image, opener, request, on_event) as work:
        plan, info = work.plan, work.plan.info
        _check_memory(plan, request.options.memory)
        tell_notes(work, on_event)
        on_event(RunStarted(info.uri, info.pixels, 0))
        store = ArrayStore((info.height, info.width), plan.decision.layers)
        tiles = run_regions(work.job, plan.panels, store, on_event)
        work.inputs.check_unchanged()
    tell_counts(work, tiles, on_event)
    seconds = time.monotonic() - began
    on_event(RunEnded(info.uri, seconds))
    classes = store.arrays.pop("classes")
    return SegmentedImage(
        classes=classes,
        stored=store.arrays,
        plan=plan,
        tiles=tiles.computed,
        skipped=tiles.skipped,
        infinite=tiles.infinite,
        empty=tiles.empty,
        seconds=seconds,
        notes=listener.notes,
    )


def _check_memory(plan: Plan, limit: int | None) -> None:
    """Refuse results that do not fit, before anything is computed.

    Args:
        plan: of the run.
        limit: on the memory of the process, which the user set.

    Raises:
        BudgetError: they do not.
    """
    info = plan.info
    sizes = {
        layer.name: info.pixels * layer.planes * layer.dtype.itemsize
        for layer in plan.decision.layers
    }
    # The process and its network are there already, as far as the machine tells what is free.
    working = plan.memory.peak if limit is not None else plan.memory.peak - plan.memory.process
    there = free_memory() if limit is None else limit
    if there is None or sum(sizes.values()) + working <= there:
        return
    listed = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in sizes.items())
    what = "memory is limited to" if limit is not None else "this machine has free"
    raise BudgetError(
        f"the results of {info.uri}, {info.height} x {info.width} pixels, take {listed} as arrays "
        f"beside {working / 1e6:.0f} MB for computing them, and {what} {there / 1e6:.0f} MB; pass "
        "an output such as 'map.tif', which is written by windows, or ask for fewer results"
    )
