"""Weights as functions of the epoch, as boundary losses need them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import keras

from tilesegm.errors import SettingsError
from tilesegm.losses.base import Compound
from tilesegm.losses.configured import Configured
from tilesegm.losses.weighting.factors import Factors
from tilesegm.losses.weighting.rule import RuleOptions

__all__ = ["Constant", "Cosine", "Linear", "OneMinus", "Schedule", "Scheduled", "rebalance"]


class Schedule(Configured):
    """A weight as a pure function of the epoch, which counts from 0."""

    def __call__(self, epoch: int) -> float:
        """Return the weight in that epoch."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="tilesegm")
@dataclass(frozen=True)
class Constant(Schedule):
    """The same weight in every epoch.

    Args:
        weight: the weight.
    """

    weight: float

    def __call__(self, epoch: int) -> float:
        """Return the weight."""
        return self.weight


@dataclass(frozen=True)
class _Ramp(Schedule):
    """A change from one weight to another over one or more epochs; constant before and after.

    Args:
        start: weight at first.
        end: weight at last.
        epochs: length of the change, 1 or more.
        begin: epoch in which it begins, counted from 0.
    """

    start: float
    end: float
    epochs: int
    begin: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.begin < 0:
            raise SettingsError(
                f"a ramp over {self.epochs} epochs from epoch {self.begin} was asked for;"
                " expected at least 1 epoch, from epoch 0 or later"
            )

    def _progress(self, epoch: int) -> float:
        return min(max((epoch - self.begin) / self.epochs, 0.0), 1.0)


@keras.saving.register_keras_serializable(package="tilesegm")
@dataclass(frozen=True)
class Linear(_Ramp):
    """A straight line: ``start`` up to epoch ``begin``, ``end`` from ``begin + epochs`` on."""

    def __call__(self, epoch: int) -> float:
        """Return the weight in that epoch."""
        return self.start + (self.end - self.start) * self._progress(epoch)


@keras.saving.register_keras_serializable(package="tilesegm")
@dataclass(frozen=True)
class Cosine(_Ramp):
    """Half a period of a cosine between the two weights: flat at both ends."""

    def __call__(self, epoch: int) -> float:
        """Return the weight in that epoch."""
        way = 0.5 - 0.5 * math.cos(math.pi * self._progress(epoch))
        return self.start + (self.end - self.start) * way


@keras.saving.register_keras_serializable(package="tilesegm")
@dataclass(frozen=True)
class OneMinus(Schedule):
    """One minus another schedule."""

    other: Schedule

    def __call__(self, epoch: int) -> float:
        """Return the weight in that epoch."""
        return 1.0 - self.other(epoch)


@keras.saving.register_keras_serializable(package="tilesegm")
class Scheduled(Factors):
    """One schedule per term; the weights change at the beginning of each epoch.

    Schedules are pure functions of the epoch, so a run that continues with ``initial_epoch`` has
    the weights of an uninterrupted run.

    Args:
        schedules: one per term, in the order of the compound.
        **rule: the arguments of every `Rule`.
    """

    def __init__(self, schedules: Sequence[Schedule], **rule: Unpack[RuleOptions]) -> None:
        super().__init__(**rule)
        self.schedules = tuple(schedules)

    def check(self, compound: Compound) -> None:
        """Refuse a compound whose number of terms differs from the number of schedules.

        Raises:
            SettingsError: the numbers differ.
        """
        super().check(compound)
        terms = compound.terms
        if len(terms) != len(self.schedules):
            names = ", ".join(term.name for term in terms)
            raise SettingsError(
                f"{len(self.schedules)} schedules for {len(terms)} losses ({names}): give one each"
            )

    def begin_epoch(self, epoch: int) -> None:
        """Set the factors of the epoch."""
        self.factors.assign([schedule(epoch) for schedule in self.schedules])


def rebalance(alpha: Schedule | None = None) -> Scheduled:
    """Shift weight from the first of two losses to the second: ``(1 - alpha, alpha)``.

    For a region loss and a boundary loss, in this order: a boundary loss trains only from a mask
    that is roughly right. Kervadec et al. (2019) start with alpha = 0.01 and add 0.01 per epoch.

    Args:
        alpha: weight of the second loss; None for the schedule of the paper, limited to 0.99 so
            that some of the region loss remains.
    """
    alpha = alpha or Linear(0.01, 0.99, epochs=98)
    return Scheduled([OneMinus(alpha), alpha])
