"""A loss, a recipe, a rule or a schedule in full: what is known of it, and its code."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.advice.catalogue import Entry, catalogue, entry_of
from tilesegm.advice.study import STUDIED, Row, findings, sums_of_the_study
from tilesegm.errors import InputError
from tilesegm.losses import LOSSES, RECIPES, Compound, get
from tilesegm.losses.arguments import Argument, arguments_of
from tilesegm.losses.names import find
from tilesegm.losses.own import is_own, load_own, source_of
from tilesegm.losses.weighting import Later
from tilesegm.training.objective import RULES, SCHEDULES

__all__ = ["Described", "describe"]

_RAMP = {"weight": 1.0, "start": 0.0, "end": 1.0, "epochs": 10}
"""Examples of what schedules require."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """Everything to know before using one."""

    entry: Entry
    formula: str
    doc: str
    """What its class says of itself."""
    arguments: tuple[Argument, ...]
    loss: dict[str, Any]
    """The section ``loss`` of the settings that uses it, with every default written out."""
    python: str
    """Code that makes it."""
    study: tuple[Row, ...]

    def summary(self) -> dict[str, Any]:
        """Return everything as plain data for JSON."""
        return {
            **dataclasses.asdict(self.entry),
            "formula": self.formula,
            "doc": self.doc,
            "arguments": [_plain(argument) for argument in self.arguments],
            "loss": self.loss,
            "python": self.python,
            "study": [dataclasses.asdict(row) for row in self.study],
        }


def describe(name: str) -> Described:
    """Describe what a name of settings stands for.

    Args:
        name: of a loss, a recipe, a weighting rule or a schedule; case, hyphens and underscores do
            not matter. Or the import path of a loss of your own, whose file is run.

    Raises:
        InputError: there is none; the message proposes the nearest.
    """
    if is_own(name):
        return _describe_own(name)
    if name in sums_of_the_study():
        terms = [term["name"] for term in STUDIED[name]["terms"]]
        raise InputError(
            f"{name!r} is a sum of the study, of {', '.join(terms)}; show "
            f"{'these' if len(terms) > 1 else 'it'}: tilesegm losses show {terms[-1]}"
        )
    entry = entry_of(find(name, [each.name for each in catalogue()], "loss, rule or schedule"))
    make, made = _code(entry)
    if isinstance(made, Compound) and entry.kind == "recipes":
        arguments: tuple[Argument, ...] = ()
    else:
        arguments = arguments_of(make, made)
    if entry.name == "later":  # a run sets its own length
        arguments = tuple(each for each in arguments if each.name != "epochs")
    return Described(
        entry=entry,
        formula=entry.formula or repr(made).replace("1 * ", ""),
        doc=_prose(make) if entry.kind != "recipes" else "",
        arguments=arguments,
        loss=_settings(entry, arguments),
        python=_python(entry, make.__name__),
        study=tuple(findings(entry.name)),
    )


def _describe_own(name: str) -> Described:
    make = load_own(name)
    path, digest = source_of(name)
    module, _, attribute = name.rpartition(":")
    line = (make.__doc__ or "").strip().partition("\n")[0].replace("``", "")
    entry = Entry(
        name=name,
        kind="losses",
        family="your own",
        line=line or "It has no docstring.",
        source=f"{path}, SHA-256 {digest}",
        note="a settings file that names it needs --trust, since its code is run",
    )
    arguments = arguments_of(make)
    module = Path(module).stem if module.endswith(".py") else module
    return Described(
        entry=entry,
        formula="",
        doc=_prose(make),
        arguments=arguments,
        loss=_settings(entry, arguments),
        python=f"from {module} import {attribute}\n\nloss = {attribute}()",
        study=(),
    )


def _code(entry: Entry) -> tuple[Any, object]:
    """Return the class or function behind an entry, and an object made by its defaults."""
    match entry.kind:
        case "losses":
            made = get(entry.name)
            return LOSSES[type(made).__name__], made
        case "recipes":
            return RECIPES[entry.name], get(entry.name)
        case "rules":
            rule = RULES[entry.name]
            if entry.name == "later":
                return rule, Later(1)
            return rule, None if entry.name == "scheduled" else rule()
        case "schedules":
            return SCHEDULES[entry.name], None


def _prose(make: Any) -> str:
    """Return a docstring up to its sections."""
    lines = []
    for line in (make.__doc__ or "").splitlines():
        if line.strip() in ("Args:", "Example:", "Raises:", "Attributes:"):
            break
        lines.append(line.strip())
    return "\n".join(lines).strip().replace("``", "").replace("**", "")


def _settings(entry: Entry, arguments: tuple[Argument, ...]) -> dict[str, Any]:
    given = {each.name: _written(each) for each in arguments if _is_written(each)}
    own = {"name": entry.name, **given}
    if entry.kind in ("losses", "recipes"):
        beside = [{"name": entry.beside}] if entry.beside else []
        return {"terms": [*beside, own]}
    terms = [{"name": "cross_entropy"}, {"name": "dice"}]
    if entry.name == "scheduled":
        ramps = [
            {"name": "constant", "weight": 1.0},
            {"name": "linear", "start": 0.0, "end": 1.0, "epochs": 10},
        ]
        return {"terms": terms, "weighting": {"name": "scheduled", "schedules": ramps}}
    if entry.kind == "schedules":
        ramps = [{"name": "constant", "weight": 1.0}, own]
        return {"terms": terms, "weighting": {"name": "scheduled", "schedules": ramps}}
    return {"terms": terms, "weighting": own}


def _is_written(argument: Argument) -> bool:
    """Whether a settings file can hold the value."""
    plain = isinstance(argument.default, bool | int | float | str | list | tuple)
    return argument.name in _RAMP if argument.required else plain


def _written(argument: Argument) -> Any:
    value = _RAMP[argument.name] if argument.required else argument.default
    return list(value) if isinstance(value, tuple) else value


def _python(entry: Entry, code: str) -> str:
    match entry.kind:
        case "losses" if code in ("DeepSupervision", "Pyramid"):
            return f"from tilesegm.losses import Dice, {code}\n\nloss = {code}(Dice())"
        case "losses" if entry.beside:
            return (
                f"from tilesegm.losses import {code}, recipe\n\n"
                f'loss = recipe("{entry.beside}") + {code}()'
            )
        case "losses":
            return f"from tilesegm.losses import {code}\n\nloss = {code}()"
        case "recipes":
            return f'from tilesegm.losses import recipe\n\nloss = recipe("{entry.name}")'
        case "rules" if entry.name == "scheduled":
            return (
                "from tilesegm.losses.weighting import Constant, Linear, Scheduled\n\n"
                "rule = Scheduled([Constant(1.0), Linear(0.0, 1.0, epochs=10)])"
            )
        case "rules" if entry.name == "later":
            return "from tilesegm.losses.weighting import Later\n\nrule = Later(epochs=40)"
        case "rules":
            return f"from tilesegm.losses.weighting import {code}\n\nrule = {code}()"
    arguments = "1.0" if entry.name == "constant" else "0.0, 1.0, epochs=10"
    return (
        f"from tilesegm.losses.weighting import {code}\n\nschedule = {code}({arguments})\n"
        "weight = schedule(3)"
    )


def _plain(argument: Argument) -> dict[str, Any]:
    value = argument.default
    plain = value is None or isinstance(value, bool | int | float | str | list | tuple)
    return {**dataclasses.asdict(argument), "default": value if plain else type(value).__name__}
