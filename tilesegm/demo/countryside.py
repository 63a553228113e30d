"""The plan of the demo scene: where its fields, waters, roads and villages lie.

Everything is in pixels of 0.25 m, as ``(x, y)`` with y downwards. The large shapes follow the size
of the scene, so that a small scene has the same parts; roads and houses keep their real size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from tilesegm.demo.geometry import Points, beside

__all__ = ["Countryside", "Parcel", "Road", "Village", "plan_countryside"]

_CROPS = (
    # colour, contrast of the rows, period of the rows in pixels
    ((196, 176, 116), 0.10, 14.0),  # ripe grain
    ((142, 116, 86), 0.22, 9.0),  # ploughed
    ((118, 144, 70), 0.16, 12.0),  # root crop
    ((208, 192, 84), 0.08, 20.0),  # rapeseed
    ((176, 158, 122), 0.14, 26.0),  # stubble with swaths
    ((96, 132, 62), 0.10, 8.0),  # maize
)


@dataclass(frozen=True)
class Parcel:
    """A piece of farm land."""

    corners: Points
    kind: str
    """``crop``, ``meadow``, ``forest`` or ``orchard``."""
    colour: tuple[int, int, int]
    angle: float
    """Direction across the rows, in radians."""
    period: float
    contrast: float


@dataclass(frozen=True)
class Road:
    """A centre line and its width in pixels."""

    points: Points
    width: int
    kind: str
    """``main``, ``lane``, ``street`` or ``track``."""


@dataclass(frozen=True)
class Village:
    """A built-up place around a crossing."""

    centre: Points
    radius: float
    angle: float
    outline: Points


@dataclass(frozen=True)
class Countryside:
    """The whole plan."""

    size: int
    parcels: tuple[Parcel, ...]
    waters: tuple[Points, ...]
    """Outlines of river and lake."""
    roads: tuple[Road, ...]
    villages: tuple[Village, ...]


def plan_countryside(size: int, random: np.random.Generator) -> Countryside:
    """Plan a scene of ``size`` x ``size`` pixels."""
    main = _curve([(-0.05, 0.34), (0.22, 0.30), (0.5, 0.42), (0.78, 0.36), (1.05, 0.24)], size)
    lanes = [
        _curve([(0.24, -0.05), (0.30, 0.30), (0.22, 0.62), (0.33, 1.05)], size),
        _curve([(0.80, -0.05), (0.74, 0.37), (0.80, 0.70), (0.70, 1.05)], size),
    ]
    villages = tuple(
        _village(np.array(centre) * size, max(radius * size, 160), angle, random)
        for centre, radius, angle in (
            ((0.285, 0.315), 0.135, 0.06),
            ((0.745, 0.365), 0.115, -0.10),
            ((0.52, 0.86), 0.085, 0.45),
        )
    )
    parcels = tuple(_parcels(size, random))
    roads = [Road(main, 52, "main"), *(Road(lane, 30, "lane") for lane in lanes)]
    roads.append(
        Road(_curve([(0.29, 0.93), (0.42, 0.86), (0.6, 0.86), (0.73, 0.93)], size), 28, "lane")
    )
    roads += [street for village in villages for street in _streets(village, random)]
    roads += _tracks(parcels, random)
    return Countryside(size, parcels, tuple(_waters(size, random)), tuple(roads), villages)


def _curve(controls: list[tuple[float, float]], size: int) -> Points:
    """Return points about 12 px apart on a smooth curve through fractions of the scene."""
    through = np.array(controls) * size
    spline = CubicSpline(np.linspace(0, 1, len(through)), through)
    return np.asarray(spline(np.linspace(0, 1, max(24, size // 12))))


def _wander(length: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return a smooth random line of ``length`` values within -1 to 1."""
    t = np.linspace(0, 2 * np.pi, length)
    waves = [np.sin(k * t + random.uniform(0, 2 * np.pi)) / k**0.7 for k in (1.3, 2.1, 3.4, 5.2)]
    line = np.sum(waves, axis=0)
    return np.asarray(line / np.abs(line).max())


def _waters(size: int, random: np.random.Generator) -> Iterator[Points]:
    steps = max(40, size // 16)
    x = np.linspace(-0.05, 1.05, steps) * size
    y = (0.70 + 0.06 * _wander(steps, random)) * size
    middle = np.stack([x, y], 1)
    half = (0.011 + 0.003 * _wander(steps, random))[:, None] * size
    side = half * (beside(middle, 1.0) - middle)
    yield np.concatenate([middle + side, (middle - side)[::-1]])
    for centre, radius in (((0.14, 0.86), 0.075), ((0.90, 0.13), 0.065), ((0.55, 0.13), 0.03)):
        turn = np.linspace(0, 2 * np.pi, 90, endpoint=False)
        shape = np.ones(len(turn))
        for k in (2, 3, 4, 7, 11):
            shape += random.uniform(-0.6, 0.6) / k**0.9 * np.sin(k * turn + random.uniform(0, 6))
        outline = np.stack([1.25 * np.cos(turn), 0.8 * np.sin(turn)], 1) * shape[:, None]
        yield (np.array(centre) + radius * outline) * size


def _parcels(size: int, random: np.random.Generator) -> Iterator[Parcel]:
    """Split a tilted square again and again, as heirs did."""
    longest = float(np.clip(size / 8, 110, 760))
    tilt = 0.21
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    pieces = [np.array([(-0.75, -0.75), (0.75, -0.75), (0.75, 0.75), (-0.75, 0.75)]) * size]
    while pieces:
        corners = pieces.pop()
        sides = np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1)
        if max(sides) > longest * random.uniform(0.8, 1.25):
            if sides[0] + sides[2] < sides[1] + sides[3]:
                corners = np.roll(corners, -1, 0)
            first, second = random.uniform(0.4, 0.6, 2)
            top = corners[0] + (corners[1] - corners[0]) * first
            bottom = corners[3] + (corners[2] - corners[3]) * second
            pieces.append(np.array([corners[0], top, bottom, corners[3]]))
            pieces.append(np.array([top, corners[1], corners[2], bottom]))
            continue
        middle = corners.mean(0)
        away = np.linalg.norm(corners - middle, axis=1, keepdims=True)
        corners = middle + (corners - middle) * (1 - random.uniform(7, 13) / away)
        corners = corners @ turn.T + size / 2
        if (corners.max(0) < 0).any() or (corners.min(0) > size).any():
            continue
        kind = random.choice(["crop", "meadow", "forest", "orchard"], p=[0.66, 0.16, 0.13, 0.05])
        colour, contrast, period = _CROPS[random.integers(len(_CROPS))]
        shift = random.normal(0, 5, 3) + random.normal(0, 7)
        red, green, blue = (int(value) for value in np.clip(np.array(colour) + shift, 20, 235))
        edge = corners[1] - corners[0] if random.random() < 0.7 else corners[2] - corners[1]
        angle = float(np.arctan2(edge[1], edge[0])) + random.normal(0, 0.02)
        yield Parcel(corners, str(kind), (red, green, blue), angle, period, contrast)


def _village(centre: Points, radius: float, angle: float, random: np.random.Generator) -> Village:
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    reach = radius * (1.0 + 0.28 * _wander(72, random) * np.sin(turn / 2))
    outline = centre + np.stack([np.cos(turn) * reach * 1.15, np.sin(turn) * reach], 1)
    return Village(centre, radius, angle, outline)


def _streets(village: Village, random: np.random.Generator) -> Iterator[Road]:
    """Lay a bent grid of streets over a village."""
    angle, radius = village.angle, village.radius
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for across, spacing in ((False, 205.0), (True, 390.0)):
        lines = np.arange(-radius + spacing / 2, radius, spacing)
        for offset in lines + random.uniform(-12, 12, len(lines)):
            reach = np.sqrt(radius**2 - offset**2) * random.uniform(0.8, 1.0)
            along = np.linspace(-reach, reach, max(6, int(reach / 15)))
            beside = offset + 14 * np.sin(along / 170 + offset)
            line = np.stack([beside, along] if across else [along, beside], 1)
            yield Road(village.centre + line @ turn.T, 22, "street")


def _tracks(parcels: tuple[Parcel, ...], random: np.random.Generator) -> Iterator[Road]:
    """Run dirt tracks along the edges of some parcels."""
    for parcel in parcels:
        if random.random() < 0.22:
            middle = parcel.corners.mean(0)
            start, stop = middle + (parcel.corners[:2] - middle) * 1.035
            line = np.linspace(start, stop, 30)
            yield Road(line + random.normal(0, 0.8, line.shape), 11, "track")
