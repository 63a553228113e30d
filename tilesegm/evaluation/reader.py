"""Inspects a prediction and its truth, and reads them window by window on one grid."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.labels.open import open_labels, open_on_grid
from tilesegm.data.settings import LabelSettings
from tilesegm.errors import InputError, SourceError
from tilesegm.evaluation.inputs import InspectedPair, MapPair
from tilesegm.grid.window import Window
from tilesegm.metrics.calibration import STEPS
from tilesegm.metrics.pair import WindowPair, make_pair
from tilesegm.metrics.seams import SeamMap
from tilesegm.sink.layer import PROBABILITY
from tilesegm.sink.provenance import MapFacts, read_map_facts
from tilesegm.source.area import open_area
from tilesegm.source.base import ImageInfo, Pixels, Source, same_place
from tilesegm.source.open import open_source

__all__ = ["Levels", "PairReader", "inspect_pair"]

_CACHE_BYTES = 128 << 20
"""Decoded blocks kept, so that those that windows share are decoded once."""


def inspect_pair(
    given: MapPair, classes: tuple[str, ...] | int | None, labels: LabelSettings | None
) -> InspectedPair:
    """Find out the grid and the classes of a pair, and check that its parts fit each other.

    Args:
        given: prediction and truth.
        classes: names or number of classes; from ``labels`` or the prediction when not given.
        labels: how the truth is read, if it is no raster of ids.

    Raises:
        InputError: a part cannot be read or does not fit the prediction, or classes are neither
            given nor told by the prediction.
    """
    with open_source(given.prediction) as source:
        info = source.info
    facts = read_map_facts(given.prediction)
    if classes is None and labels is not None:
        classes = tuple(label.name for label in labels.classes)
    inspected = InspectedPair(
        given=given,
        info=info,
        classes=_class_names(info.uri, classes, facts),
        seams=SeamMap.of_layout(facts.layout, info.height, info.width) if facts.layout else None,
        labels=labels,
    )
    PairReader(inspected, ()).close()
    return inspected


def _class_names(
    uri: str, classes: tuple[str, ...] | int | None, facts: MapFacts
) -> tuple[str, ...]:
    if isinstance(classes, int):
        return tuple(f"class {number}" for number in range(classes))
    if classes is not None:
        return tuple(classes)
    if facts.classes:
        return tuple(info.name for info in facts.classes)
    raise InputError(
        f"{uri} does not tell its classes; give their number or names in the order of ids "
        "(--classes)"
    )


@dataclass(frozen=True)
class Levels:
    """Scores of a window as whole numbers."""

    levels: NDArray[Any]
    """``(height, width)`` or ``(height, width, K)``."""
    valid: NDArray[np.bool_]
    """``(height, width)``."""
    steps: int
    """The level that stands for 1."""


class PairReader:
    """The open files of a pair, for one thread."""

    def __init__(self, pair: InspectedPair, ignore: tuple[int, ...]) -> None:
        self._pair = pair
        self._ignore = np.array(ignore, np.int64)
        with ExitStack() as files:
            self._prediction = files.enter_context(_open(pair.given.prediction))
            _check_ids(self._prediction.info)
            self._truth = files.enter_context(closing(_open_truth(pair)))
            self._area = open_area(pair.given.area, pair.info) if pair.given.area else None
            self._confidence = self._open_scores(files, pair.given.confidence, 1)
            self._scores = self._open_scores(files, pair.given.scores, len(pair.classes))
            self._files = files.pop_all()

    def _open_scores(self, files: ExitStack, image: Any, bands: int) -> Source | None:
        if image is None:
            return None
        source = files.enter_context(_open(image))
        _check_size(source.info, self._pair.info)
        if source.info.bands != bands:
            raise SourceError(
                f"{source.info.uri} has {source.info.bands} bands; expected {bands}"
                + (", one per class" if bands > 1 else "")
            )
        return source

    def read(self, window: Window, halo: int) -> WindowPair:
        """Read truth and prediction of ``window``, and ``halo`` pixels around it."""
        around = window.widen(halo).intersect(self._pair.info.window)
        assert around is not None
        truth = self._truth.read(around)
        if isinstance(truth, Pixels):
            truth = _ids(truth, self._truth.info)
        predicted = _ids(self._prediction.read(around), self._prediction.info)
        known = None if self._area is None else self._area.mask(around)
        if self._ignore.size:
            wanted = ~np.isin(truth, self._ignore)
            known = wanted if known is None else known & wanted
        if self._pair.labels is None:
            self._refuse_strays(truth, known)
        inner = window.shift(-around.row, -around.col).slices
        return make_pair(truth, predicted, len(self._pair.classes), known, inner)

    def _refuse_strays(self, truth: NDArray[Any], known: NDArray[np.bool_] | None) -> None:
        """Refuse ids that are no class: most likely they count from another number.

        Raises:
            SourceError: there is one. The greatest number of an unsigned type and -1 say everywhere
                that a pixel has no label.
        """
        classes, missing = len(self._pair.classes), np.iinfo(truth.dtype).max
        if not truth.size or int(truth.max()) < classes:
            return
        strays = (truth >= classes) & (truth != missing)
        if known is not None:
            strays &= known
        if strays.any():
            raise SourceError(
                f"{self._truth.info.uri} holds id {int(truth[strays].min())}, and the classes of "
                f"the prediction are 0 to {classes - 1}; say what its ids mean by the settings of "
                "a training run (--labels), or leave it out (--ignore)"
            )

    def scores(self, window: Window) -> Levels | None:
        """Read scores of all classes, if there are any."""
        return None if self._scores is None else _levels(self._scores, window)

    def confidence(self, window: Window, scores: Levels | None) -> Levels | None:
        """Read confidence: from its own raster, or the highest of ``scores`` of the window."""
        if self._confidence is None:
            return scores and Levels(scores.levels.max(2), scores.valid, scores.steps)
        confidence = _levels(self._confidence, window)
        return Levels(confidence.levels[..., 0], confidence.valid, confidence.steps)

    def close(self) -> None:
        """Close all files."""
        self._files.close()


def _open(image: Any) -> Source:
    return open_source(image, cache_bytes=_CACHE_BYTES)


def _open_truth(pair: InspectedPair) -> Any:
    """Open the truth on the grid of the prediction: a `Source` of ids, or `Labels`."""
    truth, grid = pair.given.truth, pair.info
    if pair.labels is not None:
        return open_labels(os.fspath(truth), pair.labels, grid)
    source = open_on_grid(truth, grid)
    _check_ids(source.info)
    return source


def _check_ids(info: ImageInfo) -> None:
    if info.bands != 1:
        raise SourceError(
            f"{info.uri} has {info.bands} bands; expected one band of class ids (a mask of "
            "colours takes settings of labels)"
        )


def _check_size(info: ImageInfo, grid: ImageInfo) -> None:
    if (info.height, info.width) != (grid.height, grid.width):
        raise SourceError(
            f"{info.uri} has {info.height} x {info.width} pixels and {grid.uri} {grid.height} x "
            f"{grid.width}; they must be of one size"
        )
    if not same_place(info.georeference, grid.georeference, grid.height, grid.width):
        raise SourceError(f"{info.uri} lies elsewhere than {grid.uri}; give that of the same map")


def _ids(pixels: Pixels, info: ImageInfo) -> NDArray[Any]:
    """Class ids ``(height, width)``; missing pixels get an id that no class has."""
    ids = pixels.values[..., 0]
    missing = None if pixels.valid is None else ~pixels.valid
    if ids.dtype.kind == "f":
        whole = np.rint(np.where(np.isfinite(ids), ids, -1))
        strange = np.isfinite(ids) & (whole != ids)
        if missing is not None:
            strange &= ~missing
        if strange.any():
            raise SourceError(
                f"{info.uri}: {ids[strange][0]} is no class id; expected whole numbers"
            )
        ids = whole.astype(np.int64)
    if missing is not None and missing.any():
        ids = ids.copy()
        ids[missing] = np.iinfo(ids.dtype).max if ids.dtype.kind == "u" else -1
    return ids


def _levels(source: Source, window: Window) -> Levels:
    pixels = source.read(window)
    values = pixels.values
    valid = np.ones(values.shape[:2], bool) if pixels.valid is None else pixels.valid
    if values.dtype == np.uint8:
        own = source.info.nodata == PROBABILITY.nodata  # 255 is a value in files of other tools
        return Levels(values, valid, PROBABILITY.steps if own else 255)
    if values.dtype.kind != "f":
        raise SourceError(f"{source.info.uri}: scores are {values.dtype}; expected uint8 or floats")
    valid = valid & np.isfinite(values).all(2)
    low, high = (float(end(values[valid], initial=0)) for end in (np.min, np.max))
    if low < 0 or high > 1.001:
        raise SourceError(
            f"{source.info.uri}: scores run from {low:g} to {high:g}; expected probabilities"
        )
    levels = np.rint(np.where(valid[..., None], np.minimum(values, 1), 0) * STEPS)
    return Levels(levels.astype(np.uint16), valid, STEPS)
