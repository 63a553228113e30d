"""Arrays as images: numpy, dask and xarray."""

from __future__ import annotations

from typing import Any

import numpy as np

from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, scaling_of_bands
from tilesegm.source.identity import array_identity, steps_identity
from tilesegm.source.image import ImageSource, Loaded, check_image, take_bands
from tilesegm.source.labelled import Labelled, only_variable, unlabel
from tilesegm.source.missing import Missing
from tilesegm.source.options import SourceOptions

__all__ = ["ArraySource"]


class ArraySource(ImageSource):
    """A numpy, dask or xarray array of shape ``(H, W)`` or ``(H, W, bands)``.

    An xarray array may have its dimensions in any order if they have names such as ``y``, ``x``
    and ``band``; its coordinates and attributes tell its place. What a masked array hides is
    missing. Of a dask array, or of one that xarray wraps, no more than the chunks of a window
    are computed at a time, and of these no more than hold the bands that are read.
    """

    def __init__(self, array: Any, options: SourceOptions) -> None:
        """Wrap ``array``.

        Raises:
            SourceError: it is no array, or not one of such a shape and dtype.
            SettingsError: its dtype cannot hold the nodata value asked for, or a level is asked.
        """
        if hasattr(array, "data_vars"):
            array = only_variable(array)
        if not (hasattr(array, "shape") and hasattr(array, "dtype")):
            raise SourceError(
                f"{type(array).__name__} is no image; pass a path, a URL, a list of paths or an "
                "array of shape (H, W) or (H, W, bands)"
            )
        kind = type(array).__module__.partition(".")[0]
        uri = f"<{kind} array>"
        if options.level:
            raise SettingsError(f"{uri}: level={options.level}, but an array has level 0 alone")
        beside: Labelled = Labelled()
        if hasattr(array, "dims"):
            array, beside = unlabel(array, uri, options.at)
        if len(array.shape) not in (2, 3):
            raise SourceError(
                f"{uri}: shape {tuple(array.shape)}; expected (H, W) or (H, W, bands)"
            )
        if not isinstance(array.dtype, np.dtype):
            raise SourceError(f"{uri}: pixels are {array.dtype}; pass a numpy array, e.g. .numpy()")
        if any(side != side for side in array.shape):
            raise SourceError(f"{uri}: sides are unknown; call its compute_chunk_sizes() first")
        check_image(uri, tuple(array.shape), array.dtype)
        shape = tuple(array.shape)
        height, width, count = (*shape, 1)[:3]
        bands = options.select(uri, count)
        columns = None if bands == tuple(range(1, count + 1)) else [n - 1 for n in bands]
        if columns and len(shape) == 3 and _is_dask(array):
            array, columns = array[..., columns], None
        self._array, self._columns = array, columns
        dtype = array.dtype.newbyteorder("=")
        missing = Missing.from_options(uri, dtype, options, (beside.nodata,) * len(bands))
        self._may_mask = _is_masked(array)
        info = ImageInfo(
            uri=uri,
            kind=kind,
            height=height,
            width=width,
            bands=len(bands),
            dtype=dtype,
            block=_block(getattr(array, "chunks", None), width),
            nodata=missing.nodata[0],
            masked=missing.possible or self._may_mask,
            georeference=beside.place,
            band_names=tuple(beside.band_names[n - 1] for n in bands) if beside.band_names else (),
            identity=(
                ("shape", str(shape)),
                ("dtype", str(dtype)),
                ("bands", str(bands)),
                *array_identity(height, width, lambda window: self._take(window)[0]),
                *steps_identity(beside.steps),
            ),
            steps=beside.steps,
            files=(str(array.filename),) if getattr(array, "filename", None) else (),
            scaling=scaling_of_bands([beside.scaling] * len(bands)),
            notes=beside.notes,
        )
        super().__init__(info, missing)

    @property
    def may_mask(self) -> bool:
        """Whether a masked array can hide pixels."""
        return self._may_mask

    def load(self, window: Window) -> Loaded:
        """Return values and mask of ``window``; see `ImageSource.load`.

        A pixel is hidden where any of its bands that are read is.
        """
        try:
            return self._take(window)
        except Exception as error:
            # A lazy array runs whatever its owner composed, so any error may come out of it.
            raise SourceError(f"{self.info.uri}: computing {window} failed ({error})") from error

    def _take(self, window: Window) -> Loaded:
        part = self._array[window.slices]
        if hasattr(part, "dims"):
            part = part.data
        if _is_dask(part):
            part = part.compute()
        values = np.ma.getdata(part) if np.ma.isMaskedArray(part) else np.asarray(part)
        hidden = np.ma.getmask(part)
        if values.ndim == 2:
            values, hidden = values[:, :, None], hidden[..., None] if hidden.ndim else hidden
        if self._columns is not None:
            values = take_bands(values, self._columns)
            hidden = hidden[..., self._columns] if hidden.ndim else hidden
        else:
            values = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
        return values, ~hidden.any(-1) if hidden.ndim else None


def _is_masked(array: Any) -> bool:
    """Tell whether an array, or what dask computes for it, has a mask."""
    array = array.data if hasattr(array, "dims") else array
    if _is_dask(array):
        return isinstance(array._meta, np.ma.MaskedArray)
    return np.ma.getmask(array) is not np.ma.nomask


def _block(chunks: Any, width: int) -> tuple[int, int]:
    """Return the rows and columns of h5py's chunks, or the largest of dask's many."""
    if not chunks:
        return 1, width
    rows, cols = (side if isinstance(side, int) else max(side) for side in chunks[:2])
    return rows, cols


def _is_dask(array: Any) -> bool:
    """Tell whether dask computes an array, or what xarray wraps, block by block."""
    if isinstance(array, np.ndarray):
        return False
    from dask.base import is_dask_collection

    return bool(is_dask_collection(array))
