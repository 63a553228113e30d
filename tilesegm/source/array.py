"""Arrays as images: numpy, dask and xarray."""

from __future__ import annotations

from typing import Any

import numpy as np

from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo
from tilesegm.source.identity import array_identity
from tilesegm.source.image import ImageSource, Loaded, check_image, take_bands
from tilesegm.source.missing import Missing
from tilesegm.source.options import SourceOptions

__all__ = ["ArraySource"]


class ArraySource(ImageSource):
    """A numpy, dask or xarray array of shape ``(H, W)`` or ``(H, W, bands)``.

    An xarray array may have its dimensions in any order if they are called ``y``, ``x`` and
    ``band``. A dask array is computed window by window.
    """

    def __init__(self, array: Any, options: SourceOptions) -> None:
        """Wrap ``array``.

        Raises:
            SourceError: it is no array, or not one of such a shape and dtype.
            SettingsError: its dtype cannot hold the nodata value asked for, or a level is asked.
        """
        if not (hasattr(array, "shape") and hasattr(array, "dtype")):
            raise SourceError(
                f"{type(array).__name__} is no image; pass a path, a URL, a list of paths or an "
                "array of shape (H, W) or (H, W, bands)"
            )
        kind = type(array).__module__.partition(".")[0]
        uri = f"<{kind} array>"
        if options.level:
            raise SettingsError(f"{uri}: level={options.level}, but an array has level 0 alone")
        if hasattr(array, "dims"):
            array = _unlabelled(array, uri)
        if len(array.shape) not in (2, 3):
            raise SourceError(
                f"{uri}: shape {tuple(array.shape)}; expected (H, W) or (H, W, bands)"
            )
        if not isinstance(array.dtype, np.dtype):
            raise SourceError(f"{uri}: pixels are {array.dtype}; pass a numpy array, e.g. .numpy()")
        if any(side != side for side in array.shape):
            raise SourceError(f"{uri}: sides are unknown; call its compute_chunk_sizes() first")
        check_image(uri, tuple(array.shape), array.dtype)
        self._array = array
        height, width, count = (*array.shape, 1)[:3]
        bands = options.select(uri, count)
        self._columns = None if bands == tuple(range(1, count + 1)) else [n - 1 for n in bands]
        dtype = array.dtype.newbyteorder("=")
        missing = Missing.told(uri, dtype, options, (None,) * len(bands))
        info = ImageInfo(
            uri=uri,
            kind=kind,
            height=height,
            width=width,
            bands=len(bands),
            dtype=dtype,
            block=_block(getattr(array, "chunks", None), width),
            nodata=options.nodata,
            masked=missing.possible,
            identity=(
                ("shape", str(tuple(array.shape))),
                ("dtype", str(dtype)),
                ("bands", str(bands)),
                *array_identity(height, width, self._take),
            ),
        )
        super().__init__(info, missing)

    def load(self, window: Window) -> Loaded:
        """Return values of ``window``; see :meth:`ImageSource.load`."""
        try:
            return self._take(window), None
        except Exception as error:
            # A lazy array runs whatever its owner composed, so any error may come out of it.
            raise SourceError(f"{self.info.uri}: computing {window} failed ({error})") from error

    def _take(self, window: Window) -> np.ndarray[Any, Any]:
        values = np.asarray(self._array[window.slices])
        if values.ndim == 2:
            values = values[:, :, None]
        if self._columns is not None:
            return take_bands(values, self._columns)
        return np.ascontiguousarray(values, values.dtype.newbyteorder("="))


def _block(chunks: Any, width: int) -> tuple[int, int]:
    """Return the rows and columns of h5py's chunks, or the largest of dask's many."""
    if not chunks:
        return 1, width
    rows, cols = (side if isinstance(side, int) else max(side) for side in chunks[:2])
    return rows, cols


def _unlabelled(array: Any, uri: str) -> Any:
    """Return an xarray array, still lazy, with its dimensions as ``(y, x)`` or ``(y, x, band)``."""
    named = {str(name).lower(): name for name in array.dims}
    order = [
        next((named[name] for name in names if name in named), None)
        for names in (
            ("y", "lat", "latitude", "row", "rows"),
            ("x", "lon", "longitude", "col", "cols"),
            ("band", "bands", "channel", "c"),
        )
    ]
    order = [name for name in order if name is not None]
    if set(order) != set(array.dims) or len(order) < 2:
        raise SourceError(
            f"{uri}: dimensions {tuple(map(str, array.dims))}; expected y and x, and band if there "
            "are several (rename them, or select one step of the others)"
        )
    return array.transpose(*order)
