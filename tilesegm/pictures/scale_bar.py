"""A bar whose length is told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from PIL import ImageDraw

__all__ = ["ScaleBar"]

_STEPS = (5, 2, 1)
_UNITS = ((1e3, "km"), (1.0, "m"), (1e-2, "cm"), (1e-3, "mm"), (1e-6, "µm"), (1e-9, "nm"))
_ON_SLIDES = ("mm", "µm", "nm")


@dataclass(frozen=True)
class ScaleBar:
    """A bar of a round length."""

    dots: int
    """Length in pixels of the picture."""
    label: str

    @classmethod
    def of(cls, metres: float, most: int, *, microscope: bool = False) -> Self | None:
        """Choose a round length.

        Args:
            metres: that a pixel of the picture stands for, from left to right.
            most: longest bar in pixels.
            microscope: whether the unit is one of those that are usual for slides.

        Returns:
            None where no length fits.
        """
        length = _round_down(metres * most)
        if not length:
            return None
        units = [unit for unit in _UNITS if not microscope or unit[1] in _ON_SLIDES]
        factor, unit = next((one for one in units if length >= one[0] * (1 - 1e-9)), units[-1])
        return cls(max(round(length / metres), 1), f"{length / factor:.6g} {unit}")

    @classmethod
    def of_pixels(cls, pixels: float, most: int) -> Self | None:
        """Choose a round number of pixels of the image, of which a dot stands for ``pixels``."""
        count = _round_down(pixels * most)
        if count < 1:
            return None
        return cls(max(round(count / pixels), 1), f"{count:,.0f} pixel{'s'[: count > 1]}")

    def draw(
        self,
        draw: ImageDraw.ImageDraw,
        at: tuple[float, float],
        size: int,
        ink: tuple[int, int, int],
    ) -> None:
        """Draw it to the right of a place, with ends ``size`` pixels high."""
        left, middle = round(at[0]), round(at[1])
        right, thick = left + self.dots, max(size // 10, 1)
        top, bottom = middle - size // 3, middle + size // 3
        draw.rectangle((left, middle, right, middle + thick - 1), fill=ink)
        for end in (left, right - thick + 1):
            draw.rectangle((end, top, end + thick - 1, bottom), fill=ink)


def _round_down(length: float) -> float:
    """Return the greatest of 1, 2, 5, 10, 20 ... that is no more; 0 where there is none."""
    if not (math.isfinite(length) and length > 0):
        return 0.0
    power = 10.0 ** math.floor(math.log10(length))
    return next((step * power for step in _STEPS if step * power <= length * (1 + 1e-9)), power)
