"""What a worker process of this machine does when it starts."""

from __future__ import annotations

import signal
from typing import Any

from tilesegm.tensorflow_log import silence_tensorflow

__all__ = ["dask_setup"]


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C to the process that started the workers, which ends them, and be silent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    silence_tensorflow()
