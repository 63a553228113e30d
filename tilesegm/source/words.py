"""What is read of an image, as users write it in one word."""

from __future__ import annotations

from tilesegm.errors import SettingsError

__all__ = ["parse_at", "parse_bands"]


def parse_bands(text: str | None) -> tuple[int, ...] | None:
    """``3,2,1``."""
    if text is None:
        return None
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise SettingsError(f"bands is {text!r}; give numbers such as 3,2,1") from None


def parse_at(text: str | None) -> dict[str, int] | None:
    """``z=3,t=0``."""
    if text is None:
        return None
    pairs = [word.partition("=") for word in text.split(",")]
    try:
        at = {axis.strip(): int(index) for axis, _, index in pairs}
    except ValueError:
        at = {}
    if len(at) < len(pairs) or not all(at):
        raise SettingsError(f"at is {text!r}; give one step of each axis, such as z=3,t=0")
    return at
