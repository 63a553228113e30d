"""Checks of settings: types, choices and ranges, each answered in one line."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import (
    Any,
    Literal,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from tilesegm.errors import SettingsError

__all__ = ["describe", "in_range", "one_of", "settings"]

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def settings(section: str = "") -> Callable[[type[T]], type[T]]:
    """Make a frozen dataclass that checks the types of its values before anything else.

    Args:
        section: where messages say that a value stands, such as ``schedule``.
    """

    def decorate(cls: type[T]) -> type[T]:
        own = cls.__dict__.get("__post_init__")

        def check(self: Any) -> None:
            for name, hint in get_type_hints(cls).items():
                value = getattr(self, name)
                if not _fits(value, hint):
                    raise _unexpected(f"{section}.{name}".removeprefix("."), value, describe(hint))
            if own is not None:
                own(self)

        cls.__post_init__ = check  # type: ignore[attr-defined]
        return dataclass(frozen=True)(cls)

    return decorate


def one_of(key: str, value: object, choices: Any) -> None:
    """Refuse a value that is not among the choices.

    Args:
        key: name of the value in messages, such as ``schedule.decay``.
        value: what was passed.
        choices: a `Literal`, or the choices themselves.

    Raises:
        SettingsError: the value is another one.
    """
    allowed = get_args(choices) or tuple(choices)
    if value not in allowed:
        raise _unexpected(key, value, _listed(allowed))


def in_range(
    key: str,
    value: float | None,
    low: float,
    high: float = math.inf,
    ends: Literal["[]", "[)", "(]", "()"] = "[]",
    *,
    what: str = "a number",
) -> None:
    """Refuse a number that is NaN, infinite, or outside a range; None passes.

    Args:
        key: name of the value in messages, such as ``schedule.epochs``.
        value: what was passed.
        low: lower end of the range.
        high: upper end of the range; without it any finite number is low enough.
        ends: whether the ends belong to the range, as intervals are written.
        what: what the number is, such as ``a fraction``.

    Raises:
        SettingsError: the value is out of range.
    """
    if value is None:
        return
    above = value > low or (value == low and ends[0] == "[")
    if above and (value < high or (value == high < math.inf and ends[1] == "]")):
        return
    if high == math.inf:
        limits = f"above {low:g}" if ends[0] == "(" else f"of at least {low:g}"
    elif ends == "()":
        limits = f"between {low:g} and {high:g}"
    else:
        limits = f"from {low:g} to {'below ' if ends[1] == ')' else ''}{high:g}"
    raise SettingsError(f"{key} is {value!r}; pass {what} {limits}")


_WORDS: dict[Any, tuple[str, str]] = {
    str: ("text", "texts"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false"),
    types.NoneType: ("null", "null"),
}
"""What one value of a plain type is called, and several."""


def describe(hint: Any, several: bool = False) -> str:
    """Say in words what an annotation allows, of one value or of several."""
    if hint in _WORDS:
        return _WORDS[hint][several]
    arguments = get_args(hint)
    if get_origin(hint) is Literal:
        return _listed(arguments)
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(describe(kind, several) for kind in arguments)
    if get_origin(hint) is tuple:
        return f"a list of {describe(arguments[0], several=True)}"
    return "sections" if several else "a section of keys"


def _fits(value: object, hint: Any) -> bool:
    """Tell whether a value has the type of an annotation; lists serve as tuples."""
    kinds = get_args(hint)
    match get_origin(hint):
        case None if hint is Any:
            return True
        case None if hint in (int, float):
            numbers = int if hint is int else (int, float)
            return isinstance(value, numbers) and not isinstance(value, bool)
        case None:
            return isinstance(value, hint)
        case origin if origin is Literal:
            return value in kinds
        case origin if origin is tuple:
            several = isinstance(value, tuple | list)
            return several and all(_fits(each, kinds[0]) for each in value)  # type: ignore[attr-defined]
        case origin if origin is dict:
            return isinstance(value, Mapping) and all(
                _fits(key, kinds[0]) and _fits(each, kinds[1]) for key, each in value.items()
            )
    return any(_fits(value, kind) for kind in kinds)


def _listed(choices: tuple[Any, ...]) -> str:
    return " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))


def _unexpected(key: str, value: object, expected: str) -> SettingsError:
    return SettingsError(f"{key} is {value!r}; expected {expected}")
