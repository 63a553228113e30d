"""How an image is to be opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tilesegm.errors import SettingsError, SourceError
from tilesegm.source.steps import At, at_text, axis_word

__all__ = ["DEFAULT_CACHE_BYTES", "Nodata", "SourceOptions"]

DEFAULT_CACHE_BYTES = 64 * 2**20

Nodata = float | Literal["none"]
"""Value that marks missing pixels, or ``"none"`` where every value is a value."""


@dataclass(frozen=True)
class SourceOptions:
    """Choices that hold for every kind of image.

    Raises:
        SettingsError: a choice makes no sense for any image.
    """

    bands: tuple[int, ...] | None = None
    """Numbers of the bands to read, counted from 1 as GDAL does, in this order; None: all."""
    nodata: Nodata | None = None
    """Value that marks missing pixels, in place of the image's own; may be NaN."""
    level: int = 0
    """Level of a multiscale image: 0 is full resolution."""
    at: At = ()
    """Steps to read of axes beside rows, columns and bands, such as depth; the first of others."""
    cache_bytes: int = DEFAULT_CACHE_BYTES
    """Most memory that decoded blocks may occupy between reads."""

    def __post_init__(self) -> None:
        if self.bands is not None and not self.bands:
            raise SettingsError("bands=[]: name at least one band, counted from 1, e.g. [3, 2, 1]")
        if self.bands is not None and min(self.bands) < 1:
            raise SettingsError(
                f"bands={list(self.bands)}: there is no band {min(self.bands)}; bands are counted "
                "from 1, e.g. [3, 2, 1]"
            )
        if self.level < 0:
            raise SettingsError(f"level={self.level}: levels count from 0, the full resolution")
        for name, index in self.at:
            if index < 0:
                raise SettingsError(f"at {name}={index}: steps along {name} count from 0")
        words = [axis_word(name) for name, _ in self.at]
        if len(set(words)) < len(words):
            raise SettingsError(f"at {at_text(self.at)} names an axis twice; give one step of each")
        if self.cache_bytes < 1:
            raise SettingsError(f"cache_bytes={self.cache_bytes}: give at least 1 byte")

    def select(
        self, uri: str, count: int, default: tuple[int, ...] | None = None
    ) -> tuple[int, ...]:
        """Return the numbers of the bands to read from an image of ``count`` bands.

        Args:
            uri: what the image is called in the error.
            count: bands that the image has.
            default: bands to read when none were asked for; None: all.

        Raises:
            SourceError: a band was asked for that the image lacks.
        """
        if self.bands is None:
            return tuple(range(1, count + 1)) if default is None else default
        for band in self.bands:
            if band > count:
                raise SourceError(
                    f"{uri}: band {band} was asked for, but the image has {count} "
                    f"band{'s' if count > 1 else ''}; choose from 1 to {count}"
                )
        return self.bands
