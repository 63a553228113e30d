"""Scores class maps of any size against the truth, window by window."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tilesegm.data.settings import LabelSettings
from tilesegm.errors import InputError, SettingsError
from tilesegm.evaluation.inputs import InspectedPair, MapPair
from tilesegm.evaluation.inspection import count_pair, hidden_labels, inspect_pair
from tilesegm.evaluation.reader import PairReader
from tilesegm.evaluation.reading import IdReading, decide_reading
from tilesegm.events import (
    Noted,
    OnEvent,
    PixelsDone,
    RunEnded,
    RunStarted,
    StageStarted,
    ignore,
)
from tilesegm.grid.window import Window
from tilesegm.metrics.calibration import count_confidence, count_scores
from tilesegm.metrics.evaluation import Decided, Evaluation, ImageEvaluation
from tilesegm.metrics.map_counts import Block, MapCounts, count_blocks, count_measures
from tilesegm.metrics.measures import Measures
from tilesegm.metrics.objects import ObjectPart, cut_objects, join_objects
from tilesegm.metrics.seams import count_seams
from tilesegm.source.options import Nodata

__all__ = ["EvaluationOptions", "block_side", "evaluate", "evaluate_many"]

_NO_BORDERS = (
    "no two classes of the truth touch, as where pixels without a label lie between them, so "
    "boundary F1, surface Dice and Hausdorff are not defined; --no-borders leaves them out"
)

_WINDOW = 2048
"""Least side of a window: with it, the halo of most measures adds an eighth to what is read."""
_BLOCK_BYTES = 256 << 20
"""Most memory for the counts of blocks."""


@dataclass(frozen=True)
class EvaluationOptions:
    """How maps are scored.

    Raises:
        SettingsError: a value is out of range.
    """

    classes: tuple[str, ...] | int | None = None
    """Names of classes in the order of their ids, or their number; from the prediction's own tags
    when not given."""
    ignore: tuple[int, ...] = ()
    """Values of the truth that are not counted, beside its nodata."""
    values: tuple[int, ...] = ()
    """Values of the truth in the order of classes; when not given they count from 0, and a mask of
    0 and 255 (or -1, or 65535) is background and foreground."""
    nodata: Nodata | None = None
    """Value of missing pixels of the truth, in place of its own; ``"none"`` to read the nodata
    values of both maps as ids."""
    labels: LabelSettings | None = None
    """For a truth of polygons or colours; a raster of ids needs none."""
    measures: Measures = field(default_factory=Measures)
    workers: int = 0
    """Number of threads; 0 means one per core."""

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise SettingsError(f"workers is {self.workers}; give 0 for one per core, or a number")
        if isinstance(self.classes, int) and self.classes < 1:
            raise SettingsError(f"classes is {self.classes}; there must be at least one")
        if len(set(self.values)) < len(self.values):
            raise SettingsError(f"values is {self.values}; each may stand for one class")


def evaluate(
    prediction: Any,
    truth: Any,
    *,
    area: Any = None,
    confidence: Any = None,
    scores: Any = None,
    options: EvaluationOptions | None = None,
) -> Evaluation:
    """Score a class map of any size against the truth, in bounded memory.

    Counts are those of the whole maps, however they are cut into windows.

    Args:
        prediction: class map: path, URL or ``(H, W)`` array of ids.
        truth: raster of ids, or with ``options.labels`` polygons or a mask of colours. A raster of
            another grid is taken to the prediction's by its nearest pixels.
        area: polygons, or a mask of any resolution as a raster or array; pixels outside are not
            counted.
        confidence: raster of the probability of the predicted class, for calibration; uint8 from
            0 to 254 with nodata 255, as `segment` writes, or to 255 without, or floats to 1.
        scores: raster with one band per class, of the same types, for thresholds and calibration.
        options: everything else.

    Raises:
        InputError: the maps cannot be read, do not fit each other, or have no known pixel.
    """
    pair = MapPair(prediction, truth, area, confidence, scores)
    return evaluate_many([pair], options)


def evaluate_many(
    pairs: Iterable[MapPair],
    options: EvaluationOptions | None = None,
    on_event: OnEvent = ignore,
) -> Evaluation:
    """Score many maps, one after the other, and all of them together.

    Args:
        pairs: predictions with their truth.
        options: everything else, the same for all.
        on_event: called with progress of each pair.

    Raises:
        InputError: as `evaluate`; no pair is given; or classes differ from pair to pair.
    """
    began = time.monotonic()
    options = options or EvaluationOptions()
    inspected = [
        inspect_pair(pair, options.classes, options.labels, options.nodata, options.values)
        for pair in pairs
    ]
    if not inspected:
        raise InputError(
            "there is nothing to evaluate; give at least one prediction with its truth"
        )
    names, measures = inspected[0].classes, options.measures
    for pair in inspected:
        if names != pair.classes:
            raise InputError(
                f"{pair.name} has classes {', '.join(pair.classes)} and maps before it "
                f"{', '.join(names)}; evaluate maps of other classes apart"
            )
    measures.check_classes(len(names))
    on_event(StageStarted("looking at all values"))
    reading, notes = decide_reading(
        inspected, IdReading(ignore=options.ignore, values=options.values), count_pair
    )
    hidden = next(filter(None, map(hidden_labels, inspected)), ())
    opened = dict.fromkeys(note for pair in inspected for note in pair.notes)
    decisions = list(dict.fromkeys(pair.decision for pair in inspected))
    if len(decisions) > 1:
        told = " and ".join(one.text or "the highest score" for one in decisions[:3])
        notes = (*notes, f"classes of the predictions were decided differently: {told}")
    notes = (*opened, *notes, *hidden)
    for note in notes:
        on_event(Noted(note))
    images = []
    for pair in inspected:
        on_event(RunStarted(pair.name, pair.height * pair.width, 0))
        started = time.monotonic()
        images.append(_Run(pair, reading, options).evaluate(on_event))
        on_event(RunEnded(pair.name, time.monotonic() - started))
    evaluation = Evaluation(
        names,
        measures,
        tuple(images),
        time.monotonic() - began,
        notes=notes,
        truth_values=reading.truth,
        predicted_values=reading.prediction,
        decision=decisions[0] if len(decisions) == 1 else Decided(),
    )
    if evaluation.unclassified:
        empty = _unclassified_note(evaluation, inspected)
        on_event(Noted(empty))
        evaluation = replace(evaluation, notes=(*notes, empty))
    left = np.flatnonzero(evaluation.class_scores.true)
    if hidden and len(left) < min(2, len(names)):
        raise InputError(f"one true class is left, {names[left[0]]!r}: {'; '.join(hidden)}")
    surfaces = evaluation.total.surfaces
    if surfaces is not None and len(left) > 1 and np.isnan(surfaces.boundary_f1(1)).all():
        on_event(Noted(_NO_BORDERS))
        evaluation = replace(evaluation, notes=(*notes, _NO_BORDERS))
    return evaluation


def _unclassified_note(evaluation: Evaluation, pairs: Sequence[InspectedPair]) -> str:
    """Say where predictions hold no class though the truth does, which is wrong by definition."""
    images = [image for image in evaluation.images if image.counts.confusion[:, -1].any()]
    more = f" and {len(images) - 1} more" if len(images) > 1 else ""
    beyond = dict.fromkeys(name for pair in pairs for name in pair.more_classes)
    scored = f"none of the {len(evaluation.classes)} classes" if beyond else "no class"
    such = " or ".join(["nodata", *beyond])
    count, known = evaluation.unclassified, int(evaluation.total.confusion.sum())
    return (
        f"{images[0].prediction}{more}: {count:,} of {known:,} pixels that count "
        f"({count / known:.1%}) have {scored}, such as {such}, and are wrong; --aoi scores a part "
        "of a map"
    )


@dataclass(frozen=True)
class _Part:
    """Counts of a window."""

    tally: MapCounts
    blocks: tuple[Block, ...]
    objects: tuple[ObjectPart, ...]


class _Run:
    """Windows of one pair, counted by threads that each open the files for themselves."""

    def __init__(self, pair: InspectedPair, reading: IdReading, options: EvaluationOptions) -> None:
        self._pair = pair
        self._measures = options.measures
        self._reading = reading
        self._workers = options.workers or os.cpu_count() or 1
        self._own = threading.local()
        self._files = ExitStack()
        self._lock = threading.Lock()
        self._block = block_side(pair, options.measures.block)
        self._side = -(-max(_WINDOW, self._block) // self._block) * self._block

    def evaluate(self, on_event: OnEvent) -> ImageEvaluation:
        total: MapCounts | None = None
        blocks: list[Block] = []
        objects: dict[tuple[int, int], tuple[ObjectPart, ...]] = {}
        with self._files:
            for window, part in self._parts():
                total = part.tally if total is None else total + part.tally
                blocks += part.blocks
                objects[window.row // self._side, window.col // self._side] = part.objects
                on_event(PixelsDone(window.pixels))
        assert total is not None
        if not total.confusion.any():
            raise InputError(
                f"{self._pair.name}: no pixel has a true class; check ignored ids, the area of "
                f"interest and the {len(self._pair.classes)} classes against the truth"
            )
        if self._measures.objects:
            total = replace(total, objects=join_objects(objects))
        blocks.sort(key=lambda block: (block.row, block.col))
        pair = self._pair
        return ImageEvaluation(
            pair.name, pair.truth_name, pair.height, pair.width, total, tuple(blocks)
        )

    def _parts(self) -> Iterator[tuple[Window, _Part]]:
        """Count windows; a few more than there are threads are in hand at any time."""
        waiting: deque[tuple[Window, Future[_Part]]] = deque()
        with ThreadPoolExecutor(self._workers, "tilesegm-evaluate") as pool:
            try:
                for window in self._pair.info.window.tiles(self._side):
                    waiting.append((window, pool.submit(self._count, window)))
                    if len(waiting) > self._workers + 1:
                        done, future = waiting.popleft()
                        yield done, future.result()
                while waiting:
                    done, future = waiting.popleft()
                    yield done, future.result()
            finally:
                for _, future in waiting:
                    future.cancel()

    def _reader(self) -> PairReader:
        reader: PairReader | None = getattr(self._own, "reader", None)
        if reader is None:
            reader = self._own.reader = PairReader(self._pair, self._reading)
            with self._lock:
                self._files.callback(reader.close)
        return reader

    def _count(self, window: Window) -> _Part:
        reader, measures = self._reader(), self._measures
        pair = reader.read(window, measures.halo)
        blocks = tuple(count_blocks(pair, window.row, window.col, self._block))
        classes = pair.classes
        nothing = np.zeros((classes, classes + 1), np.int64)
        confusion = sum((block.confusion for block in blocks), nothing)
        tally = count_measures(pair, measures, confusion)
        extra: dict[str, Any] = {}
        if self._pair.seams is not None:
            extra["seams"] = count_seams(pair, self._pair.seams, window.row, window.col)
        core = pair.core
        scores = reader.scores(window)
        if scores is not None:
            known = scores.valid & (core.truth != core.unknown)
            extra["score_histograms"] = count_scores(scores.levels, core.truth, known, scores.steps)
        confidence = reader.confidence(window, scores, core.predicted)
        if confidence is not None:
            known = confidence.valid & (core.truth != core.unknown)
            right = core.truth == core.predicted
            extra["confidence"] = count_confidence(
                confidence.levels, right, known, confidence.steps
            )
        return _Part(replace(tally, **extra), blocks, cut_objects(pair, measures.objects))


def block_side(pair: InspectedPair, side: int) -> int:
    """Return ``side`` in pixels, doubled until the counts of all blocks of a map fit in memory."""
    each = 8 * len(pair.classes) * (len(pair.classes) + 1)
    while -(-pair.height // side) * -(-pair.width // side) * each > _BLOCK_BYTES:
        side *= 2
    return side
