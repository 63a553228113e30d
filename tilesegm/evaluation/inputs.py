"""A prediction and its truth as the user gives them, and as they turn out to be."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from tilesegm.data.settings import LabelSettings
from tilesegm.grid.window import Window
from tilesegm.metrics.evaluation import Decided
from tilesegm.metrics.seams import SeamMap
from tilesegm.shown import without_secrets
from tilesegm.source.base import ImageInfo
from tilesegm.source.options import Nodata

__all__ = ["InspectedPair", "MapPair"]


@dataclass(frozen=True)
class MapPair:
    """A class map, the truth, and what else belongs to them; see `evaluate`."""

    prediction: Any
    truth: Any
    area: Any = None
    confidence: Any = None
    scores: Any = None
    windows: tuple[Window, ...] | None = None
    """Parts of the map that count, such as those that were held out; None: all of it."""


@dataclass(frozen=True, kw_only=True)
class InspectedPair:
    """A pair whose grid and classes are known, and whose parts fit each other."""

    given: MapPair
    info: ImageInfo
    """Of the prediction, whose grid is that of everything."""
    classes: tuple[str, ...]
    seams: SeamMap | None
    """Where tiles met, if the prediction tells."""
    labels: LabelSettings | None
    """How the truth is read, if it is no raster of ids."""
    nodata: Nodata | None = None
    """Value of missing pixels of the truth in place of its own; ``"none"`` holds for both maps."""
    own: bool = False
    """Whether the prediction tells its classes, so that its ids need no guess."""
    more_classes: tuple[str, ...] = ()
    """Names of classes that the prediction tells beyond those that are scored."""
    decision: Decided = field(default_factory=Decided)
    """How its classes were decided, if the prediction tells."""
    notes: tuple[str, ...] = ()
    """What one should know before trusting scores, in a line each."""

    @property
    def name(self) -> str:
        """Path of the prediction."""
        return self.info.uri

    @property
    def truth_name(self) -> str:
        """Path of the truth."""
        truth = self.given.truth
        named = isinstance(truth, str | os.PathLike)
        return without_secrets(os.fspath(truth)) if named else "<array>"

    @property
    def height(self) -> int:
        """Rows of the prediction."""
        return self.info.height

    @property
    def width(self) -> int:
        """Columns of the prediction."""
        return self.info.width
