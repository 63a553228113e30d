"""Where finished regions go: to a disk, which keeps them, or to arrays in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window
from tilesegm.sink.layer import Layer

__all__ = ["ArrayStore", "RegionStore"]


class RegionStore(Protocol):
    """What the engine writes to, from one thread at a time."""

    notes: dict[str, Any]
    """Facts of the whole run."""

    @property
    def facts(self) -> Mapping[int, Mapping[str, Any]]:
        """What was noted of each finished region, by its number."""
        ...

    @property
    def place(self) -> str:
        """What it is called in messages."""
        ...

    @property
    def done(self) -> Collection[int]:
        """Numbers of finished regions."""
        ...

    def note(self, key: str, value: Any) -> None:
        """Remember a small fact of the whole run."""
        ...

    def write(self, layer: str, window: Window, values: NDArray[Any]) -> None:
        """Take finished pixels of a layer, ``(h, w)`` or ``(planes, h, w)``."""
        ...

    def commit(self, region: int, facts: Mapping[str, Any] | None = None) -> None:
        """Declare a region finished."""
        ...


class ArrayStore:
    """Results of a run as arrays.

    Attributes:
        arrays: by layer, ``(height, width)`` or ``(planes, height, width)``, as files hold them.
        facts: what was noted of each finished region, by its number.
        notes: facts of the whole run.
    """

    place = "the results in memory"

    def __init__(self, size: tuple[int, int], layers: Sequence[Layer]) -> None:
        self.facts: dict[int, dict[str, Any]] = {}
        self.notes: dict[str, Any] = {}
        self.arrays: dict[str, NDArray[Any]] = {
            layer.name: np.full(
                size if layer.planes == 1 else (layer.planes, *size), layer.fill, layer.dtype
            )
            for layer in layers
        }

    @property
    def done(self) -> Collection[int]:
        """Numbers of finished regions."""
        return self.facts.keys()

    def note(self, key: str, value: Any) -> None:
        """Remember a small fact of the whole run."""
        self.notes[key] = value

    def write(self, layer: str, window: Window, values: NDArray[Any]) -> None:
        """Take finished pixels of a layer, ``(h, w)`` or ``(planes, h, w)``."""
        self.arrays[layer][(..., *window.slices)] = values

    def commit(self, region: int, facts: Mapping[str, Any] | None = None) -> None:
        """Declare a region finished."""
        self.facts[region] = dict(facts or {})
