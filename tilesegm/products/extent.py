"""Lengths and areas that users give, in pixels or in units of the ground."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Self

from tilesegm.errors import SettingsError
from tilesegm.source.ground import RowAreas

__all__ = ["Extent"]

_METRES = {"nm": 1e-9, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0}
_METRES |= {"km": 1e3, "ft": 0.3048}
_SQUARES = {f"{name}{two}": size**2 for name, size in _METRES.items() for two in ("2", "²")}
_SQUARES |= {"ha": 1e4, "a": 1e2, "ac": 4046.8564224}
_PIXELS = ("", "px", "pixel", "pixels")


@dataclass(frozen=True)
class Extent:
    """A length or an area as a user gives it: in pixels, or in units of the ground."""

    value: float
    """In pixels, metres or square metres."""
    on_ground: bool
    text: str

    @classmethod
    def length(cls, text: str, option: str) -> Self:
        """Read ``5``, ``5px``, ``2m`` or ``20um``.

        Raises:
            SettingsError: it is none of them, or zero.
        """
        return cls._parse(text, option, _METRES, "5 (pixels), 2m or 20um")

    @classmethod
    def area(cls, text: str, option: str) -> Self:
        """Read ``50``, ``50px``, ``10m2``, ``0.5ha`` or ``300um2``.

        Raises:
            SettingsError: it is none of them, or zero.
        """
        return cls._parse(text, option, _SQUARES, "50 (pixels), 10m2, 0.5ha or 300um2")

    @classmethod
    def _parse(cls, text: str, option: str, units: dict[str, float], examples: str) -> Self:
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zµμ]*[2²]?)\s*", text.lower())
        if match is None or (match[2] not in units and match[2] not in _PIXELS):
            raise SettingsError(f"{option} is {text[:40]!r}; give a size such as {examples}")
        value = float(match[1]) * units.get(match[2], 1.0)
        if not value:
            raise SettingsError(f"{option} is {text.strip()}, which changes nothing; leave it out")
        return cls(value, match[2] in units, text.strip())

    def pixels(self, ground: RowAreas, option: str) -> float:
        """Return a length in pixels.

        Raises:
            SettingsError: it is given in units of the ground, and the map tells no scale.
        """
        if not self.on_ground:
            return self.value
        return self.value / self._scale(ground, option)

    def area_in(self, ground: RowAreas, option: str) -> float:
        """Return an area given on the ground in the unit of ``ground``.

        Raises:
            SettingsError: the map tells no scale.
        """
        self._scale(ground, option)
        return self.value * (1e12 if ground.unit == "um2" else 1.0)

    def _scale(self, ground: RowAreas, option: str) -> float:
        """Return the side in metres of a square as large as a pixel in the middle of the map."""
        if ground.unit == "px":
            raise SettingsError(
                f"{option} is {self.text}, and areas of the map are {ground.how}; else give a "
                "number of pixels"
            )
        side = math.sqrt(float(ground.rows[len(ground.rows) // 2]))
        return side * (1e-6 if ground.unit == "um2" else 1.0)
