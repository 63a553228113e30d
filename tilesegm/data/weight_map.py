"""Weights of pixels that a user gives as a raster beside the labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.labels.open import open_on_grid
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo
from tilesegm.source.identity import Identity
from tilesegm.source.vector.address import is_vector

__all__ = ["WeightMap"]


class WeightMap:
    """Weights on the grid of an image, read by windows from one thread at a time."""

    identity: Identity
    """Names and values that differ when the weights do."""

    def __init__(self, path: str, info: ImageInfo) -> None:
        """Open a raster of one band.

        Args:
            path: of the raster; it is laid on the image's grid as labels are.
            info: of the image.

        Raises:
            SourceError: it cannot be read, does not lie on the image, or is no raster of numbers.
        """
        if is_vector(path):
            raise SourceError(
                f"weights {path}: a vector file; expected a raster of one band, a weight a pixel"
            )
        self._source = open_on_grid(path, info, what="weights")
        found = self._source.info
        if found.bands != 1 or found.dtype.kind not in "iufb":
            self._source.close()
            raise SourceError(
                f"weights {path}: {found.bands} bands of {found.dtype}; expected one band of "
                "numbers, such as float32 or uint8"
            )
        self.kind, self.identity = found.kind, found.identity
        self._uri = found.uri

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return ``(height, width)`` weights, 0 where the raster has no value.

        Raises:
            SourceError: pixels cannot be read, or a weight is negative or infinite.
        """
        pixels = self._source.read(window)
        values = pixels.values[..., 0]
        present = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(values.shape, bool)
        if pixels.valid is not None:
            present &= pixels.valid
        with np.errstate(over="ignore"):
            weights = np.where(present, values, 0).astype(np.float32)
        for wrong, what in ((weights < 0, "negative"), (np.isinf(weights), "too large a number")):
            if wrong.any():
                row, col = np.argwhere(wrong)[0].tolist()
                raise SourceError(
                    f"weights {self._uri} hold {values[row, col]:g} at row {window.row + row}, "
                    f"column {window.col + col}, which is {what}; expected numbers from 0, where 0 "
                    "is not learnt from, or declare the value as the raster's nodata"
                )
        return weights

    def close(self) -> None:
        """Close the file."""
        self._source.close()
