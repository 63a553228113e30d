"""Forests, orchards, hedges and single trees."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import ConvexHull

from tilesegm.demo.canvas import SUN, Canvas, Colour
from tilesegm.demo.classes import Cover
from tilesegm.demo.countryside import Countryside, Parcel
from tilesegm.demo.geometry import Points, around, box, even, points_inside

__all__ = ["Tree", "draw_tree", "place_trees"]

Tree = tuple[float, float, float]
"""x, y and radius of the crown."""

_OPEN = {int(Cover.MEADOW), int(Cover.FIELD)}
# Discs of a crown, up to where it meets the sun: shift to the light, part of the radius, colour.
_CROWN = ((0.0, 1.0, (38, 60, 34)), (0.18, 0.78, (58, 88, 46)), (0.34, 0.42, (84, 116, 58)))


def place_trees(canvas: Canvas, plan: Countryside, random: np.random.Generator) -> Iterator[Tree]:
    """Yield every tree: dense in forests, in rows in orchards, thin elsewhere."""
    for parcel in plan.parcels:
        if parcel.kind == "forest":
            places = points_inside(parcel.corners, 17.0, random, jitter=7.0)
            yield from _grow(canvas, places, {int(Cover.TREES)}, (8, 15), random)
        elif parcel.kind == "orchard":
            places = points_inside(parcel.corners, 30.0, random, jitter=1.5)
            yield from _grow(canvas, places, _OPEN, (7, 10), random)
        elif random.random() < 0.3:
            yield from _grow(canvas, _hedge(parcel, random), _OPEN, (5, 10), random)
    for village in plan.villages:
        hull = village.outline[ConvexHull(village.outline).vertices]
        places = points_inside(hull, 46.0, random, jitter=20.0)
        places = places[random.random(len(places)) < 0.6]
        yield from _grow(canvas, places, _OPEN, (6, 12), random, clear=9)
    for water in plan.waters:
        bank = even(np.concatenate([water, water[:1]]), 22.0)
        places = bank[random.random(len(bank)) < 0.35]
        places = places + random.normal(0, 14, places.shape)
        yield from _grow(canvas, places, _OPEN, (7, 14), random, clear=9)


def _hedge(parcel: Parcel, random: np.random.Generator) -> Points:
    edge = even(parcel.corners[1:3], 13.0)
    edge = edge[random.random(len(edge)) < 0.85]
    return np.asarray(edge + random.normal(0, 2.5, edge.shape))


def _grow(
    canvas: Canvas,
    places: Points,
    ground: set[int],
    radius: tuple[float, float],
    random: np.random.Generator,
    clear: float = 0.0,
) -> Iterator[Tree]:
    """Yield trees where the ground, up to ``clear`` pixels around, is one of ``ground``."""
    for point in places:
        if canvas.cover_at(around(point, clear)) <= ground:
            yield float(point[0]), float(point[1]), random.uniform(*radius)


def draw_tree(canvas: Canvas, tree: Tree, random: np.random.Generator) -> None:
    """Draw a crown and its shadow."""
    x, y, radius = tree
    right, down = (SUN * radius * 1.1).tolist()
    canvas.shade_disc(box(x + right, y + down, radius), 110)
    canvas.shade_disc(box(x, y, radius), 0)
    tint = random.normal(0, 7, 3) + random.normal(0, 8)
    canvas.disc(box(x, y, radius), _CROWN[0][2], Cover.TREES)
    for shift, part, colour in _CROWN:
        left, top = x - shift * radius, y - 0.8 * shift * radius
        canvas.paint_disc(box(left, top, part * radius), _tinted(colour, tint))


def _tinted(colour: Colour, tint: Points) -> Colour:
    red, green, blue = np.clip(np.array(colour) + tint, 8, 220).astype(int).tolist()
    return red, green, blue
