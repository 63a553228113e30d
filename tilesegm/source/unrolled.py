"""Polygons on a cylinder, laid out flat: where they cross the seam, and around a pole."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_torn", "unrolled"]


def is_torn(polygons: NDArray[Any], turn: float) -> NDArray[np.bool_]:
    """Tell which polygons have an edge longer than half a turn, which no short edge can become."""
    import shapely

    xy, owners = shapely.get_coordinates(polygons, return_index=True)
    torn = np.zeros(len(polygons), bool)
    # The step from one polygon to the next is none of its edges; from ring to ring is no matter.
    jumps = (np.abs(np.diff(xy[:, 0])) > turn / 2) & (np.diff(owners) == 0)
    torn[owners[1:][jumps]] = True
    return torn


def unrolled(polygon: Any, turn: float, pole: float, bounds: tuple[float, float]) -> Any:
    """Lay a polygon of short edges out flat, once for each turn that reaches the image.

    Args:
        polygon: polygon or multipolygon whose x jump by a turn at the seam.
        turn: by how much x grows around the cylinder.
        pole: y of the pole that a ring around the cylinder holds.
        bounds: least and greatest x of the image.

    Returns:
        A polygon or multipolygon.
    """
    import shapely

    flat = []
    for part in shapely.get_parts(polygon):
        shell, *holes = (
            _unrolled(shapely.get_coordinates(ring), turn) for ring in shapely.get_rings(part)
        )
        if abs(shell[-1, 0] - shell[0, 0]) > turn / 2:
            # It does not close, for it runs around the pole: to the pole and back along the edge.
            corners = [(shell[-1, 0], pole), (shell[0, 0], pole), tuple(shell[0])]
            shell = np.concatenate([shell, corners])
        left, right = shell[:, 0].min(), shell[:, 0].max()
        for hole in holes:
            hole[:, 0] += turn * np.ceil((left - hole[:, 0].min()) / turn)
        first = int(np.ceil((bounds[0] - right) / turn))
        last = int(np.floor((bounds[1] - left) / turn))
        flat += [
            shapely.Polygon(shell + aside, [hole + aside for hole in holes])
            for aside in np.array([(n * turn, 0.0) for n in range(first, last + 1)]).reshape(-1, 2)
        ]
    if not flat:
        return None
    valid = shapely.make_valid(np.array(flat), method="structure", keep_collapsed=False)
    return shapely.union_all(valid)


def _unrolled(ring: NDArray[np.float64], turn: float) -> NDArray[np.float64]:
    ring = ring.copy()
    ring[:, 0] = np.unwrap(ring[:, 0], period=turn)
    return ring
