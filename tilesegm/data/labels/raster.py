"""Labels in a raster: ids, or colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.colour import is_colour, pack_colours, write_colour
from tilesegm.data.labels.classes import class_ids
from tilesegm.data.labels.table import UNKNOWN, NearestColour, ValueTable
from tilesegm.data.labels.values import Encode, count_values, first_band
from tilesegm.data.patch import IGNORE
from tilesegm.data.settings import LabelSettings
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import Source
from tilesegm.source.hidden import find_hidden
from tilesegm.source.image import ImageSource
from tilesegm.source.open import open_source

__all__ = ["RasterLabels"]

_MOST_COLOURS = 2**24
"""There are no more."""


class RasterLabels:
    """Ids or colours of an open raster on the grid of the image."""

    def __init__(self, source: Source, settings: LabelSettings) -> None:
        """Take a raster that has the size of the image.

        Raises:
            SourceError: its bands cannot hold the values that ``settings`` name.
        """
        self._source = source
        self._unknown, self._nodata = settings.unknown, settings.nodata
        self._snap = settings.snap is not None
        ids_by_value = class_ids(settings)
        self._encode, self._name = _reading(source, ids_by_value)
        # A text that is no colour has been refused by now.
        numbers = {
            int(v[1:], 16) if isinstance(v, str) else v: number
            for v, number in ids_by_value.items()
        }
        self._table = ValueTable(numbers)
        self._nearest = NearestColour(numbers) if self._snap else None
        if self._snap and any(isinstance(value, int) for value in ids_by_value):
            raise SourceError(
                f"{source.info.uri}: labels.snap finds the nearest colour, but classes are given "
                "as ids; give each class as '#RRGGBB' (a grey mask is read as colours then)"
            )
        self.height, self.width = source.info.height, source.info.width
        self.identity = source.info.identity
        self.kind = source.info.kind

    def read(self, window: Window) -> NDArray[np.int32]:
        """Return ``(height, width)`` class ids or ``IGNORE``; see `Labels.read`."""
        pixels = self._source.read(window)
        values = self._encode(pixels.values)
        ids = self._table.look_up(values)
        if pixels.valid is not None:
            ids[~pixels.valid] = IGNORE
        unknown = ids == UNKNOWN
        if unknown.any():
            if self._nearest is not None:
                ids[unknown] = self._nearest.look_up(values[unknown])
                return ids
            if self._unknown == "error":
                raise SourceError(self._complaint())
            ids[unknown] = IGNORE
        return ids

    def survey(self) -> dict[int | str, int]:
        """Count the pixels of each value, missing ones left out; the most frequent first."""
        counts = count_values(self._source, self._encode).counts
        return {self._name(number): times for number, times in counts.most_common()}

    def snapped(self) -> tuple[int, int]:
        """Count pixels of colours that settings do not name, and all pixels that have a colour."""
        if self._nearest is None:
            return 0, 0
        census = count_values(self._source, self._encode, most=_MOST_COLOURS)
        known = self._table.look_up(np.array([*census.counts], np.int64)) != UNKNOWN
        times = np.array([*census.counts.values()], np.int64)
        return int(times[~known].sum()), int(times.sum())

    def hidden(self) -> tuple[str, ...]:
        """Say how many pixels tags of the file hide, and which setting reads them."""
        uri = self._source.info.uri
        if self._nodata is None:
            return tuple(
                f"labels {uri}: {found.fact}"
                + ("; labels.nodata: none reads them" if found.reason == "nodata" else "")
                for found in find_hidden(self._source)
                if found.pixels
            )
        with open_source(self._source.info.address) as own:
            return tuple(
                f"labels {uri}: {found.fact} by its own tag, and labels.nodata is {self._nodata}"
                for found in find_hidden(own)
                if found.pixels and found.reason == "nodata"
            )

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def _complaint(self) -> str:
        counts: Counter[Any] = Counter()
        for value, times in self.survey().items():
            number = int(value[1:], 16) if isinstance(value, str) and is_colour(value) else value
            if not isinstance(number, int) or self._table.look_up(np.array([number])) == UNKNOWN:
                counts[value] = times
        shown = ", ".join(f"{value} ({times:,} pixels)" for value, times in counts.most_common(5))
        more = f" and {len(counts) - 5} more" if len(counts) > 5 else ""
        return (
            f"{self._source.info.uri} holds values that settings do not name: {shown}{more}; add "
            "them to a class or to labels.ignore, or set labels.unknown to 'ignore'"
        )


def _reading(
    source: Source, ids_by_value: dict[int | str, int]
) -> tuple[Encode, Callable[[Any], int | str]]:
    """Return how pixels become one number each, and how a number is written for people."""
    info = source.info
    texts = [value for value in ids_by_value if isinstance(value, str)]
    odd = [value for value in texts if not is_colour(value)]
    if odd:
        raise SourceError(
            f"{info.uri}: a raster holds ids or colours, and {odd[0]!r} is neither; give the value "
            "of each class as a number or as '#RRGGBB'"
        )
    if not texts:
        if info.bands != 1:
            raise SourceError(
                f"{info.uri}: {info.bands} bands, but classes are given as ids, which lie in one "
                "band; for a mask of colours give each class as '#RRGGBB'"
            )
        return first_band, _plain
    if len(texts) < len(ids_by_value):
        number = next(value for value in ids_by_value if not isinstance(value, str))
        raise SourceError(
            f"{info.uri}: values are given as colours ({texts[0]}) and as ids ({number}); a mask "
            "holds one or the other"
        )
    if info.dtype != np.uint8 and info.bands != 1:
        raise SourceError(f"{info.uri}: colours are 8-bit, but its pixels are {info.dtype}")
    if info.bands == 3:
        return pack_colours, write_colour
    if info.bands != 1:
        raise SourceError(f"{info.uri}: {info.bands} bands; a mask of colours has 3, and alpha")
    palette = source.palette if isinstance(source, ImageSource) else None
    if palette is None and info.dtype != np.uint8:
        raise SourceError(
            f"{info.uri}: classes are given as colours, but its pixels are {info.dtype} without a "
            "table of colours; give ids"
        )
    greys = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1)
    colours = pack_colours(greys if palette is None else palette)
    return lambda values: colours[values[..., 0]], write_colour


def _plain(number: float) -> int | str:
    return int(number) if number == int(number) else str(number)
