"""What an attempt on a hostile file may end in: the right result, or one clear line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tilesegm.errors import TilesegmError

__all__ = ["attempt"]


def attempt(name: str, read: Callable[[], Any], told: Counter[str] | None = None) -> Any:
    """Return what was read, or None where it was refused in one line; all else ends the test."""
    try:
        result = read()
    except TilesegmError as error:
        # The command line joins the lines of names that hold several.
        text = " ".join(str(error).split())
        if len(text) > 1500:
            raise AssertionError(f"{name}: too long a line, {text[:3000]!r}") from error
        if told is not None:
            told["refused"] += 1
        return None
    except Exception as error:
        raise AssertionError(f"{name}: {error!r}") from error
    if told is not None:
        told["read"] += 1
    return result
