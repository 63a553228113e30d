"""What the engine reports while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tilesegm.shown import without_secrets

__all__ = [
    "ClusterJoined",
    "EpochEnded",
    "Event",
    "Listener",
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
    """Pixels of the image that an earlier run has finished."""


@dataclass(frozen=True)
class PixelsDone:
    """More pixels are finished and safe on disk."""

    pixels: int


@dataclass(frozen=True)
class StageStarted:
    """A stage of the work begins that is not counted in pixels."""

    name: str


@dataclass(frozen=True)
class StageProgress:
    """Progress of the current stage."""

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
    """Held-out score that the best network is chosen by; None without validation this epoch."""
    seconds: float
    """Duration of the epoch, validation included."""


@dataclass(frozen=True)
class ClusterJoined:
    """Workers are there to compute."""

    workers: int
    dashboard: str
    """Address of a page that shows what they do; empty where there is none."""


@dataclass(frozen=True)
class Noted:
    """A warning about the result."""

    text: str
    """One line; secrets of addresses are hidden in it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", without_secrets(self.text))


Event = (
    RunStarted
    | PixelsDone
    | StageStarted
    | StageProgress
    | EpochEnded
    | ClusterJoined
    | Noted
    | RunEnded
)
OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Listener:
    """Passes events on, and keeps what they noted for who did not listen."""

    on_event: OnEvent
    heard: list[str] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, Noted):
            self.heard.append(event.text)
        self.on_event(event)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noted, each once."""
        return tuple(dict.fromkeys(self.heard))


def ignore(event: Event) -> None:
    """Report to nobody."""
