"""A segmentation whose results are arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tilesegm.engine.plan import Plan
from tilesegm.pictures.colours import colour_classes
from tilesegm.pictures.png import encode_png
from tilesegm.pictures.sheet import Panel, draw_sheet
from tilesegm.shown import visible
from tilesegm.sink.layer import PROBABILITY
from tilesegm.source.base import Georeference
from tilesegm.source.ground import RowAreas

__all__ = ["SegmentedImage", "decoded"]

_SIDE = 400
"""Pixels along the longer side of the picture in a notebook."""
_LISTED = 4
"""Classes of which the text of this value tells how much there is."""


@dataclass(frozen=True, kw_only=True, eq=False)  # arrays have no truth value
class SegmentedImage:
    """The classes of an image as arrays; the same pixels as the files of a segmentation hold."""

    classes: NDArray[np.uint8] | NDArray[np.uint16]
    """``(height, width)``: class id of each pixel, `nodata` where there is none."""
    plan: Plan
    stored: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    """Further results as files hold them, by name: ``confidence``, ``scores``."""
    tiles: int
    """Tiles computed."""
    skipped: int
    """Tiles that held no pixel of interest and were not computed."""
    infinite: int = 0
    """Pixels that are missing because a band is infinite."""
    empty: int = 0
    """Pixels without a class: missing in the image, or outside the area of interest."""
    seconds: float
    """Wall time, from opening the image."""
    notes: tuple[str, ...] = ()
    """What was assumed, left out or looks wrong, in a line each."""

    @property
    def nodata(self) -> int:
        """Value of pixels without a class: 255, or 65535 above 255 classes."""
        return int(np.iinfo(self.classes.dtype).max)

    @property
    def confidence(self) -> NDArray[np.float32] | None:
        """``(height, width)`` 0 to 1, NaN without a class; None unless it was asked for."""
        return self._decoded("confidence")

    @property
    def scores(self) -> NDArray[Any] | None:
        """``(classes, height, width)`` probabilities, NaN without a class; None unless asked for.

        float32 where they are kept as uint8, in steps of 1/254; as they are kept else.
        """
        return self._decoded("scores")

    def _decoded(self, layer: str) -> NDArray[Any] | None:
        return decoded(self.stored[layer]) if layer in self.stored else None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class id, from 0."""
        return tuple(info.name for info in self.plan.spec.classes)

    @property
    def colours(self) -> tuple[tuple[int, int, int], ...]:
        """Red, green and blue of each class, 0 to 255."""
        return tuple(info.colour for info in self.plan.spec.classes)

    @property
    def georeference(self) -> Georeference:
        """Where the pixels lie; those of an array lie nowhere."""
        return self.plan.info.georeference

    @property
    def pixels(self) -> dict[str, int]:
        """Number of pixels of each class, by its name."""
        return dict(zip(self.class_names, self._counts().sum(0).tolist(), strict=True))

    @property
    def area(self) -> dict[str, float]:
        """Area of each class by its name, in `area_unit`; in degrees and Mercator geodesic."""
        areas = self._ground().rows @ self._counts()
        return dict(zip(self.class_names, areas.tolist(), strict=True))

    @property
    def area_unit(self) -> Literal["m2", "um2", "px"]:
        """Unit of `area`: square metres, square micrometres on a slide, or pixels."""
        return self._ground().unit

    def _ground(self) -> RowAreas:
        return RowAreas.of(self.georeference, self.classes.shape[0])

    def _counts(self) -> NDArray[np.int64]:
        """Pixels of each class in each row, ``(height, classes)``."""
        size = len(self.plan.spec.classes)
        rows = (np.bincount(row, minlength=size)[:size] for row in self.classes)
        return np.stack(list(rows)).astype(np.int64)

    def summary(self) -> dict[str, Any]:
        """Plain values for a table or JSON."""
        info = self.plan.info
        return {
            "image": info.uri,
            "height": info.height,
            "width": info.width,
            "classes": len(self.class_names),
            "pixels": self.pixels,
            "area": self.area,
            "area_unit": self.area_unit,
            "tiles": self.tiles,
            "skipped": self.skipped,
            "infinite_pixels": self.infinite,
            "empty_pixels": self.empty,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }

    def __repr__(self) -> str:
        height, width = self.classes.shape
        total = max(height * width - self.empty, 1)
        parts = sorted(self.pixels.items(), key=lambda pair: -pair[1])
        told = [f"{visible(name)} {100 * count / total:.0f} %" for name, count in parts[:_LISTED]]
        more = [f"{len(parts) - _LISTED} more"] if len(parts) > _LISTED else []
        notes = f"; {self._noted}" if self.notes else ""
        return f"SegmentedImage({height} x {width} px: {', '.join([*told, *more])}{notes})"

    def _repr_png_(self) -> bytes:
        """Return a small picture with a legend, which notebooks show."""
        step = -(-max(self.classes.shape) // _SIDE)
        ids = self.classes[::step, ::step]
        infos = self.plan.spec.classes
        seen = np.flatnonzero(np.bincount(ids.ravel(), minlength=len(infos))[: len(infos)])
        panel = Panel(self.plan.info.uri, colour_classes(ids, infos))
        note = f"{self._noted}: see .notes of this result" if self.notes else ""
        return encode_png(draw_sheet([[panel]], [infos[number] for number in seen], note))

    @property
    def _noted(self) -> str:
        return f"{len(self.notes)} note{'s'[: len(self.notes) - 1]}"


def decoded(stored: NDArray[Any]) -> NDArray[Any]:
    """Return confidence or scores as what they mean, 0 to 1 and NaN without a class.

    Args:
        stored: uint8 as files hold them; others are returned as they are.
    """
    if stored.dtype != np.uint8:
        return stored
    values = stored * np.float32(PROBABILITY.scale)
    values[stored == PROBABILITY.nodata] = np.nan
    return values
