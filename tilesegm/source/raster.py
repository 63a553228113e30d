"""Images that GDAL reads: GeoTIFF, COG, VRT, JPEG 2000, PNG, JPEG and many more."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RasterioWindow

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import Georeference, ImageInfo
from tilesegm.source.identity import address_identity
from tilesegm.source.image import ImageSource, Loaded, check_image
from tilesegm.source.missing import Missing
from tilesegm.source.options import SourceOptions
from tilesegm.source.orientation import Orientation, read_orientation
from tilesegm.source.remote import GDAL_REMOTE, is_remote

__all__ = ["RasterSource"]

_THREADED = (".tif", ".tiff", ".btf", ".tf8", ".jp2", ".j2k")
"""Local formats that GDAL decodes by several threads. Never remote files, nor mosaics that may lead
to some: GDAL 3.10 then drops the errors of its threads and returns zeros."""


class RasterSource(ImageSource):
    """A raster file or URL, read through rasterio."""

    def __init__(self, uri: str, options: SourceOptions) -> None:
        """Open ``uri``.

        Args:
            uri: path, URL or any other name that GDAL understands.
            options: choices that hold for every kind of image.

        Raises:
            SourceError: there is no such file, it is no image, or it lacks what ``options`` ask.
            SettingsError: the image's dtype cannot hold the nodata value asked for.
        """
        identity = _identity(uri)
        self._uri = uri
        self._environment = _environment(uri, options)
        with self._gdal("cannot be opened"):
            self._dataset = _open(uri, options.level)
        try:
            info, missing = self._describe(options, identity)
        except BaseException:
            self.close()
            raise
        super().__init__(info, missing)

    def _describe(
        self, options: SourceOptions, identity: tuple[tuple[str, str], ...]
    ) -> tuple[ImageInfo, Missing]:
        dataset, uri = self._dataset, self._uri
        if not dataset.count:
            raise SourceError(_no_bands(uri, dataset.subdatasets))
        alpha = [n for n, c in enumerate(dataset.colorinterp, 1) if c == ColorInterp.alpha]
        colours = tuple(n for n in dataset.indexes if n not in alpha)
        self._bands = options.select(uri, dataset.count, default=colours or None)
        # An alpha band that was asked for by number is an input like any other.
        self._alpha = alpha[0] if alpha and alpha[0] not in self._bands else None
        self._mask_band = self._find_mask_band()
        dtypes = [np.dtype(_dtype_name(dataset.dtypes[n - 1])) for n in self._bands]
        dtype = np.result_type(*dtypes)
        check_image(uri, dataset.shape, dtype)
        told = [dataset.nodatavals[n - 1] for n in self._bands]
        missing = Missing.told(uri, dtype, options, told)
        with self._gdal("cannot be described"):
            georeference = _georeference(dataset)
        placed = georeference != Georeference()
        self._orientation = Orientation() if placed else read_orientation(uri, dataset.driver)
        height, width = self._orientation.size(dataset.shape)
        return ImageInfo(
            uri=uri,
            kind=dataset.driver,
            height=height,
            width=width,
            bands=len(self._bands),
            dtype=dtype,
            block=self._orientation.size(dataset.block_shapes[self._bands[0] - 1]),
            nodata=missing.nodata[0],
            masked=missing.possible or bool(self._alpha or self._mask_band),
            georeference=georeference,
            band_names=tuple(dataset.descriptions[n - 1] or f"band {n}" for n in self._bands),
            identity=(*identity, ("level", str(options.level)), ("bands", str(self._bands))),
        ), missing

    def _find_mask_band(self) -> int | None:
        """Return the band whose mask (a .msk file or one inside the file) is no alpha band."""
        for band in self._bands:
            flags = self._dataset.mask_flag_enums[band - 1]
            if MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags:
                return band
        return None

    def load(self, window: Window) -> Loaded:
        """Return values and mask of ``window``; see :meth:`ImageSource.load`."""
        stored = self._orientation.stored(window, (self.info.height, self.info.width))
        at = RasterioWindow(stored.col, stored.row, stored.width, stored.height)
        with self._gdal(f"cannot be read at {window}, so it is cut short or damaged"):
            values, mask = self._read(at)
        upright = self._orientation.upright
        return upright(values), None if mask is None else upright(mask)

    def _read(self, at: RasterioWindow) -> Loaded:
        indexes = [*self._bands, *([self._alpha] if self._alpha else [])]
        buffer = np.empty((at.height, at.width, len(indexes)), self.info.dtype)
        # GDAL interleaves into the strided view itself, sparing a transposed copy.
        self._dataset.read(indexes, window=at, out=buffer.transpose(2, 0, 1))
        mask: NDArray[np.bool_] | None = None
        if self._alpha:
            # Alpha is read along with the colours so that no block is decoded for it again.
            mask = buffer[..., -1] != 0
            buffer = buffer[..., :-1]
        if self._mask_band:
            shown = self._dataset.read_masks(self._mask_band, window=at) != 0
            mask = shown if mask is None else mask & shown
        return buffer, mask

    def close(self) -> None:
        """Close the file."""
        with self._gdal("cannot be closed"):
            self._dataset.close()

    @contextmanager
    def _gdal(self, trouble: str) -> Iterator[None]:
        """Run GDAL with this image's settings in any thread; turn its errors to ours."""
        try:
            with rasterio.Env(**self._environment), warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                yield
        except (RasterioError, ValueError) as error:
            if isinstance(error, SourceError):
                raise
            raise SourceError(_explain(self._uri, trouble, error)) from error


def _identity(uri: str) -> tuple[tuple[str, str], ...]:
    plain = not is_remote(uri) and "://" not in uri and not uri.startswith("/vsi")
    if plain and ":" not in uri and not Path(uri).exists():
        raise SourceError(f"{uri}: no such file; check the path")
    return address_identity(uri)


def _environment(uri: str, options: SourceOptions) -> dict[str, Any]:
    settings: dict[str, Any] = {
        # Left alone, the cache takes 5 % of the machine's memory.
        "GDAL_CACHEMAX": options.cache_bytes,
        # A JPEG that is cut short is a warning and grey pixels otherwise.
        "GDAL_ERROR_ON_LIBJPEG_WARNING": "TRUE",
    }
    if is_remote(uri):
        return settings | GDAL_REMOTE
    if uri.lower().endswith(_THREADED):
        settings["GDAL_NUM_THREADS"] = "ALL_CPUS"
    return settings


def _open(uri: str, level: int) -> Any:
    dataset = rasterio.open(uri, sharing=False)
    if not level:
        return dataset
    levels = dataset.overviews(1)
    dataset.close()
    if level > len(levels):
        raise SourceError(
            f"{uri}: level={level} was asked for, but the image has {len(levels)} overviews; "
            f"choose from 0 to {len(levels)}"
        )
    return rasterio.open(uri, sharing=False, OVERVIEW_LEVEL=level - 1)


def _dtype_name(name: str) -> str:
    """Translate GDAL's complex integers, which numpy does not know."""
    return "complex64" if name.startswith("complex_int") else name


def _georeference(dataset: Any) -> Georeference:
    points, points_crs = dataset.gcps
    identity = dataset.transform.is_identity
    return Georeference(
        crs=dataset.crs.to_wkt() if dataset.crs else None,
        transform=None if identity else tuple(dataset.transform)[:6],
        gcps=tuple((p.row, p.col, p.x, p.y, p.z or 0.0) for p in points),
        gcp_crs=points_crs.to_wkt() if points_crs else None,
        rpcs=tuple(sorted(dataset.tags(ns="RPC").items())),
    )


def _no_bands(uri: str, parts: list[str]) -> str:
    if not parts:
        return f"{uri}: {Path(uri).name} holds no image"
    return f"{uri}: the file holds {len(parts)} images; pass one of them: {', '.join(parts)}"


def _explain(uri: str, trouble: str, error: Exception) -> str:
    """Say in one line what GDAL complains about."""
    reason = " ".join(str(error.__cause__ or error).split())
    codec = re.search(r"missing codec (?:of code )?(\S+?)\.?$", reason)
    if codec:
        return (
            f"{uri}: this GDAL has no codec {codec[1]}; install rasterio from conda-forge, "
            "or convert the image with a GDAL that has it: gdal_translate -co COMPRESS=DEFLATE"
        )
    if "not recognized as being in a supported file format" in reason:
        return f"{uri}: not an image that GDAL {rasterio.__gdal_version__} can read"
    return f"{uri}: the image {trouble} ({reason})"
