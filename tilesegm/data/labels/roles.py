"""Labels of several roles on one image: each place belongs to one role."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.instances import Instances
from tilesegm.data.labels.base import Labels
from tilesegm.data.patch import IGNORE
from tilesegm.data.weight_map import WeightMap
from tilesegm.grid.window import Window
from tilesegm.source.area import Area
from tilesegm.source.identity import Identity

__all__ = ["LabelPart", "RoleLabels", "RolePlaces"]

_ORDER = ("test", "validation", "train")
"""Roles by their claim to a cell that several have labels in."""
_SMALLEST, _LARGEST, _CELLS = 16, 64, 2**18
"""Bounds of a cell's side, and cells of an image that cost little."""


@dataclass(frozen=True)
class LabelPart:
    """Labels of one role."""

    role: str
    labels: Labels
    area: Area | None = None
    """Outside of it the labels do not count."""
    instances: Instances | None = None
    """Objects that the labels or the weights of borders are made of."""
    weights: WeightMap | None = None
    """Labels do not count where the weight is 0."""

    def read(self, window: Window) -> NDArray[np.int32]:
        """Return ``(height, width)`` labels, ``IGNORE`` outside the area and at weight 0."""
        labels = self.labels.read(window)
        if self.area is not None:
            labels[~self.area.mask(window)] = IGNORE
        if self.weights is not None:
            labels[self.weights.read(window) == 0] = IGNORE
        return labels

    @property
    def identity(self) -> Identity:
        """Names and values that differ when labels or area do."""
        pairs = [("labels", self.labels.identity)]
        pairs += [("area", self.area.identity)] if self.area else []
        pairs += [("instances", self.instances.identity)] if self.instances else []
        pairs += [("weights", self.weights.identity)] if self.weights else []
        return tuple((f"{self.role}.{part}.{name}", v) for part, them in pairs for name, v in them)

    def close(self) -> None:
        """Close all files."""
        self.labels.close()
        for part in (self.instances, self.weights):
            if part is not None:
                part.close()


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class RolePlaces:
    """Which role each cell of an image belongs to, and what that costs."""

    side: int
    """Rows and columns of a cell; those at the lower and right edge are cut off by the image."""
    owners: NDArray[np.int8]
    """``(R, C)`` index of the role in ``roles``; of cells without labels the last one."""
    roles: tuple[str, ...]
    labelled: tuple[int, ...]
    """Labelled pixels of each role."""
    beside: tuple[int, ...]
    """Of these, pixels in cells of another role, which do not count."""
    shared: tuple[int, ...]
    """Of these, pixels that the owner of the cell labels too."""

    def rectangles(self, height: int, width: int) -> Iterator[tuple[str, Window]]:
        """Cut an image into rectangles of one role each."""
        open_runs: dict[tuple[int, int, int], int] = {}
        for row in range(len(self.owners) + 1):
            runs = _runs(self.owners[row]) if row < len(self.owners) else []
            for run in [run for run in open_runs if run not in runs]:
                top, (first, stop, role) = open_runs.pop(run) * self.side, run
                left, bottom = first * self.side, min(row * self.side, height)
                right = min(stop * self.side, width)
                yield self.roles[role], Window(top, left, bottom - top, right - left)
            for run in runs:
                open_runs.setdefault(run, row)


class RoleLabels:
    """Labels of several roles on one image.

    The image is cut into cells of 16 to 64 pixels. A cell in which test labels lie is one of the
    test, any other one with validation labels is held out, and labels of other roles in it do not
    count: so a label belongs to exactly one role, and roles are split by whole cells.
    """

    def __init__(self, parts: Sequence[LabelPart]) -> None:
        """Take the labels of each role, all of one height and width."""
        self.parts = tuple(sorted(parts, key=lambda part: _ORDER.index(part.role)))
        first = self.parts[0].labels
        self.height, self.width = first.height, first.width
        self.identity: Identity = tuple(pair for part in self.parts for pair in part.identity)
        side = math.isqrt(self.height * self.width // _CELLS)
        self._side = min(_LARGEST, max(_SMALLEST, 1 << max(side - 1, 0).bit_length()))

    def read(self, window: Window) -> NDArray[np.int32]:
        """Return ``(height, width)`` class ids or ``IGNORE``; see `Labels.read`."""
        whole = self._cells(window)
        values, owners = self._read(whole)
        of_pixel = self._spread(owners, whole)
        labels = np.full(of_pixel.shape, IGNORE, np.int32)
        for number, part in enumerate(values):
            np.copyto(labels, part, where=of_pixel == number)
        inside: NDArray[np.int32] = labels[window.shift(-whole.row, -whole.col).slices]
        return np.ascontiguousarray(inside)

    def places(self) -> RolePlaces:
        """Find the role of each cell, reading all labels once by strips."""
        count = len(self.parts)
        labelled, beside, shared = (np.zeros(count, np.int64) for _ in range(3))
        rows = []
        for strip in Window(0, 0, self.height, self.width).tiles(self._side, self.width):
            values, owners = self._read(strip)
            rows.append(owners)
            known = np.stack(values) != IGNORE
            of_pixel = self._spread(owners, strip)
            by_owner = np.take_along_axis(known, of_pixel[None].astype(np.intp), 0)[0]
            for number in range(count):
                lost = known[number] & (of_pixel != number)
                labelled[number] += known[number].sum()
                beside[number] += lost.sum()
                shared[number] += (lost & by_owner).sum()
        return RolePlaces(
            side=self._side,
            owners=np.concatenate(rows),
            roles=tuple(part.role for part in self.parts),
            labelled=tuple(labelled.tolist()),
            beside=tuple(beside.tolist()),
            shared=tuple(shared.tolist()),
        )

    def _cells(self, window: Window) -> Window:
        """Widen a window to whole cells."""
        side = self._side
        top, left = window.row // side * side, window.col // side * side
        bottom = min(-(-window.stop_row // side) * side, self.height)
        right = min(-(-window.stop_col // side) * side, self.width)
        return Window(top, left, bottom - top, right - left)

    def _read(self, window: Window) -> tuple[list[NDArray[np.int32]], NDArray[np.int8]]:
        """Read the labels of each part in whole cells, and the owners of these."""
        values = [part.read(window) for part in self.parts]
        rows, cols = (np.arange(0, n, self._side) for n in (window.height, window.width))
        has = [
            np.logical_or.reduceat(np.logical_or.reduceat(v != IGNORE, rows, 0), cols, 1)
            for v in values
        ]
        # Of a cell without any label the last part is the owner.
        has[-1][:] = True
        return values, np.argmax(has, axis=0).astype(np.int8)

    def _spread(self, owners: NDArray[np.int8], window: Window) -> NDArray[np.int8]:
        """Return the owner of each pixel of a window of whole cells."""
        wide = owners.repeat(self._side, 0).repeat(self._side, 1)
        return wide[: window.height, : window.width]

    def close(self) -> None:
        """Close the labels of each role."""
        for part in self.parts:
            part.close()


def _runs(row: NDArray[np.int8]) -> list[tuple[int, int, int]]:
    """Return first, stop and value of runs of equal values."""
    edges = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
    return [(first, stop, int(row[first])) for first, stop in pairwise(edges)]
