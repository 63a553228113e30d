"""Windows made of two: CutMix, MixUp and copy-paste that are right for labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tilesegm.data.patch import IGNORE, Patch

__all__ = ["copy_paste", "cut_mix", "mix_up"]

_EIGHT_NEIGHBOURS = np.ones((3, 3), np.bool_)


def cut_mix(patch: Patch, other: Patch, random: np.random.Generator) -> Patch:
    """Take a rectangle of another patch, with its labels, validity and weights, in its place.

    CutMix (Yun et al., ICCV 2019) for masks as by French et al. (BMVC 2020): its share of the area
    is even between 0 and 1, its shape any, and it lies within the window, so no share is lost.
    """
    share, shape = random.uniform(), random.uniform()
    height, width = patch.labels.shape
    inside = np.zeros((height, width), np.bool_)
    rows = _span(height, share**shape, random)
    inside[rows, _span(width, share ** (1 - shape), random)] = True
    return _paste(patch, other, inside)


def mix_up(patch: Patch, other: Patch, random: np.random.Generator) -> Patch:
    """Blend in up to half of another patch, and trust the labels by what is left.

    MixUp (Zhang et al., ICLR 2018) blends targets too, which class ids do not allow. The loss of
    the blended target is the sum of the losses of both targets, each times its share; here only
    that of the stronger patch is kept: its labels, with weights times its share, which is even
    between 0.5 and 1. Pixels that are invalid in either patch become invalid.
    """
    share = np.float32(random.uniform(0.5, 1))
    valid = patch.valid & other.valid
    mine, theirs = _floats(patch), _floats(other)
    blend = np.where(valid[..., None], share * mine + (1 - share) * theirs, np.float32(0))
    labels = np.where(valid, patch.labels, np.int32(IGNORE))
    return Patch(blend, valid, labels, share * _weights(patch))


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
    return _paste(patch, other, inside & patch.valid)


def _paste(patch: Patch, other: Patch, inside: NDArray[np.bool_]) -> Patch:
    """Take everything ``inside`` (height, width) from another patch of the same shape."""
    if patch.weights is None and other.weights is None:
        weights = None
    else:
        weights = np.where(inside, _weights(other), _weights(patch))
    return Patch(
        np.where(inside[..., None], _floats(other), _floats(patch)),
        np.where(inside, other.valid, patch.valid),
        np.where(inside, other.labels, patch.labels),
        weights,
    )


def _span(length: int, part: float, random: np.random.Generator) -> slice:
    """Part of an axis, anywhere on it."""
    extent = round(part * length)
    start = int(random.integers(length - extent + 1))
    return slice(start, start + extent)


def _floats(patch: Patch) -> NDArray[np.float32]:
    return patch.pixels.astype(np.float32, copy=False)


def _weights(patch: Patch) -> NDArray[np.float32]:
    return np.ones(patch.labels.shape, np.float32) if patch.weights is None else patch.weights
