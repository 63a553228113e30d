"""How much of an image its margins are, told from a coarse level or from samples."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from tilesegm.grid.window import Window
from tilesegm.source.background import Margin, find_margins, near_colour, tolerance_of
from tilesegm.source.base import Source
from tilesegm.source.cells import gather, small_side, smaller_level
from tilesegm.source.hidden import sample_windows

__all__ = ["MarginShare", "find_margin_share"]

_MOST = 1 << 22
"""Pixels up to which an image, or a level of it, is looked at as a whole."""
_SPOT = 16
"""Side of the spots at the border that are looked at first."""
_LEAST = 0.05
"""Fraction of the image from which on a margin is worth a word."""


@dataclass(frozen=True)
class MarginShare:
    """The fraction of an image that is of one colour and connected to the border."""

    share: float
    colour: str
    """As numbers, with the tolerance."""
    sampled: bool
    """Whether samples alone were looked at, which do not tell what is connected."""

    @property
    def fact(self) -> str:
        """The same in words."""
        how = "as its border is, by samples" if self.sampled else "connected to its border"
        about = "about " if self.sampled else ""
        return f"{about}{self.share:.0%} of the image is of one colour ({self.colour}), {how}"


def find_margin_share(
    source: Source, opener: Callable[[int], Source], most: int = _MOST
) -> MarginShare | None:
    """Look for large margins of one colour that nothing marks as missing.

    Where no spot at the border is of one colour nothing else is read; an image without levels that
    has many pixels is looked at in samples, and never read as a whole.

    Args:
        source: the image.
        opener: opens a smaller level of it; see `smaller_level`.
        most: pixels of an image or level that is looked at as a whole.

    Returns:
        The largest margin, of 5 % of the image at least; None where there is none.

    Raises:
        SourceError: pixels cannot be read.
    """
    info, tolerance = source.info, tolerance_of(source.info)
    colours = _flat_spots(source, tolerance)
    if not len(colours):
        return None
    with ExitStack() as opened:
        level = smaller_level(opener, most)
        if level is not None:
            opened.callback(level.close)
        chosen = source if info.pixels <= most else level
        if chosen is not None and chosen.info.pixels <= most:
            cells = gather(chosen, small_side(chosen.info))
            margins = find_margins(cells, tolerance)
            shares = [(float(one.cells.mean()), one) for one in margins]
        else:
            shares = _by_samples(source, [Margin(one, np.zeros((0, 0), bool)) for one in colours])
            chosen = None
    share, margin = max(shares, key=lambda pair: pair[0], default=(0.0, None))
    if margin is None or share < _LEAST:
        return None
    return MarginShare(share, margin.text(tolerance), chosen is None)


def _flat_spots(source: Source, tolerance: int) -> np.ndarray:
    """Return the colours of those spots at corners and sides that are of one colour."""
    info = source.info
    side = min(_SPOT, info.height, info.width)
    colours = []
    for row in (0, (info.height - side) // 2, info.height - side):
        for col in (0, (info.width - side) // 2, info.width - side):
            if 0 < row < info.height - side and 0 < col < info.width - side:
                continue  # in the middle
            pixels = source.read(Window(row, col, side, side))
            if pixels.valid is not None and not pixels.valid.all():
                continue
            values = pixels.values.reshape(-1, info.bands)
            if near_colour(values.max(0), values.min(0), values.min(0), tolerance).all():
                colours.append(values.min(0))
    return np.unique(colours, axis=0) if colours else np.zeros((0, info.bands))


def _by_samples(source: Source, margins: list[Margin]) -> list[tuple[float, Margin]]:
    """Return which fraction of samples is of the colour of each margin."""
    info, tolerance = source.info, tolerance_of(source.info)
    counts, looked = np.zeros(len(margins)), 0
    for window in sample_windows(info, _MOST)[0]:
        pixels = source.read(window)
        looked += window.pixels
        for number, margin in enumerate(margins):
            alike = near_colour(pixels.values, pixels.values, margin.colour, tolerance)
            alike = alike if pixels.valid is None else alike & pixels.valid
            counts[number] += np.count_nonzero(alike)
    return [(float(count / looked), margin) for count, margin in zip(counts, margins, strict=True)]
