"""Fonts that have the letters of a text."""

from __future__ import annotations

import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from functools import cache

from PIL import ImageFont, features

__all__ = ["Font", "font_for"]

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_KNOWN = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "segoeui.ttf", "arial.ttf", "Arial Unicode.ttf"),
    *("NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "SourceHanSans-Regular.otf"),
    *("wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "PingFang.ttc"),
    *("Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc", "msyh.ttc", "simsun.ttc", "meiryo.ttc"),
    *("malgun.ttf", "NotoSansArabic-Regular.ttf", "NotoEmoji-Regular.ttf", "seguiemj.ttf"),
    *("Symbola.ttf", "unifont.ttf", "unifont.otf"),
)
"""Files that Pillow looks for where Linux, macOS and Windows keep fonts."""
_WAIT = 10
"""Seconds that fontconfig may take."""


@cache
def font_for(text: str, size: int) -> Font | None:
    """Return a font that has all letters of a text, or None where this machine has none.

    Args:
        text: one line.
        size: in pixels.
    """
    usual = ImageFont.load_default(size)
    letters = _letters(text)
    if _has(usual, letters):
        return usual
    # Without Raqm, Pillow joins no Arabic letters, orders none from the right, and places no
    # vowels of Indic scripts: it would draw another text.
    if not features.check("raqm") and any(map(_needs_layout, text)):
        return None
    for name in (*_KNOWN, *_installed(letters)):
        try:
            font = ImageFont.truetype(name, size)
        except OSError:  # it is not here, or has no letters of this size
            continue
        if _has(font, letters):
            return font
    return None


def _letters(text: str) -> str:
    """Leave away what has no shape of its own: spaces, joiners, accents to be combined."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Zs", "Cf", "Mn", "Cc"))


def _needs_layout(letter: str) -> bool:
    return unicodedata.bidirectional(letter) in ("R", "AL") or unicodedata.category(letter) == "Mc"


def _has(font: Font, letters: str) -> bool:
    """Tell whether no letter is drawn as the box that stands for missing ones."""
    missing = bytes(font.getmask("\U0010ffff"))
    return all(bytes(font.getmask(letter)) != missing for letter in letters)


def _installed(letters: str) -> Iterator[str]:
    """Ask fontconfig, where there is one, for files with these letters, upright ones first."""
    if (program := shutil.which("fc-list")) is None:
        return
    wanted = " ".join(sorted({f"{ord(letter):x}" for letter in letters}))
    command = [program, f":charset={wanted}", "file"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_WAIT, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return
    files = [line.strip().rstrip(":") for line in done.stdout.splitlines()]
    odd = "bold", "italic", "oblique", "mono", "serif", "black", "light"
    yield from sorted(files, key=lambda file: (sum(word in file.lower() for word in odd), file))
