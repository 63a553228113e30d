"""The command line with a network of numpy that takes its time, in a process to be killed.

    python -m tests.engine.slow_run SECONDS LOG predict ...

Each call of the network takes SECONDS and adds a byte to LOG.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np

import tilesegm.model.open
from tilesegm.cli.main import main
from tilesegm.model.base import Predictor

__all__: list[str] = []


def slow(pixels: np.ndarray) -> np.ndarray:
    """Score pixels by the first two bands, with a context that reaches over the whole batch."""
    os.write(log, b".")
    time.sleep(seconds)
    return pixels[..., :2] + pixels.mean()


def open_slow(model: str, *, bands: int, **settings: Any) -> Predictor:
    """Open `slow` in place of any model."""
    return open_model(slow, bands=bands)


if __name__ == "__main__":
    seconds = float(sys.argv[1])
    log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    del sys.argv[1:3]
    open_model = tilesegm.model.open.open_model
    tilesegm.model.open.open_model = open_slow  # type: ignore[assignment]
    main()
