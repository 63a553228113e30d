"""Reads a prediction and its truth, window by window on one grid."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import Meaning
from tilesegm.data.labels.open import open_labels, open_on_grid
from tilesegm.data.labels.table import ValueTable
from tilesegm.data.labels.vector import VectorLabels
from tilesegm.data.split import SceneView
from tilesegm.decision_rule import STEPS, levels
from tilesegm.errors import SourceError
from tilesegm.evaluation.inputs import InspectedPair
from tilesegm.evaluation.pairing import lists_images, name_in
from tilesegm.evaluation.reading import IdReading
from tilesegm.grid.window import Window
from tilesegm.metrics.pair import WindowPair, make_pair
from tilesegm.sink.layer import PROBABILITY
from tilesegm.source.area import open_area
from tilesegm.source.base import ImageInfo, Pixels, Source, same_place
from tilesegm.source.image import ImageSource
from tilesegm.source.open import open_source
from tilesegm.source.options import Nodata
from tilesegm.source.vector.address import is_vector
from tilesegm.source.vector.reading import tell

__all__ = ["Levels", "PairReader", "open_prediction", "open_truth"]

_CACHE_BYTES = 128 << 20
"""Decoded blocks kept, so that those that windows share are decoded once."""


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

    def __init__(self, pair: InspectedPair, reading: IdReading | None = None) -> None:
        self._pair, self._reading = pair, reading or IdReading()
        self._table = ValueTable({value: n for n, value in enumerate(self._reading.values)})
        parts = pair.given.windows
        self._parts = parts and SceneView(pair.name, pair.height, pair.width, held_out=parts)
        with ExitStack() as files:
            self._prediction = files.enter_context(open_prediction(pair))
            _check_ids(self._prediction.info)
            self._truth = files.enter_context(closing(open_truth(pair)))
            given = pair.given.area
            self._area = None if given is None else open_area(given, pair.info)
            self._confidence = self._open_scores(files, pair.given.confidence, 1)
            self._scores = self._open_scores(files, pair.given.scores, len(pair.classes))
            self._files = files.pop_all()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed or left out when the maps were opened, in a line each."""
        opened = (self._prediction, self._truth)
        infos = [source.info for source in opened if isinstance(source, ImageSource)]
        truth = self._truth.reading if isinstance(self._truth, VectorLabels) else None
        lines = tell(filter(None, [truth, self._area.reading if self._area else None]))
        if truth is not None and truth.elsewhere:
            lines.append(f"{truth.elsewhere}; all of it counts as background")
        lines += self._area.notes if self._area else ()
        return (*(f"{info.uri}: {note}" for info in infos for note in info.notes), *lines)

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
        inner = window.shift(-around.row, -around.col).slices
        classes, known = len(self._pair.classes), self._counted(around)
        if known is not None and not known.any():
            nothing = np.zeros(known.shape, np.uint8)
            return make_pair(nothing, nothing, classes, known, inner)
        truth, known = self._read_truth(around, known)
        return make_pair(truth, self.read_prediction(around), classes, known, inner)

    def read_prediction(self, window: Window) -> NDArray[Any]:
        """Return ``(height, width)`` predicted ids; those that are no class are missing."""
        ids, present = _ids(self._prediction.read(window), self._prediction.info)
        ids = _with_foreground(ids, self._reading.prediction)
        if present is not None:
            if ids.dtype.kind == "u" and len(self._pair.classes) > np.iinfo(ids.dtype).max:
                ids = ids.astype(np.int32)
            ids = ids.copy()
            ids[~present] = np.iinfo(ids.dtype).max if ids.dtype.kind == "u" else -1
        return ids

    def _counted(self, window: Window) -> NDArray[np.bool_] | None:
        """Tell which pixels may count; None if all may."""
        known = None if self._area is None else self._area.mask(window)
        if self._parts:
            inside = ~self._parts.visible(window)
            known = inside if known is None else known & inside
        return known

    def _read_truth(
        self, window: Window, known: NDArray[np.bool_] | None
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Return true ids, and which pixels count."""
        pixels, reading = self._truth.read(window), self._reading
        if isinstance(pixels, Pixels):
            ids, present = _ids(pixels, self._truth.info)
        else:
            ids, present = pixels, None
        unlabelled = (*reading.ignore, *reading.truth.unlabelled)
        if unlabelled:
            labelled = ~np.isin(ids, np.array(unlabelled, object).astype(np.int64))
            present = labelled if present is None else present & labelled
        if present is not None:
            known = present if known is None else known & present
        if self._pair.labels is not None:
            return ids, known
        truth = self._table.look_up(ids) if reading.values else _with_foreground(ids, reading.truth)
        self._refuse_strays(ids, truth, known)
        return truth, known

    def _refuse_strays(
        self, values: NDArray[Any], ids: NDArray[Any], known: NDArray[np.bool_] | None
    ) -> None:
        """Refuse values that are no class: most likely they count from another number.

        Raises:
            SourceError: there is one.
        """
        classes = len(self._pair.classes)
        if not ids.size or (int(ids.max()) < classes and int(ids.min()) >= 0):
            return
        strays = (ids >= classes) | (ids < 0)
        if known is not None:
            strays &= known
        if strays.any():
            found = int(values[strays].min())
            raise SourceError(
                f"{self._truth.info.uri} holds id {found}, and the classes of the prediction are "
                f"0 to {classes - 1}; say which values its classes have (--values, in their order, "
                "or --labels, the settings of a training run), or leave it out (--ignore "
                f"{found})"
            )

    def scores(self, window: Window) -> Levels | None:
        """Read scores of all classes, if there are any."""
        return None if self._scores is None else _levels(self._scores, window)

    def confidence(
        self, window: Window, scores: Levels | None, predicted: NDArray[Any]
    ) -> Levels | None:
        """Read confidence: from its own raster, or what ``scores`` give to the predicted class.

        Args:
            window: what is read.
            scores: those of the window, if there are any.
            predicted: ``(height, width)`` ids; any other number takes the highest score.
        """
        if self._confidence is None:
            if scores is None:
                return None
            classes = scores.levels.shape[2]
            place = np.minimum(predicted, classes - 1).astype(np.intp)[..., None]
            own = np.take_along_axis(scores.levels, place, 2)[..., 0]
            told = np.where(predicted < classes, own, scores.levels.max(2))
            return Levels(told, scores.valid, scores.steps)
        confidence = _levels(self._confidence, window)
        return Levels(confidence.levels[..., 0], confidence.valid, confidence.steps)

    def close(self) -> None:
        """Close all files."""
        self._files.close()


def _open(image: Any, nodata: Nodata | None = None) -> Source:
    return open_source(image, nodata=nodata, cache_bytes=_CACHE_BYTES)


def open_prediction(pair: InspectedPair) -> Source:
    """Open the class map."""
    return _open(pair.given.prediction, "none" if pair.nodata == "none" else None)


def open_truth(pair: InspectedPair) -> Any:
    """Open the truth on the grid of the prediction: a `Source` of ids, or `Labels`."""
    truth, grid = pair.given.truth, pair.info
    if pair.labels is not None:
        path = Path(os.fspath(truth))
        name = name_in(path, Path(grid.uri)) if lists_images(path) else None
        # Annotations of many images are found by the name of the image, not of the map.
        named = grid if name is None else replace(grid, uri=name, address=name)
        return open_labels(os.fspath(truth), pair.labels, named)
    if isinstance(truth, str | os.PathLike) and is_vector(os.fspath(truth)):
        raise SourceError(
            f"{truth} holds polygons; give --labels with the settings of a training run, which say "
            "what their attribute means (`tilesegm train init IMAGE --labels "
            f"{truth} -o run.yaml` writes them)"
        )
    source = open_on_grid(truth, grid, pair.nodata)
    _check_ids(source.info)
    return source


def _check_ids(info: ImageInfo) -> None:
    if info.bands != 1:
        raise SourceError(
            f"{info.uri} has {info.bands} bands; expected one band of class ids; for a truth of "
            "colours give --labels with the settings of a training run (`tilesegm train init IMAGE "
            f"--labels {info.uri} -o run.yaml` writes them)"
        )


def _check_size(info: ImageInfo, grid: ImageInfo) -> None:
    if (info.height, info.width) != (grid.height, grid.width):
        raise SourceError(
            f"{info.uri} has {info.height} x {info.width} pixels and {grid.uri} {grid.height} x "
            f"{grid.width}; they must be of one size"
        )
    if not same_place(info.georeference, grid.georeference, grid.height, grid.width):
        raise SourceError(f"{info.uri} lies elsewhere than {grid.uri}; give that of the same map")


def _ids(pixels: Pixels, info: ImageInfo) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return whole ids ``(height, width)``, and which pixels have one; None if all have."""
    ids, present = pixels.values[..., 0], pixels.valid
    if ids.dtype.kind == "f":
        finite = np.isfinite(ids)
        present = finite if present is None else finite & present
        whole = np.rint(np.where(present, ids, -1))
        strange = present & (whole != ids)
        if strange.any():
            raise SourceError(
                f"{info.uri}: {ids[strange][0]} is no class id; expected whole numbers"
            )
        ids = whole.astype(np.int64)
    return ids, present


def _with_foreground(ids: NDArray[Any], meaning: Meaning) -> NDArray[Any]:
    """Return ids in which 1 stands in place of the foreground's value."""
    if meaning.foreground is None:
        return ids
    return np.where(ids == meaning.foreground, ids.dtype.type(1), ids)


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
    return Levels(levels(np.where(valid[..., None], values, 0)), valid, STEPS)
