"""How far a network sees, measured: change one side of an image and look how far scores change."""

from __future__ import annotations

import numpy as np

from tilesegm.errors import ModelError
from tilesegm.model.base import Predictor

__all__ = ["probe_halo", "probe_radius"]


def probe_radius(predictor: Predictor, *, length: int = 512, seed: int = 0) -> int:
    """Measure the largest distance at which an input pixel changes a score.

    An image of noise is compared with one that has brighter noise beyond a line, for a line at each
    position within a stride, from all four sides. What is found is a lower bound: a change may be
    too small for float32 or stopped by a rectifier, and layers that see the whole tile give
    ``length / 2``.

    Args:
        predictor: a network; its ``spec`` tells the stride and the bands.
        length: long side of the images in pixels, more than twice the radius.
        seed: of the noise.

    Raises:
        ModelError: the network does not say how many bands it takes.
    """
    stride = predictor.spec.stride
    return _probe(predictor, length, seed, range(stride))


def probe_halo(predictor: Predictor, *, length: int = 512, seed: int = 0) -> int:
    """Measure the margin of a tile that its edge changes, on the stride's grid.

    See `probe_radius`.
    """
    return _probe(predictor, length, seed, range(1))


def _probe(predictor: Predictor, length: int, seed: int, phases: range) -> int:
    spec = predictor.spec
    if spec.bands is None:
        raise ModelError(f"{spec.name} takes any number of bands; a probe needs one")
    length = -(-length // spec.stride) * spec.stride
    random = np.random.default_rng(seed)
    strip = (1, length, 2 * spec.stride, spec.bands)
    # Brighter beyond the line: whatever takes a maximum or a rectified sum lets the change through.
    first = random.uniform(0.0, 1.0, strip).astype(np.float32)
    second = random.uniform(1.0, 2.0, strip).astype(np.float32)
    middle = length // 2 // spec.stride * spec.stride
    farthest = 0
    for axes in ((0, 1, 2, 3), (0, 2, 1, 3)):
        reference = predictor(np.ascontiguousarray(first.transpose(axes)))
        for phase in phases:
            edge = middle + phase
            for below in (True, False):
                mixed = first.copy()
                beyond = slice(None, edge) if below else slice(edge, None)
                mixed[:, beyond] = second[:, beyond]
                scores = predictor(np.ascontiguousarray(mixed.transpose(axes)))
                changed = np.flatnonzero(
                    (scores != reference).any(axis=(0, 1, 3 if axes[1] == 1 else 2))
                )
                if changed.size:
                    reach = changed[-1] - (edge - 1) if below else edge - changed[0]
                    farthest = max(farthest, int(reach))
    return farthest
