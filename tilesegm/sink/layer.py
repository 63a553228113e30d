"""One raster of results, and how probabilities are stored in it as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["PROBABILITY", "Layer", "Quantisation"]


@dataclass(frozen=True)
class Quantisation:
    """Values from 0 to 1, stored as uint8."""

    steps: int
    """The number that stands for 1."""
    nodata: int
    """The number of pixels without a result."""

    @property
    def scale(self) -> float:
        """What a stored number is multiplied by to get its value."""
        return 1 / self.steps

    def encode(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Round values to the nearest step; what lies outside 0 to 1 is clipped."""
        scaled = np.clip(values, 0, 1) * self.steps
        return np.rint(scaled, out=scaled).astype(np.uint8)


PROBABILITY = Quantisation(steps=254, nodata=255)
"""How confidence and uint8 scores are stored."""


@dataclass(frozen=True)
class Layer:
    """What a raster of results holds, and how it shrinks into overviews."""

    name: str
    """``classes``, ``confidence`` or ``scores``: the folder and variable it is stored under."""
    dtype: np.dtype[Any]
    planes: int = 1
    """1, or the number of classes for scores."""
    nodata: float | None = None
    """Value of pixels without result, never a class id; None when every pixel has one."""
    overview: Literal["mode", "mean"] = "mean"
    """Class ids take the most frequent of 2 × 2 pixels, measurements their mean."""
    scale: float = 1.0
    offset: float = 0.0
    """What a stored value means: ``value * scale + offset``."""

    def __post_init__(self) -> None:
        dtype = np.dtype(self.dtype)
        if dtype.str[1:] not in ("u1", "u2", "f2", "f4"):
            raise ValueError(
                f"layer {self.name} holds uint8, uint16, float16 or float32; received {dtype}"
            )
        object.__setattr__(self, "dtype", dtype)

    def __str__(self) -> str:
        planes = f"{self.planes} x {self.dtype}"
        return f"{planes}, nodata {self.nodata}, {self.overview}, {self.scale} v + {self.offset}"

    @property
    def fill(self) -> float:
        """Value of pixels that were never written."""
        return 0 if self.nodata is None else self.nodata
