"""Which errors are of one image, and which would meet all that follow."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

__all__ = ["stops_all"]

_MACHINE = {
    *(errno.ENOSPC, errno.EROFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE),
    getattr(errno, "EDQUOT", errno.ENOSPC),
}
_FULL = 1 << 20
"""Bytes below which a disk is full: libraries that write do not say why they failed."""


def stops_all(error: BaseException, folder: Path | None = None) -> bool:
    """Tell whether an error is of the machine, not of the image that it came with.

    Args:
        error: what was raised.
        folder: of the outputs, or of what is not finished of them.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or (isinstance(seen, OSError) and seen.errno in _MACHINE):
            return True
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    if folder is None or not isinstance(error, OSError):
        return False
    try:
        return shutil.disk_usage(folder).free < _FULL
    except OSError:  # the disk is gone
        return True
