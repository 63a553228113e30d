"""Losses, recipes, weighting rules and schedules by the names that settings give them.

Nothing here imports a framework: a list of losses should come at once.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

__all__ = ["COST_UNIT", "Entry", "Kind", "catalogue", "entry_of"]

Kind = Literal["losses", "recipes", "rules", "schedules"]

COST_UNIT = (
    "time for value and gradient in units of that of cross-entropy; one tile of 256 x 256 pixels "
    "with one channel, TensorFlow on two shared x86-64 cores"
)
"""What the costs are and where they were measured; `tilesegm losses audit` measures them here."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is known of a loss, a recipe, a rule or a schedule beside its code."""

    name: str
    """As settings take it."""
    kind: Kind
    line: str
    """What it does, in a line."""
    family: str = ""
    """What a loss judges; of the others their kind."""
    formula: str = ""
    """In plain text; empty for recipes, whose terms tell."""
    source: str = ""
    """The paper it comes from."""
    cost: float | None = None
    """See `COST_UNIT`; None for rules and schedules."""
    beside: str = ""
    """The loss that it is to be added to, where it must not stand alone."""
    note: str = ""
    """A warning, with its evidence."""


@cache
def catalogue() -> tuple[Entry, ...]:
    """Return all entries in the order of the documentation."""
    text = resources.files("tilesegm.advice").joinpath("catalogue.toml").read_text("utf-8")
    return tuple(
        Entry(name=name, kind=kind, **{"family": kind.removesuffix("s"), **facts})
        for kind, entries in tomllib.loads(text).items()
        for name, facts in entries.items()
    )


def entry_of(name: str) -> Entry:
    """Return the entry of a name as settings take it.

    Raises:
        KeyError: there is none.
    """
    return {entry.name: entry for entry in catalogue()}[name]
