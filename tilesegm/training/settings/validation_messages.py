"""What is wrong with settings, in the terms of the file that gave them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

from tilesegm.checks import describe
from tilesegm.training.settings.keys import key_at, section_at, sections
from tilesegm.training.settings.yaml_positions import Document, KeyPath, key_text, quote

__all__ = ["nearest", "validation_messages"]


def validation_messages(document: Document, errors: Iterable[Mapping[str, Any]]) -> list[str]:
    """Describe each mistake in one line: place, key, value, and what is allowed.

    Args:
        document: the file of settings.
        errors: pydantic's list of errors.

    Returns:
        Lines in the order of the file.
    """
    by_path: dict[KeyPath, Mapping[str, Any]] = {}
    for error in errors:
        by_path.setdefault(_path(document.values, error), error)
    # Each member of a union has errors of its own; those that go deepest are the ones to tell.
    deepest = [
        path
        for path in by_path
        if not any(other != path and other[: len(path)] == path for other in by_path)
    ]
    order = {path: number for number, path in enumerate(document.places)}

    def line(path: KeyPath) -> int:
        while path not in order:
            path = path[:-1]
        return order[path]

    return [
        f"{document.place(_named(path, by_path[path]))}: {_message(document, path, by_path[path])}"
        for path in sorted(deepest, key=line)
    ]


def _named(path: KeyPath, error: Mapping[str, Any]) -> KeyPath:
    """Return the key of a section that the section's own check names, or else the section."""
    section = section_at(path)
    if error["type"] != "value_error" or section is None:
        return path
    text = str(error["ctx"]["error"])
    name = next((name for name in section.names if re.search(rf"\.{name}\b|\b{name}=", text)), None)
    return path if name is None else (*path, name)


def _message(document: Document, path: KeyPath, error: Mapping[str, Any]) -> str:
    text = key_text(path)
    match error["type"]:
        case "missing":
            key = key_at(path)
            return f"{text} is missing" + (f": {key.text}" if key and key.text else "")
        case "unexpected_keyword_argument" | "extra_forbidden":
            return f"{text} is unknown; {_advice(path)}"
        case "value_error":
            reason = str(error["ctx"]["error"])
            return reason if not text or reason.startswith(text) else f"{text}: {reason}"
    key, value = key_at(path), document.get(path)
    if key is None:
        return f"{text} is {quote(value)}, which does not fit"
    wanted = describe(key.hint)
    if value is None:
        return f"{text} is empty; expected {wanted} (texts that begin with # need quotes)"
    near = nearest(value, _choices(key.hint))
    return f"{text} is {quote(value)}; expected {wanted}" + (
        f"; did you mean {near}?" if near else ""
    )


def _path(values: Any, error: Mapping[str, Any]) -> KeyPath:
    """Return the keys of pydantic's location, which names kinds of unions as well."""
    path: list[str | int] = []
    node, location = values, error["loc"]
    for number, part in enumerate(location):
        try:
            node = node[part]
        except (LookupError, TypeError):
            # A missing key is the last of its location; other strange names are kinds of unions.
            if error["type"] != "missing" or number < len(location) - 1:
                continue
        path.append(part)
    return tuple(path)


def _advice(path: KeyPath) -> str:
    """Suggest a known key in place of an unknown one."""
    section = section_at(path[:-1])
    names = section.names if section else ()
    near = nearest(path[-1], names)
    if near:
        return f"did you mean {near}?"
    elsewhere = [
        key_text(other)
        for other, section in sections().items()
        if path[-1] in section.names and other and 0 not in other
    ]
    if elsewhere:
        return f"it belongs in {' or '.join(elsewhere)}"
    return f"there are {', '.join(names)}"


def _choices(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    return next((get_args(one) for one in get_args(hint) if get_origin(one) is Literal), ())


def nearest(word: Any, choices: Iterable[Any]) -> str | None:
    """Return the choice that is most like a word, if any is."""
    near = difflib.get_close_matches(str(word), [str(one) for one in choices], n=1, cutoff=0.6)
    return near[0] if near else None
