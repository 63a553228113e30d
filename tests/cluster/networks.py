"""Networks of numpy that workers import, and what they do beside scoring."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["context", "dying", "greedy", "slow"]


def context(pixels: NDArray[Any]) -> NDArray[Any]:
    """Score three bands with a context that reaches over the whole batch."""
    return pixels * np.float32(0.013) + pixels.mean() * np.float32(0.001)


def dying(marks: Path) -> Any:
    """Return `context`, which kills its process in its third call, but not again."""
    return partial(_dying, marks)


def _dying(marks: Path, pixels: NDArray[Any]) -> NDArray[Any]:
    with marks.open("ab") as file:
        file.write(b".")
    if pixels.shape[1] == 128 and marks.stat().st_size > 6 and not (marks.parent / "died").exists():
        (marks.parent / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return context(pixels)


def greedy(pixels: NDArray[Any]) -> NDArray[Any]:
    """Be `context` for two tiles at most; more do not fit into memory."""
    if len(pixels) > 2:
        raise MemoryError
    return context(pixels)


def slow(pixels: NDArray[Any]) -> NDArray[Any]:
    """Be `context`, later."""
    time.sleep(0.05)
    return context(pixels)
