"""Checks on what goes into a network and on what comes out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.counted import counted
from tilesegm.errors import ModelError
from tilesegm.model.base import ModelSpec
from tilesegm.model.normalisation import Normalisation

__all__ = [
    "channels_first",
    "check_dtype",
    "check_integers",
    "check_planes",
    "check_tiles",
    "enlarging",
    "planes_of_scores",
    "two_planes",
]


def check_tiles(spec: ModelSpec, tiles: NDArray[Any]) -> None:
    """Refuse tiles that the network cannot take.

    Raises:
        ModelError: wrong rank, bands, size, or values that are no real numbers.
    """
    if tiles.ndim != 4:
        raise ModelError(f"tiles have the shape (N, height, width, bands); received {tiles.shape}")
    if tiles.dtype.kind not in "buif":
        raise ModelError(f"{spec.name} takes real numbers; the image has {tiles.dtype} values")
    if spec.bands is not None and tiles.shape[3] != spec.bands:
        raise ModelError(
            f"{spec.name} expects "
            f"{counted(spec.bands, 'band')} and the tiles have {tiles.shape[3]}; "
            f"choose the {counted(spec.bands, 'band')} that it was trained on"
        )
    size = (tiles.shape[1], tiles.shape[2])
    if spec.tile is not None and size != spec.tile:
        raise ModelError(
            f"{spec.name} takes tiles of {_by(spec.tile)} pixels only, not {_by(size)}"
        )
    if size[0] % spec.stride or size[1] % spec.stride:
        raise ModelError(
            f"{spec.name} needs tiles that are a multiple of its stride of {spec.stride} pixels; "
            f"received {_by(size)}"
        )


def check_integers(spec: ModelSpec, tiles: NDArray[Any], normalisation: Normalisation) -> None:
    """Refuse values that would be cut or wrapped by the integer type that the network takes.

    Normalised values are rounded to it, unless those of the image's whole range would all become
    the same few.

    Raises:
        ModelError: the values do not fit.
    """
    kind = spec.integers
    if kind is None or (normalisation.is_identity and np.can_cast(tiles.dtype, kind)):
        return
    limits = np.iinfo(kind)
    takes = f"{spec.name} takes {kind} values, whole numbers from {limits.min} to {limits.max}"
    if normalisation.is_identity:
        if tiles.dtype.kind == "f" and not (tiles == np.rint(tiles)).all():
            raise ModelError(
                f"{takes}, and the image has fractions such as "
                f"{float(tiles[tiles != np.rint(tiles)][0]):.3g}; give --normalise with the values "
                f"that become 0 and 1, such as 0:{1 / min(limits.max, 255):.6g} for an image of 0 "
                "to 1"
            )
        low, high = float(tiles.min()), float(tiles.max())
    else:
        ends = [np.asarray(f(tiles, axis=(0, 1, 2)), float) for f in (np.min, np.max)]
        values = (np.array(ends) - normalisation.offset) * normalisation.scale
        low, high = float(np.rint(values.min())), float(np.rint(values.max()))
        if tiles.dtype.kind in "iu":
            range_ = np.iinfo(tiles.dtype)
            steps = (float(range_.max) - range_.min) * np.abs(normalisation.scale).max()
            if steps < 2:
                raise ModelError(
                    f"{takes}, and the normalisation leaves all values of a {tiles.dtype} image "
                    f"within {steps:.3g}; leave --normalise out"
                )
    if low < limits.min or high > limits.max:
        raise ModelError(
            f"{takes}, and the values of the image reach from {low:g} to {high:g}; give "
            "--normalise with the values that become 0 and 1, such as 0:257 to bring 0 to 65535 "
            "to 0 to 255"
        )


def check_dtype(name: str, dtype: Any) -> None:
    """Refuse scores that are no real numbers of a float type.

    Raises:
        ModelError: they are class ids of an arg-max, or were quantised; or no numbers at all.
    """
    if str(dtype).startswith(("complex", "object", "<U", "|S", "str", "datetime", "timedelta")):
        raise ModelError(
            f"{name} gives values of type {dtype}, and scores are expected; return real numbers "
            "of float32"
        )
    if str(dtype).startswith(("int", "uint", "bool")):
        raise ModelError(
            f"{name} gives {dtype} values, as the class ids of an arg-max, and scores are expected;"
            " leave the arg-max out, or return its result as one plane per class: "
            "keras.ops.one_hot(ids, classes)"
        )


def check_planes(
    spec: ModelSpec, tiles: tuple[int, ...], planes: NDArray[Any]
) -> NDArray[np.float32]:
    """Return ``planes`` as C-contiguous float32 after comparing its shape with the tiles' shape.

    Raises:
        ModelError: the scores are not one plane a class of the tiles' height and width.
    """
    expected = (tiles[0], len(spec.classes), tiles[1], tiles[2])
    if planes.shape != expected:
        sized = planes.shape[2:] == expected[2:]
        advice = (
            "give every pixel of every tile the same number of scores"
            if sized
            else enlarging((tiles[1], tiles[2]), planes.shape[2:4])
        )
        raise ModelError(
            f"{spec.name} gives scores of shape {planes.shape} (N, classes, height, width) for "
            f"tiles of shape {tiles}, expected {expected}: a segmentation scores every pixel; "
            f"{advice}"
        )
    return np.ascontiguousarray(planes, dtype=np.float32)


def planes_of_scores(name: str, tiles: tuple[int, ...], scores: NDArray[Any]) -> NDArray[Any]:
    """Return scores ``(N, height, width, channels)`` as a view ``(N, channels, height, width)``.

    Raises:
        ModelError: the scores do not have one vector a pixel, or are integers.
    """
    check_dtype(name, scores.dtype)
    if scores.ndim != 4 or scores.shape[:3] != tiles[:3] or not scores.shape[3]:
        advice = ""
        if scores.ndim == 4 and scores.shape[2:] == tiles[1:3]:
            advice = "; they have channels first: move them last by np.moveaxis(scores, 1, -1)"
        elif scores.ndim == 3 and scores.shape[1] == tiles[1] * tiles[2]:
            advice = (
                "; they have the pixels in one row: "
                f"scores.reshape(-1, {tiles[1]}, {tiles[2]}, {scores.shape[2]})"
            )
        elif scores.ndim == 3 and scores.shape[:2] == tiles[1:3] and tiles[0] == 1:
            advice = "; they lack the axis of tiles: score all tiles that are given, not the first"
        elif scores.ndim == 4 and scores.shape[1:3] == tiles[1:3]:
            advice = f"; score all of the {tiles[0]} tiles"
        elif scores.ndim == 4:
            advice = f"; {enlarging((tiles[1], tiles[2]), scores.shape[1:3])}"
        raise ModelError(
            f"{name} gives scores of shape {scores.shape} for tiles of shape {tiles}; expected "
            f"({tiles[0]}, {tiles[1]}, {tiles[2]}, classes), a score vector for every pixel{advice}"
        )
    return np.moveaxis(scores, 3, 1)


def two_planes(planes: NDArray[Any], probabilities: bool) -> NDArray[Any]:
    """Return the planes of two classes for one plane ``(N, 1, height, width)`` of the second."""
    other = 1 - planes if probabilities else np.zeros_like(planes)
    return np.concatenate([other, planes], axis=1)


def enlarging(tile: tuple[int, int], scores: tuple[int, ...]) -> str:
    """Say how scores of another size than the tile come to score every pixel."""
    ratios = {a / b for a, b in zip(tile, scores, strict=True) if b}
    ratio = ratios.pop()
    if not ratios and ratio.is_integer() and ratio > 1:
        return (
            f"enlarge them {ratio:g} times so that every pixel gets a score: "
            f'keras.layers.UpSampling2D({ratio:g}, interpolation="bilinear")(scores)'
        )
    return "use padding='same' so that every pixel gets a score"


def channels_first(shape: tuple[int | None, ...]) -> bool:
    """Tell whether the shape of an image's input or scores has channels before rows and columns."""
    _, first, *others = shape
    if first is None or first > 64:
        return False
    return all(other is None or other >= 2 * first for other in others)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
