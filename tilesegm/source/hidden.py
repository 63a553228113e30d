"""How many pixels of an image its tags and NaN hide, and which option reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo
from tilesegm.source.image import ImageSource
from tilesegm.source.open import open_source
from tilesegm.source.resampled import ResampledSource

__all__ = ["Hidden", "find_hidden", "sample_windows"]

_EXACT = 2**24
"""Pixels up to which an image is read as a whole, and not in samples."""
_SIDE, _PLACES = 256, 8
"""Side of a sample, and samples along each axis."""
Reason = Literal["alpha", "mask", "nodata", "nan"]

_MASK_VALUES = 8
"""Distinct values from which on an alpha band is hardly a mask: edges that fade take a few."""


@dataclass(frozen=True, kw_only=True)
class Hidden:
    """Pixels of an image that a tag or NaN hides from every network and count."""

    reason: Reason
    pixels: int
    share: float
    """Fraction of all pixels."""
    exact: bool
    """Whether all pixels were looked at, or samples alone."""
    fact: str
    """What hides how many pixels, in words."""
    bands: tuple[int, ...] = ()
    """Bands to ask for, so that one that is taken for a mask is read like any other."""
    doubtful: bool = False
    """Whether an alpha band holds too many values for a mask."""

    @property
    def text(self) -> str:
        """The fact, and the option of the command line that reads what is hidden."""
        return self._with(f"--bands {','.join(map(str, self.bands))}", "--nodata none")

    @property
    def settings_text(self) -> str:
        """The fact, and the key of the settings of a training run that reads what is hidden."""
        return self._with(f"data.bands: {list(self.bands)}", "data.nodata: none")

    def _with(self, bands: str, nodata: str) -> str:
        if self.reason in ("mask", "nan"):
            return self.fact
        return f"{self.fact}; " + (
            f"{bands} reads it as a band" if self.bands else f"{nodata} reads them"
        )


def find_hidden(source: object, most: int = _EXACT) -> tuple[Hidden, ...]:
    """Count the pixels that alpha, a mask band, nodata, NaN or infinity hide.

    Images of integers without such tags are not read.

    Args:
        source: an open image; of one that is resampled, what it is resampled from.
        most: pixels up to which all of them are counted. Of larger images samples are, and the
            number that follows is said to be about right.

    Returns:
        An entry for each tag, those that hide nothing included, and one for NaN and infinity if
        there are any.
    """
    if isinstance(source, ResampledSource):
        source = source.stored
    if not isinstance(source, ImageSource) or not source.info.masked:
        return ()
    info = source.info
    windows, exact = sample_windows(info, most)
    by_mask = by_nodata = by_nan = looked = 0
    empty = np.ones(info.bands, bool)
    for window in windows:
        values, mask = source.load(window)
        looked += window.pixels
        if mask is not None:
            by_mask += int(np.count_nonzero(~mask))
        valid = source.missing.valid(values, None)
        if valid is not None:
            gone = ~valid if mask is None else ~valid & mask
            numbers = np.isfinite(values)
            empty &= ~numbers.any((0, 1))
            nan = ~numbers.all(-1)
            by_nan += int(np.count_nonzero(gone & nan))
            by_nodata += int(np.count_nonzero(gone & ~nan))
        else:
            empty[:] = False
    found = []
    if source.may_mask or by_mask:
        many = _alpha_values(info, windows)
        found.append(_by_mask(info, _Amount(by_mask / looked, info.pixels, exact), many))
    if info.nodata is not None and info.nodata == info.nodata:  # NaN is counted apart
        amount = _Amount(by_nodata / looked, info.pixels, exact)
        found.append(amount.hidden("nodata", f"nodata {info.nodata:g} hides {amount}"))
    if by_nan:
        amount = _Amount(by_nan / looked, info.pixels, exact)
        named = ", ".join(str(n + 1) for n in np.flatnonzero(empty))
        alone = f": there is nothing else in band {named} of those read" if named else ""
        found.append(amount.hidden("nan", f"NaN or infinity hides {amount}{alone}"))
    return tuple(found)


def sample_windows(info: ImageInfo, most: int) -> tuple[list[Window], bool]:
    """Return windows that cover an image, or samples of it, and whether they cover it."""
    if info.pixels <= most:
        rows = max(2**20 // info.width // info.block[0], 1) * info.block[0]
        return [
            Window(row, 0, min(rows, info.height - row), info.width)
            for row in range(0, info.height, rows)
        ], True
    side = min(_SIDE, info.height, info.width)
    places = max(1, min(_PLACES, int((most / side**2) ** 0.5)))
    rows_at, cols_at = (
        [(2 * n + 1) * size // (2 * places) - side // 2 for n in range(places)]
        for size in (info.height, info.width)
    )
    samples = [
        Window(row, col, side, side).intersect(info.window) for row in rows_at for col in cols_at
    ]
    return [window for window in samples if window is not None], False


def _alpha_values(info: ImageInfo, windows: list[Window]) -> int:
    """Count the distinct values of a band that is taken for a mask, as far as it matters."""
    if info.alpha is None:
        return 0
    seen: set[int] = set()
    with open_source(info.address, bands=[info.alpha]) as alpha:
        for window in windows:
            if not alpha.info.window.contains(window):  # another level than the finest
                break
            seen.update(np.unique(alpha.read(window).values).tolist())
            if len(seen) > _MASK_VALUES:
                break
    return len(seen)


def _by_mask(info: ImageInfo, amount: _Amount, values: int) -> Hidden:
    if info.alpha is None:
        return amount.hidden("mask", f"a mask band hides {amount}")
    doubtful = values > _MASK_VALUES
    return amount.hidden(
        "alpha",
        f"band {info.alpha} is tagged alpha and taken as a mask, which hides {amount}"
        + (", though it holds too many values for a mask" if doubtful else ""),
        bands=tuple(range(1, max(info.bands + 1, info.alpha) + 1)),
        doubtful=doubtful,
    )


@dataclass(frozen=True)
class _Amount:
    """A number of pixels of an image, counted or estimated."""

    share: float
    of: int
    exact: bool

    @property
    def pixels(self) -> int:
        return round(self.share * self.of)

    def __str__(self) -> str:
        return f"{'' if self.exact else 'about '}{self.pixels:,} pixels ({self.share:.1%})"

    def hidden(self, reason: Reason, fact: str, **more: Any) -> Hidden:
        return Hidden(
            reason=reason,
            pixels=self.pixels,
            share=self.share,
            exact=self.exact,
            fact=fact,
            **more,
        )
