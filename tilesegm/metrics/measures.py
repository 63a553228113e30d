"""What is measured, beside the confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass

from tilesegm.checks import in_range
from tilesegm.errors import SettingsError
from tilesegm.metrics.bands import DEPTHS

__all__ = ["Measures"]


@dataclass(frozen=True)
class Measures:
    """What is measured, beside the confusion matrix. Distances are in pixels.

    Raises:
        SettingsError: a value is out of range.
    """

    borders: bool = True
    """Boundary IoU, boundary F1, surface Dice, Hausdorff distance, accuracy by distance."""
    band: int = 3
    """Width of the band of boundary IoU."""
    tolerances: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Of boundary F1 and surface Dice."""
    cap: int = 64
    """Greatest distance that is measured and not only counted as longer: each window is read with
    a margin of it."""
    thin: tuple[int, ...] = ()
    """Ids of classes of thin structures, such as roads or vessels: clDice."""
    rounds: int = 16
    """Rounds of thinning; objects up to about twice as wide are thinned to lines."""
    objects: tuple[int, ...] = ()
    """Ids of classes whose connected parts are objects to be found: F1, panoptic quality."""
    block: int = 1024
    """Side of the blocks whose counts are kept, to resample them."""

    def __post_init__(self) -> None:
        for name in ("band", "rounds", "block"):
            in_range(name, getattr(self, name), 1)
        in_range("cap", self.cap, 1, 1024, what="pixels")
        for tolerance in self.tolerances:
            in_range("tolerance", tolerance, 0, self.cap, what="a distance within the cap,")

    @property
    def halo(self) -> int:
        """Pixels around a window that decide on what is counted in it."""
        borders = max(self.cap + 1, self.band, DEPTHS[-1]) if self.borders else 0
        return max(borders, 2 * self.rounds + 3 if self.thin else 0)

    def check_classes(self, classes: int) -> None:
        """Refuse ids of classes that there are not.

        Raises:
            SettingsError: an id is out of range.
        """
        for name in ("thin", "objects"):
            for number in getattr(self, name):
                if not 0 <= number < classes:
                    raise SettingsError(
                        f"{name} names class {number}; classes run from 0 to {classes - 1}"
                    )
