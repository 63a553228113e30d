"""Decoded copies of arrays on disk, shared by all threads."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import count
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tilesegm.errors import SourceError

__all__ = ["Copies"]


class Copies:
    """Arrays in a temporary folder, each made once and mapped into memory from then on.

    Some formats decode from their first row only, and border weights need a whole image: windows
    anywhere would decode or compute everything again each time.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._delete: finalize[..., Copies] | None = None
        self._arrays: dict[Hashable, NDArray[Any]] = {}
        self._making: dict[Hashable, Lock] = {}
        self._numbers = count()
        self._lock = Lock()

    def get(
        self,
        key: Hashable,
        shape: tuple[int, ...],
        dtype: DTypeLike,
        fill: Callable[[NDArray[Any]], None],
    ) -> NDArray[Any]:
        """Return the array of a key; the first call makes it, others wait for that.

        Args:
            key: names the array.
            shape: of the array.
            dtype: of the array.
            fill: writes all of it.

        Raises:
            SourceError: the temporary folder is full.
        """
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            if key not in self._arrays:
                array = self._room(shape, dtype)
                fill(array)
                array.flags.writeable = False
                self._arrays[key] = array
            return self._arrays[key]

    def _room(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        with self._lock:
            if self._folder is None:
                self._folder = Path(mkdtemp(prefix="tilesegm-"))
                self._delete = finalize(self, rmtree, self._folder, ignore_errors=True)
            path = self._folder / f"{next(self._numbers)}.bin"
            try:
                # Written rather than left sparse: a full disk then is an error and no bus error.
                with path.open("wb") as file:
                    left = int(np.prod(shape)) * np.dtype(dtype).itemsize
                    while left:
                        left -= file.write(bytes(min(left, 2**24)))
            except OSError as error:
                raise SourceError(
                    f"decoded images need room in the temporary folder {path.parent} ({error}); "
                    "free space there or set TMPDIR"
                ) from error
        return np.memmap(path, np.dtype(dtype), "r+", shape=shape)

    def close(self) -> None:
        """Delete all copies."""
        with self._lock:
            self._arrays.clear()
            if self._delete is not None:
                self._delete()
                self._folder = self._delete = None
