"""Streams results that lie on the grid of the image, where the network sees another one."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.engine.decide import Decision, decide
from tilesegm.engine.regions import Region
from tilesegm.engine.regrid import STRIP, Regrid
from tilesegm.engine.stream import Finished, Job, empty_results, stream
from tilesegm.grid.window import Window

__all__ = ["scores_alone", "stream_results"]


def stream_results(job: Job, run: tuple[Region, ...]) -> Generator[Finished]:
    """Compute neighbouring regions of one panel from top to bottom, on whatever grid they lie.

    Raises:
        SourceError: pixels cannot be read.
        ModelError: the network fails, or gives NaN or infinite scores.
    """
    if job.regrid is None:
        yield from stream(job, run)
    else:
        yield from _stream_on_grid(job, job.regrid, run)


def scores_alone(decision: Decision) -> Decision:
    """Return what keeps nothing but the scores as they are."""
    return Decision(decision.classes, decision.probabilities, raw=True, members=decision.members)


def _stream_on_grid(job: Job, regrid: Regrid, run: tuple[Region, ...]) -> Generator[Finished]:
    """Resample scores before classes are decided.

    They are averaged where the image has fewer pixels than the network sees, else interpolated,
    from those that have a score.
    """
    strips = [
        (region, strip)
        for region in run
        for strip in region.window.tiles(STRIP, region.window.width)
    ]
    seen = [regrid.seen(strip) for _, strip in strips]
    pieces, stop = [], seen[0].row
    for one in seen:
        if one.stop_row > stop:
            pieces.append(Region(0, Window(stop, one.col, one.stop_row - stop, one.width)))
            stop = one.stop_row
    own = replace(job, decision=scores_alone(job.decision), regrid=None)
    layers = job.decision.layers
    computed = skipped = infinite = 0
    top = stop = seen[0].row
    held: list[NDArray[np.float32]] = []
    with closing(stream(own, tuple(pieces))) as scored:
        for (region, strip), need in zip(strips, seen, strict=True):
            while stop < need.stop_row:
                finished = next(scored)
                held.append(finished.results["raw"])
                stop = finished.region.window.stop_row
                computed += finished.computed
                skipped += finished.skipped
                infinite += finished.infinite
            scores = held[0] if len(held) == 1 else np.concatenate(held, axis=1)
            scores, top = scores[:, need.row - top :], need.row
            held = [scores]
            if strip.row == region.window.row:
                results = empty_results(layers, region.window.height, region.window.width)
            first = strip.row - region.window.row
            for name, values in _decided(scores, regrid, strip, need, job.decision).items():
                results[name][..., first : first + strip.height, :] = values
            if strip.stop_row == region.window.stop_row:
                yield Finished(region, results, computed, skipped, infinite)
                computed = skipped = infinite = 0


def _decided(
    scores: NDArray[np.float32], regrid: Regrid, strip: Window, need: Window, decision: Decision
) -> dict[str, NDArray[Any]]:
    """Decide a strip of the result, whose scores lie on the grid that the network sees."""
    scores = scores[:, : need.height]
    rows = regrid.rows.taps(strip.row, strip.stop_row).counted_from(need.row)
    cols = regrid.cols.taps(strip.col, strip.stop_col).counted_from(need.col)
    there = ~np.isnan(scores[0])
    wanted = regrid.wanted(strip)
    if there.all():
        planes = cols.sum(rows.sum(scores, 1), 2)
    else:
        filled = np.where(there, scores, np.float32(0))
        planes = cols.sum(rows.sum(filled, 1), 2)
        lost = cols.sum(rows.sum((~there).astype(np.float32), 0), 1)
        known = cols.any(rows.any(there, 0), 1)
        some = known & (lost > 0)
        planes[:, some] /= cols.sum(rows.sum(there.astype(np.float32), 0), 1)[some]
        wanted = known if wanted is None else wanted & known
    results = decide(np.ascontiguousarray(planes), decision)
    if wanted is not None:
        for layer in decision.layers:
            results[layer.name][..., ~wanted] = layer.fill
    return results
