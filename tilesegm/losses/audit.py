"""Values and gradients of losses in the cases in which losses fail, as one table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops
from numpy.typing import NDArray

from tilesegm.losses import LOSSES, get
from tilesegm.losses.audit_cases import CASES, AuditCase, make_tile
from tilesegm.losses.base import SegmentationLoss
from tilesegm.losses.cross_entropy import CrossEntropy
from tilesegm.losses.gradients import differentiate

__all__ = ["AuditCell", "AuditRow", "audit_losses"]

_FAINT = 1e-3
_ROUNDING = 1e-5
_ORDINARY = next(case for case in CASES if case.name == "shifted")


@dataclass(frozen=True, slots=True)
class AuditCell:
    """Value and gradient of a loss in one case.

    Attributes:
        case: name of the case; see `CASES`.
        value: the loss.
        gradient: Euclidean norm of its gradient over all logits.
        flags: the defects; empty if there are none:

            * ``"NaN"``: value or gradient is not finite;
            * ``"below minimum"``: the value is below the ``minimum`` of the loss;
            * ``"no gradient"``: the gradient at wrong pixels is less than a thousandth of the
              gradient for an ordinary error, the shifted disc, both in units of cross-entropy;
            * ``"wrong sign"``: the gradient makes wrong pixels worse;
            * ``"not ignored"``: pixels without weight change the value or have a gradient;
            * ``"imprecise"``: half-precision logits give another value than the same logits in
              float32, so the loss does not compute in float32.
    """

    case: str
    value: float
    gradient: float
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Values and gradients of one loss in all cases.

    Attributes:
        loss: name of the loss.
        cells: one per case, in the order of `CASES`.
        cost: time for value and gradient, divided by the time of cross-entropy, both compiled
            where the backend compiles; None if not measured.
    """

    loss: str
    cells: tuple[AuditCell, ...]
    cost: float | None

    @property
    def flags(self) -> tuple[str, ...]:
        """All defects, as ``"case: flag"``."""
        return tuple(f"{cell.case}: {flag}" for cell in self.cells for flag in cell.flags)


def audit_losses(
    losses: Sequence[str | SegmentationLoss] | None = None,
    *,
    size: int = 64,
    cost_size: int | None = 256,
) -> list[AuditRow]:
    """Examine losses on the active backend, on one tile of a binary problem, with logits.

    Args:
        losses: names for `get`, or losses that take logits; every
            registered loss if None.
        size: height and width of the tile in pixels.
        cost_size: height and width of the tile for the measurement of time; None leaves it out.

    Returns:
        One row per loss, in the given order.

    Raises:
        InputError: there is no loss of that name.
    """
    items = LOSSES if losses is None else losses
    chosen = [get(item) if isinstance(item, str) else item for item in items]
    unit = _seconds(CrossEntropy(), cost_size) if cost_size else None
    return [
        AuditRow(
            loss=loss.name,
            cells=tuple(_cell(loss, case, size) for case in CASES),
            cost=_seconds(loss, cost_size) / unit if cost_size and unit else None,
        )
        for loss in chosen
    ]


def _value_and_gradient(
    loss: SegmentationLoss, case: AuditCase, size: int, dtype: str
) -> tuple[float, NDArray[np.float32]]:
    """Return value and gradient in ``dtype``, for logits rounded to the dtype of the case."""
    tile = make_tile(case, size)
    logits = ops.cast(ops.cast(ops.convert_to_tensor(tile.logits), case.dtype), dtype)
    return differentiate(lambda y_pred: loss(tile.labels, y_pred, tile.weight))(logits)


def _cell(loss: SegmentationLoss, case: AuditCase, size: int) -> AuditCell:
    value, gradient = _value_and_gradient(loss, case, size, case.dtype)
    norm = float(np.linalg.norm(gradient))
    return AuditCell(case.name, value, norm, tuple(_flags(loss, case, value, gradient)))


def _flags(
    loss: SegmentationLoss, case: AuditCase, value: float, gradient: NDArray[np.float32]
) -> list[str]:
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        return ["NaN"]
    if case.weight == 0.0:
        return ["not ignored"] if value != 0.0 or gradient.any() else []
    flags = []
    if value < loss.minimum - _ROUNDING:
        flags.append("below minimum")
    size = gradient.shape[1]
    if make_tile(case, size).correction.any():
        push = _push(loss, case, size)
        # Losses differ in scale, but not by a million.
        usual = max(min(_push(loss, _ORDINARY, size), 1.0), 1e-3)
        if abs(push) < _FAINT * usual:
            flags.append("no gradient")
        elif push < 0.0:
            flags.append("wrong sign")
    if case.dtype != "float32":
        exact, _ = _value_and_gradient(loss, case, size, "float32")
        if abs(value - exact) > _ROUNDING * max(1.0, abs(exact)):
            flags.append("imprecise")
    return flags


def _push(loss: SegmentationLoss, case: AuditCase, size: int) -> float:
    """Return how strongly the gradient corrects wrong pixels, in units of cross-entropy."""
    direction = make_tile(case, size).correction
    pushes = [
        float((_value_and_gradient(each, case, size, case.dtype)[1] * direction).sum())
        for each in (loss, CrossEntropy())
    ]
    return pushes[0] / pushes[1]


def _seconds(loss: SegmentationLoss, size: int) -> float:
    """Return the shortest of three times for value and gradient, after a first call to compile."""
    tile = make_tile(AuditCase("cost"), size)
    labels, weight = ops.convert_to_tensor(tile.labels), ops.convert_to_tensor(tile.weight)
    both = differentiate(lambda y_pred: loss(labels, y_pred, weight), compiled=True)
    both(tile.logits)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        both(tile.logits)
        times.append(time.perf_counter() - start)
    return min(times)
