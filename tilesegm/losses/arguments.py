"""The arguments of a loss or a rule as its code states them: type, default and meaning."""

from __future__ import annotations

import inspect
import re
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tilesegm.losses.names import argument_names

__all__ = ["Argument", "arguments_of"]

_OF_THE_RUN = ("from_logits", "ignore", "name", "trainable", "dtype")
"""Arguments that a training run sets itself, or that change no number."""


@dataclass(frozen=True)
class Argument:
    """One argument of a loss, a recipe, a rule or a schedule."""

    name: str
    type: str
    """As Python writes it, such as ``int | None``."""
    required: bool
    default: Any
    """What it is when not given; None where it is required."""
    meaning: str
    """From the docstring, in one line."""


def arguments_of(make: Callable[..., Any], made: object | None = None) -> tuple[Argument, ...]:
    """Describe the arguments that a settings file may give to a class.

    Args:
        make: the class; the arguments behind ``**`` are those of its ``Unpack``.
        made: an object made of it without arguments, which knows the defaults behind ``**``.

    Returns:
        In the order of the signature, without those that a run sets itself.
    """
    classes = [each for each in getattr(make, "__mro__", (make,)) if each is not object]
    parameters: dict[str, inspect.Parameter] = {}
    hints: dict[str, Any] = {}
    for each in reversed(classes):
        init = each if not isinstance(each, type) else vars(each).get("__init__")
        if isinstance(init, types.FunctionType):
            own = inspect.signature(init).parameters
            parameters.update(own)
            hints.update(_hints(init, own))
    meanings = _meanings(make)
    first = inspect.signature(make).parameters
    found = []
    for name in argument_names(make):
        if name in _OF_THE_RUN:
            continue
        known = first.get(name) or parameters.get(name)
        default = known.default if known is not None else inspect.Parameter.empty
        # A class may put other defaults behind its `**`, and `get` in place of what is required.
        if hasattr(made, name) and (name not in first or default is inspect.Parameter.empty):
            default = getattr(made, name)
        required = default is inspect.Parameter.empty
        found.append(
            Argument(
                name=name,
                type=_type_text(hints.get(name, Any)),
                required=required,
                default=None if required else default,
                meaning=meanings.get(name, ""),
            )
        )
    return tuple(found)


def _hints(init: Any, parameters: Any) -> dict[str, Any]:
    """Return the types of parameters, those behind ``**`` included."""
    try:
        hints = get_type_hints(init)
    except (NameError, TypeError):  # of somebody's own file, under TYPE_CHECKING
        return {}
    for parameter in parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            options = get_args(hints.pop(parameter.name, None))
            if options:
                hints |= get_type_hints(options[0])
    return hints


def _meanings(make: Any) -> dict[str, str]:
    """Collect the entries of ``Args:`` of a class, its bases, and classes that they refer to."""
    meanings: dict[str, str] = {}
    classes = [each for each in getattr(make, "__mro__", (make,)) if each.__module__ != "builtins"]
    for each in classes:
        for name, text in _entries(inspect.getdoc(each) or "").items():
            if not name.startswith("**"):
                meanings.setdefault(name, text)
                continue
            for other in re.findall(r"(?<!`)`(\w+)`(?!`)", text):
                named = getattr(sys.modules.get(each.__module__), other, None)
                if isinstance(named, type) and named not in classes:
                    classes.append(named)
    return meanings


def _entries(doc: str) -> dict[str, str]:
    """Return the entries below ``Args:`` of a docstring, each in one line."""
    section = doc.partition("Args:\n")[2]
    entries: dict[str, list[str]] = {}
    for line in section.splitlines():
        if line.strip() and not line.startswith("    "):
            break
        match = re.match(r"    (\**\w+): (.*)", line)
        if match:
            words = entries[match[1]] = [match[2]]
        elif entries and line.strip():
            words.append(line.strip())
    return {name: _plain(" ".join(words)) for name, words in entries.items()}


def _plain(text: str) -> str:
    """Drop the quotes of code, which a terminal shows as they are."""
    return text.replace("``", "")


def _type_text(hint: Any) -> str:
    if hint is Any:
        return "any"
    if hint is type(None):
        return "None"
    if get_origin(hint) is Literal:
        return " | ".join(map(repr, get_args(hint)))
    if get_origin(hint) in (Union, types.UnionType):
        return " | ".join(map(_type_text, get_args(hint)))
    if get_origin(hint) is not None:
        inner = ", ".join(_type_text(each) for each in get_args(hint) if each is not ...)
        name = getattr(get_origin(hint), "__name__", str(hint))
        return f"{'list' if name in ('Sequence', 'tuple') else name}[{inner}]"
    return getattr(hint, "__name__", str(hint))
