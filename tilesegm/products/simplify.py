"""Fewer vertices for polygons that share borders, without gaps and overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.errors import BudgetError, InputError
from tilesegm.products.polygons import Outlines
from tilesegm.segmentation.machine import machine_memory

__all__ = ["simplify_outlines", "told_change"]

_WORTH_TELLING = 0.01
"""Part by which simplifying changes the area of a class before it is said."""
_VERTEX_BYTES = 600
"""Most memory per vertex while polygons are simplified, measured on class maps."""


def simplify_outlines(
    outlines: Outlines, ids: NDArray[np.int32], classes: Sequence[ClassInfo], tolerance: float
) -> NDArray[Any]:
    """Simplify all polygons together, so that shared borders stay shared.

    Neighbours have to be at hand, so this takes all polygons into memory.

    Args:
        outlines: with a vertex wherever the outlines of others meet.
        ids: ``(n,)`` class of each polygon.
        classes: of the map.
        tolerance: in pixels: corners whose triangle with their neighbours is smaller than the
            square of it go, the smallest first (Visvalingam and Whyatt 1993).

    Returns:
        ``(n,)`` polygons in pixel coordinates; empty ones are gone.

    Raises:
        BudgetError: the machine has too little memory.
        InputError: no polygon of a class would be left.
    """
    import shapely

    vertices = int(outlines.pieces[:, 1].sum())
    memory, needed = machine_memory(), vertices * _VERTEX_BYTES
    if memory is not None and needed > memory // 2:
        raise BudgetError(
            f"simplifying {vertices:,} vertices, all together so that borders stay shared, takes "
            f"about {needed / 1e9:.1f} GB, more than half of the {memory / 1e9:.1f} GB of this "
            "machine; leave --simplify out, take fewer with --min-area, --only or --aoi"
        )
    shapes = np.concatenate([each for _, each in outlines.batches()])
    simple = np.asarray(shapely.coverage_simplify(shapes, tolerance))
    gone = shapely.is_empty(simple)
    lost = sorted(set(ids.tolist()) - set(ids[~gone].tolist()))
    if lost:
        counts = ", ".join(f"{classes[n].name} ({np.sum(ids == n):,})" for n in lost)
        raise InputError(
            f"--simplify would drop all polygons of {counts}; take a smaller tolerance"
        )
    return simple


def told_change(
    simple: NDArray[Any],
    ids: NDArray[np.int32],
    pixels: NDArray[np.int64],
    classes: Sequence[ClassInfo],
) -> str:
    """Say which classes simplified polygons make larger or smaller by one percent or more.

    Args:
        simple: ``(n,)`` polygons in pixel coordinates.
        ids: ``(n,)`` class of each polygon.
        pixels: ``(n,)`` pixels of each object, before its outline was simplified.
        classes: of the map.
    """
    import shapely

    had = np.bincount(ids, pixels)
    there = np.flatnonzero(had)
    changes = np.bincount(ids, shapely.area(simple))[there] / had[there] - 1
    told = [
        f"{classes[there[n]].name} {changes[n]:+.1%}"
        for n in np.argsort(-np.abs(changes), kind="stable")
        if abs(changes[n]) >= _WORTH_TELLING
    ]
    if not told:
        return ""
    more = f" and {len(told) - 5} more classes" if len(told) > 5 else ""
    return (
        f"simplified polygons have other areas than the pixels: {', '.join(told[:5])}{more}; "
        "attributes of area are those of the pixels, and a smaller --simplify changes less"
    )
