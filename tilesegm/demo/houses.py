"""Houses with gabled roofs and halls with flat ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from tilesegm.demo.canvas import SUN, Canvas, Colour
from tilesegm.demo.classes import Cover
from tilesegm.demo.countryside import Countryside, Road, Village
from tilesegm.demo.geometry import Points, even, heading, rectangle

__all__ = ["House", "place_houses"]

_ROOFS: tuple[Colour, ...] = (
    (158, 74, 52), (172, 92, 62), (140, 62, 48), (96, 84, 80), (88, 92, 100), (128, 104, 84),
)  # fmt: skip
_HALL: Colour = (168, 170, 172)
_STEP = 8.0
"""Pixels between places along a road where a house may begin."""


@dataclass(frozen=True)
class House:
    """A building; the ridge of its roof runs along its first side."""

    centre: Points
    sides: tuple[float, float]
    angle: float
    height: float
    colour: Colour

    @property
    def outline(self) -> Points:
        """The corners of the walls."""
        return rectangle(self.centre, self.sides, self.angle)

    def draw(self, canvas: Canvas) -> None:
        """Draw shadow and roof."""
        both = np.concatenate([self.outline, self.outline + SUN * self.height])
        canvas.shade(both[ConvexHull(both).vertices], 130)
        canvas.polygon(self.outline, self._tone(1.0), Cover.BUILDING)
        along = np.array([np.cos(self.angle), np.sin(self.angle)])
        across = np.array([-along[1], along[0]])
        if self.colour == _HALL:
            self._draw_flat_roof(canvas, along)
        else:
            self._draw_gable(canvas, along, across)

    def lift(self, canvas: Canvas) -> None:
        """Take away shadows that others cast upon the roof, which is above them."""
        canvas.shade(self.outline, 0)

    def _draw_flat_roof(self, canvas: Canvas, along: Points) -> None:
        length, width = self.sides
        canvas.paint(rectangle(self.centre, (length - 8, width - 8), self.angle), self._tone(1.1))
        for part in (-0.35, -0.12, 0.12, 0.35):
            light = rectangle(self.centre + along * part * length, (12, width * 0.6), self.angle)
            canvas.paint(light, self._tone(1.35))

    def _draw_gable(self, canvas: Canvas, along: Points, across: Points) -> None:
        length, width = self.sides
        lit = 1.18 if across @ SUN < 0 else 0.78
        for side, tone in ((1, lit), (-1, 1.96 - lit)):
            middle = self.centre + across * side * width / 4
            canvas.paint(rectangle(middle, (length, width / 2), self.angle), self._tone(tone))
        ridge = along * length / 2
        canvas.paint(np.array([self.centre - ridge, self.centre + ridge]), self._tone(1.3), width=2)
        chimney = rectangle(self.centre + ridge * 0.5 + across * 5, (6, 6), self.angle)
        canvas.paint(chimney + SUN * 5, self._tone(0.55))
        canvas.paint(chimney, (120, 84, 72))

    def _tone(self, factor: float) -> Colour:
        red, green, blue = (int(min(255, part * factor)) for part in self.colour)
        return red, green, blue


def place_houses(
    canvas: Canvas, plan: Countryside, village: Village, random: np.random.Generator
) -> Iterator[House]:
    """Stand houses with a drive along the roads of a village, where nothing is in the way.

    Each is marked on the canvas at once, so that the next one keeps away from it.
    """
    for road in plan.roads:
        if road.kind == "track":
            continue
        line = even(road.points, _STEP)
        inside = np.linalg.norm(line - village.centre, axis=1) < village.radius * 1.05
        for side in (-1, 1):
            index = int(random.integers(2, 8))
            while index < len(line) - 3:
                near, angle = line[index], heading(line[index - 1 : index + 2])
                normal = np.array([-np.sin(angle), np.cos(angle)]) * side
                house = _house(road, near, normal, angle, random)
                built = inside[index] and random.random() > 0.06 and _is_free(canvas, house)
                index += int((house.sides[0] + random.uniform(14, 34)) / _STEP)
                if built:
                    gate = near + normal * (road.width / 2 - 2)
                    drive = np.array([house.centre, gate])
                    canvas.line(drive, 9, (166, 160, 150), Cover.ROAD)
                    canvas.polygon(house.outline, house.colour, Cover.BUILDING)
                    yield house


def _house(
    road: Road, near: Points, normal: Points, angle: float, random: np.random.Generator
) -> House:
    """Design a house beside a road."""
    hall = road.kind == "main" and random.random() < 0.35
    smallest, largest = ((150, 80), (230, 120)) if hall else ((40, 30), (60, 42))
    length, width = random.uniform(smallest, largest).tolist()
    gap = road.width / 2 + width / 2 + random.uniform(9, 20)
    turned = not hall and random.random() < 0.2
    return House(
        centre=near + normal * gap,
        sides=(length, width),
        angle=angle + random.normal(0, 0.03) + (np.pi / 2 if turned else 0),
        height=random.uniform(20, 34),
        colour=_HALL if hall else _ROOFS[random.integers(len(_ROOFS))],
    )


def _is_free(canvas: Canvas, house: House) -> bool:
    length, width = house.sides
    plot = rectangle(house.centre, (length + 10, width + 10), house.angle)
    places = np.concatenate([plot, (plot + np.roll(plot, 1, 0)) / 2, house.centre[None]])
    return canvas.cover_at(places) <= {Cover.MEADOW, Cover.FIELD, -1}
