"""What a Keras file unpacks to, told from its headers before Keras opens it."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any

from tilesegm.errors import ModelError
from tilesegm.hdf5 import is_outside, walk
from tilesegm.inputs import check_expansion

__all__ = ["check_hdf5", "check_keras_zip"]

_HEADER = 30
"""Bytes of the fixed part of a member's header in a zip archive."""


def check_keras_zip(path: Path) -> None:
    """Refuse a ``.keras`` file whose members, or arrays within, unpack to far more than is stored.

    Raises:
        ModelError: they do, or arrays lie outside of the file.
    """
    stored = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        check_expansion(str(path), sum(one.file_size for one in members), stored, ModelError)
        for member in members:
            if not member.filename.endswith(".h5"):
                continue
            if member.compress_type == zipfile.ZIP_STORED:
                file: Any = _Part(path, member)
            else:
                file = io.BytesIO(archive.read(member))
            with file:
                try:
                    check_hdf5(path, file, stored)
                except ModelError as error:
                    # Keras says what else is wrong with a file whose weights are none at all.
                    if "signature not found" not in str(error):
                        raise


def check_hdf5(path: Path, file: Any, stored: int) -> None:
    """Refuse an HDF5 file whose arrays are larger than they can be, or lie in other files.

    Args:
        path: what messages call it.
        file: path or open file of the HDF5.
        stored: bytes on disk.

    Raises:
        ModelError: the file is damaged or holds such an array.
    """
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            _check_group(path, opened, stored)
    except ModelError:
        raise
    except Exception as error:
        # h5py raises what it stumbles over in damaged files.
        raise ModelError(f"{path} is damaged: it is no HDF5 file ({error})") from error


def _check_group(path: Path, root: Any, stored: int) -> None:
    import h5py

    total = 0
    for name, link, item in walk(root):
        if is_outside(link, item):
            raise ModelError(
                f"{path}: the array {name!r} lies in another file; save the model again"
            )
        if item is None:
            raise ModelError(
                f"{path} holds a link, {name!r}, and arrays are expected; save the model again"
            )
        if isinstance(item, h5py.Dataset):
            total += math.prod(item.shape or ()) * item.dtype.itemsize
            check_expansion(f"{path}: its arrays", total, stored, ModelError)


class _Part(io.RawIOBase):
    """The bytes of a member that an archive stores as they are."""

    def __init__(self, path: Path, member: zipfile.ZipInfo) -> None:
        self._file = path.open("rb")
        self._file.seek(member.header_offset)
        header = self._file.read(_HEADER)
        names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        self._start = member.header_offset + _HEADER + names
        self._size, self._at = member.file_size, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._start + self._at)
        wanted = max(0, min(len(buffer), self._size - self._at))
        count = self._file.readinto(memoryview(buffer)[:wanted])
        self._at += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
