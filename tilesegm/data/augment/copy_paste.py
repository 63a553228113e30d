"""Rare classes pasted from one window into another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tilesegm.data.augment.mix import paste
from tilesegm.data.patch import Patch

__all__ = ["copy_paste"]

_EIGHT_NEIGHBOURS = np.ones((3, 3), np.bool_)


def copy_paste(
    patch: Patch, other: Patch, random: np.random.Generator, rare: NDArray[np.floating]
) -> Patch:
    """Paste regions of one class from another patch, with their pixels, labels and weights.

    After Ghiasi et al. (CVPR 2021): a random part of the objects, without blending their edges. A
    region is what is connected by edges or corners; each is pasted with probability 1/2, at least
    one. Regions stay where they were in their window, so one that its edge had cut is cut by the
    edge again and not in the open. Pixels that are missing in ``patch`` stay missing.

    Args:
        patch: the patch that is pasted into.
        other: where regions come from, of the same shape.
        random: source of chance.
        rare: share ``(classes,)`` with which each class is chosen, among those that ``other``
            holds; classes of share 0 never are.
    """
    held = np.bincount(other.labels[other.labels >= 0], minlength=len(rare)) > 0
    share = np.where(held, rare, 0.0)
    if not share.sum() > 0:
        return patch
    chosen = int(random.choice(len(share), p=share / share.sum()))
    regions, count = ndimage.label(other.labels == chosen, _EIGHT_NEIGHBOURS)
    taken = random.uniform(size=count) < 0.5
    taken[random.integers(count)] = True
    inside = np.concatenate([[False], taken])[regions]
    return paste(patch, other, inside & patch.valid)
