"""Pixels as what they mean: stored values times a scale, plus an offset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tilesegm.errors import SettingsError
from tilesegm.grid.window import Window
from tilesegm.source.image import ImageSource, Loaded
from tilesegm.source.missing import Missing

__all__ = ["UnscaledSource"]


class UnscaledSource(ImageSource):
    """An image whose scale and offset are applied, as xarray does with ``mask_and_scale``.

    Which pixels are missing follows from the stored values.
    """

    def __init__(self, stored: ImageSource) -> None:
        """Take an open image, which is closed with this one.

        Raises:
            SettingsError: the image has neither scale nor offset.
        """
        info = stored.info
        if not info.scaling:
            raise SettingsError(
                f"{info.uri}: has neither scale nor offset to apply; leave unscale out"
            )
        # What 16 bits hold is exact in float32.
        exact = info.dtype.itemsize <= (4 if info.dtype.kind == "f" else 2)
        dtype = np.dtype(np.float32 if exact else np.float64)
        self._stored = stored
        self._factors, self._summands = (
            np.array(part, dtype) for part in np.transpose(info.scaling)
        )
        nothing = Missing(dtype, (None,) * info.bands)
        identity = (*info.identity, ("scaling", str(info.scaling)))
        super().__init__(
            replace(
                info, dtype=dtype, nodata=None, scaling=(), masked=info.masked, identity=identity
            ),
            nothing,
        )

    @property
    def may_mask(self) -> bool:
        """Whether stored values can hide pixels."""
        return self._stored.info.masked

    def load(self, window: Window) -> Loaded:
        """Return values and mask of ``window``; see `ImageSource.load`."""
        pixels = self._stored.read(window)
        return pixels.values * self._factors + self._summands, pixels.valid

    def close(self) -> None:
        """Close the image."""
        self._stored.close()
