"""An image read with other pixels than it is stored in, over the same ground."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, Pixels, Source
from tilesegm.source.image import ImageSource, Loaded
from tilesegm.source.kept_rows import KeptRows
from tilesegm.source.kernel import Kernel, Taps
from tilesegm.source.missing import Missing
from tilesegm.source.place import scale_place

__all__ = ["ResampledSource"]

_PIXELS = 1 << 24
"""Most stored pixels that are read at once."""
_ROWS = 32
"""Rows that are resampled at once at least, so that little is read twice."""


class ResampledSource(ImageSource):
    """An image as ``height`` x ``width`` pixels that cover exactly what its own pixels do.

    Along each side fewer pixels are averages of the area that they cover, and more are interpolated
    linearly; whole numbers are rounded, halves up. A missing pixel does not count: the others
    count for it. A pixel of the result is missing where all that it covers is, and along a side
    with more pixels where the stored pixel is that holds its centre.
    """

    def __init__(
        self,
        stored: Source,
        height: int,
        width: int,
        *,
        nearest: bool = False,
        image: ImageInfo | None = None,
    ) -> None:
        """Take an open image, which is closed with this one.

        Args:
            stored: the image.
            height: rows to read it as.
            width: columns to read it as.
            nearest: whether a pixel is the stored one that holds its centre, as for ids.
            image: of which ``stored`` is a level.
        """
        info = stored.info
        self.image = image or info
        self.stored, self._nearest = stored, nearest
        self._rows, self._cols = Kernel(info.height, height), Kernel(info.width, width)
        self._kept = KeptRows(stored, _PIXELS)
        self._same = (info.height, info.width) == (height, width)
        place, size = info.georeference, (info.height, info.width)
        if place.pixel_size is not None:
            down, across = place.pixel_size
            place = replace(
                place, pixel_size=(down * info.height / height, across * info.width / width)
            )
        block = (
            info.block
            if self._same
            else (
                min(max(-(-info.block[0] * height // info.height), _ROWS), height),
                min(max(-(-info.block[1] * width // info.width), 1), width),
            )
        )
        how = "nearest" if nearest else "averaged or interpolated"
        super().__init__(
            replace(
                info,
                height=height,
                width=width,
                block=block,
                nodata=None,
                georeference=scale_place(place, size, (height, width)),
                identity=(*info.identity, ("resampled", f"{height} x {width}, {how}")),
                original=(self.image.height, self.image.width),
            ),
            Missing(info.dtype, (None,) * info.bands),
        )

    @property
    def may_mask(self) -> bool:
        """Whether stored pixels can be missing."""
        return self.stored.info.masked

    @property
    def palette(self) -> NDArray[np.uint8] | None:
        """Colours of the image's ids."""
        return self.stored.palette if isinstance(self.stored, ImageSource) else None

    def load(self, window: Window) -> Loaded:
        """Return values and mask of ``window``; see `ImageSource.load`."""
        if self._same:
            pixels = self.stored.read(window)
            return pixels.values, pixels.valid
        top, bottom = self._rows.reach(window.row, window.stop_row)
        left, right = self._cols.reach(window.col, window.stop_col)
        part = Window(top, left, bottom - top, right - left)
        if part.pixels > _PIXELS and window.pixels > 1:
            return self._load_halves(window, part)
        pixels = self._kept.read(part)
        rows = self._rows.taps(window.row, window.stop_row).counted_from(top)
        cols = self._cols.taps(window.col, window.stop_col).counted_from(left)
        nearest = np.ix_(rows.nearest, cols.nearest)
        if self._nearest:
            valid = None if pixels.valid is None else pixels.valid[nearest]
            return np.ascontiguousarray(pixels.values[nearest]), valid
        return _resample(pixels, rows, cols, nearest)

    def _load_halves(self, window: Window, part: Window) -> Loaded:
        """Read a window by halves: narrower ones as long as a row of blocks is too wide."""
        block = 2 * self.stored.info.block[0] + self._rows.stored // self._rows.size
        wide = part.width * min(part.height, block) > _PIXELS
        if window.height == 1 or (wide and window.width > 1):
            axis, halves = 1, window.tiles(window.height, -(-window.width // 2))
        else:
            axis, halves = 0, window.tiles(-(-window.height // 2), window.width)
        loaded = [self.load(half) for half in halves]
        masks = [
            np.ones(values.shape[:2], bool) if mask is None else mask for values, mask in loaded
        ]
        values = np.concatenate([values for values, _ in loaded], axis)
        there = all(mask is None for _, mask in loaded)
        return values, None if there else np.concatenate(masks, axis)

    def close(self) -> None:
        """Close the image."""
        self.stored.close()


def _resample(pixels: Pixels, rows: Taps, cols: Taps, nearest: Any) -> Loaded:
    """Weigh stored pixels."""
    kind = pixels.values.dtype
    small = kind.itemsize <= 2 or kind == np.float32
    values = pixels.values.astype(np.float32 if small else np.float64)
    there = pixels.valid
    if there is None:
        return _rounded(cols.sum(rows.sum(values, 0), 1), kind), None
    values[~there] = 0
    total = cols.sum(rows.sum(values, 0), 1)
    lost = cols.sum(rows.sum((~there).astype(values.dtype), 0), 1)
    valid = cols.any(rows.any(there, 0), 1)
    # Where nothing is missing the result is that of a window without missing pixels, to the bit.
    some = valid & (lost > 0)
    counted = cols.sum(rows.sum(there.astype(values.dtype), 0), 1)
    total[some] /= counted[some][:, None]
    result = _rounded(total, kind)
    result[~valid] = pixels.values[nearest][~valid]
    return result, valid


def _rounded(values: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    if kind.kind == "f":
        return values.astype(kind)
    limits = np.iinfo(kind)
    return np.clip(np.floor(values + 0.5), limits.min, limits.max).astype(kind)
