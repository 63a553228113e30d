"""How names and texts that others chose are shown: without secrets, and as one line.

Addresses carry passwords and signatures, and names of files, classes and bands may hold anything
that a terminal obeys. All that is stored, printed or raised passes through here.
"""

from __future__ import annotations

import os
import re
import unicodedata

__all__ = ["HIDDEN", "harmless", "is_text", "line_of", "visible", "without_secrets"]

HIDDEN = "***"
"""Stands where a secret was."""

_USER = re.compile(r"((?::|%3A)(?:/|%2F){2})(?:(?!%2F|%3F|%23)[^/?#\s])+(@|%40)", re.IGNORECASE)
"""``user:password@`` of an address, also of one that is written inside another."""

_OPENS = (
    r"[\w.~-]*(?:signature|token|secret|passw|passphrase|pwd|credential|key|auth(?!ors?(?:=|%3D))|session"
    r"|cookie|jwt|bearer|hmac|hdnea|hdnts)[\w.~-]*"
    r"|x-(?:amz|goog|oss|cos|obs|bce|ms)-[\w-]+|sig|sign|pass"
)
"""Names of parameters whose values open an address."""
_BESIDE = (
    r"expires|expiry|exp|policy|googleaccessid"
    r"|s[vrptei]|ss|srt|spr|sip|sks|sdd|sk[teosv]|skoid|sktid|saoid|suoid|scid"
)
"""What stands beside a signature and changes with it: dates, scope, and who signed."""


def _parameters(names: str) -> re.Pattern[str]:
    """Make a pattern of parameters of an address, also of one that is written inside another."""
    return re.compile(
        rf"(?<=[?&;])({names})=(?:[^&#\s\"'<>|]*[^&#\s\"'<>|.,:;)\]])"
        rf"|(?<=%3F|%26)({names})%3D(?:(?!%26)[^&#\s\"'<>|.,:;)\]])*",
        re.IGNORECASE,
    )


_PLAIN, _SIGNED = _parameters(_OPENS), _parameters(f"{_OPENS}|{_BESIDE}")
_SIGNATURE = re.compile(r"(?:[?&;]|%3F|%26)(?:sig|signature|sign)(?:=|%3D)", re.IGNORECASE)

_HEADER = re.compile(
    r"(authorization[\"']?\s*:\s*[\"']?(?:(?:basic|bearer|digest)\s+)?)[^\s\"',;]+", re.IGNORECASE
)

_VARIABLE = re.compile(
    r"(?:GDAL|CPL|AWS|AZURE|GS|GOOGLE|OSS|SWIFT|FSSPEC)_\w*"
    r"(?:SECRET|TOKEN|PASSWORD|USERPWD|ACCESS_KEY|CONNECTION_STRING)\w*(?<!_FILE)"
)
"""Environment variables that libraries take secrets from."""
_SHORT = 6
"""Values of variables with fewer characters are words that stand anywhere."""

_STEERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the order in which others are shown."""


def without_secrets(text: str) -> str:
    """Hide passwords, signatures and keys in a text or an address.

    An address that is signed anew reads as before, so this also is what it is known by.

    Example:
        >>> without_secrets("https://ann:pw@host/a.tif?v=2&X-Amz-Signature=9f0c: no such file")
        'https://***@host/a.tif?v=2&X-Amz-Signature=***: no such file'
    """
    for name, value in os.environ.items():
        if len(value) >= _SHORT and value in text and _VARIABLE.fullmatch(name):
            text = text.replace(value, HIDDEN)
    if "@" in text or "%40" in text:
        text = _USER.sub(rf"\g<1>{HIDDEN}\g<2>", text)
    if "=" in text or "%3D" in text or "%3d" in text:
        text = (_SIGNED if _SIGNATURE.search(text) else _PLAIN).sub(_without_value, text)
    return _HEADER.sub(rf"\g<1>{HIDDEN}", text)


def harmless(error: BaseException) -> BaseException | None:
    """Return an error as the cause of another one, or None where its traceback would tell a secret.

    Errors of libraries name the address that they were given.
    """
    seen: BaseException | None = error
    while seen is not None:
        if without_secrets(str(seen)) != str(seen):
            return None
        seen = seen.__cause__ or seen.__context__
    return error


def _without_value(match: re.Match[str]) -> str:
    return f"{match[1]}={HIDDEN}" if match[1] else f"{match[2]}%3D{HIDDEN}"


def is_text(name: str) -> bool:
    """Tell whether files can hold a name: it has no NUL, and its bytes were valid UTF-8."""
    return "\0" not in name and not any("\ud800" <= character <= "\udfff" for character in name)


def visible(text: str) -> str:
    r"""Write what a terminal would obey, or no file can hold, as an escape.

    These are control characters, line ends included, surrogates, and what turns the direction of
    text around.

    Example:
        >>> visible("a\x1b[2J\n.tif")
        'a\\x1b[2J\\n.tif'
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    obeyed = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    if obeyed or character in _STEERING:
        return character.encode("unicode_escape").decode("ascii")
    return character


def line_of(error: BaseException, length: int = 300) -> str:
    """Return what an error of a library says, in one line of bounded length."""
    text = " ".join(str(error)[: 4 * length].split())
    return (text if len(text) <= length else f"{text[:length]} ...") or type(error).__name__
