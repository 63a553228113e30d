"""Texts of others in HTML."""

from __future__ import annotations

import html

from tilesegm.shown import visible

__all__ = ["escaped"]


def escaped(text: str) -> str:
    """Return a text as HTML shows it: no markup, and no control characters."""
    return html.escape(visible(text))
