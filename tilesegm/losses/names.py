"""Names that a person typed: of losses, and of their arguments."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, get_args, get_type_hints

from tilesegm.errors import InputError

__all__ = ["argument_names", "check_arguments", "find", "settings_name"]

_SPELT = {"MSSSIM": "ms_ssim", "UNet3PlusHybrid": "unet3plus_hybrid"}
"""Names whose words capitals do not tell."""


def find(name: str, choices: Iterable[str], kind: str) -> str:
    """Return the choice meant by ``name``; case, hyphens and underscores do not matter.

    Args:
        name: the name as typed.
        choices: the names that exist.
        kind: what the names stand for, such as ``"loss"``; for the message.

    Raises:
        InputError: there is no such name; the message proposes the nearest.
    """
    by_key = {_key(choice): choice for choice in choices}
    if _key(name) in by_key:
        return by_key[_key(name)]
    module, dot, attribute = name.rpartition(".")
    if dot and module and attribute.isidentifier():
        advice = f"a loss of your own is written with a colon, as {module}:{attribute}"
    else:
        advice = _proposal(name, by_key, 0.5)
    raise InputError(f"there is no {kind} {name!r}; {advice}")


def settings_name(loss: type) -> str:
    """Return the name that settings and logs give a class of losses, such as ``focal_tversky``."""
    if loss.__name__ in _SPELT:
        return _SPELT[loss.__name__]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z]|[A-Z]{2})", "_", loss.__name__).lower()


def check_arguments(
    make: Callable[..., Any], arguments: Iterable[str], name: str | None = None
) -> None:
    """Refuse arguments that a loss, a recipe or a weighting rule does not take.

    Args:
        make: class or function whose ``**`` arguments, if any, are typed by ``Unpack``.
        arguments: names of the arguments.
        name: what settings call it; None for the name of ``make``.

    Raises:
        InputError: there is no such argument; the message proposes the nearest.
    """
    names = argument_names(make)
    for argument in arguments:
        if argument not in names:
            # Arguments are short: a lower bound would propose 'beta' for 'extra'.
            proposal = _proposal(argument, {_key(each): each for each in names}, 0.75)
            raise InputError(f"{name or make.__name__} has no argument {argument!r}; {proposal}")


def argument_names(make: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments that a function or the constructor of a class takes.

    Arguments behind ``**`` are those of its ``Unpack``; without one, those of the base class.
    """
    functions = [make]
    if isinstance(make, type):
        functions = [vars(each)["__init__"] for each in make.__mro__ if "__init__" in vars(each)]
    names: list[str] = []
    for function in functions:
        rest = None
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                rest = parameter.name
            elif parameter.kind is not parameter.POSITIONAL_ONLY and parameter.name != "self":
                names.append(parameter.name)
        options = get_args(get_type_hints(function).get(rest)) if rest else ()
        names += options[0].__annotations__ if options else ()
        if options or not rest:
            break
    return names


def _proposal(name: str, by_key: dict[str, str], cutoff: float) -> str:
    near = difflib.get_close_matches(_key(name), by_key, n=1, cutoff=cutoff)
    if near:
        return f"did you mean {by_key[near[0]]!r}?"
    return f"there are {', '.join(sorted(by_key.values()))}"


def _key(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()
