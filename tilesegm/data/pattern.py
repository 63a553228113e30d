"""Paths with placeholders: ``{name}`` and ``{name:GLOB}``; doubled braces stand for braces."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tilesegm.data.file_names import composed, find_path, is_shown
from tilesegm.errors import SettingsError

__all__ = ["Pattern", "escape", "natural"]

_PLACEHOLDER = r"\{([A-Za-z_]\w*)(?::([^{}/]+))?\}"
_TOKEN = re.compile(rf"\{{\{{|\}}\}}|{_PLACEHOLDER}")

Found = dict[str, str]


class Pattern:
    """A path whose placeholders stand for any text without a slash, or one that fits a glob."""

    def __init__(self, text: str) -> None:
        """Read a pattern.

        Raises:
            SettingsError: a brace belongs to no placeholder.
        """
        rest = _TOKEN.sub("", text)
        if "{" in rest or "}" in rest:
            raise SettingsError(
                f"{text!r}: a placeholder is a name in braces, and a glob without slash if need "
                "be, such as '{site}' or '{site:tile_*}'; braces of a file's name are doubled: "
                "'{{' and '}}'"
            )
        self.text = text
        self.names = tuple(dict.fromkeys(m[1] for m in _TOKEN.finditer(text) if m[1]))

    def fill(self, values: Mapping[str, str]) -> str:
        """Put values in the place of their placeholders."""
        return _replace(self.text, lambda name: values[name])

    def find(self, folder: Path) -> list[Found]:
        """Return the values of the placeholders for each file or folder that fits.

        Args:
            folder: what a relative pattern starts from.
        """
        *steps, last = Path(self.text).parts
        return list(_walk(folder, [*steps, last], {}))


def escape(text: str) -> str:
    """Write a path as a pattern that stands for it alone."""
    return text.replace("{", "{{").replace("}", "}}")


def natural(text: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts numbers in texts by their value: ``slice 9`` before ``slice 10``."""
    parts = re.split(r"(\d+)", text)
    return [
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts if part
    ]


def _replace(text: str, value: Callable[[str], str]) -> str:
    """Replace placeholders by their values, and doubled braces by single ones."""
    return _TOKEN.sub(lambda match: value(match[1]) if match[1] else match[0][0], text)


def _walk(at: Path, steps: list[str], found: Found) -> Iterator[Found]:
    """Follow the steps of a path through every folder that fits."""
    if not steps:
        yield found
        return
    step, rest = steps[0], steps[1:]
    if not any(match[1] for match in _TOKEN.finditer(step)):
        inside = find_path(at / _replace(step, str))
        if inside is not None:
            yield from _walk(inside, rest, found)
        return
    if not at.is_dir():
        return
    form = re.compile(_expression(step, found))
    for entry in sorted(at.iterdir()):
        match = form.fullmatch(composed(entry.name))
        if match and (is_shown(entry.name) or step.startswith(".")):
            yield from _walk(entry, rest, found | match.groupdict())


def _expression(step: str, found: Found) -> str:
    """Return a regular expression for one step of a path, with the values found so far in place."""
    text, end = "", 0
    seen: set[str] = set()
    for match in _TOKEN.finditer(step):
        name, glob = match.groups()
        text += re.escape(composed(step[end : match.start()]))
        end = match.end()
        if name is None:
            text += re.escape(match[0][0])
        elif name in found:
            text += re.escape(found[name])
        elif name in seen:
            text += f"(?P={name})"
        else:
            text += f"(?P<{name}>{_glob(composed(glob)) if glob else '.+'})"
            seen.add(name)
    return text + re.escape(composed(step[end:]))


def _glob(glob: str) -> str:
    """Return a regular expression for a glob, without fnmatch's flags and end."""
    whole = fnmatch.translate(glob)
    return re.sub(r"^\(\?s:(.*)\)\\[zZ]$", r"(?:\1)", whole)
