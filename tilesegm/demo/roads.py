"""Roads with bridges, markings and cars."""

from __future__ import annotations

import numpy as np

from tilesegm.demo.canvas import SUN, Canvas, Colour
from tilesegm.demo.classes import Cover
from tilesegm.demo.countryside import Road
from tilesegm.demo.geometry import Points, beside, even, heading, rectangle, thick

__all__ = ["draw_roads"]

# From the lowest to the highest: what is later is drawn over what is before.
_COLOURS: dict[str, Colour] = {
    "track": (174, 154, 120),
    "street": (136, 132, 127),
    "lane": (116, 114, 112),
    "main": (98, 98, 102),
}
# Where cars drive, in parts of the road's width from its middle, and how many there are.
_LANES = {"lane": (-0.25, 0.25), "main": (-0.375, -0.125, 0.125, 0.375)}
_TRAFFIC = {"lane": 0.15, "main": 0.5}
_WHITE: Colour = (222, 222, 214)
_YELLOW: Colour = (206, 190, 120)
_CARS: tuple[Colour, ...] = (
    (228, 228, 230), (34, 36, 40), (150, 30, 32), (58, 80, 132), (168, 170, 174),
)  # fmt: skip


def draw_roads(canvas: Canvas, roads: tuple[Road, ...], random: np.random.Generator) -> None:
    """Draw all roads; tracks and streets that would meet water are not built."""
    built = []
    for road in roads:
        wet = [canvas.cover_at(point[None]) == {Cover.WATER} for point in road.points]
        if any(wet) and road.kind in ("track", "street"):
            continue
        built.append(road)
        _draw_bridge(canvas, road, np.flatnonzero(wet).tolist())
    for kind, colour in _COLOURS.items():
        for road in built:
            if road.kind == kind:
                canvas.line(road.points, road.width, colour, Cover.ROAD)
    for road in built:
        _draw_markings(canvas, road)
        if road.kind in _LANES:
            _draw_traffic(canvas, road, random)


def _draw_bridge(canvas: Canvas, road: Road, wet: list[int]) -> None:
    """Draw deck and parapets over the water, and the shadow beside them."""
    decks = [road.points[max(index - 2, 0) : index + 3] for index in wet]
    for deck in decks:
        canvas.shade(thick(deck + SUN * 16, road.width / 2 + 4), 120)
    for deck in decks:
        canvas.shade(thick(deck, road.width / 2 + 5), 0)
        canvas.line(deck, road.width + 10, (196, 194, 188), Cover.ROAD)


def _draw_markings(canvas: Canvas, road: Road) -> None:
    line = even(road.points, 4.0)
    if road.kind == "main":
        for side in (-1, 1):
            canvas.paint(beside(line, side * (road.width / 2 - 3)), _WHITE, width=2)
            canvas.paint(beside(line, side * 2.0), _YELLOW, width=2)
            _dash(canvas, beside(line, side * road.width / 4), 6, 15)
    elif road.kind == "lane":
        _dash(canvas, line, 5, 14)
    elif road.kind == "track":
        canvas.paint(road.points, (140, 142, 92), width=3)  # grass between the wheels


def _dash(canvas: Canvas, line: Points, length: int, period: int) -> None:
    for start in range(0, len(line) - length, period):
        canvas.paint(line[start : start + length], _WHITE, width=2)


def _draw_traffic(canvas: Canvas, road: Road, random: np.random.Generator) -> None:
    line = even(road.points, 4.0)
    for index in range(8, len(line) - 8, 12):
        if random.random() >= _TRAFFIC[road.kind]:
            continue
        offset = float(random.choice(_LANES[road.kind])) * road.width
        piece = beside(line[index : index + 5], offset)
        middle, angle = piece.mean(0), heading(piece)
        body = rectangle(middle, (18, 8), angle)
        canvas.paint(body + SUN * 3, (54, 54, 58))
        canvas.paint(body, _CARS[random.integers(len(_CARS))])
        canvas.paint(rectangle(middle, (9, 6), angle), (52, 58, 66))
