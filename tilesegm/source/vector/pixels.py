"""Whether coordinates of a file count pixels of an image."""

from __future__ import annotations

from tilesegm.source.annotations.opened import open_annotations
from tilesegm.source.projection import in_degrees
from tilesegm.source.vector.address import PIXELS, VectorAddress
from tilesegm.source.vector.calls import vector_calls
from tilesegm.source.vector.degrees import are_degrees
from tilesegm.source.vector.listing import layer_extents, list_layers

__all__ = ["in_pixels", "may_count_pixels"]


def in_pixels(address: VectorAddress) -> bool:
    """Tell whether coordinates count pixels, since it is stated or the file is of such a kind."""
    if address.crs is not None:
        return address.crs == PIXELS
    if open_annotations(address.path) is not None:
        return True
    with vector_calls(address.path):
        fit = [entry for entry in list_layers(address) if entry.kind is not None]
        return bool(fit) and all(entry.info()["crs"] == PIXELS for entry in fit)


def may_count_pixels(address: VectorAddress) -> bool:
    """Tell whether a file names no coordinate system, or one of degrees that cannot be.

    GeoJSON names none where it means degrees, and so do programs that mean pixels.
    """
    if address.crs is not None or open_annotations(address.path) is not None:
        return False
    return all(
        crs in (None, PIXELS) or (in_degrees(crs) and not are_degrees(extent))
        for crs, extent in layer_extents(address)
    )
