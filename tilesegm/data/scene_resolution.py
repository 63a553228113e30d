"""Which resolution a network learns from scenes, and what is to be told of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tilesegm.grid.resolution import MISMATCH, Resolution
from tilesegm.source.base import ImageInfo
from tilesegm.source.scaled import resolution_of

__all__ = ["learnt_resolution", "resolution_notes"]


def learnt_resolution(asked: str | None, images: Sequence[ImageInfo]) -> Resolution | None:
    """Return the size of the pixels that a network learns from; None where that is no one size.

    Args:
        asked: resolution that the settings ask for.
        images: of the scenes, as they are read.

    Returns:
        What is asked for, or the geometric mean of images that all tell their resolution and have
        about the same.
    """
    if asked is not None:
        return Resolution.parse(asked)
    known = [each for each in map(resolution_of, images) if each is not None]
    if not known or len(known) < len(images) or _differ(known):
        return None
    return Resolution(
        math.exp(math.fsum(math.log(each.down) for each in known) / len(known)),
        math.exp(math.fsum(math.log(each.across) for each in known) / len(known)),
    )


def resolution_notes(images: Sequence[ImageInfo]) -> Iterator[str]:
    """Say which images are resampled, or that their pixels differ in size or tell none."""
    resampled = [image for image in images if image.original is not None]
    known = [(each, image) for image in images if (each := resolution_of(image)) is not None]
    if resampled:
        rows, cols = resampled[0].original or (0, 0)
        one = resampled[0]
        yield (
            f"{len(resampled)} of {len(images)} images are resampled to data.resolution, such as "
            f"{one.uri} from {rows} x {cols} pixels to {one.height} x {one.width} of "
            f"{resolution_of(one)}"
        )
    elif _differ([each for each, _ in known]):
        least, most = (ends(known, key=_size) for ends in (min, max))
        yield (
            f"images differ in their resolution, from {least[0]} ({least[1].uri}) to {most[0]} "
            f"({most[1].uri}), so things differ in size and the bundle will tell no resolution; "
            f"data.resolution: {_setting(known)} reads all of them at one"
        )
    if known and len(known) < len(images):
        (name,) = [image.uri for image in images if resolution_of(image) is None][:1]
        yield (
            f"{len(images) - len(known)} of {len(images)} images tell no size of their pixels, "
            f"such as {name}, so the bundle will tell no resolution; give them a georeference"
        )


def _differ(known: Sequence[Resolution]) -> bool:
    """Tell whether the longest sides of pixels are much longer than the shortest."""
    if not known:
        return False
    finest, coarsest = (
        Resolution(ends(each.down for each in known), ends(each.across for each in known))
        for ends in (min, max)
    )
    return coarsest.differs(finest, MISMATCH)


def _size(entry: tuple[Resolution, ImageInfo]) -> float:
    return entry[0].down * entry[0].across


def _setting(known: Sequence[tuple[Resolution, ImageInfo]]) -> str:
    """Return the middle one of resolutions as the settings take it."""
    middle = sorted(known, key=_size)[len(known) // 2][0]
    return str(Resolution(middle.down, middle.down)).replace(" µm", "um").replace(" ", "")
