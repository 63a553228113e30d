"""What names of bands tell: an order that is not that of another image."""

from __future__ import annotations

from collections.abc import Sequence

from tilesegm.source.base import ImageInfo

__all__ = ["bands_by_name", "comparable_name", "is_reordered"]


def comparable_name(name: object) -> str:
    """Return the name of a band as it is compared: rioxarray's ``band_1`` is ``band 1`` of GDAL.

    Args:
        name: of the band, or its number.
    """
    text = f"band {name}" if isinstance(name, int) else str(name)
    return text.strip().casefold().replace("_", " ")


def is_reordered(there: Sequence[str], image: ImageInfo) -> bool:
    """Tell whether a band of an image stands at another place than the one of its name before.

    Args:
        there: names of bands in the order that is expected.
        image: the image, whose names may be all others: then nothing is known.
    """
    known, here = _comparable(there), _names_of(image)
    return any(name in known and known.index(name) != n for n, name in enumerate(here))


def bands_by_name(there: Sequence[str], image: ImageInfo) -> tuple[int, ...]:
    """Return the bands of an image, counted from 1, that have these names; none if one lacks.

    Args:
        there: names of bands in the order that is expected.
        image: the image with all of its bands.
    """
    known, here = _comparable(there), _names_of(image)
    if not set(known) <= set(here):
        return ()
    return tuple(here.index(name) + 1 for name in known)


def _names_of(image: ImageInfo) -> list[str]:
    """Return names of bands whose place is their number: no mask stands between them."""
    if image.alpha is not None and image.alpha <= image.bands:
        return []
    return _comparable(image.band_names)


def _comparable(names: Sequence[str]) -> list[str]:
    """Return names as they are compared; nothing where two bands share one."""
    compared = [comparable_name(name) for name in names]
    return compared if len(set(compared)) == len(compared) else []
