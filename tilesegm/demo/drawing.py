"""Draws the planned countryside from below to above: ground, water, roads, houses, trees."""

from __future__ import annotations

import numpy as np

from tilesegm.demo.canvas import Canvas, Colour
from tilesegm.demo.classes import Cover
from tilesegm.demo.countryside import Countryside, Parcel
from tilesegm.demo.houses import place_houses
from tilesegm.demo.roads import draw_roads
from tilesegm.demo.trees import draw_tree, place_trees

__all__ = ["draw_countryside"]

_MEADOW: Colour = (112, 136, 74)


def draw_countryside(plan: Countryside, random: np.random.Generator) -> Canvas:
    """Draw ``plan`` onto a new canvas."""
    canvas = Canvas(plan.size, _MEADOW)
    for number, parcel in enumerate(plan.parcels, start=1):
        _draw_parcel(canvas, parcel, number)
    for village in plan.villages:
        canvas.polygon(village.outline, (118, 138, 82), Cover.MEADOW)
    for water in plan.waters:
        canvas.polygon(water, (62, 92, 96), Cover.WATER)
    draw_roads(canvas, plan.roads, random)
    houses = [
        house for village in plan.villages for house in place_houses(canvas, plan, village, random)
    ]
    for house in houses:
        house.draw(canvas)
    for tree in list(place_trees(canvas, plan, random)):
        draw_tree(canvas, tree, random)
    for house in houses:
        house.lift(canvas)
    return canvas


def _draw_parcel(canvas: Canvas, parcel: Parcel, number: int) -> None:
    if parcel.kind == "crop":
        canvas.polygon(parcel.corners, parcel.colour, Cover.FIELD, parcel=number)
    elif parcel.kind == "forest":
        canvas.polygon(parcel.corners, (46, 70, 40), Cover.TREES)
    elif parcel.kind == "meadow":
        red, green, blue = _MEADOW
        shift = parcel.colour[0] % 24 - 12
        canvas.polygon(parcel.corners, (red + shift, green + shift, blue), Cover.MEADOW)
