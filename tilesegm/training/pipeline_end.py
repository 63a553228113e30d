"""The end of a dataset whose use an error cut short."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ended_here"]


@contextmanager
def ended_here() -> Iterator[None]:
    """End the threads of a dataset when an error leaves the block.

    The error's traceback holds the iterator, in a circle that is freed by whichever thread collects
    garbage next. One of the iterator's own would wait for itself, and for ever.
    """
    try:
        yield
    except BaseException as error:
        enabled = gc.isenabled()
        gc.disable()
        try:
            traceback.clear_frames(error.__traceback__)
            gc.collect()
        finally:
            if enabled:
                gc.enable()
        raise
