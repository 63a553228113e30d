"""Does a loss keep the contract of all losses? The clauses that it breaks, each in words."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import InputError
from tilesegm.losses.base import SegmentationLoss
from tilesegm.losses.gradients import differentiate
from tilesegm.shown import line_of

__all__ = ["broken_clauses"]

_SIDE = 32
_CLOSE = 1e-4
"""Relative difference of values that counts as none."""


def broken_clauses(loss: SegmentationLoss, classes: int, ignore: int) -> list[str]:
    """Try a loss on small batches, as training will use it.

    Args:
        loss: made with ``ignore``, for logits.
        classes: channels of the scores, 2 or more.
        ignore: label id of ignored pixels.

    Returns:
        What it does, such as "it is not finite where a class is absent"; empty if it keeps the
        contract.
    """
    try:
        return list(_clauses(loss, classes, ignore))
    except Exception as error:  # whatever the code of a user raises
        said = line_of(error, 200)
        kind = type(error).__name__
        # Errors without a text, such as NotImplementedError, are told by their kind and place.
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name} line {where.lineno}, in {where.name}"
        return [f"it fails with {kind}: {said if said != kind else place}"]


def _clauses(loss: SegmentationLoss, classes: int, ignore: int) -> Iterator[str]:
    random = np.random.default_rng(0)
    logits = random.normal(size=(2, _SIDE, _SIDE, classes)).astype(np.float32)
    # Whole areas and thin lines, so that losses of any family have something to say.
    rows, cols = np.indices((_SIDE, _SIDE))
    one = (rows // 8 + 2 * (cols // 11)) % classes
    one[::10] = 1
    labels = np.stack([one, one.T]).astype(np.int32)
    result = loss(labels, logits)
    if tuple(getattr(result, "shape", (0,))) != ():
        yield f"it returns the shape {tuple(getattr(result, 'shape', ()))}, not one number"
        return
    value, gradient = _at(loss, labels, logits)
    if not np.isfinite(value) or not np.isfinite(gradient).all():
        yield "value or gradient is not finite"
        return
    if not gradient.any():
        yield "it has no gradient, so nothing can be learnt from it"
    for number in range(classes):
        absent = np.where(labels == number, (number + 1) % classes, labels)
        if not _finite(loss, absent.astype(np.int32), logits):
            yield "it is not finite where a class is absent"
            break
    yield from _ignoring(loss, labels, logits, ignore)
    compiled, _ = differentiate(lambda scores: loss(labels, scores), compiled=True)(logits)
    if not _same(compiled, value):
        yield f"it is {compiled:.6g} when it is compiled and {value:.6g} otherwise"


def _ignoring(
    loss: SegmentationLoss, labels: NDArray[np.int32], logits: NDArray[np.float32], ignore: int
) -> Iterator[str]:
    hidden = labels.copy()
    hidden[:, _SIDE // 2 :] = ignore
    try:
        value, gradient = _at(loss, hidden, logits)
    except InputError:
        yield "it does not pass `ignore` on to SegmentationLoss"
        return
    other = logits.copy()
    other[:, _SIDE // 2 :] = 50.0 * logits[:, _SIDE // 2 :, :, ::-1]
    changed, _ = _at(loss, hidden, other)
    if not _same(changed, value) or gradient[:, _SIDE // 2 :].any():
        yield "it changes with what is predicted at ignored pixels"
    # A whole image more, since some losses depend on the size of tiles.
    more = np.concatenate([hidden, np.full_like(hidden, ignore)])
    longer, _ = _at(loss, more, np.concatenate([logits, logits]))
    if not _same(longer, value):
        yield "it changes with the number of ignored pixels: multiply every sum by batch.weight"
    weight = np.ones(labels.shape, np.float32)
    weight[:, _SIDE // 2 :] = 0.0
    weighed, _ = _at(loss, labels, logits, weight)
    if not _same(weighed, value):
        yield "it does not leave pixels of weight 0 out"
    nothing, push = _at(loss, np.full_like(labels, ignore), logits)
    if nothing != 0.0 or push.any():
        yield "it is not 0 where every pixel is ignored"


def _at(
    loss: SegmentationLoss,
    labels: NDArray[np.int32],
    logits: NDArray[np.float32],
    weight: NDArray[np.float32] | None = None,
) -> tuple[float, NDArray[np.float32]]:
    return differentiate(lambda scores: loss(labels, scores, weight))(logits)


def _finite(loss: SegmentationLoss, labels: NDArray[np.int32], logits: NDArray[np.float32]) -> bool:
    value, gradient = _at(loss, labels, logits)
    return bool(np.isfinite(value) and np.isfinite(gradient).all())


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= _CLOSE * max(1.0, abs(one), abs(other))
