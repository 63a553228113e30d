"""Reads YAML and remembers the line of every value.

The scalars are those of YAML 1.2's core schema: ``yes`` and ``on`` are text, ``1e-3`` is a number,
and ``010`` is ten.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tilesegm.errors import SettingsError
from tilesegm.shown import line_of

__all__ = ["Document", "KeyPath", "key_text", "quote", "read_document"]

KeyPath = tuple[str | int, ...]
"""Names of keys and, in lists, places counted from 0."""

_FLOAT = (
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?(?:\.?(?:inf|Inf)|Infinity)|\.?(?:nan|NaN)"
)
_SCALARS = (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", _FLOAT, "-+0123456789.iInN"),
)


_TAGS = {
    f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "map", "seq")
}
_MOST = 100_000
"""Values that a file may hold or stand for: some 10 000 scenes with all that can be said of each.
The reader takes some four seconds for them."""
_LONGEST = 200
"""Characters of a key."""


@dataclass(frozen=True)
class Document:
    """What a file of settings says, and where."""

    values: dict[str, Any]
    places: Mapping[KeyPath, str]
    """Where each key was given, such as ``dubai.yaml:14``."""

    def place(self, path: KeyPath) -> str:
        """Say where a key, or else what it would belong to, was given."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def get(self, path: KeyPath) -> Any:
        """Return the value of a key; None when there is none."""
        node: Any = self.values
        for part in path:
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                return None
        return node

    def changed(self, change: str) -> Document:
        """Return the document with one ``key.path=value``, the value as YAML.

        Raises:
            SettingsError: the change is not of that form, or leads through a value.
        """
        place = f"--set {change}"
        keys, equals, text = change.partition("=")
        path = tuple(int(part) if part.isdigit() else part for part in keys.strip().split("."))
        if not equals or "" in path:
            raise SettingsError(f"{place}: expected key.path=value, such as schedule.epochs=5")
        value = read_document(f"value: {text}", place).values["value"]
        return Document(
            _with(self.values, path, value, place),
            {
                **{key: at for key, at in self.places.items() if key[: len(path)] != path},
                path: place,
            },
        )


def read_document(text: str, name: str) -> Document:
    """Read YAML whose top is a mapping.

    Args:
        text: the YAML.
        name: what messages call it.

    Raises:
        SettingsError: it is not YAML, is empty, or gives a key twice; the line is named.
    """
    import yaml

    try:
        root = yaml.compose(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise SettingsError(_why(error, text, name)) from None
    except RecursionError:
        raise SettingsError(f"{name} is nested too deep; settings have a few levels") from None
    except (ValueError, OverflowError) as error:  # an escape that stands for no character
        raise SettingsError(f"{name} is not YAML: {line_of(error)}") from None
    if root is None:
        raise SettingsError(f"{name} is empty; `tilesegm train init` writes a start")
    places: dict[KeyPath, str] = {(): name}
    values = _build(root, (), name, places)
    if not isinstance(values, dict):
        raise SettingsError(f"{name} holds {quote(values)}; expected sections, such as data:")
    return Document(values, places)


def key_text(path: KeyPath) -> str:
    """Write a path of keys as people do: ``data.scenes[0].image``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def quote(value: Any) -> str:
    """Show a value in a message, shortened, as YAML would write it."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


@cache
def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012
        nodes = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.nodes += 1
            if self.nodes > _MOST:
                raise yaml.YAMLError(f"it holds more than {_MOST} values")
            return super().compose_node(parent, index)

    for tag, pattern, first in _SCALARS:
        Loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), [*first, ""]
        )
    return Loader


def _build(node: Any, path: KeyPath, name: str, places: dict[KeyPath, str]) -> Any:
    """Make plain values of a node."""
    at = f"{name}:{node.start_mark.line + 1}"
    if len(path) > 20:
        raise SettingsError(f"{places[()]}: {key_text(path[:3])[:100]} contains itself")
    if len(places) > _MOST:
        # An alias of an alias of an alias: a few lines that stand for any number of values.
        raise SettingsError(f"{name} stands for more than {_MOST} values; write fewer aliases (*)")
    if node.tag not in _TAGS:
        raise SettingsError(f"{at}: the tag {node.tag[:100]!r} is unknown; leave it out")
    if node.id == "mapping":
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            at = f"{name}:{key_node.start_mark.line + 1}"
            if key_node.id != "scalar":
                raise SettingsError(f"{at}: a {key_node.id} is no key; expected a name")
            key = str(key_node.value)
            if len(key) > _LONGEST:
                raise SettingsError(f"{at}: a key of {len(key)} characters is none of settings")
            if key in made:
                first = places[(*path, key)].rpartition(":")[2]
                twice = key_text((*path, key))
                raise SettingsError(f"{at}: {twice} is given twice, first in line {first}")
            places[(*path, key)] = at
            made[key] = _build(value_node, (*path, key), name, places)
        return made
    if node.id == "sequence":
        items = []
        for number, item in enumerate(node.value):
            places[(*path, number)] = f"{name}:{item.start_mark.line + 1}"
            items.append(_build(item, (*path, number), name, places))
        return items
    kind = node.tag.rpartition(":")[2]
    try:
        return _scalar(kind, node.value)
    except ValueError:
        raise SettingsError(f"{at}: {node.value[:60]!r} is no {kind} that can be read") from None


def _scalar(kind: str, text: str) -> Any:
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text)
        case "float":
            return float(text.replace(".inf", "inf").replace(".Inf", "inf").replace(".nan", "nan"))
    return text


def _with(node: Any, path: KeyPath, value: Any, place: str) -> Any:
    """Return a copy of a tree with another value at ``path``."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(node, list) and isinstance(head, int):
        if head >= len(node):
            raise SettingsError(f"{place}: the list has {len(node)} entries, counted from 0")
        return [*node[:head], _with(node[head], rest, value, place), *node[head + 1 :]]
    if node is None or isinstance(node, dict):
        inner = node or {}
        return {**inner, str(head): _with(inner.get(str(head)), rest, value, place)}
    raise SettingsError(f"{place}: there is {quote(node)} in the way, which has no key {head!r}")


def _why(error: Any, text: str, name: str) -> str:
    """Say what is wrong with YAML in one line."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return f"{name} is not YAML of settings: {line_of(error)}"
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    place = f"{name}:{mark.line + 1}"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return f"{place}: the line begins with a tab, which YAML forbids; use spaces"
    return f"{place}: is not YAML: {error.problem} (quote texts that hold any of : # {{ [ * & !)"
