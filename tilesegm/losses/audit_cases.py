"""The corners at which losses fail: what is true there, and what a network would say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["CASES", "AuditCase", "AuditTile", "make_tile"]

_SURE, _LEANING = 12.0, 2.0


@dataclass(frozen=True, slots=True)
class AuditCase:
    """One corner.

    Attributes:
        name: its name.
        truth: what the tile shows.
        said: which pixels the network takes for foreground: the truth, a disc beside the true one,
            a disc at its place, all but that disc, or none.
        sure: logits of 12 rather than about 2.
        dtype: of the logits.
        weight: of every pixel; 0 ignores them all.
    """

    name: str
    truth: Literal["disc", "nothing", "everything", "pixel"] = "disc"
    said: Literal["truth", "beside", "disc", "hole", "nothing"] = "beside"
    sure: bool = False
    dtype: str = "float32"
    weight: float = 1.0


CASES = (
    AuditCase("perfect", said="truth", sure=True),
    AuditCase("shifted"),
    AuditCase("empty", truth="nothing", said="disc"),
    AuditCase("full", truth="everything", said="hole"),
    AuditCase("one pixel", truth="pixel", said="nothing"),
    AuditCase("all ignored", weight=0.0),
    AuditCase("float16", dtype="float16"),
    AuditCase("bfloat16", dtype="bfloat16"),
)
"""The cases in the order of the table: a disc found exactly; found an eighth of the tile aside; a
disc seen on an empty tile; a hole in a full one; a single pixel missed; nothing to learn from; and
the shifted disc in half precision."""


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
    def missing_push(self) -> NDArray[np.float32]:
        """``(1, S, S, 1)``: 1 where a logit must fall, -1 where it must rise, else 0."""
        labels = self.labels[..., None]
        return ((self.logits > 0.0).astype(np.float32) - labels).astype(np.float32)


def make_tile(case: AuditCase, size: int) -> AuditTile:
    """Draw a case on a tile of ``size`` by ``size`` pixels."""
    rows, cols = np.mgrid[:size, :size]
    middle = (size - 1) / 2.0

    def disc(shift: float) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = np.hypot(rows - middle, cols - middle - shift) < size / 4.0
        return inside

    nothing = np.zeros((size, size), bool)
    pixel = (rows == size // 2) & (cols == size // 2)
    truth = {"disc": disc(0.0), "nothing": nothing, "everything": ~nothing, "pixel": pixel}
    said = {
        "truth": truth[case.truth],
        "beside": disc(size / 8.0),
        "disc": disc(0.0),
        "hole": ~disc(0.0),
        "nothing": nothing,
    }
    # Uneven, as real logits are: ties and round numbers would hide what half precision loses.
    uneven = 1.0 + 0.3 * np.sin(0.7 * rows + 1.3 * cols)
    height = _SURE if case.sure else _LEANING * uneven
    logits = np.where(said[case.said], height, -height)
    return AuditTile(
        labels=truth[case.truth].astype(np.int32)[None],
        logits=logits.astype(np.float32)[None, ..., None],
        weight=np.full((1, size, size), case.weight, np.float32),
    )
