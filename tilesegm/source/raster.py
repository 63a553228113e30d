"""Images that GDAL reads: GeoTIFF, COG, VRT, JPEG 2000, PNG, JPEG and many more."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import Georeference, ImageInfo, scaling_of_bands
from tilesegm.source.gdal import Gdal, georeference_of, open_dataset, open_quietly, warp_dataset
from tilesegm.source.identity import Identity, address_identity, files_identity
from tilesegm.source.image import ImageSource, Loaded, check_image, take_bands
from tilesegm.source.missing import Missing
from tilesegm.source.names import file_of
from tilesegm.source.options import SourceOptions
from tilesegm.source.orientation import Orientation, read_orientation
from tilesegm.source.remote import FetchError, is_remote, patiently, renewed
from tilesegm.source.slide import map_pixel_size
from tilesegm.source.spool import Spool

__all__ = ["RasterSource"]


class RasterSource(ImageSource):
    """A raster file or URL, read through rasterio."""

    def __init__(self, uri: str, options: SourceOptions, grid: ImageInfo | None = None) -> None:
        """Open ``uri``.

        Args:
            uri: path, URL or any other name that GDAL understands.
            options: choices that hold for every kind of image.
            grid: an image on whose grid to read, by nearest neighbour; both need a georeference.

        Raises:
            SourceError: there is no such file, it is no image, or it lacks what ``options`` ask.
            SettingsError: the image's dtype cannot hold the nodata value asked for.
        """
        identity = _identity(uri)
        self._uri = self._name = uri
        self._gdal = Gdal(uri, options.cache_bytes)
        self._spool: Spool | None = None
        self._choice = options, grid
        self._dataset = patiently(self._open)
        try:
            info, missing = self._describe(options, identity)
        except BaseException:
            self.close()
            raise
        super().__init__(info, missing)

    def _open(self) -> Any:
        options, grid = self._choice
        try:
            with self._gdal.calls("cannot be opened"):
                dataset = open_dataset(self._name, options.level)
                return dataset if grid is None else warp_dataset(dataset, grid, options.nodata)
        except FetchError:
            self._name = renewed(self._uri)
            raise

    def _describe(self, options: SourceOptions, identity: Identity) -> tuple[ImageInfo, Missing]:
        dataset, uri = self._dataset, self._uri
        if not dataset.count:
            raise SourceError(_no_bands(uri, dataset.subdatasets))
        # This, and more below, makes a list of all bands anew: once, not for each of many bands.
        meanings = dataset.colorinterp
        alpha = [n for n, meaning in enumerate(meanings, 1) if meaning == ColorInterp.alpha]
        colours = tuple(n for n in dataset.indexes if n not in alpha)
        self._bands = options.select(uri, dataset.count, default=colours or None)
        # An alpha band that was asked for by number is an input like any other.
        self._alpha = alpha[0] if alpha and alpha[0] not in self._bands else None
        self._mask_bands = self._find_mask_bands()
        names, values = dataset.dtypes, dataset.nodatavals
        descriptions, scales, offsets = dataset.descriptions, dataset.scales, dataset.offsets
        dtypes = {np.dtype(_dtype_name(names[n - 1])) for n in self._bands}
        dtype = self._dtype = np.result_type(*dtypes)
        check_image(uri, dataset.shape, dtype)
        declared = [values[n - 1] for n in self._bands]
        missing = Missing.from_options(uri, dtype, options, declared)
        with self._gdal.calls("cannot be described"):
            georeference = georeference_of(dataset)
        size = self._pixel_size(options.level)
        placed = georeference != Georeference() or size is not None
        self._orientation = Orientation() if placed else read_orientation(uri, dataset.driver)
        height, width = self._orientation.size(dataset.shape)
        block = dataset.block_shapes[self._bands[0] - 1]
        return ImageInfo(
            uri=uri,
            kind=dataset.driver,
            height=height,
            width=width,
            bands=len(self._bands),
            dtype=dtype,
            block=(1, width) if self._orientation.disordered else block,
            nodata=missing.nodata[0],
            masked=missing.possible or self.may_mask,
            alpha=self._alpha,
            georeference=replace(georeference, pixel_size=size),
            band_names=tuple(descriptions[n - 1] or f"band {n}" for n in self._bands),
            band_colours=tuple(meanings[n - 1].name for n in self._bands),
            scaling=scaling_of_bands([(scales[n - 1], offsets[n - 1]) for n in self._bands]),
            identity=(
                *identity,
                *self._beside(options.level),
                ("level", str(options.level)),
                ("bands", str(self._bands)),
            ),
            files=self._parts(self._files(options.level)),
        ), missing

    def _pixel_size(self, level: int) -> tuple[float, float] | None:
        """Return micrometres of a pixel of the level that is read; tags tell the full one's."""
        size = map_pixel_size(self._dataset.tags())
        if size is None or not level:
            return size
        with self._gdal.calls("cannot be opened"), open_quietly(self._name) as full:
            rows, cols = full.height / self._dataset.height, full.width / self._dataset.width
        return size[0] * rows, size[1] * cols

    def _beside(self, level: int) -> Identity:
        """Tell apart the other files of the image: parts of a mosaic, mask, and overviews if read.

        Statistics, which a viewer adds as .aux.xml, make no other image.
        """
        others = self._files(level)[1:]
        return files_identity(others) if others else ()

    def _files(self, level: int) -> tuple[str, ...]:
        """Return the files that are read: the image's own, and those beside it that count."""
        ignored = (".aux.xml",) if level else (".aux.xml", ".ovr")
        with self._gdal.calls("cannot be described"):  # it looks for files beside the image
            own, *others = self._dataset.files or [self._uri]
        own = self._uri if is_remote(self._uri) else own
        return (own, *(path for path in others if not path.endswith(ignored)))

    def _parts(self, files: tuple[str, ...]) -> tuple[str, ...]:
        """Add the parts of mosaics that are parts themselves: GDAL lists the first level alone."""
        known = dict.fromkeys(files)
        waiting = list(files[1:])
        while waiting:
            path = waiting.pop()
            if path.lower().endswith(".vrt") and os.path.isfile(path):
                with self._gdal.calls("cannot be opened"), open_quietly(path) as part:
                    waiting += [file for file in part.files if file not in known]
                    known |= dict.fromkeys(part.files)
        return tuple(known)

    @property
    def may_mask(self) -> bool:
        """Whether alpha or a mask band can hide pixels."""
        return bool(self._alpha or self._mask_bands)

    def _find_mask_bands(self) -> list[int]:
        """Return the bands whose masks (.msk files, or inside the file) hide pixels.

        Alpha and nodata are masks to GDAL too, but are read from the bands themselves.
        """
        all_flags = self._dataset.mask_flag_enums
        flags = [(band, all_flags[band - 1]) for band in self._bands]
        shared = [n for n, f in flags if MaskFlags.per_dataset in f and MaskFlags.alpha not in f]
        return shared[:1] + [n for n, f in flags if not f]

    @property
    def palette(self) -> NDArray[np.uint8] | None:
        """Red, green and blue of each id, ``(ids, 3)``, where the file has a table of colours."""
        if self._dataset.colorinterp[self._bands[0] - 1] != ColorInterp.palette:
            return None
        colours = self._dataset.colormap(self._bands[0])
        table = np.zeros((max(colours) + 1, 3), np.uint8)
        for number, colour in colours.items():
            table[number] = colour[:3]
        return table

    def load(self, window: Window) -> Loaded:
        """Return values and mask of ``window``; see `ImageSource.load`."""
        values, mask = patiently(lambda: self._load(window))
        upright = self._orientation.upright
        return upright(values), None if mask is None else upright(mask)

    def _load(self, window: Window) -> Loaded:
        at = self._orientation.stored(window, (self.info.height, self.info.width))
        trouble = f"cannot be read at {window}"
        if self._dataset.closed:
            try:
                self._dataset = self._open()
            except FetchError as error:
                raise FetchError(f"{error}, at {window}") from error.__cause__
        try:
            with self._gdal.calls(f"{trouble}: cut short, damaged or out of reach"):
                return self._read(at)
        except FetchError:
            # The handle keeps what came in a broken answer, and so does GDAL for this name.
            with self._gdal.calls("cannot be closed"):
                self._dataset.close()
            self._name = renewed(self._uri)
            raise

    def _read(self, at: Window) -> Loaded:
        """Return values and mask of a window of the image as it is stored."""
        if self._orientation.disordered and self._spool is None:
            self._spool = Spool(self._dataset.shape, self._decode, self._uri)
        pixels = self._decode(at) if self._spool is None else self._spool.read(at)
        mask: NDArray[np.bool_] | None = None
        if self._alpha:
            mask = pixels[..., -1] != 0
            pixels = take_bands(pixels, range(len(self._bands)))
        for band in self._mask_bands:
            shown = self._dataset.read_masks(band, window=_slices(at)) != 0
            mask = shown if mask is None else mask & shown
        return pixels, mask

    def _decode(self, at: Window) -> NDArray[Any]:
        """Return the bands, and behind them alpha, so that no block is decoded for it again."""
        indexes = [*self._bands, *([self._alpha] if self._alpha else [])]
        pixels = np.empty((at.height, at.width, len(indexes)), self._dtype)
        # GDAL interleaves into the strided view itself, sparing a transposed copy.
        self._dataset.read(indexes, window=_slices(at), out=pixels.transpose(2, 0, 1))
        return pixels

    def close(self) -> None:
        """Close the file."""
        if self._spool:
            self._spool.close()
        with self._gdal.calls("cannot be closed"):
            self._dataset.close()


def _identity(uri: str) -> Identity:
    file = file_of(uri)
    plain = not is_remote(file) and "://" not in file and not file.startswith("/vsi")
    if plain and ":" not in file and not Path(file).exists():
        raise SourceError(f"{uri}: no such file; check the path")
    page = () if file == uri else (("page", uri[: -len(file)]),)
    return (*address_identity(file), *page)


def _slices(at: Window) -> tuple[tuple[int, int], tuple[int, int]]:
    return (at.row, at.stop_row), (at.col, at.stop_col)


def _dtype_name(name: str) -> str:
    """Translate GDAL's complex integers, which numpy does not know."""
    return "complex64" if name.startswith("complex_int") else name


def _no_bands(uri: str, parts: list[str]) -> str:
    if not parts:
        return f"{uri}: {Path(uri).name} holds no image"
    return f"{uri}: the file holds {len(parts)} images; pass one of them: {', '.join(parts)}"
