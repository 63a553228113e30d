"""Paths with placeholders: ``{name}`` and ``{name:GLOB}``."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tilesegm.errors import SettingsError

__all__ = ["Pattern", "natural"]

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)(?::([^{}/]+))?\}")

Found = dict[str, str]


class Pattern:
    """A path whose placeholders stand for any text without a slash, or one that fits a glob."""

    def __init__(self, text: str) -> None:
        """Read a pattern.

        Raises:
            SettingsError: a brace belongs to no placeholder.
        """
        rest = _PLACEHOLDER.sub("", text)
        if "{" in rest or "}" in rest:
            raise SettingsError(
                f"{text!r}: a placeholder is a name in braces, and a glob without slash if need "
                "be, such as '{site}' or '{site:tile_*}'"
            )
        self.text = text
        self.names = tuple(dict.fromkeys(match[1] for match in _PLACEHOLDER.finditer(text)))

    def fill(self, values: Mapping[str, str]) -> str:
        """Put values in the place of their placeholders."""
        return _PLACEHOLDER.sub(lambda match: values[match[1]], self.text)

    def find(self, folder: Path) -> list[Found]:
        """Return the values of the placeholders for each file or folder that fits.

        Args:
            folder: what a relative pattern starts from.
        """
        *steps, last = Path(self.text).parts
        return list(_walk(folder, [*steps, last], {}))


def natural(text: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts numbers in texts by their value: ``slice 9`` before ``slice 10``."""
    parts = re.split(r"(\d+)", text)
    return [
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts if part
    ]


def _walk(at: Path, steps: list[str], found: Found) -> Iterator[Found]:
    """Follow the steps of a path through every folder that fits."""
    if not steps:
        yield found
        return
    step, rest = steps[0], steps[1:]
    if not _PLACEHOLDER.search(step):
        if (at / step).exists():
            yield from _walk(at / step, rest, found)
        return
    if not at.is_dir():
        return
    form = re.compile(_expression(step, found))
    for entry in sorted(at.iterdir()):
        match = form.fullmatch(entry.name)
        if match and (not entry.name.startswith(".") or step.startswith(".")):
            yield from _walk(entry, rest, found | match.groupdict())


def _expression(step: str, found: Found) -> str:
    """Return a regular expression for one step of a path, with the values found so far in place."""
    text, end = "", 0
    seen: set[str] = set()
    for match in _PLACEHOLDER.finditer(step):
        name, glob = match.groups()
        text += re.escape(step[end : match.start()])
        end = match.end()
        if name in found:
            text += re.escape(found[name])
        elif name in seen:
            text += f"(?P={name})"
        else:
            text += f"(?P<{name}>{_glob(glob) if glob else '.+'})"
            seen.add(name)
    return text + re.escape(step[end:])


def _glob(glob: str) -> str:
    """Return a regular expression for a glob, without fnmatch's flags and end."""
    whole = fnmatch.translate(glob)
    return re.sub(r"^\(\?s:(.*)\)\\[zZ]$", r"(?:\1)", whole)
