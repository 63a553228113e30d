"""Opens labels, and lays them on the grid of their image."""

from __future__ import annotations

from typing import Any

from tilesegm.data.labels.base import Labels
from tilesegm.data.labels.raster import RasterLabels
from tilesegm.data.labels.vector import VectorLabels
from tilesegm.data.settings import LabelSettings
from tilesegm.errors import SourceError
from tilesegm.source.aligned import AlignedSource
from tilesegm.source.base import ImageInfo, Source, same_place
from tilesegm.source.open import open_source
from tilesegm.source.options import Nodata, SourceOptions
from tilesegm.source.placement import overlap
from tilesegm.source.raster import RasterSource
from tilesegm.source.resampled import ResampledSource
from tilesegm.source.vector.address import VectorAddress, is_vector

__all__ = ["open_labels", "open_on_grid"]


def open_labels(path: str, settings: LabelSettings, info: ImageInfo) -> Labels:
    """Open the labels of an image.

    Args:
        path: raster of ids, mask of colours, or vector file with polygons, also as
            ``FILE|layername=NAME|crs=EPSG:CODE``.
        settings: what its values mean.
        info: of the image, on whose grid the labels are read.

    Returns:
        The labels, of the image's height and width.

    Raises:
        SourceError: the file cannot be read, does not fit the image, or cannot hold the values
            that ``settings`` name.
        SettingsError: ``settings`` lack what a vector file needs.
    """
    if is_vector(path):
        return VectorLabels(VectorAddress.parse(path), settings, info)
    source = open_on_grid(path, info, settings.nodata)
    try:
        return RasterLabels(source, settings)
    except BaseException:
        source.close()
        raise


def open_on_grid(
    image: Any, info: ImageInfo, nodata: Nodata | None = None, what: str = "labels"
) -> Source:
    """Open a raster, or an array, on the grid of an image.

    Pixel belongs to pixel where the sizes are equal and nothing says otherwise; of an image that is
    resampled, its own pixels count. A georeferenced
    raster of another grid is read by nearest neighbour; it is missing where it does not reach.

    Args:
        image: path of the raster, or an array.
        info: of the image.
        nodata: value of missing pixels, in place of the raster's own.
        what: what the raster is called in messages.

    Raises:
        SourceError: the raster cannot be read, or does not lie on the image.
    """
    source = open_source(image, nodata=nodata)
    try:
        if _on_grid(source.info, info):
            return source
        if (source.info.height, source.info.width) == info.original:
            # On the image's own pixels, which are resampled.
            read = ResampledSource(source, info.height, info.width, nearest=True)
            if _on_grid(read.info, info):
                return read
        _check_alignable(source, info, what)
        if not isinstance(source, RasterSource):
            return AlignedSource(source, info)
    except BaseException:
        source.close()
        raise
    source.close()
    return RasterSource(source.info.address, SourceOptions(nodata=nodata), info)


def _on_grid(labels: ImageInfo, image: ImageInfo) -> bool:
    if (labels.height, labels.width) != (image.height, image.width):
        return False
    there, here = labels.georeference, image.georeference
    return same_place(here, there, image.height, image.width) and (
        None in (here.crs, there.crs, here.transform, there.transform) or here.crs == there.crs
    )


def _check_alignable(source: Source, image: ImageInfo, what: str) -> None:
    """Refuse a raster that cannot be laid on the image, with the reason."""
    labels = source.info
    sizes = f"{labels.height} x {labels.width} pixels and the image {image.height} x {image.width}"
    for info in (image, labels):
        if info.georeference.transform is None:
            turned = (labels.width, labels.height) == (image.height, image.width)
            raise SourceError(
                f"{what} {labels.uri} have {sizes}, and {info.uri} has no georeference to align "
                f"them by; give {what} of the image's size"
                + (" (a photo is read upright, as its EXIF tag says)" if turned else "")
            )
    if not overlap(labels, image):
        raise SourceError(
            f"{what} {labels.uri} lie beside the image {image.uri}: they have no pixel in common; "
            "check the coordinate systems"
        )
