"""Several files with one grid as one image of more bands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, same_place, scaling_of_bands
from tilesegm.source.image import ImageSource, Loaded
from tilesegm.source.missing import Missing
from tilesegm.source.names import stem_of
from tilesegm.source.options import SourceOptions

__all__ = ["StackSource"]


class StackSource(ImageSource):
    """Files of one grid whose bands follow each other in the order of the files."""

    def __init__(
        self,
        paths: Sequence[str],
        options: SourceOptions,
        opener: Callable[[str, SourceOptions], ImageSource],
        uri: str | None = None,
    ) -> None:
        """Open all files.

        Args:
            paths: two or more files or URLs.
            options: ``bands`` counts through all files.
            opener: opens one of them.
            uri: what the image is called; the first file and their number when not given.

        Raises:
            SourceError: a file cannot be opened, or its grid differs from the first's.
        """
        uri = uri or f"{paths[0]} and {len(paths) - 1} more"
        with ExitStack() as opened:
            parts = [
                opened.enter_context(opener(path, replace(options, bands=None))) for path in paths
            ]
            for part in parts[1:]:
                _check_grid(parts[0].info, part.info)
            owners = [(i, band) for i, part in enumerate(parts) for band in range(part.info.bands)]
            chosen = [owners[number - 1] for number in options.select(uri, len(owners))]
            self._parts = parts
            self._chosen = chosen
            super().__init__(*self._describe(uri, options))
            self._closing = opened.pop_all()

    def _describe(self, uri: str, options: SourceOptions) -> tuple[ImageInfo, Missing]:
        used = [(self._parts[i], band) for i, band in self._chosen]
        first = self._parts[0].info
        dtype = np.result_type(*(part.info.dtype for part, _ in used))
        missing = Missing(dtype, tuple(part.missing.nodata[band] for part, band in used))
        info = replace(
            first,
            uri=uri,
            address=uri,
            bands=len(used),
            dtype=dtype,
            block=max(part.info.block for part, _ in used),
            nodata=missing.nodata[0],
            masked=missing.possible or any(part.may_mask for part, _ in used),
            band_names=tuple(_name(part.info, band) for part, band in used),
            band_colours=tuple(_colour(part.info, band) for part, band in used),
            scaling=scaling_of_bands([_scaling(part.info, band) for part, band in used]),
            notes=tuple(
                f"{part.info.uri}: {note}" for part in self._parts for note in part.info.notes
            ),
            identity=(
                ("bands", str(options.bands)),
                *(
                    (f"{number}.{name}", value)
                    for number, part in enumerate(self._parts, 1)
                    for name, value in part.info.identity
                ),
            ),
            files=tuple(file for part in self._parts for file in part.info.files),
        )
        return info, missing

    def load(self, window: Window) -> Loaded:
        """Return values and mask of ``window``; see `ImageSource.load`."""
        values = np.empty((window.height, window.width, len(self._chosen)), self.info.dtype)
        mask = None
        for i in sorted({i for i, _ in self._chosen}):
            part, shown = self._parts[i].load(window)
            for target, (owner, band) in enumerate(self._chosen):
                if owner == i:
                    values[..., target] = part[..., band]
            if shown is not None:
                mask = shown if mask is None else mask & shown
        return values, mask

    def close(self) -> None:
        """Close all files."""
        self._closing.close()


def _name(info: ImageInfo, band: int) -> str:
    stem = stem_of(info.uri)
    return stem if info.bands == 1 else f"{stem} {info.band_names[band]}"


def _colour(info: ImageInfo, band: int) -> str:
    return info.band_colours[band] if info.band_colours else ""


def _scaling(info: ImageInfo, band: int) -> tuple[float, float]:
    return info.scaling[band] if info.scaling else (1.0, 0.0)


def _check_grid(first: ImageInfo, other: ImageInfo) -> None:
    """Refuse a file whose pixels do not lie on the first one's."""
    if (other.height, other.width) != (first.height, first.width):
        raise SourceError(
            f"{other.uri}: {other.height} x {other.width} pixels, but {first.uri} has "
            f"{first.height} x {first.width}; files of one image need one grid (gdalwarp makes it)"
        )
    here, there = first.georeference, other.georeference
    if None not in (here.crs, there.crs) and here.crs != there.crs:
        raise SourceError(
            f"{other.uri}: its coordinate reference system differs from that of {first.uri}; "
            "files of one image need one grid (gdalwarp makes it)"
        )
    if not same_place(here, there, first.height, first.width):
        raise SourceError(
            f"{other.uri}: its pixels lie elsewhere than those of {first.uri} (transform "
            f"{there.transform} against {here.transform}); gdalwarp brings them on one grid"
        )
