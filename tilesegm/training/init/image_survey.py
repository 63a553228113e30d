"""Looks at images, to write settings for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tilesegm.source.hidden import find_hidden
from tilesegm.source.open import open_source

__all__ = ["ImageSurvey", "survey_image"]

_LOOKED_AT = 2**20
"""Pixels of an image up to which all of them are looked at, and samples of larger ones."""


@dataclass(frozen=True)
class ImageSurvey:
    """Facts about one image."""

    height: int
    width: int
    bands: int
    dtype: str
    crs: str | None
    """Name of its coordinate reference system."""
    band_names: tuple[str, ...]
    masked: bool
    """Whether pixels can be missing."""
    hidden: tuple[str, ...] = ()
    """What tags of the file hide, how many pixels, and which settings read them."""
    placed: bool = True
    """Whether it says where it lies on the ground."""


def survey_image(image: str | Sequence[str]) -> ImageSurvey:
    """Look at an image, or at files whose bands become one."""
    from rasterio.crs import CRS

    with open_source(image if isinstance(image, str) else list(image)) as source:
        info = source.info
        hidden = tuple(
            f"{info.uri}: {found.settings_text}"
            for found in find_hidden(source, _LOOKED_AT)
            if found.pixels or found.doubtful
        )
    wkt = info.georeference.crs
    return ImageSurvey(
        info.height,
        info.width,
        info.bands,
        str(info.dtype),
        CRS.from_wkt(wkt).to_string() if wkt else None,
        info.band_names,
        info.masked,
        hidden,
        info.georeference.transform is not None,
    )
