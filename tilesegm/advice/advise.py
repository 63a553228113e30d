"""Advice on the loss for given labels: facts, candidates and what to beware of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.advice.catalogue import catalogue
from tilesegm.advice.facts import Facts
from tilesegm.advice.rules import RULES, Rule, is_thin, thin_share
from tilesegm.advice.study import STUDIED, Row, rows
from tilesegm.advice.survey import survey
from tilesegm.advice.views import training_views
from tilesegm.data.find import find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent, ignore
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.settings_file import load_config

__all__ = ["Advice", "Candidate", "advise"]

_TOUCHING = 0.1
"""Fraction of objects near another from which weights between them are worth a try."""
_RARE = 0.01
"""Share of a class from which it is rare."""
_MOVING = 2.0
"""Pixels by which borders move between neighbouring scenes from which they are uncertain."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A loss that suits the labels."""

    name: str
    """As the study calls it."""
    reason: str
    loss: Mapping[str, Any]
    """What stands under ``loss:`` in the settings."""
    sampling: Mapping[str, Any]
    """What stands under ``sampling:``."""
    evidence: tuple[Row, ...]
    """Rows of the study on data of this kind."""


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What the labels tell, and the losses that follow from it, best first."""

    facts: Facts
    rule: str
    """Why these candidates, in words."""
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Return everything as plain data for JSON."""
        return dataclasses.asdict(self)


def advise(
    config: TrainingConfig | str | Path,
    *,
    folder: str | Path = ".",
    on_event: OnEvent = ignore,
) -> Advice:
    """Look at the labels of training pixels, and name the losses that suit them.

    No network is made, no framework imported, and no held-out pixel looked at. Up to some 8 million
    pixels are read, spread evenly over larger data.

    Args:
        config: settings, or the file of them.
        folder: where relative paths of ``config`` begin; a file of settings knows its own.
        on_event: called with progress.

    Raises:
        SettingsError: settings cannot be used, or training pixels show fewer than two classes.
        SourceError: images or labels cannot be read, or do not fit each other.
    """
    if not isinstance(config, TrainingConfig):
        config, folder = load_config(config), "."
    with open_scenes(find_scenes(config.data, Path(folder)), config.data) as scenes:
        views = training_views(scenes, config, on_event)
        facts = survey(scenes, views, config.schedule.size, on_event)
    _check(facts)
    rule = next(rule for rule in RULES if rule.holds(facts))
    return Advice(
        facts=facts,
        rule=f"{rule.when}: {_why(facts)}",
        candidates=tuple(_candidate(name, reason, rule) for name, reason in rule.losses),
        notes=tuple(_notes(facts, config)),
    )


def _candidate(name: str, reason: str, rule: Rule) -> Candidate:
    return Candidate(
        name=name,
        reason=reason,
        loss={"class_weights": "none", **STUDIED[name]},
        # As in the study: without it, rare classes are seen in few windows.
        sampling={"balanced": 0.5},
        evidence=tuple(row for row in rows() if row.loss == name and row.data in rule.evidence),
    )


def _check(facts: Facts) -> None:
    present = [each.name for each in facts.present]
    if len(present) < 2:
        found = f"only {present[0]!r} occurs" if present else "no class occurs"
        raise SettingsError(
            f"{found} in the training pixels that were looked at, and a loss tells at least two "
            "classes apart; check labels.classes, and which scenes and blocks are held out (split)"
        )


def _why(facts: Facts) -> str:
    parts = []
    for each in facts.structures:
        if each.width is None:
            continue
        kind = "thin" if is_thin(each) else "not thin"
        long = f", {each.thinness:.0f} times as long" if each.thinness >= 1 else ""
        parts.append(f"{each.name} is {each.width:.0f} px wide{long} ({kind})")
    return f"{'; '.join(parts)}; {thin_share(facts):.0%} of structures are thin"


def _notes(facts: Facts, config: TrainingConfig) -> Iterator[str]:
    absent = [each.name for each in facts.classes if not each.pixels]
    if absent:
        yield (
            f"no training pixel that was looked at shows {', '.join(absent)}: nothing can be "
            "learnt about it, and no loss changes that"
        )
    rarest = facts.rarest
    if rarest is not None and rarest.share < _RARE:
        yield (
            f"{rarest.name} has {rarest.share:.2%} of the pixels; class_weights: median raises it, "
            "in the study by +2.4 points on vessels and by nothing on membranes and nuclei, at the "
            "cost of probabilities that are too high"
        )
    for each in facts.structures:
        if each.near is not None and each.near >= _TOUCHING and facts.instances:
            yield (
                f"{each.near:.0%} of the {each.objects} objects of {each.name} lie at most a pixel "
                "from another; border_weights: {kind: ronneberger} under loss trains the gaps "
                "between them (the study did not measure it)"
            )
    if facts.moving is not None and facts.moving >= _MOVING:
        yield (
            f"borders lie {facts.moving:.1f} px from those of the neighbouring scene on average; "
            "as far as that is noise of the labels and not motion, weight near borders lies where "
            "labels are least sure"
        )
    named = {str(term.get("name")).replace("_", "").lower() for term in config.loss.terms}
    for entry in catalogue():
        if entry.note and entry.name.replace("_", "") in named:
            yield f"the settings name {entry.name}: {entry.note}"
