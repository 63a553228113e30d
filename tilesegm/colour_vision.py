"""How far apart colours look, to people of normal and of deficient colour vision."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["appearance", "distances"]

# Linear RGB as people without red cones (protanopia) and without green cones (deuteranopia) see it:
# Machado, Oliveira, Fernandes: A Physiologically-based Model for Simulation of Color Vision
# Deficiency (2009), severity 1.0.
_VISIONS = np.array(
    [
        np.eye(3),
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    ]
)
# sRGB to XYZ (IEC 61966-2-1), divided by the white point D65.
_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_XYZ /= _XYZ.sum(1, keepdims=True)
_LAB = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]])


def appearance(colours: ArrayLike) -> NDArray[np.float64]:
    """Return what colours look like: CIE L*a*b* for each of three kinds of colour vision.

    Args:
        colours: ``(N, 3)`` red, green, blue; 0 to 255.

    Returns:
        ``(N, 3, 3)``: colour, kind of vision (normal, protanopia, deuteranopia), L*a*b*.
    """
    rgb = np.asarray(colours, np.float64).reshape(-1, 3) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.einsum("vij,nj->nvi", _VISIONS, linear), 0, 1)
    xyz = seen @ _XYZ.T
    bent = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.asarray(bent @ _LAB.T - [16, 0, 0])


def distances(
    some: NDArray[np.float64], one: NDArray[np.float64], normal: float = 1
) -> NDArray[np.float64]:
    """Return how far colours are from one other colour, ``(N,)``, in units of CIE L*a*b*.

    It is the distance in the kind of vision that tells them apart worst.

    Args:
        some: ``(N, 3, 3)``, as `appearance` gives them.
        one: ``(3, 3)``, likewise.
        normal: factor of the distance in normal vision; with 1/2, colours are twice as far apart
            to most people as they need be to the colour-blind.
    """
    return np.asarray((np.sqrt(((some - one) ** 2).sum(-1)) * [normal, 1, 1]).min(-1))
