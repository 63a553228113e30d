"""Losses of a user's own in settings: trusted, checked, and recorded by a hash of their source."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from typing import Any

from tilesegm.data.patch import IGNORE
from tilesegm.errors import SettingsError
from tilesegm.losses import get
from tilesegm.losses.contract import broken_clauses
from tilesegm.losses.own import is_own, source_of
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.trust import check_trusted

__all__ = ["SOURCE", "check_source", "with_sources"]

SOURCE = "source_sha256"
"""Key of a term that holds the SHA-256 of the source of its loss."""


def check_source(name: str, recorded: str | None = None) -> str:
    """Refuse a loss of a user's own that is not trusted, or not the one that was recorded.

    Args:
        name: its import path.
        recorded: SHA-256 of its source where settings tell it.

    Returns:
        The SHA-256 of its source.

    Raises:
        InputError: there is no such file or module.
        SettingsError: settings name code and are not trusted, or the code has changed.
    """
    check_trusted(name)
    path, found = source_of(name)
    if recorded not in (None, found):
        raise SettingsError(
            f"{name}: {path} has changed since these settings were written ({SOURCE} is "
            f"{str(recorded)[:12]}... there and {found[:12]}... now); restore the file, or leave "
            f"{SOURCE} out"
        )
    return found


def with_sources(config: TrainingConfig) -> TrainingConfig:
    """Check the losses of a user's own, and record the hashes of their sources.

    Raises:
        InputError: one cannot be made.
        SettingsError: one is not trusted, has changed, or breaks the contract of losses.
    """
    terms = tuple(_recorded(term, len(config.data.labels.classes)) for term in config.loss.terms)
    if terms == config.loss.terms:
        return config
    return dataclasses.replace(config, loss=dataclasses.replace(config.loss, terms=terms))


def _recorded(term: dict[str, Any], classes: int) -> dict[str, Any]:
    name = term.get("name")
    if not isinstance(name, str) or not is_own(name):
        return term
    found = check_source(name, term.get(SOURCE))
    arguments = {key: value for key, value in term.items() if key not in ("name", "factor", SOURCE)}
    broken = _broken(name, found, json.dumps(arguments, sort_keys=True), max(classes, 2))
    if broken:
        raise SettingsError(
            f"{name} breaks the contract of losses: {'; '.join(broken)} (see 'One contract' in "
            "docs/losses/index.md)"
        )
    return {**term, SOURCE: found}


@cache
def _broken(name: str, source: str, arguments: str, classes: int) -> tuple[str, ...]:
    """Return the clauses that a loss breaks; ``source`` makes it be tried again when it changes."""
    loss = get(name, **{"ignore": IGNORE, **json.loads(arguments)})
    return tuple(broken_clauses(loss, classes, IGNORE))
