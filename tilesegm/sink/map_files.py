"""What a raster of a finished run is: its class map, or the confidence that lies beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tilesegm.errors import SourceError
from tilesegm.sink.provenance import MapFacts, read_map_facts
from tilesegm.source.base import ImageInfo
from tilesegm.source.names import is_zarr

__all__ = ["check_class_map", "confidence_beside"]


def check_class_map(info: ImageInfo, facts: MapFacts) -> None:
    """Refuse a raster that is no map of class ids.

    Raises:
        SourceError: it is another layer of a run, holds measurements, or has several bands.
    """
    if facts.layer != "classes":
        raise SourceError(
            f"{info.uri} holds the {facts.layer} of a class map; give the class map beside it"
        )
    if info.scaling:
        raise SourceError(f"{info.uri} holds measurements, not class ids; give a class map")
    if info.bands != 1:
        raise SourceError(
            f"{info.uri} has {info.bands} bands; expected one band of class ids, as a class map "
            "that `tilesegm predict` writes or a PNG of ids has"
        )


def confidence_beside(image: Any, facts: MapFacts) -> Path | None:
    """Return the confidence that the same run wrote beside its map; None where there is none.

    Args:
        image: the map, what `open_source` takes; only a path has files beside it.
        facts: of the map.
    """
    if not isinstance(image, str | os.PathLike) or facts.fingerprint is None:
        return None
    path = Path(os.fspath(image))
    if is_zarr(str(path)):
        beside = path / "confidence"
    else:
        beside = path.with_name(f"{path.stem}_confidence{path.suffix}")
    if not beside.exists() or read_map_facts(beside).fingerprint != facts.fingerprint:
        return None
    return beside
