"""Pixels decoded once to a temporary file, for images that are read across their stored order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window

__all__ = ["Spool"]

_ROWS = 256


class Spool:
    """An uncompressed copy of an image on disk, whose windows are read in any order.

    A photo decodes from its first stored row to its last; read on its side or upside down, every
    window would decode it again.
    """

    def __init__(
        self, size: tuple[int, int], load: Callable[[Window], NDArray[Any]], uri: str
    ) -> None:
        """Copy an image from top to bottom.

        Args:
            size: height and width of the image as it is stored.
            load: gives the ``(height, width, bands)`` of a window.
            uri: what the image is called in the error.

        Raises:
            SourceError: the temporary folder is full.
        """
        height, width = size
        with ExitStack() as undo:
            with _room(uri, height * width):
                self._file = undo.enter_context(TemporaryFile(prefix="tilesegm-"))
            for strip in Window(0, 0, height, width).tiles(_ROWS, width):
                rows = load(strip)
                with _room(uri, height * width):
                    self._file.write(rows.tobytes())
                    self._file.flush()
            undo.pop_all()
        self._dtype, self._shape = rows.dtype, (height, width, rows.shape[2])

    def read(self, window: Window) -> NDArray[Any]:
        """Return the ``(height, width, bands)`` of ``window``."""
        # Mapped again each time, so that pages seen before do not count as memory in use.
        pixels = np.memmap(self._file, self._dtype, "r", shape=self._shape)
        return np.array(pixels[window.slices])

    def close(self) -> None:
        """Delete the copy."""
        self._file.close()


@contextmanager
def _room(uri: str, pixels: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"{uri}: turning the photo upright needs room for {pixels / 1e6:.1f} million pixels in "
            f"the temporary folder ({error}); free space there or set TMPDIR"
        ) from error
