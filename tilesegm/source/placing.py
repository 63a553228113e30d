"""Whether two images lie on one grid."""

from __future__ import annotations

import numpy as np

from tilesegm.source.base import Georeference

__all__ = ["same_place"]

_TOLERANCE = 1e-3
"""Pixels by which the corners of two grids may differ and still be one grid."""


def same_place(here: Georeference, there: Georeference, height: int, width: int) -> bool:
    """Tell whether two images of one size lie at the same place, as far as both of them tell.

    Args:
        here: georeference of one image.
        there: that of the other.
        height: of both images.
        width: of both images.
    """
    if here.transform is None or there.transform is None:
        return True
    a, b, _, d, e, _ = here.transform
    allowed = _TOLERANCE * max(abs(a), abs(b), abs(d), abs(e))
    one, two = (np.array(g.transform).reshape(2, 3) for g in (here, there))
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]])
    return bool(np.abs((one - two) @ corners.T).max() <= allowed)
