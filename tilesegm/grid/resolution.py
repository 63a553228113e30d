"""How large a pixel is: on the ground, or under the microscope."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Self

from tilesegm.errors import SettingsError

__all__ = ["MISMATCH", "SAME", "Resolution"]

SAME = 0.02
"""Part by which the sides of pixels may differ and still be of one resolution."""
MISMATCH = 0.2
"""Part beyond which a network should not be expected to know what it sees."""

_METRES = {
    "nm": 1e-9,
    "um": 1e-6,
    "µm": 1e-6,
    "μm": 1e-6,
    "mm": 1e-3,
    "cm": 1e-2,
    "m": 1.0,
    "km": 1e3,
}
_NUMBER = r"(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)"
_TEXT = re.compile(rf"{_NUMBER}\s*(?:[x×]\s*{_NUMBER})?\s*([a-zµμ]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Resolution:
    """Height and width of a pixel in metres.

    Example:
        >>> from tilesegm.grid.resolution import Resolution
        >>> Resolution.parse("0.5um")
        Resolution(0.5 µm)
        >>> Resolution(down=10, across=7.5)
        Resolution(10 x 7.5 m)
    """

    down: float
    """Height of a pixel in metres."""
    across: float
    """Width of a pixel in metres."""

    def __post_init__(self) -> None:
        if not all(math.isfinite(side) and side > 0 for side in (self.down, self.across)):
            raise SettingsError(
                f"a pixel of {self.down:g} x {self.across:g} m has no size; give lengths above 0"
            )

    @classmethod
    def parse(cls, text: str, name: str = "resolution") -> Self:
        """Return the resolution that a text such as ``0.3m``, ``0.5um`` or ``10x7.5m`` tells.

        Args:
            text: height and width of a pixel, or one length for both, with a unit.
            name: what the text is called in the error.

        Raises:
            SettingsError: it tells none.
        """
        found = _TEXT.fullmatch(str(text).strip())  # a bare number lacks its unit
        unit = None if found is None else _METRES.get(found[3].lower())
        if found is None or unit is None:
            raise SettingsError(
                f"{name}={text!r}: expected the side of a pixel with its unit, such as 0.3m or "
                "0.5um"
            )
        return cls(float(found[1]) * unit, float(found[2] or found[1]) * unit)

    def differs(self, other: Self, by: float) -> bool:
        """Tell whether a side is more than a part longer or shorter than that of another.

        Args:
            other: the other resolution.
            by: the part, such as 0.2.
        """
        ratios = self.down / other.down, self.across / other.across
        # Once in a while a ratio is the limit itself, and rounding should not decide.
        return max(*ratios, *(1 / ratio for ratio in ratios)) > (1 + by) * (1 + 1e-9)

    def __str__(self) -> str:
        small = max(self.down, self.across) < 1e-3
        lengths = [side * 1e6 if small else side for side in (self.down, self.across)]
        sides = [f"{float(f'{length:.3g}'):g}" for length in lengths]
        return f"{' x '.join(dict.fromkeys(sides))} {'µm' if small else 'm'}"

    def __repr__(self) -> str:
        return f"Resolution({self})"
