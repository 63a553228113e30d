"""Weight maps of the U-Net papers, which press a network to keep touching objects apart.

They need *instances*, so they are computed on the processor, once for each whole image and before
it is cut into tiles: an object cut by a tile's edge would change the distances on both sides.
Hand the map to a loss as ``sample_weight``, cut by the same windows as the labels. A geometric
augmentation moves objects, so call the function again on the augmented instance map; warping the
map itself is exact for flips and quarter turns only.

One distance transform for each object over the whole image takes minutes for a few hundred
objects. Here each object is looked at in its bounding box, widened by the distance beyond which a
term falls below ``tolerance``: the result differs from the full computation by no more than that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from tilesegm.errors import InputError

__all__ = [
    "InstanceMap",
    "balancing_weights",
    "border_distances",
    "falk_weights",
    "ridge_reach",
    "ronneberger_weights",
    "separate_instances",
]

FloatMap: TypeAlias = npt.NDArray[np.float32]
InstanceMap: TypeAlias = npt.NDArray[Any] | Sequence[npt.NDArray[Any]]
"""A map of instance ids (H, W) with 0 for background, or one boolean mask ``(H, W)`` an object."""


def ronneberger_weights(
    instances: InstanceMap,
    *,
    w0: float = 10.0,
    sigma: float = 5.0,
    class_weights: tuple[float, float] | None = None,
    tolerance: float = 1e-4,
) -> FloatMap:
    """Weights of the first U-Net: class balance plus a ridge between neighbouring objects.

    ``w(x) = w_c(x) + w0 · exp(-(d1(x) + d2(x))² / (2 sigma²))`` (Ronneberger et al. 2015, eq. 2)
    with d1, d2 the distances to the nearest and second nearest object. The ridge is laid on the
    background, where the network must draw the line; objects that touch without a gap need
    `separate_instances` first, and labels to match.

    Args:
        instances: instance ids ``(H, W)``, or one mask ``(H, W)`` per object; objects may overlap.
        w0: height of the ridge.
        sigma: its width, in pixels.
        class_weights: factors w_c of background and foreground. None balances them, so that each
            class present holds the same share and the mean of w_c is 1.
        tolerance: greatest error allowed, in units of the weight.

    Returns:
        float32 weights ``(H, W)``.

    Raises:
        InputError: no masks, masks of different shapes, ids of a float type, or a width or
            tolerance that is not above 0.
    """
    reach = ridge_reach(w0, sigma, tolerance)
    foreground = _foreground(instances)
    d1, d2 = border_distances(instances, reach)
    if class_weights is None:
        class_weights = balancing_weights(foreground.size, int(foreground.sum()))
    ridge = w0 * np.exp(-np.square(d1 + d2) / (2.0 * sigma**2))
    background, objects = class_weights
    return np.where(foreground, objects, background + ridge).astype(np.float32)


def falk_weights(
    instances: InstanceMap,
    *,
    strength: float = 50.0,
    sigma: float = 6.0,
    balance: float = 0.1,
    falloff: float = 10.0,
    tolerance: float = 1e-4,
) -> FloatMap:
    """Weights of the later U-Net: background counts little, more beside objects, most between them.

    1 in the foreground; in the background ``v + (1 - v) · exp(-d1² / (2 falloff²)) + strength ·
    exp(-(d1 + d2)² / (2 sigma²))`` with v the ``balance`` (Falk et al. 2019, with the defaults
    of their software).

    Args:
        instances: instance ids ``(H, W)``, or one mask ``(H, W)`` per object; objects may overlap.
        strength: height of the ridge between objects.
        sigma: its width, in pixels.
        balance: weight of background far from every object.
        falloff: how far the full weight reaches into the background, in pixels.
        tolerance: greatest error allowed for each of the two terms, in units of the weight.

    Returns:
        float32 weights ``(H, W)``.

    Raises:
        InputError: see `ronneberger_weights`.
    """
    reach = max(
        ridge_reach(strength, sigma, tolerance), ridge_reach(1.0 - balance, falloff, tolerance)
    )
    foreground = _foreground(instances)
    d1, d2 = border_distances(instances, reach)
    near = (1.0 - balance) * np.exp(-np.square(d1) / (2.0 * falloff**2))
    ridge = strength * np.exp(-np.square(d1 + d2) / (2.0 * sigma**2))
    return np.where(foreground, 1.0, balance + near + ridge).astype(np.float32)


def border_distances(instances: InstanceMap, radius: float) -> tuple[FloatMap, FloatMap]:
    """Distances of each pixel to the nearest and the second nearest object.

    Args:
        instances: instance ids ``(H, W)``, or one mask ``(H, W)`` per object; objects may overlap.
        radius: greatest distance of interest, in pixels; what is further is infinite.

    Returns:
        Two float32 arrays ``(H, W)``, in pixels, 0 inside an object.

    Raises:
        InputError: see `ronneberger_weights`.
    """
    H, W = _foreground(instances).shape
    nearest = np.full((H, W), np.inf, np.float32)
    second = np.full((H, W), np.inf, np.float32)
    margin = math.ceil(radius)
    for box, mask in _objects(instances):
        around = tuple(slice(max(side.start - margin, 0), side.stop + margin) for side in box)
        d1, d2 = nearest[around], second[around]
        before = [side.start - wide.start for side, wide in zip(box, around, strict=True)]
        within = tuple(slice(n, n + size) for n, size in zip(before, mask.shape, strict=True))
        others = np.ones(d1.shape, dtype=bool)
        others[within] = ~mask
        distance = ndimage.distance_transform_edt(others).astype(np.float32)
        distance[distance > radius] = np.inf
        np.minimum(d2, np.maximum(d1, distance), out=d2)
        np.minimum(d1, distance, out=d1)
    return nearest, second


def separate_instances(instances: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Open a gap of background between objects that touch, as the U-Net papers do.

    A foreground pixel becomes background where one of its eight neighbours belongs to another
    object. Semantic labels made from the result (``separated > 0``) have the same gap.

    Args:
        instances: instance ids ``(H, W)``, 0 for background.

    Returns:
        A new map of the same shape and dtype.
    """
    largest = ndimage.maximum_filter(instances, size=3, mode="nearest")
    # For the least neighbour, background must not win over ids.
    top = np.iinfo(instances.dtype).max
    least = ndimage.minimum_filter(np.where(instances == 0, top, instances), size=3, mode="nearest")
    alone = (largest == instances) & (least == instances)
    return np.where(alone, instances, 0).astype(instances.dtype)


def balancing_weights(pixels: int, objects: int) -> tuple[float, float]:
    """Weights of background and foreground that give both the same share and have mean 1.

    Args:
        pixels: of the image.
        objects: those of them that lie in an object.
    """
    if objects in (0, pixels):
        return 1.0, 1.0
    return pixels / (2.0 * (pixels - objects)), pixels / (2.0 * objects)


def ridge_reach(height: float, sigma: float, tolerance: float = 1e-4) -> float:
    """Distance at which ``height · exp(-d² / (2 sigma²))`` has fallen to ``tolerance``.

    Raises:
        InputError: width or tolerance is not above 0.
    """
    if not (sigma > 0 and tolerance > 0):
        raise InputError(
            f"width {sigma} and tolerance {tolerance} were passed; both must be above 0: raise them"
        )
    return sigma * math.sqrt(2.0 * math.log(max(height / tolerance, 1.0)))


def _objects(instances: InstanceMap) -> Iterator[tuple[tuple[slice, ...], npt.NDArray[np.bool_]]]:
    """Bounding box and mask within it, for each object."""
    if isinstance(instances, np.ndarray):
        if instances.max(initial=0) > instances.size:
            # Sparse ids such as database keys: find_objects would list every number in between.
            _, dense = np.unique(np.append(instances, 0), return_inverse=True)
            instances = dense[:-1].reshape(instances.shape)
        for index, box in enumerate(ndimage.find_objects(instances), start=1):
            if box is not None:
                yield box, instances[box] == index
    else:
        for mask in instances:
            mask = np.asarray(mask) != 0
            for box in ndimage.find_objects(mask.astype(np.uint8)):
                yield box, mask[box]


def _foreground(instances: InstanceMap) -> npt.NDArray[np.bool_]:
    if isinstance(instances, np.ndarray):
        if instances.ndim != 2 or instances.dtype.kind not in "iu":
            raise InputError(
                f"instances have shape {instances.shape} and dtype {instances.dtype}; whole ids "
                "(H, W) with 0 for background are expected: label the mask, for example with "
                "scipy.ndimage.label"
            )
        if instances.min(initial=0) < 0:
            raise InputError(
                f"instances hold the id {instances.min()}; 0 for background and ids above 0 are "
                "expected: set ignored pixels to 0 here and ignore them in the labels"
            )
        return instances.astype(bool)
    shapes = {np.shape(mask) for mask in instances}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise InputError(
            f"masks of shapes {sorted(shapes)} were passed; one or more masks of one shape (H, W) "
            "are expected: for an image without objects pass a map of zeros instead"
        )
    foreground: npt.NDArray[np.bool_] = np.any([np.asarray(m) != 0 for m in instances], axis=0)
    return foreground
