"""How class ids follow from scores: the one place where scores are compared.

`predict` writes what is decided here, `train` counts it on held-out pixels, and `evaluate` counts
probabilities in the steps of `levels`; so a threshold means the same pixels to all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SettingsError

__all__ = ["ARGMAX", "STEPS", "DecisionRule", "class_dtype", "levels", "probabilities_of"]

STEPS = 4096
"""Steps to which probabilities are rounded where a threshold is counted or applied."""
_REACH = 16.0
"""Largest offset: a class that is nine million times less probable than another may win."""
_COLDEST, _HOTTEST = 0.01, 100.0
"""Temperatures that are no mistake."""


@dataclass(frozen=True)
class DecisionRule:
    """From scores to a class: offsets of log-probabilities, which a temperature calibrates.

    The probabilities are ``softmax(logits / temperature)``, and the class is the one with the
    highest ``log(probability) + offset``. Of two classes, that is a threshold of the second one's
    probability, which is rounded to `STEPS`.

    Raises:
        SettingsError: an offset or the temperature is out of range.
    """

    offsets: tuple[float, ...] = ()
    """One per class; none for the class of the highest score."""
    temperature: float = 1.0

    def __post_init__(self) -> None:
        for offset in self.offsets:
            if not abs(offset) <= _REACH:
                raise SettingsError(
                    f"an offset is {offset!r}; pass numbers from {-_REACH:g} to {_REACH:g}, which "
                    "are added to the logarithms of probabilities"
                )
        if not _COLDEST <= self.temperature <= _HOTTEST:
            raise SettingsError(
                f"temperature is {self.temperature!r}; pass a number from {_COLDEST:g} to "
                f"{_HOTTEST:g}, 1 for probabilities as the network gives them"
            )
        most = math.log(2 * STEPS - 1)
        if len(self.offsets) == 2 and abs(self.offsets[1] - self.offsets[0]) > most:
            raise SettingsError(
                f"offsets {', '.join(f'{one:g}' for one in self.offsets)} leave one class alone; "
                f"their difference may be up to {most:.2f}"
            )

    @classmethod
    def of_threshold(cls, threshold: float, temperature: float = 1.0) -> Self:
        """Return the rule that takes class 1 of two from a probability on.

        Raises:
            SettingsError: the threshold rounds to 0 or 1.
        """
        # A NaN is no number of steps.
        step = round(threshold * STEPS) if 0 < threshold < 1 else 0
        if not 0 < step < STEPS:
            raise SettingsError(
                f"threshold is {threshold!r}; pass a probability between 0 and 1, from "
                f"{1 / STEPS:.4f} to {1 - 1 / STEPS:.4f}"
            )
        cut = step - 0.5  # from where on a probability is rounded to the step
        return cls((0.0, math.log((STEPS - cut) / cut)), temperature)

    @property
    def shifted(self) -> bool:
        """Whether another class than that of the highest score can win."""
        return len(set(self.offsets)) > 1

    @property
    def step(self) -> int | None:
        """Level from which on class 1 of two is taken; None for more classes, or the arg-max."""
        if len(self.offsets) != 2 or not self.shifted:
            return None
        cut = STEPS / (1 + math.exp(self.offsets[1] - self.offsets[0]))
        return min(max(round(cut + 0.5), 1), STEPS - 1)

    @property
    def threshold(self) -> float | None:
        """The probability that `step` stands for."""
        return None if self.step is None else self.step / STEPS

    def weights(self, classes: int) -> NDArray[np.float64]:
        """Return ``(classes,)`` factors of probabilities by which the highest product wins."""
        return np.exp(self.offsets) if self.offsets else np.ones(classes)

    def decide(
        self, scores: NDArray[np.float32], probabilities: bool, wanted: bool
    ) -> tuple[NDArray[Any], NDArray[np.float32] | None]:
        """Return ids and, where they are wanted, probabilities.

        Args:
            scores: ``(classes, height, width)``; may be changed.
            probabilities: whether scores are probabilities already.
            wanted: whether probabilities are wanted.

        Returns:
            ``(height, width)`` ids, the first one of equals, and ``(classes, height, width)``.
        """
        step = self.step
        if step is not None:
            best = np.maximum(scores[0], scores[1])
            values = probabilities_of(scores, probabilities, self.temperature, best)
            return (levels(values[1]) >= step).astype(class_dtype(len(scores))), values
        if not self.shifted:
            ids, best = _highest(scores)
        else:
            # Both shift the scores themselves, before a temperature divides their logarithms.
            shifts = self.temperature * np.array(self.offsets)
            shift: Any
            if probabilities:
                shift, by = np.multiply, np.exp(shifts - shifts.max())
            else:
                shift, by = np.add, shifts
            ids, best = _highest(scores, shift, list(by.astype(np.float32)))
            best = scores.max(axis=0) if wanted else best
        if not wanted:
            return ids, None
        return ids, probabilities_of(scores, probabilities, self.temperature, best)


ARGMAX = DecisionRule()
"""The class of the highest score."""


def class_dtype(classes: int) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
    """Type of a class map that has room for nodata beside ``classes`` ids."""
    return np.dtype(np.uint8) if classes <= 255 else np.dtype(np.uint16)


def levels(probabilities: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Round probabilities to `STEPS`; the product with a power of two is exact."""
    scaled: NDArray[Any] = np.clip(probabilities, 0, 1) * np.float32(STEPS)
    steps: NDArray[np.uint16] = np.rint(scaled, out=scaled).astype(np.uint16)
    return steps


def probabilities_of(
    scores: NDArray[np.float32],
    probabilities: bool,
    temperature: float = 1.0,
    best: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Turn scores into calibrated probabilities, in place.

    Args:
        scores: ``(classes, ...)``.
        probabilities: whether they are probabilities already; otherwise they are logits.
        temperature: divides their logarithms.
        best: the highest of the scores, where it is known.
    """
    if probabilities and temperature == 1:
        return scores
    if best is None:
        best = scores.max(axis=0)
    if probabilities:
        tiny = np.finfo(np.float32).tiny
        for values in (scores, best):
            np.log(np.maximum(values, tiny, out=values), out=values)
    np.subtract(scores, best, out=scores)
    if temperature != 1:
        scores *= np.float32(1 / temperature)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=0)
    return scores


def _highest(
    scores: NDArray[np.float32], shift: Any = None, by: Sequence[np.float32] = ()
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Id and value of the highest score, after a shift of each plane if there is one.

    Whole planes are compared because an arg-max along the first axis is some fifteen times
    slower: it cannot use vector instructions.
    """
    dtype = class_dtype(len(scores))
    best = scores[0].copy() if shift is None else shift(scores[0], by[0])
    ids = np.zeros(best.shape, dtype)
    higher = np.empty(best.shape, bool)
    moved = np.empty_like(best) if shift is not None else best
    for number in range(1, len(scores)):
        plane = scores[number] if shift is None else shift(scores[number], by[number], out=moved)
        np.greater(plane, best, out=higher)
        np.maximum(best, plane, out=best)
        # Ids grow from plane to plane, so the larger of two ids is the later one.
        np.maximum(ids, higher * dtype.type(number), out=ids)
    return ids, best
