"""An image and a network that fit each other: all that a run needs but a place for its results."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tilesegm.cluster.pool import Pool
from tilesegm.engine.batches import read_tiles
from tilesegm.engine.plan import Plan, make_fingerprint
from tilesegm.engine.run import TileCounts
from tilesegm.engine.stream import Job
from tilesegm.errors import SettingsError
from tilesegm.events import Noted, OnEvent
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import Predictor
from tilesegm.segmentation.background import margin_note
from tilesegm.segmentation.inputs import Inputs
from tilesegm.segmentation.machine import check_machine
from tilesegm.segmentation.models import path_of
from tilesegm.segmentation.narrowing import open_narrowing
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.recipe import Recipe, image_name
from tilesegm.segmentation.result_grid import image_grid
from tilesegm.segmentation.setup import notes_of, open_scaled, open_whole, plan_for
from tilesegm.segmentation.values import strange_values
from tilesegm.sink.staging import Staging
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.hidden import find_hidden
from tilesegm.source.missing import infinite_note

__all__ = ["Request", "Seen", "Work", "open_work", "plan_work", "tell_counts", "tell_notes"]

_LOOKED_AT = 2**22
"""Pixels up to which all of them are looked at before a run, and samples of larger images."""


@dataclass(frozen=True)
class Request:
    """Settings of a run, for one image or many."""

    tiling: Tiling
    options: Options
    overwrite: bool
    model: str | list[str] | None
    """Path of the network, or of each of several, which results tell."""
    given: Any = None
    """The network as it was given, for workers that open it themselves."""
    pool: Pool | None = None
    """Workers that compute; None for this process."""
    of_batch: bool = False
    """Whether other images have the same settings."""

    @classmethod
    def of(
        cls, model: Any, tiling: Tiling | None, options: Options | None, overwrite: bool
    ) -> Request:
        """Fill in what was left out.

        Raises:
            SettingsError: an update is asked for, and to start from scratch.
        """
        if overwrite and options is not None and options.update:
            raise SettingsError(
                "update keeps what did not change and overwrite starts from scratch; give one"
            )
        return cls(tiling or Tiling(), options or Options(), overwrite, path_of(model), model)


@dataclass(frozen=True, kw_only=True)
class Work:
    """An image and a network that fit each other."""

    plan: Plan
    job: Job
    fingerprint: dict[str, Any]
    inputs: Inputs
    request: Request
    given: Any
    """The image as it was given."""
    image: str | list[str] | None
    """What opens the image again, if anything does, without secrets."""

    def recipe(self, staging: Staging) -> Recipe:
        """Say how the staged results were made."""
        return Recipe(
            image=self.image,
            model=self.request.model,
            tiling=self.request.tiling,
            options=replace(self.request.options, cluster=None),
            batch=staging.notes.get("batch", self.job.reading.batch),
            fingerprint=self.fingerprint,
            shrinks=self.job.reading.shrinks_by_area,
        )


@contextmanager
def open_work(
    image: Any,
    opener: Callable[[ImageInfo], Predictor],
    request: Request,
    on_event: OnEvent,
) -> Iterator[Work]:
    """Open an image with the network that ``opener`` gives for it, and plan the run.

    Raises:
        InputError: image, model or settings cannot be used, or do not fit each other.
        BudgetError: the run needs more memory than allowed.
    """
    options = request.options
    with (
        open_scaled(image, options, opener, on_event) as (source, predictor),
        open_whole(image, source, options) as whole,
    ):
        # Only alpha can be doubtful: nothing is read of an image without.
        for hidden in find_hidden(source, _LOOKED_AT) if source.info.alpha else ():
            if hidden.doubtful:
                on_event(Noted(f"{source.info.uri}: {hidden.text}"))
        margin = margin_note(image, source, options)
        if margin is not None:
            on_event(Noted(margin))
        seen = Seen(source, predictor, whole)
        yield plan_work(image, seen, request, on_event)


def tell_notes(work: Work, on_event: OnEvent) -> None:
    """Say what is assumed, before tiles are computed."""
    plan, source = work.plan, work.job.reading.source
    strange = [strange_values(source, network) for network in plan.spec.networks]
    for note in filter(None, [*notes_of(plan), *strange]):
        on_event(Noted(note))


def tell_counts(work: Work, tiles: TileCounts, on_event: OnEvent) -> None:
    """Say which pixels got no class for a reason that is seldom meant."""
    info, area = work.plan.info, work.request.options.area
    if tiles.infinite:
        on_event(Noted(f"{info.uri}: {infinite_note(tiles.infinite)}"))
    if tiles.empty == info.pixels:
        name = area if isinstance(area, str | os.PathLike) else "the area of interest"
        reasons = {
            "skipped as background": work.request.options.skip is not None,
            "missing": info.masked,
            f"outside {name}": area is not None,
        }
        where = " or ".join(reason for reason, holds in reasons.items() if holds)
        if where == "missing":
            where += ": `tilesegm info` tells why"
        on_event(Noted(f"{info.uri}: no pixel gets a class; all of them are {where}"))


@dataclass(frozen=True)
class Seen:
    """An open image, and the network that sees it."""

    source: Source
    predictor: Predictor
    whole: Source | None = None
    """The image as it is stored, where it tells which pixels of the results are missing."""


def plan_work(image: Any, seen: Seen, request: Request, on_event: OnEvent) -> Work:
    """Plan an open image with the network that sees it; see `open_work`.

    Args:
        image: as it was given.
        seen: both, open.
        request: settings of the run.
        on_event: called with what is assumed and left out.
    """
    options, source, predictor = request.options, seen.source, seen.predictor
    grid = image_grid(source, options)
    narrowed = open_narrowing(image, source, options, on_event)
    area, background = narrowed.area, narrowed.background
    inputs = Inputs.of(source, area, options)
    plan = plan_for(source.info, predictor.spec, request.tiling, options, grid)
    check_machine(plan, options.memory)
    reading = replace(plan.reading(source, area, background), digests=options.update)
    regrid = plan.regrid(seen.whole, area)
    if options.precision == "auto":
        # The first call decides on the precision. Let it be the same tile in a resumed run,
        # and the first image in a resumed batch.
        rows, cols = plan.grid.rows.spans, plan.grid.cols.spans
        predictor(read_tiles(reading, rows[len(rows) // 2].start, cols[len(cols) // 2].start))
    job = Job(reading, predictor, plan.decision, regrid)
    return Work(
        plan=plan,
        job=job,
        fingerprint=inputs.add_to(make_fingerprint(plan, area, background)),
        inputs=inputs,
        request=request,
        given=image,
        image=image_name(image, source.info.uri),
    )
