"""Where finished regions go: to a disk, which keeps them, or to arrays in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window
from tilesegm.sink.finished_region import FinishedRegion
from tilesegm.sink.layer import Layer

__all__ = ["ArrayStore", "DurableStore", "RegionStore", "Site", "Writer"]


class Writer(Protocol):
    """What writes the pixels of regions, from one thread at a time."""

    def write(self, layer: str, window: Window, values: NDArray[Any]) -> None:
        """Write finished pixels of a layer, ``(h, w)`` or ``(planes, h, w)``."""
        ...

    def finish(self, region: int, facts: Mapping[str, Any] | None = None) -> FinishedRegion:
        """Return a region whose pixels are safe: those that were written since the last one."""
        ...


class Site(Protocol):
    """The place of unfinished results, as it is sent to other machines: small, and no secret."""

    def check(self) -> None:
        """Refuse to write where it cannot be reached, or belongs to another run by now."""
        ...

    def writer(self) -> Writer:
        """Return what writes regions there."""
        ...


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


class DurableStore(RegionStore, Protocol):
    """What outlives a kill: a folder on a disk, or objects of a store."""

    findings: list[str]
    """Damage that was found and what was done about it, a sentence each."""

    @property
    def site(self) -> Site:
        """What other processes need to write regions here."""
        ...

    def record(self, regions: Sequence[FinishedRegion]) -> None:
        """Declare regions finished whose chunks are safe already, wherever they were written."""
        ...

    def keep_only(self, windows: Mapping[int, Window], counts: Collection[str] = ()) -> None:
        """Forget finished regions that no run of these can have written."""
        ...

    def discard(self) -> None:
        """Remove all of it."""
        ...

    def abandon(self) -> None:
        """Remove it where no region is finished, so that a run that failed leaves nothing."""
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
