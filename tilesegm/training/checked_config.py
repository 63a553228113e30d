"""Settings of a run whose losses are known to work, checked before any other work."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tilesegm.errors import InputError, SettingsError
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.settings_file import load_document, read_config
from tilesegm.training.settings.yaml_positions import Document, key_text
from tilesegm.trust import check_trusted

__all__ = ["check_losses", "load_checked_config", "load_trusted_config"]


def load_checked_config(path: str | Path, changes: Sequence[str] = ()) -> TrainingConfig:
    """Read a file of settings as `load_config` does, and check its losses too.

    Keras is imported only when everything else is right.

    Args:
        path: the file.
        changes: ``key.path=value`` each; later ones win.

    Raises:
        SettingsError: something cannot be used; the message names its line.
    """
    config, document = _load_trusted(path, changes)
    check_losses(config, document)
    return config


def load_trusted_config(path: str | Path, changes: Sequence[str] = ()) -> TrainingConfig:
    """Read a file of settings as `load_config` does, and refuse code that is not trusted.

    Unlike `load_checked_config` it never imports Keras, so it answers at once.

    Args:
        path: the file.
        changes: ``key.path=value`` each; later ones win.

    Raises:
        SettingsError: something cannot be used; the message names its line.
    """
    return _load_trusted(path, changes)[0]


def _load_trusted(path: str | Path, changes: Sequence[str]) -> tuple[TrainingConfig, Document]:
    document = load_document(path, changes)
    config = read_config(document, Path(path).parent)
    for number, term in enumerate(config.loss.terms):
        name = str(term.get("name"))
        if ":" in name:  # as `tilesegm.losses.own.is_own` tells, whose room imports Keras
            try:
                check_trusted(name)
            except SettingsError as error:
                key = key_text(("loss", "terms", number))
                place = document.place(("loss", "terms", number))
                raise SettingsError(f"{place}: {key}: {error}") from None
    return config, document


def check_losses(config: TrainingConfig, document: Document | None = None) -> None:
    """Make every loss and the weighting rule once, and try those of a user's own.

    Args:
        config: settings of the run.
        document: the file that they come from, for its lines.

    Raises:
        SettingsError: one cannot be made as it is described.
    """
    from tilesegm.training.objective import make_loss, make_rule
    from tilesegm.training.own_losses import with_sources

    def check(make: Callable[[], object], *path: str | int) -> None:
        try:
            make()
        except InputError as error:
            key = key_text(("loss", *path))
            place = f"{document.place(('loss', *path))}: " if document else ""
            reason = re.sub(r"^loss\.(terms|weighting)[:\s]*", "", str(error))
            raise SettingsError(f"{place}{key}: {reason}") from None

    for number, term in enumerate(config.loss.terms):
        alone = dataclasses.replace(config.loss, terms=(term,))
        check(partial(make_loss, alone), "terms", number)
        check(partial(with_sources, dataclasses.replace(config, loss=alone)), "terms", number)

    def weigh() -> None:
        rule = make_rule(config.loss, config.schedule.epochs)
        if rule is not None:
            rule.check(make_loss(config.loss))

    check(weigh, "weighting")
