"""Opens whatever the caller calls an image."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tilesegm.errors import SettingsError, SourceError
from tilesegm.inputs import check_input
from tilesegm.shown import is_text
from tilesegm.source.array import ArraySource
from tilesegm.source.base import Source
from tilesegm.source.image import ImageSource
from tilesegm.source.names import file_of, is_zarr
from tilesegm.source.options import DEFAULT_CACHE_BYTES, Nodata, SourceOptions
from tilesegm.source.remote import is_remote
from tilesegm.source.steps import choose_steps
from tilesegm.source.unscaled import UnscaledSource

__all__ = ["open_source", "opens_as_image", "parse_nodata"]

_SLIDES = (".ome.tif", ".ome.tiff", ".ome.tf8", ".ome.btf", ".svs", ".ndpi", ".scn")


def open_source(
    image: Any,
    *,
    bands: Sequence[int] | None = None,
    nodata: float | str | None = None,
    level: int = 0,
    at: Mapping[str, int] | None = None,
    unscale: bool = False,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
) -> Source:
    """Open an image for reading by windows.

    Args:
        image: path or URL; list of paths of files with one grid, whose bands become one image;
            or a numpy, zarr, dask or xarray array of shape ``(H, W)`` or ``(H, W, bands)``.
            The pages of a TIFF stack are bands where its metadata say channels or ``bands`` names
            them.
        bands: numbers of the bands to read, counted from 1, in this order; all when not given.
            An alpha band is read as a mask unless its number is given.
        nodata: value that marks missing pixels, in place of the image's own; ``"nan"`` too, and
            ``"none"`` to read the image's own as a value.
        level: level of an image of several resolutions; 0 is the full one.
        at: index of the step to read of axes beside rows, columns and bands, counted from 0, such
            as ``{"z": 3, "t": 0}`` of a volume or a film; of others the first is read.
        unscale: whether the scale and offset that the image tells are applied, as GDAL's
            ``-unscale`` and xarray's ``mask_and_scale`` do; values are as stored otherwise.
        cache_bytes: most memory in bytes for decoded blocks.

    Returns:
        The open image; use it as a context manager.

    Raises:
        SourceError: the image cannot be opened, or lacks what is asked for.
        SettingsError: a choice contradicts itself or the image.

    Example:
        >>> import numpy as np
        >>> import tilesegm as ts
        >>> image = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
        >>> with ts.open_source(image, bands=[4, 1], nodata=0) as source:
        ...     print(source.info.height, source.info.width, source.info.bands)
        ...     source.read(ts.Window(row=1, col=0, height=1, width=2)).values
        2 3 2
        array([[[15, 12],
                [19, 16]]], dtype=uint8)
    """
    options = SourceOptions(
        bands=None if bands is None else tuple(bands),
        nodata=parse_nodata(nodata),
        level=level,
        at=tuple((at or {}).items()),
        cache_bytes=cache_bytes,
    )
    source = _open(image, options)
    if at and not source.info.steps:
        uri = source.info.uri
        source.close()
        choose_steps(uri, (), options.at)  # refuses it
    if not unscale:
        if source.info.scaling:
            scale, offset = source.info.scaling[0]
            source.note(
                f"values are read as stored; unscale (--unscale) applies the scale {scale:g} and "
                f"offset {offset:g} that the image tells"
            )
        return source
    try:
        return UnscaledSource(source)
    except BaseException:
        source.close()
        raise


def _open(image: Any, options: SourceOptions) -> ImageSource:
    if isinstance(image, (str, os.PathLike)):
        return _open_path(os.fspath(image), options)
    if isinstance(image, (list, tuple)):
        return _open_several(image, options)
    if type(image).__module__.startswith("zarr."):
        from tilesegm.source.zarr import ZarrSource

        return ZarrSource(image, options)
    return ArraySource(image, options)


def _open_several(images: Sequence[Any], options: SourceOptions) -> ImageSource:
    paths = [os.fspath(image) for image in images if isinstance(image, (str, os.PathLike))]
    if not paths or len(paths) < len(images):
        raise SourceError("a list of images must name files: pass paths, or one stacked array")
    if len(paths) == 1:
        return _open_path(paths[0], options)
    from tilesegm.source.stack import StackSource

    return StackSource(paths, options, _open_path)


def _open_path(uri: str, options: SourceOptions) -> ImageSource:
    """Open one file or URL with the reader that knows its format."""
    if not is_text(uri):
        raise SourceError(f"{uri!r}: the name is no valid UTF-8, or holds a NUL; rename the file")
    if not is_remote(uri):
        check_input(file_of(uri), SourceError)
    name = uri.partition("?")[0].rstrip("/").lower()
    if is_zarr(uri):
        from tilesegm.source.zarr import ZarrSource

        return ZarrSource(uri, options)
    if name.endswith(_SLIDES) and not is_remote(uri):
        from tilesegm.source.tiff import TiffSource

        return TiffSource(uri, options)
    from tilesegm.source.pages import open_raster

    return open_raster(uri, options, _open_path)


def opens_as_image(folder: str) -> bool:
    """Tell whether GDAL reads a folder as one image, as it does with those of some formats."""
    from tilesegm.source.raster import RasterSource

    try:
        RasterSource(folder, SourceOptions()).close()
    except SourceError:
        return False
    return True


def parse_nodata(nodata: float | str | None) -> Nodata | None:
    """Return a value of missing pixels that may be a text.

    Raises:
        SettingsError: it is neither a number, ``"nan"`` nor ``"none"``.
    """
    try:
        if nodata is None or nodata == "none":
            return None if nodata is None else "none"
        return float(nodata)
    except ValueError:
        raise SettingsError(f"nodata={nodata!r}: expected a number, 'nan' or 'none'") from None
