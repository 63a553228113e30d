"""Places where the network failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.sampling import Place
from tilesegm.errors import SettingsError

__all__ = ["Hardness"]


@dataclass(frozen=True, eq=False)
class Hardness:
    """Places with the error made there, which are drawn in proportion to it.

    A value: a stream that holds it stays a function of its seed, and a checkpoint that keeps it
    goes on with the same samples.
    """

    places: NDArray[np.int64]
    """``(n, 3)``: scene, row and col."""
    errors: NDArray[np.float64]
    """``(n,)``, not negative."""

    def __post_init__(self) -> None:
        if self.places.ndim != 2 or self.places.shape != (len(self.errors), 3):
            raise SettingsError(
                f"hard places are rows of scene, row and col with one error each; received "
                f"shapes {self.places.shape} and {self.errors.shape}"
            )
        if not (np.isfinite(self.errors) & (self.errors >= 0)).all():
            raise SettingsError("errors of hard places must be finite and at least 0")

    @classmethod
    def hardest(
        cls, places: Sequence[Place], errors: Sequence[float], *, part: float = 0.25
    ) -> Self:
        """Keep the part of places with the largest errors.

        Args:
            places: of an epoch's samples, see `SampleStream.place`.
            errors: the loss, or one minus a score, of the window around each.
            part: how many to keep, from 0 to 1; at least one place.
        """
        table = np.array([(item.scene, item.row, item.col) for item in places], np.int64)
        table, values = table.reshape(-1, 3), np.asarray(errors, np.float64)
        kept = np.argsort(-values, kind="stable")[: max(1, round(part * len(values)))]
        return cls(table[kept], values[kept])

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Take back what `to_arrays` gave."""
        return cls(np.asarray(arrays["places"], np.int64), np.asarray(arrays["errors"], np.float64))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return arrays that `numpy.savez` can keep."""
        return {"places": self.places, "errors": self.errors}

    def draw(self, random: np.random.Generator) -> Place | None:
        """Draw a place in proportion to its error; None when no place has one."""
        ends = np.cumsum(self.errors)
        if not len(ends) or ends[-1] <= 0:
            return None
        index = int(np.searchsorted(ends, random.random() * ends[-1], "right"))
        scene, row, col = self.places[min(index, len(ends) - 1)].tolist()
        return Place(scene, row, col)
