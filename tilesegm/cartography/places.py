"""Parts of a class map in full resolution, beside its image and its confidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tilesegm.cartography.scene import Scene
from tilesegm.cartography.survey import Survey
from tilesegm.grid.window import Window
from tilesegm.pictures.colours import MISSING, colour_classes
from tilesegm.report.class_map import ShownPlace
from tilesegm.source.base import Source

__all__ = ["read_places"]

_SIDE = 256
"""Dots of a picture; places of very large maps are thinned out to so many."""
_UNSURE, _SURE = np.array([60.0, 20.0, 80.0]), np.array([255.0, 250.0, 235.0])
"""Colours of confidence 0 and 1, which differ in brightness above all."""


def read_places(scene: Scene, survey: Survey, confidence: Source) -> list[ShownPlace]:
    """Draw the least certain places of a map.

    Args:
        scene: the map, and the image as it is drawn.
        survey: knows the places.
        confidence: values from 0 to 1 on the grid of the map.

    Raises:
        SourceError: pixels cannot be read.
    """
    windows = [window for window, _ in survey.least_certain]
    drawings: list[list[tuple[str, NDArray[np.uint8]]]] = [[] for _ in windows]
    if scene.image is not None:
        with scene.image.choice.open(scene.image.level) as source:
            for drawn, window in zip(drawings, windows, strict=True):
                pixels = source.read(window)
                rgb = scene.image.rendering.draw(pixels.values, pixels.valid)
                drawn.append(("image", _thin(rgb)))
    with scene.shown.open() as source:
        for drawn, window in zip(drawings, windows, strict=True):
            drawn.append(("class map", _thin(_classes(source, window, survey))))
    for drawn, window in zip(drawings, windows, strict=True):
        drawn.append(("confidence", _thin(_shades(confidence, window))))
    return [
        ShownPlace(_title(scene, window, mean), drawn, photo=scene.image is not None)
        for drawn, (window, mean) in zip(drawings, survey.least_certain, strict=True)
    ]


def _classes(source: Source, window: Window, survey: Survey) -> NDArray[np.uint8]:
    pixels = source.read(window)
    values = np.array(survey.values)
    places = np.searchsorted(values, pixels.values[..., 0])
    if pixels.valid is not None:
        places[~pixels.valid] = len(values)
    return colour_classes(places, survey.classes)


def _shades(source: Source, window: Window) -> NDArray[np.uint8]:
    pixels = source.read(window)
    values = pixels.values[..., 0].astype(np.float64)
    seen = np.isfinite(values) if pixels.valid is None else pixels.valid & np.isfinite(values)
    part = np.clip(np.where(seen, values, 0), 0, 1)[..., None]
    rgb = np.rint(_UNSURE + (_SURE - _UNSURE) * part)
    return np.where(seen[..., None], rgb, MISSING).astype(np.uint8)


def _thin(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = -(-max(rgb.shape[:2]) // _SIDE)
    return rgb[::step, ::step]


def _title(scene: Scene, window: Window, mean: float) -> str:
    place = scene.place.transform
    row, col = window.row + window.height / 2, window.col + window.width / 2
    where = f"row {window.row}, column {window.col}"
    if place is not None:
        a, b, c, d, e, f = place
        where += f", middle at x {a * col + b * row + c:.10g}, y {d * col + e * row + f:.10g}"
    return f"{where}, {window.height} x {window.width} pixels: mean confidence {mean:.3f}"
