"""What labels are to the rest: class ids for a window of an image."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window

__all__ = ["Labels"]


class Labels(Protocol):
    """Class ids on the grid of an image, read by windows from one thread at a time."""

    @property
    def height(self) -> int:
        """Rows of the image."""
        ...

    @property
    def width(self) -> int:
        """Columns of the image."""
        ...

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """Names and values that differ when the labels do."""
        ...

    def read(self, window: Window) -> NDArray[np.int32]:
        """Return ``(height, width)`` class ids, or ``IGNORE`` where nothing is to be learnt.

        Raises:
            SourceError: the labels cannot be read, or hold a value that settings do not know.
        """
        ...

    def close(self) -> None:
        """Let go of files."""
        ...
