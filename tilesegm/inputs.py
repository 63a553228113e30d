"""What may be opened as an input, and how much may be read or unpacked of it.

Devices and pipes have no end or never answer, and a small file may unpack to more than memory
holds. Both are told beforehand, from what the system and the headers of the file say.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

from tilesegm.errors import InputError
from tilesegm.trust import HOW_TO_TRUST, trusted

__all__ = [
    "check_expansion",
    "check_input",
    "check_npz",
    "check_tree",
    "read_json",
    "read_text",
]

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_SYSTEM = ("/proc/", "/sys/")
"""Where files show the state of the system, and may have no end."""

EXPANSION = 100
"""Times their stored size to which data unpack at most: deflate and Zstandard reach ten times on
class maps."""
FLOOR = 1 << 27
"""Bytes that may be unpacked of any file."""


def check_input(path: str | Path, error: type[InputError]) -> None:
    """Refuse what is neither a file nor a folder; what does not exist passes.

    Args:
        path: as the user gave it; a URL, or another name of GDAL, passes.
        error: to be raised.

    Raises:
        InputError: it is a pipe, a device, a socket, or a file of the system.
    """
    try:
        real = os.path.realpath(path)
        mode = os.stat(real).st_mode
    except OSError as reason:
        if reason.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            return
        raise error(f"{str(path)[:200]!r} is no name of a file ({reason.strerror})") from None
    except ValueError as reason:  # a NUL, or a surrogate that no file name holds
        raise error(f"{str(path)[:200]!r} is no name of a file ({reason}); check it") from None
    kind = next((name for test, name in _KINDS if test(mode)), None)
    if kind is None and f"{real}/".startswith(_SYSTEM):
        kind = "a file of the operating system"
    if kind is not None:
        raise error(f"{path} is {kind}, and a file is expected; save its contents to a file first")


def check_tree(folder: Path, error: type[InputError]) -> list[str]:
    """Return the files below a folder, none of which is a pipe or a device or lies elsewhere.

    Args:
        folder: of a Zarr store or a model.
        error: to be raised.

    Raises:
        InputError: the folder holds anything else, or a link that leads out of it.
    """
    root = os.path.realpath(folder)
    files = []
    for at, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = os.path.join(at, name)
            if os.path.islink(path):
                real = os.path.realpath(path)
                if not f"{real}/".startswith(f"{root}/") and not trusted():
                    raise error(
                        f"{folder} holds a link out of it, {path} to {real}; {HOW_TO_TRUST}"
                    )
            if os.path.isfile(path):
                files.append(path)
            else:
                check_input(path, error)
    return files


def check_expansion(what: str, unpacked: int, stored: int, error: type[InputError]) -> None:
    """Refuse what unpacks to far more than is stored.

    Args:
        what: what the message calls it, such as ``net.keras: config.json``.
        unpacked: bytes that it claims to unpack to.
        stored: bytes on disk.
        error: to be raised.

    Raises:
        InputError: it unpacks to more than 128 MiB and more than 100 times what is stored.
    """
    if unpacked > max(FLOOR, EXPANSION * stored) and not trusted():
        raise error(
            f"{what} unpacks to {unpacked / 1e6:.0f} MB from {stored / 1e6:.3f} MB, more than "
            f"{EXPANSION} times; {HOW_TO_TRUST}"
        )


def check_npz(path: Path, error: type[InputError]) -> None:
    """Refuse an archive of arrays that unpack to far more than is stored.

    Args:
        path: of the file.
        error: to be raised.

    Raises:
        InputError: they do, as the archive or the headers of the arrays claim, or it is no file.
        ValueError: it is damaged; so are OSError and zipfile.BadZipFile.
    """
    import numpy as np

    check_input(path, error)
    stored, total = path.stat().st_size, 0
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            total += member.file_size
            check_expansion(str(path), total, stored, error)
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0
                if version != (1, 0):
                    read = np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
            check_expansion(str(path), math.prod(shape) * dtype.itemsize, stored, error)


def read_text(path: Path, error: type[InputError], limit: int) -> str:
    """Read a text of UTF-8, after a look at its kind and size.

    Args:
        path: of the file.
        error: to be raised.
        limit: most bytes.

    Raises:
        InputError: it is no file, or larger.
        OSError: it cannot be read.
        UnicodeDecodeError: it is no UTF-8.
    """
    check_input(path, error)
    size = path.stat().st_size
    if size > limit:
        raise error(
            f"{path} has {size / 1e6:.0f} MB, and at most {limit / 1e6:.0f} MB are expected; check "
            "that it is the right file"
        )
    return path.read_text("utf-8")


def read_json(path: Path, error: type[InputError], limit: int = 1 << 24) -> Any:
    """Read a JSON file.

    Args:
        path: of the file.
        error: to be raised.
        limit: most bytes.

    Raises:
        InputError: it is no file, or larger.
        OSError: it cannot be read.
        ValueError: it is no JSON, or nested too deep.
    """
    try:
        return json.loads(read_text(path, error, limit))
    except RecursionError:
        raise ValueError("it is nested too deep") from None
