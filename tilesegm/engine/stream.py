"""Streams one run of regions: read, score, blend and decide, each beside the others."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.engine.batches import Batch, Reading, RowEnd, read_batches
from tilesegm.engine.decide import Decision, decide
from tilesegm.engine.input_digest import region_digest
from tilesegm.engine.overlap_add import OverlapAdd
from tilesegm.engine.prefetch import prefetch
from tilesegm.engine.regions import Region
from tilesegm.engine.regrid import Regrid
from tilesegm.errors import ModelError
from tilesegm.grid.window import Window
from tilesegm.model.base import Predictor
from tilesegm.sink.layer import Layer

__all__ = ["Finished", "Job", "empty_results", "stream"]

Results = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Job:
    """All that stays the same while an image is segmented."""

    reading: Reading
    predictor: Predictor
    decision: Decision
    regrid: Regrid | None = None
    """How results come to lie on the grid of the image, where the network sees another one."""


@dataclass(frozen=True)
class Finished:
    """A region whose results are complete."""

    region: Region
    results: Results
    """By layer: ``(height, width)`` or ``(planes, height, width)``."""
    computed: int
    """Tiles that were computed since the region before."""
    skipped: int
    """Tiles that held nothing of interest."""
    infinite: int
    """Pixels of the region that are missing because they are infinite."""
    digest: str = ""
    """Of all that its results depend on beside the network, where readings are summed up."""


def stream(job: Job, run: tuple[Region, ...]) -> Generator[Finished]:
    """Compute neighbouring regions of one panel from top to bottom.

    Results are the same to the last bit wherever a run begins: a tile is always computed in the
    same batch, and a pixel always gets its tiles added in the same order.

    Raises:
        SourceError: pixels cannot be read.
        ModelError: the network fails, or gives NaN or infinite scores.
    """
    top, bottom = run[0].window, run[-1].window
    window = Window(top.row, top.col, bottom.stop_row - top.row, top.width)
    # Closed from the last stage to the first: when one fails, no thread goes on reading an image
    # that its owner is about to close.
    with (
        closing(prefetch(read_batches(job.reading, window), depth=2)) as batches,
        closing(prefetch(_score(job, batches), depth=1)) as scored,
        closing(prefetch(_blend(job, scored, window), depth=1)) as bands,
    ):
        yield from _regroup(job, bands, run)


@dataclass(frozen=True)
class _Scored:
    row: int
    cols: tuple[int, ...]
    scores: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class _Band:
    """Finished rows over the whole width of a panel."""

    first: int
    results: Results
    height: int
    computed: int
    skipped: int
    infinite: NDArray[np.int64]
    """Infinite pixels of each row."""
    row: int
    """The row of tiles that finishes it."""
    digest: bytes


def _score(job: Job, items: Iterator[Batch | RowEnd]) -> Iterator[_Scored | RowEnd]:
    for item in items:
        if isinstance(item, RowEnd):
            yield item
            continue
        scores = job.predictor(item.tiles)[: len(item.cols)]
        # A sum is NaN or infinite when one of its terms is, and takes one pass without a copy.
        with np.errstate(invalid="ignore", over="ignore"):
            total = np.sum(scores)
        if not np.isfinite(total):
            _refuse_scores(job, item, scores)
        yield _Scored(item.row, item.cols, scores)


def _refuse_scores(job: Job, batch: Batch, scores: NDArray[np.float32]) -> None:
    grid, networks = job.reading.grid, job.predictor.spec.networks
    for col, tile in zip(batch.cols, scores, strict=True):
        for network, planes in zip(networks, np.split(tile, len(networks)), strict=True):
            bad = int(np.count_nonzero(~np.isfinite(planes)))
            if not bad:
                continue
            row_start, col_start = grid.rows.spans[batch.row].start, grid.cols.spans[col].start
            raise ModelError(
                f"{network.name} gives NaN or infinite scores ({bad} of {planes.size} "
                f"in the tile at row {row_start}, column {col_start}); check its weights, its "
                "normalisation, and whether nodata is declared"
            )


def _blend(job: Job, items: Iterator[_Scored | RowEnd], window: Window) -> Iterator[_Band]:
    grid = job.reading.grid
    blend = OverlapAdd(
        grid.rows, grid.cols, classes=job.decision.planes, left=window.col, right=window.stop_col
    )
    columns = grid.cols.cover(window.col, window.stop_col)
    arrived: dict[int, NDArray[np.float32]] = {}
    pending = iter(columns)
    results: Results = {}

    def finish(row: int, upto: int | None) -> None:
        """Blend the tiles of a row from left to right, as far as they have arrived."""
        for col in pending:
            finished = blend.add(row, col, arrived.pop(col, None))
            if finished is not None:
                first, scores = finished
                _place(results, first - window.col, decide(scores, job.decision))
            if col == upto:
                break

    for item in items:
        if not results:
            height = grid.rows.finished(item.row) - grid.rows.spans[item.row].first
            results = empty_results(job.decision.layers, height, window.width)
        if isinstance(item, _Scored):
            arrived.update(zip(item.cols, _writable(item.scores), strict=True))
            finish(item.row, item.cols[-1])
            continue
        finish(item.row, None)
        _mask(results, job.decision.layers, item.wanted)
        first = grid.rows.spans[item.row].first
        computed = len(columns) - item.skipped
        yield _Band(
            first=first,
            results=results,
            height=height,
            computed=computed,
            skipped=item.skipped,
            infinite=item.infinite,
            row=item.row,
            digest=item.digest,
        )
        blend.end_row()
        pending, results = iter(columns), {}


def _writable(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    return scores if scores.flags.writeable else scores.copy()


def empty_results(layers: tuple[Layer, ...], height: int, width: int) -> Results:
    """Return arrays for results of a size that hold nothing yet."""
    return {
        layer.name: np.full(
            (height, width) if layer.planes == 1 else (layer.planes, height, width),
            layer.fill,
            layer.dtype,
        )
        for layer in layers
    }


def _place(results: Results, left: int, block: Results) -> None:
    for name, values in block.items():
        results[name][..., left : left + values.shape[-1]] = values


def _mask(results: Results, layers: tuple[Layer, ...], wanted: NDArray[np.bool_] | None) -> None:
    if wanted is None:
        return
    for layer in layers:
        values = results[layer.name]
        values[..., ~wanted[: values.shape[-2]]] = layer.fill


def _regroup(job: Job, bands: Iterator[_Band], run: tuple[Region, ...]) -> Generator[Finished]:
    """Cut bands of rows, whose height follows the tiles, into regions, which follow the store."""
    regions = iter(run)
    region = next(regions)
    results = empty_results(job.decision.layers, region.window.height, region.window.width)
    computed = skipped = infinite = 0
    digests: dict[int, bytes] = {}
    for band in bands:
        digests[band.row] = band.digest
        computed, skipped = computed + band.computed, skipped + band.skipped
        while True:
            rows = region.window
            first, last = max(band.first, rows.row), min(band.first + band.height, rows.stop_row)
            if first < last:
                for name, values in band.results.items():
                    results[name][..., first - rows.row : last - rows.row, :] = values[
                        ..., first - band.first : last - band.first, :
                    ]
                infinite += int(band.infinite[first - band.first : last - band.first].sum())
            if band.first + band.height < rows.stop_row:
                break
            digest = _digest(job, rows, digests)
            yield Finished(region, results, computed, skipped, infinite, digest)
            computed = skipped = infinite = 0
            following = next(regions, None)
            if following is None:
                return
            region = following
            results = empty_results(job.decision.layers, region.window.height, region.window.width)


def _digest(job: Job, window: Window, digests: dict[int, bytes]) -> str:
    """Sum up the rows of tiles that decide a region, where they are summed up."""
    if not job.reading.digests:
        return ""
    needed = job.reading.grid.rows.cover(window.row, window.stop_row)
    for row in [row for row in digests if row < needed[0]]:
        del digests[row]
    return region_digest(window, [digests[row] for row in needed])
