"""The keys of a settings file: names, types, defaults and meaning, from their dataclasses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.schema import schema
from tilesegm.training.settings.yaml_positions import KeyPath

__all__ = ["REQUIRED", "Key", "Section", "key_at", "section_at", "sections"]

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


def _general(path: KeyPath) -> KeyPath:
    return tuple(0 if isinstance(part, int) else part for part in path)


def _walk(path: KeyPath, cls: type) -> Iterator[Section]:
    keys = tuple(_keys(cls))
    yield Section(path, _one_line(_described(cls)["description"]), keys)
    for key in keys:
        if key.inner is not None:
            yield from _walk((*path, key.name, *((0,) if key.several else ())), key.inner)


def _keys(cls: type) -> Iterator[Key]:
    hints, texts = get_type_hints(cls), _described(cls)["properties"]
    for field in dataclasses.fields(cls):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        hint = hints[field.name]
        kinds = (kind for kind in (hint, *get_args(hint)) if isinstance(kind, type))
        inner = next((kind for kind in kinds if dataclasses.is_dataclass(kind)), None)
        text = texts[field.name].get("description", "")
        if not text and inner is not None:
            text = _described(inner)["description"].partition("\n\n")[0]
        yield Key(field.name, hint, default, _one_line(text), inner)


def _described(cls: type) -> dict[str, Any]:
    """Return the part of the schema that describes a section."""
    section: dict[str, Any] = schema()["$defs"][cls.__name__]
    return section


def _one_line(text: str) -> str:
    return " ".join(text.split())
