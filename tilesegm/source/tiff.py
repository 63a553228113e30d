"""Microscope images that tifffile reads: OME-TIFF, SVS and other slide TIFFs."""

from __future__ import annotations

import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from tilesegm.errors import SourceError, TilesegmError
from tilesegm.grid.window import Window
from tilesegm.source.base import Georeference, ImageInfo
from tilesegm.source.identity import address_identity, steps_identity
from tilesegm.source.image import ImageSource, Loaded, check_image
from tilesegm.source.missing import Missing
from tilesegm.source.options import SourceOptions
from tilesegm.source.slide import check_codec, left_out, microscope, pixel_size
from tilesegm.source.steps import axis_word, choose_steps
from tilesegm.source.tiff_planes import sample_planes

__all__ = ["TiffSource"]

_READ_BYTES = 2 * 2**20
"""Encoded bytes that are fetched and decoded in one go; a slide decodes to some ten times that."""


class TiffSource(ImageSource):
    """One level of the largest image of a TIFF file, at one time and depth.

    Channels in pages of their own and samples within a page both count as bands. Segments (tiles,
    strips) are decoded by several threads. Those that a window cuts are kept, within
    ``cache_bytes``, so reading bands from top to bottom decodes each segment once.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        """Open ``path``.

        Raises:
            SourceError: there is no such file, it is no such TIFF, or it lacks what is asked for.
            SettingsError: its dtype cannot hold the nodata value asked for.
        """
        if not Path(path).is_file():
            raise SourceError(f"{path}: no such file; check the path")
        try:
            self._file = tifffile.TiffFile(path)
        except (tifffile.TiffFileError, OSError, ValueError) as error:
            raise SourceError(f"{path}: not a TIFF file that can be read ({error})") from error
        try:
            info, missing = self._describe(path, options)
        except TilesegmError:
            self._file.close()
            raise
        except Exception as error:
            # tifffile raises what it stumbles over in broken metadata.
            self._file.close()
            raise SourceError(f"{path}: its metadata cannot be understood ({error!r})") from error
        super().__init__(info, missing)
        self._kept: OrderedDict[tuple[int, int], NDArray[Any]] = OrderedDict()
        self._room = options.cache_bytes
        self._workers = ThreadPoolExecutor(min(8, os.cpu_count() or 1), "tilesegm-tiff")
        self.decoded = 0
        """Segments decoded so far."""

    def _describe(self, path: str, options: SourceOptions) -> tuple[ImageInfo, Missing]:
        series = max(self._file.series, key=lambda one: prod(one.shape))
        if options.level >= len(series.levels):
            raise SourceError(
                f"{path}: level={options.level} was asked for; choose from 0 to "
                f"{len(series.levels) - 1}"
            )
        level = series.levels[options.level]
        page = level.keyframe
        check_codec(path, page)
        check_image(path, level.shape, np.dtype(level.dtype))
        further = [
            (axis_word(axis), n)
            for axis, n in zip(level.axes, level.shape, strict=True)
            if axis not in "YXSC"
        ]
        steps, notes = choose_steps(path, further, options.at)
        self._planes, samples = sample_planes(path, level, steps)
        bands = options.select(path, len(self._planes) * samples)
        self._sources = [divmod(n - 1, samples) for n in bands]
        dtype = np.dtype(level.dtype).newbyteorder("=")
        missing = Missing.from_options(path, dtype, options, (None,) * len(bands))
        height, width = page.imagelength, page.imagewidth
        rows, cols = self._planes[0].block
        info = ImageInfo(
            uri=path,
            kind=microscope(self._file),
            height=height,
            width=width,
            bands=len(bands),
            dtype=dtype,
            block=(min(rows, height), min(cols, width)),
            nodata=missing.nodata[0],
            masked=missing.possible,
            georeference=Georeference(pixel_size=pixel_size(self._file, series, options.level)),
            steps=steps,
            notes=(*notes, *left_out(self._file, series)),
            identity=(
                *address_identity(path),
                ("level", str(options.level)),
                ("bands", str(bands)),
                *steps_identity(steps),
            ),
            files=(path,),
        )
        return info, missing

    def load(self, window: Window) -> Loaded:
        """Return values of ``window``; see `ImageSource.load`."""
        values = np.empty((window.height, window.width, self.info.bands), self.info.dtype)
        try:
            for number in sorted({plane for plane, _ in self._sources}):
                plane = self._planes[number]
                if plane.page.keyframe.is_memmappable:
                    self._place(
                        number, plane.map()[window.slices], Window(0, 0, *values.shape[:2]), values
                    )
                else:
                    self._load_segments(number, window, values)
        except Exception as error:
            # Codecs raise what they like.
            raise SourceError(
                f"{self.info.uri}: the image cannot be read at {window}: cut short, "
                f"damaged or out of reach ({error})"
            ) from error
        return values, None

    def _load_segments(self, number: int, window: Window, values: NDArray[Any]) -> None:
        """Fill the bands of ``values`` that come from a plane, decoding what is not kept."""
        plane = self._planes[number]
        wanted = []
        for index in plane.segments(window):
            segment = self._kept.pop((number, index), None)
            if segment is None:
                wanted.append(index)
            else:
                self._use(number, index, segment, window, values)
        page = plane.page
        for batch in page.parent.filehandle.read_segments(
            [page.dataoffsets[index] for index in wanted],
            [page.databytecounts[index] for index in wanted],
            wanted,
            buffersize=_READ_BYTES,
            flat=False,
        ):
            for index, segment in self._workers.map(plane.decode, batch):
                self.decoded += 1
                self._use(number, index, segment, window, values)

    def _use(
        self, number: int, index: int, segment: NDArray[Any], window: Window, values: NDArray[Any]
    ) -> None:
        """Copy a segment to ``values``, and keep it if it reaches beyond the window."""
        place = self._planes[number].place(index)
        shared = place.intersect(window)
        if shared is None:
            return
        part = segment[shared.shift(-place.row, -place.col).slices]
        self._place(number, part, shared.shift(-window.row, -window.col), values)
        if not window.contains(place) and segment.nbytes <= self._room:
            self._kept[number, index] = segment
            while self.kept_bytes > self._room:
                self._kept.popitem(last=False)

    @property
    def kept_bytes(self) -> int:
        """Memory in bytes of the segments that are kept."""
        return sum(segment.nbytes for segment in self._kept.values())

    def _place(self, number: int, part: NDArray[Any], at: Window, values: NDArray[Any]) -> None:
        for band, (plane, sample) in enumerate(self._sources):
            if plane == number:
                values[(*at.slices, band)] = part[..., sample]

    def close(self) -> None:
        """Close the file, stop the threads and forget decoded segments."""
        self._workers.shutdown()
        self._kept.clear()
        self._file.close()
