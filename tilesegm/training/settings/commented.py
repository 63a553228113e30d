"""Writes settings as YAML in which every key is explained."""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from tilesegm.training.settings.keys import REQUIRED, Key, section_at
from tilesegm.training.settings.yaml_positions import KeyPath

__all__ = ["commented_yaml", "scalar"]

_WIDTH = 99
_WORDS = ("null", "true", "false", "nan", "inf", "infinity")


def commented_yaml(
    chosen: Mapping[str, Any], remarks: Mapping[KeyPath, str], head: tuple[str, ...] = ()
) -> str:
    """Write settings with all keys: those chosen, and the others commented out.

    Args:
        chosen: settings as plain data.
        remarks: why a key has its value, or what an entry of a list is.
        head: lines of comment above.
    """
    lines = [f"# {line}".rstrip() for line in head]
    lines += _section((), chosen, remarks, "")
    return "\n".join(lines) + "\n"


def scalar(value: Any) -> str:
    """Write a value as YAML in one line."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
        case int() | float():
            return repr(value)
        case str():
            plain = re.fullmatch(r"[A-Za-z_][\w/+-]*(?:[. ][\w/+-]+)*", value)
            if plain and value.lower() not in _WORDS:
                return value
            return json.dumps(value, ensure_ascii=False)
        case Mapping():
            return "{" + ", ".join(f"{key}: {scalar(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(map(scalar, value)) + "]"


def _section(
    path: KeyPath, chosen: Mapping[str, Any], remarks: Mapping[KeyPath, str], indent: str
) -> Iterator[str]:
    section = section_at(path)
    assert section is not None, path
    for key in section.keys:
        here = (*path, key.name)
        if not path:
            yield ""
        yield from _comment(key.text, indent)
        if here in remarks:
            yield from _comment(remarks[here], indent)
        value = chosen.get(key.name)
        if key.several:
            yield from _explain_entries(here, indent)
            yield f"{indent}{key.name}:"
            for number, entry in enumerate(value or ()):
                note = remarks.get((*here, number))
                yield from _entry(entry, indent, note)
        elif key.inner is not None and (value is not None or key.default is not None):
            yield f"{indent}{key.name}:"
            yield from _section(here, value or {}, remarks, indent + "  ")
        elif key.inner is not None:
            yield f"{indent}# {key.name}:"
            yield from (f"{indent}#{line}" for line in _section(here, {}, remarks, "   "))
        else:
            yield indent + _assignment(key, chosen)


def _assignment(key: Key, chosen: Mapping[str, Any]) -> str:
    if key.name in chosen:
        return f"{key.name}: {scalar(chosen[key.name])}"
    return f"# {key.name}: {'...' if key.default is REQUIRED else scalar(key.default)}"


def _explain_entries(path: KeyPath, indent: str) -> Iterator[str]:
    section = section_at((*path, 0))
    assert section is not None, path
    for key in section.keys:
        default = "" if key.default in (REQUIRED, None) else f" ({scalar(key.default)})"
        yield from _comment(f"{key.name}: {key.text}{default}", indent, hanging="    ")


def _entry(entry: Mapping[str, Any], indent: str, note: str | None) -> Iterator[str]:
    """Write an entry of a list in one line when it fits."""
    after = f"  # {note}" if note else ""
    line = f"{indent}  - {scalar(entry)}"
    if len(line) <= _WIDTH:
        yield line + after
        return
    for number, (name, value) in enumerate(entry.items()):
        start = f"{indent}  {'  ' if number else '- '}{name}:"
        if isinstance(value, list | tuple) and len(f"{start} {scalar(value)}") > _WIDTH:
            yield start
            yield from (f"{indent}      - {scalar(one)}" for one in value)
        else:
            yield f"{start} {scalar(value)}"


def _comment(text: str, indent: str, hanging: str = "") -> Iterator[str]:
    text = re.sub(r"``", "`", text)
    yield from textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# {hanging}",
        break_on_hyphens=False,
    )
