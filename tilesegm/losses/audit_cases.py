"""The cases in which losses fail: a truth and a prediction for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["CASES", "AuditCase", "AuditTile", "make_tile"]

_CONFIDENT, _DOUBTFUL = 12.0, 2.0


@dataclass(frozen=True, slots=True)
class AuditCase:
    """One case.

    Attributes:
        name: name of the case.
        truth: true foreground of the tile.
        predicted: predicted foreground: the truth, a disc shifted aside, a disc in the middle,
            everything but that disc, or nothing.
        confident: whether logits are 12 rather than about 2.
        dtype: dtype of the logits.
        weight: weight of every pixel; 0 ignores all of them.
    """

    name: str
    truth: Literal["disc", "nothing", "everything", "pixel"] = "disc"
    predicted: Literal["truth", "beside", "disc", "hole", "nothing"] = "beside"
    confident: bool = False
    dtype: str = "float32"
    weight: float = 1.0


CASES = (
    AuditCase("perfect", predicted="truth", confident=True),
    AuditCase("shifted"),
    AuditCase("empty", truth="nothing", predicted="disc"),
    AuditCase("full", truth="everything", predicted="hole"),
    AuditCase("one pixel", truth="pixel", predicted="nothing"),
    AuditCase("all ignored", weight=0.0),
    AuditCase("float16", dtype="float16"),
    AuditCase("bfloat16", dtype="bfloat16"),
)
"""The cases in the order of the table: a disc predicted exactly; predicted an eighth of the tile
aside; a disc predicted on an empty tile; a hole in a full tile; a single missed pixel; all pixels
ignored; and the shifted disc in half precision."""


@dataclass(frozen=True, slots=True)
class AuditTile:
    """A case as arrays.

    Attributes:
        labels: ``(1, S, S)`` int32, 0 or 1.
        logits: ``(1, S, S, 1)`` float32.
        weight: ``(1, S, S)`` float32.
    """

    labels: NDArray[np.int32]
    logits: NDArray[np.float32]
    weight: NDArray[np.float32]

    @property
    def correction(self) -> NDArray[np.float32]:
        """Sign of the gradient that corrects each pixel: 1, -1, or 0 if right; ``(1, S, S, 1)``."""
        labels = self.labels[..., None]
        return ((self.logits > 0.0).astype(np.float32) - labels).astype(np.float32)


def make_tile(case: AuditCase, size: int) -> AuditTile:
    """Make the tile of a case, with ``size`` by ``size`` pixels."""
    rows, cols = np.mgrid[:size, :size]
    middle = (size - 1) / 2.0

    def disc(shift: float) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = np.hypot(rows - middle, cols - middle - shift) < size / 4.0
        return inside

    nothing = np.zeros((size, size), bool)
    pixel = (rows == size // 2) & (cols == size // 2)
    truth = {"disc": disc(0.0), "nothing": nothing, "everything": ~nothing, "pixel": pixel}
    predicted = {
        "truth": truth[case.truth],
        "beside": disc(size / 8.0),
        "disc": disc(0.0),
        "hole": ~disc(0.0),
        "nothing": nothing,
    }
    # Uneven, as real logits are: ties and round numbers would hide rounding in half precision.
    uneven = 1.0 + 0.3 * np.sin(0.7 * rows + 1.3 * cols)
    height = _CONFIDENT if case.confident else _DOUBTFUL * uneven
    logits = np.where(predicted[case.predicted], height, -height)
    return AuditTile(
        labels=truth[case.truth].astype(np.int32)[None],
        logits=logits.astype(np.float32)[None, ..., None],
        weight=np.full((1, size, size), case.weight, np.float32),
    )
