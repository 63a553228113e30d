"""Why no polygon of a file touches an image."""

from __future__ import annotations

from collections.abc import Callable

from rasterio.crs import CRS

from tilesegm.errors import SourceError
from tilesegm.source.annotations.opened import open_annotations
from tilesegm.source.base import ImageInfo
from tilesegm.source.footprint import Footprint
from tilesegm.source.projection import in_degrees
from tilesegm.source.vector.address import PIXELS, VectorAddress
from tilesegm.source.vector.degrees import Extent, refuse_no_degrees
from tilesegm.source.vector.listing import layer_extents
from tilesegm.source.vector.reading import Reading

__all__ = ["explain_miss"]


def explain_miss(
    address: VectorAddress,
    info: ImageInfo,
    footprint: Callable[[str | None], Footprint],
    reading: Reading,
) -> str:
    """Say that polygons lie elsewhere, or that there are none.

    Raises:
        SourceError: the coordinates cannot be what the file says of them.
    """
    path = address.path
    annotations = open_annotations(path)
    if annotations is not None:
        told = [f"{text}: {len(which)}" for text, which in reading.findings.items()]
        if reading.empty:
            return f"{path} holds no polygon of {info.uri}: {'; '.join(told) or 'it has no shapes'}"
        return f"{path} misses the image {info.uri}: none of its shapes touches it"
    if reading.empty:
        return f"{path} holds no polygon: it has no features"
    extents = layer_extents(address)
    for crs, extent in extents:
        state = f"state the coordinate system that they have: {path}|crs=EPSG:CODE"
        if in_degrees(crs):
            refuse_no_degrees(path, extent)
        if crs is None:
            raise SourceError(
                f"{path} has no coordinate system, and taken to have that of {info.uri} none of "
                f"its polygons touches the image; {state}"
            )
        left, bottom, right, top = extent
        swapped = (bottom, left, top, right)
        if in_degrees(crs) and any(reach.meets(swapped) for reach in footprint(crs).reaches):
            raise SourceError(
                f"{path} misses the image {info.uri}, but would not if longitude and latitude were "
                f"exchanged: it seems to have latitude first; write longitude first"
            )
    places = "; ".join(f"{_listed(extent)} in {_short(crs)}" for crs, extent in extents[:3])
    reaches = footprint(extents[0][0]).reaches if extents else ()
    # Of several that differ by a turn around the Earth, the second is that of the image itself.
    here = reaches[min(1, len(reaches) - 1)].bounds if reaches else None
    image = f" and the image at {_listed(here)}" if here else ""
    return (
        f"{path} misses the image {info.uri}: none of its polygons touches it; they lie at "
        f"{places}{image}; check its coordinate system, or state another: {path}|crs=EPSG:CODE"
    )


def _listed(extent: Extent) -> str:
    return "{:.6g}, {:.6g} to {:.6g}, {:.6g}".format(*extent)


def _short(crs: str | None) -> str:
    if crs is None or crs == PIXELS:
        return crs or "no coordinate system"
    known = CRS.from_user_input(crs)
    code = known.to_epsg()
    return f"EPSG:{code}" if code else known.to_wkt().split('"')[1]
