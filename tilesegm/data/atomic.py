"""Files that are seen whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tilesegm.errors import OutputError

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a draft to write, and put it in the place of ``path`` in one step when that went well.

    Raises:
        OutputError: If the file cannot be written.
    """
    # The process id keeps two runs that share a folder from writing into one draft.
    draft = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        os.replace(draft, path)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise OutputError(
            f"cannot write {path}: {reason}; free space or permissions there"
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink()
