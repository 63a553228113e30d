"""What labels hold, as settings need to know it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tilesegm.data.labels.values import Census
from tilesegm.source.vector.reading import Reading
from tilesegm.training.init.class_names import ClassNames

__all__ = ["LabelSurvey"]


@dataclass(frozen=True)
class LabelSurvey:
    """Values that labels hold."""

    kind: Literal["ids", "colours", "polygons"]
    counts: dict[int | str, int]
    """Pixels of each value, or millionths of the area of all polygons, in the order of values."""
    colours: dict[int | str, str]
    """``"#RRGGBB"`` of values that a palette, or the classification of polygons, gives one."""
    attribute: str | None = None
    """Attribute that holds the class of polygons."""
    census: Census = field(default_factory=Census)
    """All pixels of rasters, missing ones too."""
    readings: tuple[Reading, ...] = ()
    """What is to be told of vector files."""
    doubts: tuple[str, ...] = ()
    """What looks wrong about the values of polygons, in a line each."""
    complete: bool = False
    """Whether polygons come from a tool in which all else is background by custom."""
    names: ClassNames = field(default_factory=ClassNames)
    """Names that files beside the labels tell."""
    snapped: float = 0.0
    """Fraction of pixels whose colour lies between those of ``counts``."""
