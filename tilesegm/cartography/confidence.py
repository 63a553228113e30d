"""The confidence of a class map: the layer beside it, or a raster that the user names."""

from __future__ import annotations

from tilesegm.cartography.class_map import ShownMap
from tilesegm.errors import SourceError
from tilesegm.sink.map_files import confidence_beside
from tilesegm.sink.provenance import read_map_facts
from tilesegm.source.base import Source, same_place
from tilesegm.source.open import open_source

__all__ = ["kind_of_confidence", "open_confidence"]

_KINDS = {
    "top": "the probability of the class",
    "margin": "the probability of the class over that of the second",
    "entropy": "one minus the entropy of the probabilities",
    "agreement": "the share of the models that choose the class",
}


def open_confidence(shown: ShownMap, given: str | None = None) -> Source | None:
    """Open the confidence of a map, values from 0 to 1; None where there is none.

    Args:
        shown: the map.
        given: a raster in place of the layer of the same run that lies beside the map.

    Raises:
        SourceError: the raster cannot be read, or is not on the grid of the map.
    """
    path = given or confidence_beside(shown.path, shown.facts)
    if path is None:
        return None
    facts = read_map_facts(path)
    if facts.version is not None and facts.layer != "confidence":
        raise SourceError(
            f"{path} holds the {facts.layer} of a map; give its confidence, which predict "
            "--confidence top writes"
        )
    with open_source(path) as stored:
        scaled = bool(stored.info.scaling)
    source = open_source(path, unscale=scaled)
    info, grid = source.info, shown.info
    size, wanted = (info.height, info.width), (grid.height, grid.width)
    here, there = info.georeference, shown.place
    if info.bands == 1 and size == wanted and same_place(here, there, *size):
        return source
    source.close()
    if given is None:
        return None
    raise SourceError(
        f"{info.uri} has {info.bands} bands of {info.height} x {info.width} pixels; expected one "
        f"band on the grid of {grid.uri}, {grid.height} x {grid.width} pixels"
    )


def kind_of_confidence(shown: ShownMap) -> str:
    """Say what confidence is in a map of ours; nothing where it does not tell."""
    return _KINDS.get(shown.facts.confidence or "", "")
