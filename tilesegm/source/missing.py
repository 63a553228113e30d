"""Which pixels of an image are missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SettingsError
from tilesegm.source.base import Pixels
from tilesegm.source.options import SourceOptions

__all__ = ["Missing", "count_infinite", "infinite_note"]


@dataclass(frozen=True)
class Missing:
    """Tells missing pixels from their values.

    In an unsigned image the nodata value (0, 255) is also an honest value of a single band, so a
    pixel is missing only when *every* band holds it, which is GDAL's dataset mask. In signed and
    float images it is a mark (-9999) that no network should see, so *any* band suffices. NaN and
    infinity (the logarithm or the inverse of 0) in any band always mean missing.
    """

    dtype: np.dtype[Any]
    nodata: tuple[float | None, ...]
    """Nodata value of each band that is read, or None."""

    @classmethod
    def from_options(
        cls, uri: str, dtype: np.dtype[Any], options: SourceOptions, nodata: Sequence[float | None]
    ) -> Missing:
        """Take the value asked for in ``options``, else what the image tells of each band.

        Raises:
            SettingsError: no pixel of ``dtype`` can hold the value asked for.
        """
        if options.nodata is None:
            return cls(dtype, tuple(nodata))
        if options.nodata == "none":
            return cls(dtype, (None,) * len(nodata))
        if not _holds(dtype, options.nodata):
            raise SettingsError(
                f"{uri}: nodata={options.nodata:g} is no value of {dtype}, the image's dtype"
            )
        return cls(dtype, (options.nodata,) * len(nodata))

    @cached_property
    def marks(self) -> tuple[Any, ...]:
        """Each band's nodata value in the image's dtype; None where no pixel can hold it."""
        with np.errstate(over="ignore"):  # a double that float32 holds as infinity
            return tuple(
                None
                if value is None or math.isnan(value) or not _holds(self.dtype, value)
                else self.dtype.type(value)
                for value in self.nodata
            )

    @property
    def possible(self) -> bool:
        """Whether any value can make a pixel missing."""
        if self.dtype.kind == "f":
            return True
        needed = all if self.dtype.kind == "u" else any
        return needed(mark is not None for mark in self.marks)

    def valid(
        self, values: NDArray[Any], mask: NDArray[np.bool_] | None
    ) -> NDArray[np.bool_] | None:
        """Return which pixels are there.

        Args:
            values: ``(height, width, bands)``.
            mask: ``(height, width)``, False where alpha or a mask band hides a pixel; may be
                written to.

        Returns:
            ``(height, width)``, or None when every pixel is there.
        """
        valid = mask
        for present in self._by_value(values):
            valid = present if valid is None else np.logical_and(valid, present, out=valid)
        return None if valid is None or valid.all() else valid

    def _by_value(self, values: NDArray[Any]) -> list[NDArray[np.bool_]]:
        if not self.possible:
            return []
        bands = [values[..., band] for band in range(values.shape[-1])]
        if self.dtype.kind == "u":
            present = bands[0] != self.marks[0]
            for band, mark in zip(bands[1:], self.marks[1:], strict=True):
                if present.all():
                    break
                present |= band != mark
            return [present]
        # NaN runs through both ends, which is quicker than looking at every value for it.
        real = self.dtype.kind == "f" and values.size
        holes = real and not np.isfinite((values.min(), values.max())).all()
        numbers = [np.isfinite(band) for band in bands] if holes else []
        marked = zip(bands, self.marks, strict=True)
        return numbers + [band != mark for band, mark in marked if mark is not None]


def count_infinite(pixels: Pixels, cols: slice = slice(None)) -> NDArray[np.int64]:
    """Count the pixels that are missing because a band is infinite, in each row.

    Args:
        pixels: of a window.
        cols: columns to look at.
    """
    values = pixels.values[:, cols]
    if pixels.valid is None or values.dtype.kind != "f" or pixels.valid[:, cols].all():
        return np.zeros(len(values), np.int64)
    hidden = np.isinf(values).any(-1) & ~pixels.valid[:, cols]
    counts: NDArray[np.int64] = hidden.sum(1, dtype=np.int64)
    return counts


def infinite_note(count: int) -> str:
    """Say how many pixels of an image are infinite."""
    pixels = "1 pixel is" if count == 1 else f"{count:,} pixels are"
    return f"{pixels} infinite, and missing like NaN"


def _holds(dtype: np.dtype[Any], value: float) -> bool:
    """Tell whether an array of ``dtype`` can hold ``value``."""
    if dtype.kind == "f":
        return True
    if not math.isfinite(value) or value != int(value):
        return False
    limits = np.iinfo(dtype)
    return bool(limits.min <= value <= limits.max)
