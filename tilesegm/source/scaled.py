"""Reads an image at a resolution, whatever it is stored in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.resolution import SAME, Resolution
from tilesegm.source.base import ImageInfo, Source, same_place
from tilesegm.source.ground import pixel_size_of
from tilesegm.source.image import MOST_PIXELS, MOST_SIDE
from tilesegm.source.place import scale_place
from tilesegm.source.remote import FetchError
from tilesegm.source.resampled import ResampledSource

__all__ = ["covers", "read_at", "resolution_of"]

_LEVELS = 64
"""More than an image can have."""


def resolution_of(info: ImageInfo) -> Resolution | None:
    """Return the size of a pixel in the middle of an image; None where it does not tell."""
    size = pixel_size_of(info.georeference, info.height, info.width)
    return None if size is None else Resolution(size.down, size.across)


def covers(image: ImageInfo, grid: ImageInfo) -> bool:
    """Tell whether a grid covers the ground of an image with other pixels, as both of them tell."""
    sizes = (image.height, image.width), (grid.height, grid.width)
    here, there = scale_place(image.georeference, *sizes), grid.georeference
    if here.transform is not None and there.transform is not None:
        return same_place(here, there, grid.height, grid.width)
    if here.pixel_size is None or there.pixel_size is None:
        return False
    sides = np.array(here.pixel_size) * sizes[0]
    return bool(np.allclose(sides, np.array(there.pixel_size) * sizes[1], rtol=1e-3))


def read_at(
    source: Source, wanted: Resolution, reopen: Callable[[int], Source] | None = None
) -> tuple[Source, str | None]:
    """Read an image at a resolution.

    The nearest level is taken that is as fine, and resampled from there.

    Args:
        source: the image at its full resolution, which is closed with what is returned.
        wanted: size of the pixels that are read.
        reopen: opens a level of the image, 1 being the first overview; None to take no level.

    Returns:
        The image itself where its pixels are of that size already, to within 2 %; or it with
        other pixels, and what was done in words.

    Raises:
        SettingsError: it would have more pixels than can be planned.
        SourceError: the image does not tell the size of its pixels, or a level cannot be read.
    """
    info = source.info
    stored = resolution_of(info)
    if stored is None:
        raise SourceError(
            f"{info.uri}: tells no size of its pixels, so it cannot be read at {wanted}; leave the "
            "resolution out, or add a georeference"
        )
    if not stored.differs(wanted, SAME):
        return source, None
    size = (
        max(round(info.height * stored.down / wanted.down), 1),
        max(round(info.width * stored.across / wanted.across), 1),
    )
    if size[0] * size[1] > MOST_PIXELS or max(size) > MOST_SIDE:
        raise SettingsError(
            f"{info.uri} would have {size[0]} x {size[1]} pixels of {wanted}, which are more than "
            f"can be planned; its own {info.height} x {info.width} are of {stored}: give a coarser "
            "resolution"
        )
    best, level = source, 0
    for number in range(1, _LEVELS):
        if reopen is None or size[0] >= info.height or size[1] >= info.width:
            break
        try:
            coarser = reopen(number)
        except FetchError:
            best.close()
            raise
        except (SourceError, SettingsError):
            break  # there are no more
        there = coarser.info.height, coarser.info.width
        shrunk = Resolution(
            stored.down * info.height / there[0], stored.across * info.width / there[1]
        )
        same = not shrunk.differs(wanted, SAME)
        if not same and (there[0] < size[0] or there[1] < size[1]):
            coarser.close()
            break
        best.close()
        best, level = coarser, number
        if same:
            size = there
            break
    return _resampled(best, info, size, level)


def _resampled(
    source: Source, info: ImageInfo, size: tuple[int, int], level: int
) -> tuple[Source, str]:
    """Resample a level, and say so."""
    height, width = source.info.height, source.info.width
    fewer = size[0] < height or size[1] < width
    more = size[0] > height or size[1] > width
    done = " and ".join(["averaged"] * fewer + ["interpolated"] * more)
    how = " from ".join(filter(None, [done, f"level {level}" * bool(level)]))
    scaled = ResampledSource(source, *size, image=info)
    left = "; its rational polynomials (RPC) are left out" if info.georeference.rpcs else ""
    return scaled, (
        f"its {info.height} x {info.width} pixels of {resolution_of(info)} are read as "
        f"{size[0]} x {size[1]} of {resolution_of(scaled.info)} ({how}){left}"
    )
