"""Images whose pixels dask computes: planned without a look at them, then read chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.closing import Closing
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.setup import open_image
from tilesegm.source.base import ImageInfo, Pixels, Source
from tilesegm.source.labelled import unlabel
from tilesegm.source.open import open_source

__all__ = ["DaskImage", "PartSource", "UnreadSource", "is_dask_image", "open_part"]

_TOLD = ("_FillValue", "missing_value", "nodata", "scale_factor", "add_offset")
"""Attributes that say what values mean."""


@dataclass(frozen=True, kw_only=True)
class DaskImage:
    """A dask array as an image."""

    pixels: Any
    """Dask array ``(height, width)`` or ``(height, width, bands)`` of the bands that are read."""
    info: ImageInfo
    attributes: Mapping[str, Any]
    """What xarray tells of its values."""

    @classmethod
    def of(cls, image: Any, options: Options) -> DaskImage:
        """Look at the labels, shape and dtype of an array; nothing is computed.

        Raises:
            InputError: it is no image, or lacks what the options ask for.
        """
        labelled = hasattr(image, "dims")
        uri = "<xarray array>" if labelled else "<dask array>"
        if any(side != side for side in image.shape):
            raise SourceError(f"{uri}: sides are unknown; call its compute_chunk_sizes() first")
        # Nothing of its shape is held: one zero stands for all pixels.
        nothing = np.broadcast_to(np.zeros((), image.dtype), image.shape)
        with open_image(image.copy(data=nothing) if labelled else nothing, options) as source:
            info = source.info
        attributes: dict[str, Any] = {}
        pixels = image
        if labelled:
            attributes = {key: image.attrs[key] for key in _TOLD if key in image.attrs}
            at = tuple((options.at or {}).items())
            pixels = unlabel(image, uri, at)[0].data
        if options.bands is not None and pixels.ndim == 3:
            pixels = pixels[..., [band - 1 for band in options.bands]]
        masks = isinstance(pixels._meta, np.ma.MaskedArray)
        return cls(
            pixels=pixels,
            info=replace(
                info,
                uri=uri,
                address=uri,
                kind="xarray" if labelled else "dask",
                masked=info.masked or masks,
                identity=(("dask", pixels.name),),
            ),
            attributes=attributes,
        )


def is_dask_image(image: Any) -> bool:
    """Tell whether dask computes the pixels of an array, or of what xarray wraps."""
    from dask.base import is_dask_collection

    return hasattr(image, "shape") and bool(is_dask_collection(image))


class UnreadSource(Closing):
    """An image of which no pixel is there yet.

    Args:
        info: what is known about it.
    """

    def __init__(self, info: ImageInfo) -> None:
        self.info = info

    def read(self, window: Window) -> Pixels:
        """Refuse to read.

        Raises:
            SourceError: always.
        """
        raise SourceError(
            f"{self.info.uri}: {window} would be computed to plan the work; compute the array "
            "first, or pass the path of a file"
        )

    def close(self) -> None:
        """Do nothing."""


class PartSource(Closing):
    """An image of which a part is in memory.

    Args:
        info: of the whole image.
        part: its pixels.
        window: where they lie in the image.
    """

    def __init__(self, info: ImageInfo, part: Source, window: Window) -> None:
        self.info = info
        self._part = part
        self._window = window

    def read(self, window: Window) -> Pixels:
        """Read ``window``, which lies in the part."""
        return self._part.read(window.shift(-self._window.row, -self._window.col))

    def close(self) -> None:
        """Let go of the part."""
        self._part.close()


def open_part(pixels: NDArray[Any], attributes: Mapping[str, Any], options: Options) -> Source:
    """Open the computed pixels of a part of an image, with their meaning.

    Args:
        pixels: ``(height, width)`` or ``(height, width, bands)`` of the bands that are read.
        attributes: see `DaskImage`.
        options: how the whole image is read.
    """
    image: Any = pixels
    if attributes:
        from xarray import DataArray

        image = DataArray(pixels, dims=("y", "x", "band")[: pixels.ndim], attrs=attributes)
    return open_source(image, nodata=options.nodata, unscale=options.unscale)
