"""Scores of a network on held-out pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import keras
import numpy as np
from numpy.typing import NDArray

from tilesegm.data.training_data import TrainingData
from tilesegm.errors import SettingsError
from tilesegm.metrics.confusion import Scores, mean
from tilesegm.model.keras_model import describe
from tilesegm.model.keras_predictor import with_settings
from tilesegm.model.normalisation import Normalisation
from tilesegm.training.live import LivePredictor
from tilesegm.training.precision import twin_of
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.validation import Look, choose_parts, look_at, plan_looks
from tilesegm.training.workers import Workers

__all__ = ["Examiner", "scores_of"]


class Examiner:
    """Looks at held-out pixels with a network that is being trained.

    Looks while training may compute in bfloat16, as training does; those at the end are float32.

    Args:
        network: Float32 network of one output.
        material: Scenes, and what their pixels are for.
        normalisation: What the network expects.
        config: Settings of the run.
        precision: Of looks while training.
        workers: Processes that share looks while training.

    Raises:
        SettingsError: Tiles do not suit the network, or windows for training do not.
    """

    def __init__(
        self,
        network: keras.Model,
        material: TrainingData,
        normalisation: Normalisation,
        config: TrainingConfig,
        precision: str = "float32",
        workers: Workers | None = None,
    ) -> None:
        spec = describe(network, network.name)
        _check_size(config.schedule.size, spec.stride)
        settings = config.validation
        self.material, self._workers = material, workers or Workers()
        self.classes = len(spec.classes)
        self._network = network
        quick = network if precision != "bfloat16" else twin_of(network, "bfloat16")
        self._quick = quick
        spec = with_settings(spec, normalisation, precision)
        self._predictor = LivePredictor(quick, spec, normalisation)
        self._exact = (
            self._predictor if quick is network else LivePredictor(network, spec, normalisation)
        )
        self._grids = plan_looks(material.scenes, spec, settings)
        self._parts = choose_parts(
            [view.held_out for view in material.views],
            tile=settings.tile,
            megapixels=settings.megapixels,
            seed=config.seed,
        )
        pixels = config.schedule.batch * config.schedule.size**2
        self._batch = max(1, pixels // settings.tile**2)

    @property
    def predictor(self) -> LivePredictor:
        """The network as it was when :meth:`refresh` was called."""
        return self._predictor

    @property
    def has_parts(self) -> bool:
        """Whether anything is held out."""
        return bool(self._parts)

    def refresh(self) -> None:
        """Take over the weights that the network has now."""
        if self._quick is not self._network:
            self._quick.set_weights(self._network.get_weights())

    def examine(self) -> NDArray[np.int64]:
        """Count pixels by true class (row) and predicted class, on what may be looked at."""
        mine = self._parts[self._workers.number :: self._workers.count]
        empty = np.zeros((self.classes, self.classes), np.int64)

        def count() -> NDArray[np.int64]:
            looks = look_at(
                mine, self.material.scenes, self._predictor, self._grids, batch=self._batch
            )
            return sum((look.confusion for look in looks), start=empty)

        return sum(self._workers.each(count), start=empty)

    def examine_all(self, kind: Literal["held_out", "test"]) -> Iterator[Look]:
        """Look in float32 at everything that is held out, or kept for the test."""
        windows = [getattr(view, kind) for view in self.material.views]
        parts = choose_parts(windows, tile=1, megapixels=None, seed=0)
        return look_at(parts, self.material.scenes, self._exact, self._grids, batch=self._batch)


def scores_of(confusion: NDArray[np.int64]) -> dict[str, float]:
    """Return ``mean_iou``, ``mean_dice`` and ``accuracy`` of a look; NaN where it has no labels.

    Means are over the classes that the labels of the look show, in contrast to those of `Scores`.
    There any pixel that is predicted as another class adds a 0 to the mean, so that epochs would
    be told apart by whether there is such a pixel. It counts here as well, for its true class.
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
