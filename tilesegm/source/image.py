"""What all sources share: checks, masks and closing; a source adds how pixels are loaded."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.closing import Closing
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, Pixels
from tilesegm.source.missing import Missing
from tilesegm.source.steps import Step

__all__ = ["MOST_PIXELS", "MOST_SIDE", "ImageSource", "Loaded", "check_image", "take_bands"]

MOST_SIDE, MOST_PIXELS, _BANDS = 1 << 26, 1 << 42, 1 << 12
"""What plans of tiles and regions are made for: a second and some 100 MB at the most."""

Loaded = tuple[NDArray[Any], NDArray[np.bool_] | None]
"""Values ``(height, width, bands)`` and the mask ``(height, width)`` that the file keeps beside
them; None where it keeps none or hides nothing."""


def check_image(uri: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse what no network can read.

    Args:
        uri: what the image is called in the error.
        shape: its sides.
        dtype: of its pixels.

    Raises:
        SourceError: a side is zero, or pixels are complex, boolean or no numbers.
    """
    if 0 in shape:
        sides = " x ".join(map(str, shape))
        raise SourceError(f"{uri}: the image has no pixels (its sides are {sides})")
    if dtype.kind == "c":
        raise SourceError(
            f"{uri}: pixels are complex ({dtype}); pass their amplitude, or parts as bands"
        )
    if dtype.kind not in "uif":
        raise SourceError(
            f"{uri}: pixels are {dtype}; expected integers or floats, e.g. image.astype('uint8')"
        )


def take_bands(pixels: NDArray[Any], bands: Sequence[int]) -> NDArray[Any]:
    """Copy bands of ``(height, width, bands)`` pixels to a C-contiguous array of native byte order.

    Band by band this is several times quicker than indexing with a list.

    Args:
        pixels: to copy from.
        bands: their indices, counted from 0.
    """
    kind = pixels.dtype.newbyteorder("=")
    taken = np.empty((*pixels.shape[:2], len(bands)), kind)
    for target, band in enumerate(bands):
        taken[..., target] = pixels[..., band]
    return taken


class ImageSource(Closing):
    """A `Source` that leaves only loading to its kinds."""

    def __init__(self, info: ImageInfo, missing: Missing) -> None:
        """Take what is known about the image.

        Raises:
            SourceError: it claims more pixels or bands than can be planned.
        """
        size = f"{info.uri}: claims {info.height} x {info.width} pixels of {info.bands} bands"
        if max(info.height, info.width) > MOST_SIDE or info.pixels > MOST_PIXELS:
            raise SourceError(
                f"{size}, and more than {MOST_SIDE} pixels a side or {MOST_PIXELS:.1e} in all "
                "cannot be planned; cut it to parts"
            )
        if info.bands > _BANDS:
            raise SourceError(
                f"{size}, and more than {_BANDS} bands cannot be read; choose --bands"
            )
        self._info = info
        self._missing = missing

    @property
    def info(self) -> ImageInfo:
        """What is known about the image."""
        return self._info

    def note(self, text: str) -> None:
        """Add to the notes of `info` what only who opened the image knows."""
        self._info = replace(self._info, notes=(*self._info.notes, text))

    def stand_at(self, steps: tuple[Step, ...], notes: tuple[str, ...]) -> None:
        """Say of which steps of a volume or film the image is."""
        self._info = replace(self._info, steps=steps, notes=(*notes, *self._info.notes))

    @property
    def missing(self) -> Missing:
        """How missing pixels are told from their values."""
        return self._missing

    @property
    def palette(self) -> NDArray[np.uint8] | None:
        """Red, green and blue of each id, ``(ids, 3)``, where the file has a table of colours."""
        return None

    @property
    def may_mask(self) -> bool:
        """Whether `load` can return a mask."""
        return False

    def read(self, window: Window) -> Pixels:
        """Read ``window``, which lies inside the image.

        Raises:
            SourceError: the window leaves the image, or its pixels cannot be read or decoded.
        """
        if not self._info.window.contains(window):
            raise SourceError(f"{self._info.uri}: {window} leaves the image, {self._info.window}")
        values, mask = self.load(window)
        return Pixels(values, self._missing.valid(values, mask) if self._info.masked else None)

    @abstractmethod
    def load(self, window: Window) -> Loaded:
        """Return C-contiguous values, and the mask that the file keeps, without looking at nodata.

        Raises:
            SourceError: the pixels cannot be read or decoded.
        """

    def close(self) -> None:
        """Let go of files and caches."""
