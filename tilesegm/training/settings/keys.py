"""The keys of a settings file: names, kinds, defaults and what they mean.

All of it comes from the dataclasses of the settings, whose attribute docstrings are what users
read.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.yaml_positions import KeyPath

__all__ = ["REQUIRED", "Key", "Section", "describe", "key_at", "section_at", "sections"]

REQUIRED = dataclasses.MISSING
"""Default of keys that have none."""


@dataclass(frozen=True)
class Key:
    """One key."""

    name: str
    hint: Any
    """Its annotation."""
    default: Any
    """Value when it is not given, or ``REQUIRED``."""
    text: str
    """What it means."""
    inner: type | None
    """Dataclass of the section, or of each entry of the list of sections, that it holds."""

    @property
    def several(self) -> bool:
        """Whether it holds a list of sections."""
        return self.inner is not None and get_origin(self.hint) is tuple


@dataclass(frozen=True)
class Section:
    """Keys that stand together."""

    path: KeyPath
    """Where it stands; the place in a list is 0."""
    text: str
    keys: tuple[Key, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its keys."""
        return tuple(key.name for key in self.keys)


@cache
def sections() -> dict[KeyPath, Section]:
    """Return every section by its path, in the order of the file; the whole file is ``()``."""
    return {section.path: section for section in _walk((), TrainingConfig)}


def section_at(path: KeyPath) -> Section | None:
    """Return the section at a path, whatever its places in lists are."""
    return sections().get(_general(path))


def key_at(path: KeyPath) -> Key | None:
    """Return the key that a path leads to, or into."""
    for end in range(len(path), 0, -1):
        section = section_at(path[: end - 1])
        if section is not None and path[end - 1] in section.names:
            return next(key for key in section.keys if key.name == path[end - 1])
    return None


def describe(hint: Any, several: bool = False) -> str:
    """Say in words what an annotation allows, of one value or of several."""
    match hint:
        case _ if hint is str:
            return "texts" if several else "text"
        case _ if hint is int:
            return "whole numbers" if several else "a whole number"
        case _ if hint is float:
            return "numbers" if several else "a number"
        case _ if hint is bool:
            return "true or false"
        case types.NoneType:
            return "null"
    arguments = get_args(hint)
    if get_origin(hint) is Literal:
        return " or ".join(filter(None, (", ".join(arguments[:-1]), arguments[-1])))
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(describe(one, several) for one in arguments)
    if get_origin(hint) is tuple:
        return f"a list of {describe(arguments[0], several=True)}"
    return "sections" if several else "a section of keys"


def _general(path: KeyPath) -> KeyPath:
    return tuple(0 if isinstance(part, int) else part for part in path)


def _walk(path: KeyPath, cls: type) -> Iterator[Section]:
    keys = tuple(_keys(cls))
    yield Section(path, _one_line(inspect.getdoc(cls) or ""), keys)
    for key in keys:
        if key.inner is not None:
            yield from _walk((*path, key.name, *((0,) if key.several else ())), key.inner)


def _keys(cls: type) -> Iterator[Key]:
    hints, texts = get_type_hints(cls), _attribute_docstrings(cls)
    for field in dataclasses.fields(cls):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        hint = hints[field.name]
        kinds = (one for one in (hint, *get_args(hint)) if isinstance(one, type))
        inner = next((one for one in kinds if dataclasses.is_dataclass(one)), None)
        text = texts.get(field.name, "")
        if not text and inner is not None:
            text = _one_line((inspect.getdoc(inner) or "").partition("\n\n")[0])
        yield Key(field.name, hint, default, text, inner)


def _attribute_docstrings(cls: type) -> dict[str, str]:
    """Return the strings that follow the fields of a class in its source."""
    (definition,) = ast.parse(dedent(inspect.getsource(cls))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, after in pairwise(definition.body):
        match field, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = _one_line(text)
    return found


def _one_line(text: str) -> str:
    return " ".join(text.split())
