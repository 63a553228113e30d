"""Three drawings of one scene that are kept in step: colours, classes and shadows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tilesegm.demo.classes import Cover

__all__ = ["SUN", "Canvas", "Colour"]

Colour = tuple[int, int, int]
SUN = np.array([0.80, 0.62])
"""Where a shadow falls, per pixel of height: the light comes from the upper left."""


class Canvas:
    """Draws shapes in flat colours; light and texture come later, block by block."""

    def __init__(self, size: int, ground: Colour) -> None:
        self.size = size
        self._colours = Image.new("RGB", (size, size), ground)
        self._cover = Image.new("L", (size, size), int(Cover.MEADOW))
        self._parcels = Image.new("L", (size, size), 0)
        self._shadows = Image.new("L", (size, size), 0)
        self._pixels: Any = self._cover.load()  # a live view: faster than getpixel, never stale
        self._draw_colours = ImageDraw.Draw(self._colours)
        self._draw_cover = ImageDraw.Draw(self._cover)
        self._draw_parcels = ImageDraw.Draw(self._parcels)
        self._draw_shadows = ImageDraw.Draw(self._shadows)

    def polygon(
        self, points: NDArray[np.float64], colour: Colour, cover: Cover, *, parcel: int = 0
    ) -> None:
        """Fill a polygon; ``parcel`` numbers the rows of a field, 0 where there are none."""
        flat = points.ravel().tolist()
        self._draw_colours.polygon(flat, fill=colour)
        self._draw_cover.polygon(flat, fill=int(cover))
        self._draw_parcels.polygon(flat, fill=parcel)

    def line(self, points: NDArray[np.float64], width: int, colour: Colour, cover: Cover) -> None:
        """Draw a line of some width."""
        flat = points.ravel().tolist()
        self._draw_colours.line(flat, fill=colour, width=width, joint="curve")
        self._draw_cover.line(flat, fill=int(cover), width=width, joint="curve")
        self._draw_parcels.line(flat, fill=0, width=width, joint="curve")

    def paint(self, points: NDArray[np.float64], colour: Colour, *, width: int = 0) -> None:
        """Change colours only: a line of ``width``, or a filled polygon when it is 0."""
        flat = points.ravel().tolist()
        if width:
            self._draw_colours.line(flat, fill=colour, width=width)
        else:
            self._draw_colours.polygon(flat, fill=colour)

    def disc(self, box: Sequence[float], colour: Colour, cover: Cover) -> None:
        """Fill an ellipse of ``box`` (left, top, right, bottom)."""
        self._draw_colours.ellipse(box, fill=colour)
        self._draw_cover.ellipse(box, fill=int(cover))
        self._draw_parcels.ellipse(box, fill=0)

    def paint_disc(self, box: Sequence[float], colour: Colour) -> None:
        """Change colours only, in an ellipse."""
        self._draw_colours.ellipse(box, fill=colour)

    def shade(self, points: NDArray[np.float64], strength: int) -> None:
        """Set the shadow inside a polygon, 0 (none) to 255 (black)."""
        self._draw_shadows.polygon(points.ravel().tolist(), fill=strength)

    def shade_disc(self, box: Sequence[float], strength: int) -> None:
        """Set the shadow inside an ellipse."""
        self._draw_shadows.ellipse(box, fill=strength)

    def cover_at(self, points: NDArray[np.float64]) -> set[int]:
        """Return the classes found at some points; -1 stands for outside the scene."""
        return {self._id_at(x, y) for x, y in points.astype(int).tolist()}

    def _id_at(self, x: int, y: int) -> int:
        if not (0 <= x < self.size and 0 <= y < self.size):
            return -1
        return int(self._pixels[x, y])

    def layers(self) -> tuple[NDArray[np.uint8], ...]:
        """Return colours ``(H, W, 3)``, cover, parcel numbers and shadows ``(H, W)``."""
        return tuple(
            np.asarray(image)
            for image in (self._colours, self._cover, self._parcels, self._shadows)
        )
