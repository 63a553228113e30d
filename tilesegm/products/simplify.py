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

__all__ = ["simplify_outlines"]

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
