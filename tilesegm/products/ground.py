"""How large pixels are on the ground, and sizes that users give in its units."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SettingsError
from tilesegm.source.base import ImageInfo
from tilesegm.source.projection import DEGREES, parse_crs, project, turn

__all__ = ["Extent", "Ground", "Unit"]

Unit = Literal["m2", "um2", "px"]

_MAJOR = 6378137.0
_ECCENTRICITY = math.sqrt(0.00669437999014)
"""Of the ellipsoid of WGS 84."""

_METRES = {"nm": 1e-9, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0}
_METRES |= {"km": 1e3, "ft": 0.3048}
_SQUARES = {f"{name}{two}": size**2 for name, size in _METRES.items() for two in ("2", "²")}
_SQUARES |= {"ha": 1e4, "a": 1e2, "ac": 4046.8564224}
_PIXELS = ("", "px", "pixel", "pixels")


@dataclass(frozen=True)
class Ground:
    """Where the pixels of a map lie, and how large they are."""

    unit: Unit
    """Of areas: ``m2`` on the ground, ``um2`` on a slide, ``px`` where there is no scale."""
    rows: NDArray[np.float64]
    """``(height,)`` area of a pixel of each row, in ``unit``."""
    how: str
    """How areas are found, in words."""

    @classmethod
    def of(cls, info: ImageInfo) -> Self:
        """Tell the size of the pixels of an image.

        Raises:
            SourceError: its coordinate system is not understood.
        """
        place, ones = info.georeference, np.ones(info.height)
        if place.crs is not None and place.transform is not None:
            crs = parse_crs(place.crs)
            a, b, _, d, e, _ = place.transform
            if crs is not None and crs.is_projected and turn(place.crs) is None:
                metres = float(crs.linear_units_factor[1])
                each = abs(a * e - b * d) * metres**2
                return cls("m2", ones * each, "in the plane of the map's projection")
            if crs is not None and not (b or d) and turn(place.crs):
                how = "on the ellipsoid of WGS 84, row by row"
                return cls("m2", _cells(info, float(turn(place.crs) or 1)), how)
        if place.pixel_size is not None:
            height, width = place.pixel_size
            return cls("um2", ones * height * width, "by the size of pixels that the image tells")
        return cls("px", ones, "in pixels: the map tells no scale")

    @property
    def side(self) -> float | None:
        """Side in metres of a square as large as a pixel in the middle; None without a scale."""
        middle = math.sqrt(float(self.rows[len(self.rows) // 2]))
        return {"m2": middle, "um2": middle * 1e-6, "px": None}[self.unit]


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
            SettingsError: it is none of them.
        """
        return cls._parse(text, option, _METRES, "5 (pixels), 2m or 20um")

    @classmethod
    def area(cls, text: str, option: str) -> Self:
        """Read ``50``, ``50px``, ``10m2``, ``0.5ha`` or ``300um2``.

        Raises:
            SettingsError: it is none of them.
        """
        return cls._parse(text, option, _SQUARES, "50 (pixels), 10m2, 0.5ha or 300um2")

    @classmethod
    def _parse(cls, text: str, option: str, units: dict[str, float], examples: str) -> Self:
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zµμ]*[2²]?)\s*", text.lower())
        if match is None or (match[2] not in units and match[2] not in _PIXELS):
            raise SettingsError(f"{option} is {text[:40]!r}; give a size such as {examples}")
        return cls(float(match[1]) * units.get(match[2], 1.0), match[2] in units, text.strip())

    def pixels(self, ground: Ground, option: str) -> float:
        """Return a length in pixels.

        Raises:
            SettingsError: it is given in units of the ground, and the map tells no scale.
        """
        if not self.on_ground:
            return self.value
        return self.value / self._scale(ground, option)

    def area_in(self, ground: Ground, option: str) -> float:
        """Return an area given on the ground in the unit of ``ground``.

        Raises:
            SettingsError: the map tells no scale.
        """
        self._scale(ground, option)
        return self.value * (1e12 if ground.unit == "um2" else 1.0)

    def _scale(self, ground: Ground, option: str) -> float:
        if ground.side is None:
            raise SettingsError(
                f"{option} is {self.text}, and the map tells no size of its pixels on the ground; "
                "give a number of pixels"
            )
        return ground.side


def _cells(info: ImageInfo, around: float) -> NDArray[np.float64]:
    """Areas of pixels between parallels and meridians, exactly, by rows, in square metres."""
    transform = info.georeference.transform
    assert transform is not None
    a, _, c, _, e, f = transform
    edges = f + e * np.arange(info.height + 1)
    places = project(
        info.georeference.crs, DEGREES, np.column_stack([np.full_like(edges, c), edges])
    )
    latitudes = np.clip(np.nan_to_num(places[:, 1], posinf=90.0, neginf=-90.0), -90, 90)
    sines = _ECCENTRICITY * np.sin(np.radians(latitudes))
    # Area between the equator and a latitude, per radian of longitude (Snyder 1987, eq. 3-12).
    polar = _MAJOR**2 * (1 - _ECCENTRICITY**2)
    zone = polar / (2 * _ECCENTRICITY) * (sines / (1 - sines**2) + np.arctanh(sines))
    radians = 2 * math.pi * abs(a) / around
    return np.asarray(np.abs(np.diff(zone)) * radians)
