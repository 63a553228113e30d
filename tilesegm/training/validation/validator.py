"""Validation of a network on held-out pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import keras
import numpy as np
from numpy.typing import NDArray

from tilesegm.decision_rule import ARGMAX, DecisionRule
from tilesegm.engine.decide import Decision
from tilesegm.errors import SettingsError
from tilesegm.grid.window import Window
from tilesegm.metrics.confusion import Scores, mean
from tilesegm.metrics.operating_point import ScoredBlock
from tilesegm.model.keras_model import describe
from tilesegm.model.keras_predictor import with_settings
from tilesegm.training.mixed_precision import twin_of
from tilesegm.training.setup import RunSetup
from tilesegm.training.validation.held_out import (
    Region,
    ValidatedRegion,
    choose_regions,
    lay_validation_grids,
    segment_held_out,
)
from tilesegm.training.validation.live import LivePredictor
from tilesegm.training.workers import Workers

__all__ = ["Validator", "validation_scores"]

_SQUARE = 256
"""Side of the squares that the held-out pixels of a scene alone are halved by."""


class Validator:
    """Segments held-out pixels with a network that is being trained, and counts its mistakes.

    Validation during training may compute in bfloat16, as training does; at the end it is float32.

    Args:
        network: float32 network of one output.
        setup: scenes, split, normalisation and settings of the run.
        precision: precision of validation during training.
        workers: processes that share validation during training.

    Raises:
        SettingsError: tiles or training windows do not suit the network.
    """

    def __init__(
        self,
        network: keras.Model,
        setup: RunSetup,
        precision: str = "float32",
        workers: Workers | None = None,
    ) -> None:
        config, data = setup.config, setup.data
        spec = describe(network, network.name)
        _check_size(config.schedule.size, spec.stride)
        settings = config.validation
        self.data, self.settings, self._workers = data, settings, workers or Workers()
        self.classes = len(spec.classes)
        self._network = network
        quick = network if precision != "bfloat16" else twin_of(network, "bfloat16")
        self._quick = quick
        spec = with_settings(spec, setup.normalisation, precision)
        self._predictor = LivePredictor(quick, spec, setup.normalisation)
        self._exact = (
            self._predictor
            if quick is network
            else LivePredictor(network, spec, setup.normalisation)
        )
        self._grids = lay_validation_grids(data.scenes, spec, settings)
        self._regions = choose_regions(
            [view.held_out for view in data.views],
            tile=settings.tile,
            megapixels=settings.megapixels,
            seed=config.seed,
        )
        pixels = config.schedule.batch * config.schedule.size**2
        self._tile = settings.tile
        self._batch = max(1, pixels // settings.tile**2)

    @property
    def predictor(self) -> LivePredictor:
        """The network as it was when `refresh` was called."""
        return self._predictor

    @property
    def has_regions(self) -> bool:
        """Whether anything is held out."""
        return bool(self._regions)

    def refresh(self) -> None:
        """Take over the weights that the network has now."""
        if self._quick is not self._network:
            self._quick.set_weights(self._network.get_weights())

    def validate(self) -> NDArray[np.int64]:
        """Count pixels by true class (row) and predicted class, on the regions for each epoch."""
        own = self._regions[self._workers.number :: self._workers.count]
        empty = np.zeros((self.classes, self.classes), np.int64)

        def count() -> NDArray[np.int64]:
            validated = segment_held_out(
                own, self.data.scenes, self._predictor, self._grids, batch=self._batch
            )
            return sum((region.confusion for region in validated), start=empty)

        return sum(self._workers.each(count), start=empty)

    def validate_all(
        self, kind: Literal["held_out", "test"], rule: DecisionRule = ARGMAX, raw: bool = False
    ) -> Iterator[ValidatedRegion]:
        """Segment in float32 everything that is held out, or kept for the test.

        Args:
            kind: which pixels.
            rule: how class ids follow from scores.
            raw: whether scores are wanted.
        """
        windows = [getattr(view, kind) for view in self.data.views]
        regions = choose_regions(windows, tile=self._tile, megapixels=None, seed=0)
        return self._segment(regions, rule, raw)

    def scored_blocks(self) -> Iterator[ScoredBlock]:
        """Score in float32 the regions of each epoch.

        A group is a scene, or of one scene alone every second square, as on a chessboard.
        """
        scenes = {region.scene for region in self._regions}
        longest = max((max(r.window.height, r.window.width) for r in self._regions), default=1)
        side = longest if len(scenes) > 1 else min(_SQUARE, max(longest // 2, 1))
        for region in self._segment(self._regions, ARGMAX, raw=True):
            place = region.window
            assert region.scores is not None
            for part in _squares(place, side):
                inner = part.shift(-place.row, -place.col).slices
                odd = (part.row // side + part.col // side) % 2
                group = region.scene if len(scenes) > 1 else odd
                yield ScoredBlock(region.scores[(slice(None), *inner)], region.truth[inner], group)

    def _segment(
        self, regions: Sequence[Region], rule: DecisionRule, raw: bool
    ) -> Iterator[ValidatedRegion]:
        probabilities = self._exact.spec.probabilities
        decision = Decision(self.classes, probabilities, rule=rule, raw=raw)
        return segment_held_out(
            regions,
            self.data.scenes,
            self._exact,
            self._grids,
            batch=self._batch,
            decision=decision,
        )


def _squares(window: Window, side: int) -> Iterator[Window]:
    """Cut a window along the lines of a grid that begins with the image."""
    for row in range(window.row // side, -(-window.stop_row // side)):
        for col in range(window.col // side, -(-window.stop_col // side)):
            part = window.intersect(Window(row * side, col * side, side, side))
            assert part is not None
            yield part


def validation_scores(confusion: NDArray[np.int64]) -> dict[str, float]:
    """Return ``mean_iou``, ``mean_dice`` and ``accuracy``; NaN where there are no labels.

    Means are over the classes that occur in the labels, in contrast to those of `Scores`. There a
    single pixel that is predicted as another class adds a 0 to the mean, so that epochs would
    differ by whether there is such a pixel. It counts here as well, for its true class.
    """
    scores = Scores(confusion)
    shown = scores.true > 0
    return {
        "mean_iou": mean(scores.iou[shown]),
        "mean_dice": mean(scores.dice[shown]),
        "accuracy": scores.accuracy,
    }


def _check_size(size: int, stride: int) -> None:
    if size % stride:
        raise SettingsError(
            f"schedule.size is {size} and the network halves its input down to 1/{stride}; pass a "
            f"multiple of {stride}, such as {-(-size // stride) * stride}"
        )
