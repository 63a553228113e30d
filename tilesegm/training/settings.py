"""Everything that decides how a network is trained."""

from __future__ import annotations

from dataclasses import dataclass, field

from tilesegm.errors import SettingsError

__all__ = ["Augmentation", "TrainingSettings"]


@dataclass(frozen=True)
class Augmentation:
    """How far training images may be changed; 0 leaves a property alone."""

    rotate: bool = True
    """Turn and mirror into any of the eight orientations; off where up and down have a meaning."""
    zoom: float = 0.0
    """Ground size of a window varies by the factor ``(1 + zoom) ** uniform(-1, 1)``."""
    exposure: float = 0.0
    """All bands are multiplied by one factor ``(1 + exposure) ** uniform(-1, 1)``."""
    tint: float = 0.0
    """Each band is multiplied by a factor of its own, ``(1 + tint) ** uniform(-1, 1)``."""

    def __post_init__(self) -> None:
        for name in ("zoom", "exposure", "tint"):
            if not 0 <= getattr(self, name) <= 3:
                raise SettingsError(f"{name} is {getattr(self, name)}; pass a number from 0 to 3")


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained."""

    steps: int = 1500
    batch: int = 8
    size: int = 256
    """Side of a training window in pixels."""
    learning_rate: float = 2e-3
    """Highest learning rate; it warms up to it and falls along a cosine to zero."""
    weight_decay: float = 1e-4
    balance: float = 0.5
    """Share of windows placed on a pixel of a class drawn evenly; the others lie anywhere."""
    ignore: int = 255
    """Label of pixels that are not learnt from."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    precision: str = "auto"
    """``"float32"``, ``"bfloat16"``, or ``"auto"``: bfloat16 where the device has it natively.
    Weights, loss and the trained network are float32 in any case."""
    minutes: float | None = None
    """Time after which training ends, with the schedule shortened to match."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "size"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; pass at least 1")
        if not 0 <= self.balance <= 1:
            raise SettingsError(f"balance is {self.balance}; pass a share from 0 to 1")
        if self.learning_rate <= 0:
            raise SettingsError(f"learning_rate is {self.learning_rate}; pass a positive number")
        if self.minutes is not None and self.minutes <= 0:
            raise SettingsError(f"minutes is {self.minutes}; pass a positive number, or None")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise SettingsError(
                f"precision is {self.precision!r}; pass 'auto', 'float32' or 'bfloat16'"
            )
