"""Holes in the objects of a class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.products.labelling import connect
from tilesegm.products.objects import Objects

__all__ = ["fill_holes"]


def fill_holes(
    objects: Objects, kind: int, size: tuple[int, int], sizes: NDArray[Any], limit: float
) -> tuple[Objects, int]:
    """Give to a class what it surrounds.

    A hole is what is connected by sides and not of the class, whatever its own classes are. One
    that touches the edge of the map or pixels without a class is none.

    Args:
        objects: with their borders.
        kind: id of the class.
        size: height and width of the map.
        sizes: ``(n,)`` size of each object.
        limit: size from which a hole stays.

    Returns:
        The objects afterwards, and how many holes were filled.
    """
    borders = objects.borders
    assert borders is not None
    count, other_kind = len(objects), objects.ids != kind
    inside = (borders.one >= 0) & other_kind[borders.one] & other_kind[borders.other]
    groups, found = connect(borders.one[inside], borders.other[inside], count)
    edge = (objects.box[:, :2] == 0).any(1) | (objects.box[:, 2:] == size).any(1)
    edge[borders.other[borders.one < 0]] = True
    open_ones = np.bincount(groups, edge, minlength=found) > 0
    total = np.bincount(groups, sizes, minlength=found)
    holes = ~open_ones & (total < limit)
    filled = holes[groups] & other_kind
    new = np.where(filled, kind, objects.ids).astype(np.int32)
    return objects.relabel(new), len(np.unique(groups[filled]))
