"""Glass around tissue and margins around orthophotos: what of an image shows nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo
from tilesegm.source.cells import Cells
from tilesegm.source.identity import Identity
from tilesegm.source.rim import Rim, find_rim

__all__ = [
    "TOLERANCE",
    "Background",
    "Margin",
    "find_background",
    "find_margins",
    "near_colour",
    "tolerance_of",
]

_COLOURS = 4
"""Most colours of margins that are looked for."""
_LEAST = 0.01
"""Fraction of the border's cells that a colour of margins has at least."""
TOLERANCE, _RANGE = 3, 64
"""By how much pixels of one colour differ in 8 bits at most, as compression may change them, and
how far apart values of such an image lie at least: of few values each is one of its own."""
_SATURATION = 8 / 255
"""Saturation (HSV) of glass at most: the lowest threshold of CLAM (Lu et al. 2021, Data-efficient
and weakly supervised computational pathology on whole-slide images, Nature Biomedical Engineering
5, 555-570)."""
_BRIGHT = 0.8
"""Fraction of white that the darkest band of glass has at least."""
_EXACT = 0.25
"""Fraction of a margin's cells at the border that are of its very colour at least. Measured: white
collars in JPEG 0.87 and more, glass 0.45, dark roofs 0.15, water of Sentinel-2 0."""
_REACH = 2
"""Cells from one of a margin's very colour, within which others differ from it: as far as JPEG
smears, whose blocks have up to 16 pixels. Dark water and snow are alike, and lie farther."""
_AROUND = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Margin:
    """Cells of one colour that are connected to the border of an image."""

    colour: NDArray[Any]
    """A value a band."""
    cells: NDArray[np.bool_]
    tolerance: int
    """By how much its values may differ."""

    @property
    def text(self) -> str:
        """The colour as numbers."""
        values = [f"{value:g}" for value in self.colour.tolist()]
        shown = values if len(values) <= 4 else [*values[:3], f"... {values[-1]}"]
        return ",".join(shown) + (f" ± {self.tolerance}" if self.tolerance else "")


@dataclass(frozen=True, kw_only=True)
class Background:
    """The background of an image, on a coarse grid."""

    size: tuple[int, int]
    """Height and width of the image."""
    cells: Cells
    glass: NDArray[np.bool_]
    """``(rows, cols)`` cells of glass."""
    margins: NDArray[np.bool_]
    """Cells of margins, where pixels of one of ``colours`` are background."""
    rim: Rim | None
    """What is left of margins beside these cells; None where nothing is, or it cannot be told."""
    colours: tuple[NDArray[Any], ...]
    """Empty where pixels are not looked at."""
    tolerance: int
    text: str
    """What was found and how, in words."""

    @property
    def exact(self) -> bool:
        """Whether all pixels in cells of background are known to be background.

        A pixel of a smaller level stands for several, of which some may be of another colour.
        """
        return self.cells.level == self.size or not self.margins.any()

    @property
    def pixels(self) -> int:
        """Number of pixels in cells of background, and in what is left beside them."""
        found = self.glass | self.margins
        rows, cols = self.cells.places(Window(0, 0, *self.size), self.size)
        down = np.bincount(rows.ravel(), minlength=found.shape[0])
        along = np.bincount(cols.ravel(), minlength=found.shape[1])
        return int(down @ found @ along) + (self.rim.pixels(self.size) if self.rim else 0)

    def by_cells(self) -> Background:
        """Return it as if all pixels in cells of margins were of their colours."""
        return replace(self, colours=())

    @property
    def identity(self) -> Identity:
        """Names and values that differ when other pixels are background."""
        known = (self.size, self.cells.level, self.cells.side, self.tolerance)
        digest = hashlib.sha256(repr((*known, [one.tolist() for one in self.colours])).encode())
        for found in (self.glass, self.margins, *([self.rim.parts] if self.rim else [])):
            digest.update(np.packbits(found).tobytes())
        return (("cells", digest.hexdigest()),)

    def covers(self, window: Window, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return ``(height, width)``, True where a pixel is background.

        Args:
            window: of the image.
            values: its pixels, ``(height, width, bands)``.
        """
        rows, cols = self.cells.places(window, self.size)
        found: NDArray[np.bool_] = self.glass[rows, cols]
        margins = self.margins[rows, cols]
        if self.rim is not None:
            margins |= self.rim.covers(window)
        if margins.any() and self.colours:
            margins &= _near_any(values, values, self.colours, self.tolerance)
        found |= margins
        return found


def tolerance_of(low: NDArray[Any], high: NDArray[Any]) -> int:
    """Return by how much pixels of one colour may differ.

    Args:
        low: the lowest values of parts of an image.
        high: the highest.
    """
    if low.dtype != np.uint8 or not low.size:
        return 0
    return TOLERANCE if int(high.max()) - int(low.min()) >= _RANGE else 0


def find_margins(cells: Cells) -> tuple[Margin, ...]:
    """Find constant colours that are connected to the border, or to missing pixels that are.

    Those of one colour differ by the tolerance at most.
    """
    tolerance = tolerance_of(cells.low[cells.present], cells.high[cells.present])
    border = _border(cells.present.shape)
    missing = ndimage.binary_propagation(border & ~cells.present, mask=~cells.present)
    edge = (border | ndimage.binary_dilation(missing)) & cells.present
    found: list[Margin] = []
    left = edge & near_colour(cells.high, cells.low, cells.low, tolerance)
    least = max(2, _LEAST * int(edge.sum()))
    while len(found) < _COLOURS and int(left.sum()) >= least:
        low, high = cells.low[left], cells.high[left]
        colours, counts = np.unique(low, axis=0, return_counts=True)
        colour = colours[counts.argmax()]
        near = near_colour(high, low, colour, tolerance)
        if int(near.sum()) < least:
            break
        seeds = left.copy()
        seeds[left] = near
        left &= ~seeds
        # Still water and deep shade are as dark and even, but hardly ever of one value.
        if near_colour(high, low, colour, 0)[near].mean() < _EXACT:
            continue
        alike = near_colour(cells.high, cells.low, colour, tolerance) & cells.present
        very = near_colour(cells.high, cells.low, colour, 0) & cells.present
        alike &= ndimage.binary_dilation(very, _AROUND, iterations=_REACH)
        connected = ndimage.binary_propagation(seeds & alike, mask=alike)
        found.append(Margin(colour, connected, tolerance))
    return tuple(found)


def find_background(cells: Cells, info: ImageInfo, *, glass: bool) -> Background:
    """Find margins of one colour, and glass; both are connected to the border.

    What is found is shrunk by a cell on all sides that do not lie at the border. Margins grow back
    by parts of cells, where there are any.

    Args:
        cells: the image.
        info: the image.
        glass: whether glass is looked for, in three bands of 8 bits.
    """
    tolerance = tolerance_of(cells.low[cells.present], cells.high[cells.present])
    margins = find_margins(cells)
    parts = [margin.cells for margin in margins]
    bright = _glass(cells, parts) if glass else np.zeros(cells.present.shape, bool)
    union = np.logical_or.reduce([~cells.present, bright, *parts])
    inner = ndimage.binary_erosion(union, _AROUND, border_value=1)
    # What hangs together by a bridge of a cell or two, such as a white roof, does no longer.
    inner = ndimage.binary_propagation(inner & _border(inner.shape), mask=inner) & cells.present
    in_glass = bright & inner
    kept = [margin for margin in margins if (margin.cells & inner & ~in_glass).any()]
    in_margins = inner & ~in_glass & cells.present
    colours = tuple(margin.colour for margin in kept)
    rim = None
    if kept and cells.parts is not None:
        alike = _near_any(cells.parts.high, cells.parts.low, colours, tolerance)
        rim = find_rim(cells, in_margins, alike & cells.parts.present)
    return Background(
        size=(info.height, info.width),
        cells=replace(cells, parts=None),
        glass=in_glass,
        margins=in_margins,
        rim=rim,
        colours=colours,
        tolerance=tolerance,
        text=_tell(kept, bool(in_glass.any()), cells.how, rim),
    )


def _glass(cells: Cells, margins: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Return cells that are bright and grey, and connected to the border."""
    top = cells.mean.max(-1)
    saturation = (top - cells.mean.min(-1)) / np.maximum(top, 1)
    alike = (saturation <= _SATURATION) & (cells.mean.min(-1) >= _BRIGHT * 255) & cells.present
    seeds = _border(alike.shape)
    seeds |= ndimage.binary_dilation(np.logical_or.reduce([~cells.present & seeds, *margins]))
    connected: NDArray[np.bool_] = ndimage.binary_propagation(seeds & alike, mask=alike)
    return connected


def _border(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    border = np.zeros(shape, bool)
    border[[0, -1]] = border[:, [0, -1]] = True
    return border


def near_colour(
    high: NDArray[Any], low: NDArray[Any], colour: NDArray[Any], tolerance: int
) -> NDArray[np.bool_]:
    """Tell where no band is farther from a colour than the tolerance.

    Args:
        high: ``(..., bands)``, the highest values.
        low: the lowest.
        colour: a value a band, or one for each place.
        tolerance: what values may differ by.
    """
    if not tolerance:
        exact = (high == colour) & (low == colour)
        return np.asarray(exact.all(-1))
    middle = colour.astype(np.int32)
    above, below = high <= middle + tolerance, low >= middle - tolerance
    return np.asarray(above.all(-1) & below.all(-1))


def _near_any(
    high: NDArray[Any], low: NDArray[Any], colours: Sequence[NDArray[Any]], tolerance: int
) -> NDArray[np.bool_]:
    """Tell where no band is farther from one of several colours than the tolerance."""
    near = [near_colour(high, low, one, tolerance) for one in colours]
    return np.asarray(np.logical_or.reduce(near))


def _tell(margins: Sequence[Margin], glass: bool, how: str, rim: Rim | None) -> str:
    named = [f"margins of one colour ({margin.text})" for margin in margins]
    if glass:
        named.append(
            f"glass (saturation at most {_SATURATION:.3f}, no band darker than {_BRIGHT:.0%} of "
            "white)"
        )
    return (
        f"{' and '.join(named) or 'none'} connected to the border, found in {how}"
        + (" and shrunk by one of them" if named else "")
        + (f", margins to {rim.side} px of their edge" if rim else "")
    )
