"""How much of an image its margins are, told from a coarse level or from samples."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window
from tilesegm.source.background import (
    TOLERANCE,
    Margin,
    find_margins,
    near_colour,
    tolerance_of,
)
from tilesegm.source.base import Source
from tilesegm.source.cells import gather, small_side, smaller_level
from tilesegm.source.hidden import sample_windows

__all__ = ["MarginShare", "find_margin_share"]

_MOST = 1 << 22
"""Pixels up to which an image, or a level of it, is looked at as a whole."""
_SAMPLED = 1 << 20
"""Pixels that samples of a larger one hold together."""
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
    value: float | None
    """That of all bands, where they have one."""
    sampled: bool
    """Whether samples alone were looked at, which do not tell what is connected."""

    @property
    def fact(self) -> str:
        """The same in words."""
        how = "as at its border, by samples" if self.sampled else "connected to its border"
        about = "about " if self.sampled else ""
        return f"{about}{self.share:.0%} of the image is of one colour ({self.colour}), {how}"

    @property
    def text(self) -> str:
        """The fact, and the option of the command line that leaves it out."""
        return f"{self.fact}, and segmented as any other pixel; --skip background leaves it out"

    @property
    def settings_text(self) -> str:
        """The fact, and the key of the settings of a training run that leaves it out."""
        other = "an area of the scene leaves it out"
        if self.value is not None:
            other = f"data.nodata: {self.value:g} takes this value for missing"
        return f"{self.fact}, and learnt from where it is labelled; {other}"


def find_margin_share(
    source: Source, opener: Callable[[int], Source] | None = None
) -> MarginShare | None:
    """Look for large margins of one colour that nothing marks as missing.

    Where no spot at the border is of one colour nothing else is read; an image without levels that
    has many pixels is looked at in samples, and never read as a whole.

    Args:
        source: the image.
        opener: opens a smaller level of it, see `smaller_level`; None for an image without.

    Returns:
        The largest margin, of 5 % of the image at least; None where there is none, or nothing else.

    Raises:
        SourceError: pixels cannot be read.
    """
    info = source.info
    colours = _flat_spots(source)
    if not len(colours):
        return None
    with ExitStack() as opened:
        chosen: Source | None = source
        if info.pixels > _MOST:
            chosen = None if opener is None else smaller_level(opener, _MOST)
            if chosen is not None:
                opened.callback(chosen.close)
        if chosen is not None and chosen.info.pixels <= _MOST:
            cells = gather(chosen, small_side(chosen.info))
            margins = find_margins(cells)
            shares = [(float(one.cells.mean()), one) for one in margins]
        else:
            shares, chosen = _by_samples(source, colours), None
    share, margin = max(shares, key=lambda pair: pair[0], default=(0.0, None))
    if margin is None or not _LEAST <= share < 1:
        return None
    values = set(margin.colour.tolist())
    value = float(values.pop()) if len(values) == 1 else None
    return MarginShare(share, margin.text, value, chosen is None)


def _flat_spots(source: Source) -> NDArray[Any]:
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
            low, high = values.min(0), values.max(0)
            if near_colour(high, low, low, TOLERANCE if info.dtype == np.uint8 else 0):
                colours.append(low)
    return np.unique(colours, axis=0) if colours else np.zeros((0, info.bands))


def _by_samples(source: Source, colours: NDArray[Any]) -> list[tuple[float, Margin]]:
    """Return which fraction of samples is of each colour."""
    windows = sample_windows(source.info, _SAMPLED)[0]
    read = [source.read(window) for window in windows]
    values = np.concatenate(
        [
            one.values.reshape(-1, source.info.bands)
            if one.valid is None
            else one.values[one.valid]
            for one in read
        ]
    )
    tolerance, looked = tolerance_of(values, values), sum(window.pixels for window in windows)
    return [
        (
            np.count_nonzero(near_colour(values, values, colour, tolerance)) / looked,
            Margin(colour, np.zeros((0, 0), bool), tolerance),
        )
        for colour in colours
    ]
