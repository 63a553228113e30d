"""Connected parts of one strip of a class map, by its runs of equal pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["Parts", "connect", "count_pairs", "label_strip"]


@dataclass(frozen=True)
class Parts:
    """Connected parts of a strip; pixels that share a side and their id are connected."""

    labels: NDArray[np.int32]
    """``(rows, width)`` number of each pixel's part, from 0."""
    count: int
    starts: NDArray[np.int64]
    """Position in the strip of the first pixel of each run."""
    lengths: NDArray[np.int64]
    """Pixels of each run."""
    of_runs: NDArray[np.int32]
    """Part of each run."""


def label_strip(ids: NDArray[np.int32]) -> Parts:
    """Number the connected parts of ``(rows, width)`` ids in the order of their first pixels."""
    opens = np.ones(ids.shape, bool)
    np.not_equal(ids[:, 1:], ids[:, :-1], out=opens[:, 1:])
    runs = np.cumsum(opens.reshape(-1), dtype=np.int32).reshape(ids.shape)
    runs -= 1
    # Two runs meet in one column or more; the first of these is where one of them begins.
    meet = (ids[1:] == ids[:-1]) & (opens[1:] | opens[:-1])
    starts = np.flatnonzero(opens)
    of_runs, count = connect(runs[:-1][meet], runs[1:][meet], len(starts))
    lengths = np.diff(starts, append=ids.size)
    return Parts(of_runs[runs], count, starts, lengths, of_runs)


def connect(
    one: NDArray[np.integer], other: NDArray[np.integer], count: int
) -> tuple[NDArray[np.int32], int]:
    """Join numbers below ``count`` by pairs.

    Returns:
        For each number that of its group, in the order of their first members; and how many
        groups there are.
    """
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(count, count))
    groups, of_numbers = connected_components(graph, directed=False)
    first = np.full(groups, count, np.int64)
    np.minimum.at(first, of_numbers, np.arange(count))
    rank = np.empty(groups, np.int32)
    rank[np.argsort(first)] = np.arange(groups, dtype=np.int32)
    return rank[of_numbers], groups


def count_pairs(
    one: NDArray[np.integer], other: NDArray[np.integer], counts: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Count pairs of numbers, whichever comes first, and add up ``counts`` of equal ones.

    Returns:
        The lower number, the higher number and the count of each pair, sorted.
    """
    low, high = np.minimum(one, other).astype(np.int64), np.maximum(one, other).astype(np.int64)
    codes, inverse = np.unique((low << 32) | high, return_inverse=True)
    sums = np.bincount(inverse, counts, minlength=len(codes)).astype(np.int64)
    return codes >> 32, codes & 0xFFFFFFFF, sums
