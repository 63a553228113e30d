"""What the engine reports while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = [
    "EpochEnded",
    "Event",
    "Noted",
    "OnEvent",
    "PixelsDone",
    "RunEnded",
    "RunStarted",
    "StageProgress",
    "StageStarted",
    "ignore",
]


@dataclass(frozen=True)
class RunStarted:
    """An image begins."""

    uri: str
    pixels: int
    """Pixels of the image."""
    resumed: int
    """Pixels of it that an earlier run has finished."""


@dataclass(frozen=True)
class PixelsDone:
    """More pixels are finished and safe."""

    pixels: int


@dataclass(frozen=True)
class StageStarted:
    """A part of the work begins that is not counted in pixels."""

    name: str


@dataclass(frozen=True)
class StageProgress:
    """How far such a part is."""

    fraction: float
    """From 0 to 1."""


@dataclass(frozen=True)
class RunEnded:
    """An image is finished and its outputs are in place."""

    uri: str
    seconds: float


@dataclass(frozen=True)
class EpochEnded:
    """An epoch of training is over, and safe."""

    epoch: int
    """Epochs done."""
    epochs: int
    loss: float
    """Mean training loss of the epoch."""
    score: float | None
    """What the best network is chosen by, on held-out pixels; None when this epoch had no look."""
    seconds: float
    """Duration of the epoch, with its look."""


@dataclass(frozen=True)
class Noted:
    """Something that one should know before trusting or using a result."""

    text: str
    """One line."""


Event = RunStarted | PixelsDone | StageStarted | StageProgress | EpochEnded | Noted | RunEnded
OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Report to nobody."""
