"""Weights as functions of the epoch, as boundary losses need them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self, Unpack

import keras

from tilesegm.errors import SettingsError
from tilesegm.losses.base import Compound
from tilesegm.losses.weighting.factors import Factors
from tilesegm.losses.weighting.rule import RuleOptions

__all__ = ["Constant", "Cosine", "Linear", "OneMinus", "Schedule", "Scheduled", "rebalance"]


class Schedule(Protocol):
    """A weight as a pure function of the epoch, which counts from 0."""

    def __call__(self, epoch: int) -> float:
        """Return the weight in that epoch."""
        ...

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this schedule."""
        ...


class _Config:
    """Serialisation of a frozen dataclass."""

    def get_config(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="tilesegm")
@dataclass(frozen=True)
class Constant(_Config):
    """The same weight in every epoch."""

    weight: float

    def __call__(self, epoch: int) -> float:
        """Return the weight."""
        return self.weight


@dataclass(frozen=True)
class _Ramp(_Config):
    """A change from one weight to another over some epochs; constant before and after.

    Raises:
        SettingsError: ``epochs`` is below 1 or ``begin`` below 0.
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
class OneMinus(_Config):
    """One minus another schedule."""

    other: Schedule

    def __call__(self, epoch: int) -> float:
        """Return the weight in that epoch."""
        return 1.0 - self.other(epoch)

    def get_config(self) -> dict[str, Any]:
        """Return the other schedule, serialised."""
        return {"other": keras.saving.serialize_keras_object(self.other)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> OneMinus:
        """Rebuild from `get_config`."""
        return cls(keras.saving.deserialize_keras_object(config["other"]))


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

    def get_config(self) -> dict[str, Any]:
        """Return the schedules, serialised."""
        own = [keras.saving.serialize_keras_object(each) for each in self.schedules]
        return {**super().get_config(), "schedules": own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Scheduled:
        """Rebuild from `get_config`."""
        schedules = [keras.saving.deserialize_keras_object(each) for each in config["schedules"]]
        return cls(**{**config, "schedules": schedules})


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
