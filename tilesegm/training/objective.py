"""What is minimised, from its settings: losses, and the rule that weighs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tilesegm.data.patch import IGNORE
from tilesegm.errors import InputError, SettingsError
from tilesegm.losses import CrossEntropy, DeepSupervision, SegmentationLoss, get
from tilesegm.losses.base import Compound
from tilesegm.losses.names import check_arguments, find
from tilesegm.losses.own import is_own
from tilesegm.losses.weighting import (
    DWA,
    GLS,
    Constant,
    Cosine,
    Fixed,
    GradNorm,
    Later,
    Linear,
    RandomWeighting,
    Rule,
    Scheduled,
    SoftAdapt,
    Uncertainty,
    rebalance,
)
from tilesegm.training.own_losses import SOURCE, check_source
from tilesegm.training.settings.config import LossSettings

__all__ = ["RULES", "SCHEDULES", "make_loss", "make_rule"]

RULES: dict[str, type[Rule]] = {
    "fixed": Fixed,
    "uncertainty": Uncertainty,
    "softadapt": SoftAdapt,
    "dwa": DWA,
    "random": RandomWeighting,
    "gls": GLS,
    "gradnorm": GradNorm,
    "scheduled": Scheduled,
    "later": Later,
}
"""Rules by the name that settings give them."""

_OF_THE_RUN = {
    "from_logits": "networks of a run give logits",
    "ignore": "values without a class are named by data.labels.ignore",
}
"""Arguments of losses that a run sets itself, and why."""

SCHEDULES = {"constant": Constant, "linear": Linear, "cosine": Cosine}
"""Schedules of the rule ``scheduled`` by the name that settings give them."""


def make_loss(settings: LossSettings, *, outputs: int = 1) -> Compound:
    """Make the sum of losses that settings describe; labels ``IGNORE`` count for nothing.

    Args:
        settings: names, factors and arguments of the terms.
        outputs: outputs of the network, finest first; each term looks at all of them when there
            are several (deep supervision).

    Raises:
        InputError: a loss is unknown, or takes no such argument.
        SettingsError: an argument is out of range.
    """
    if not settings.terms:
        raise SettingsError("loss.terms is empty; name at least one loss, such as {name: dice_ce}")
    parts = [_term(each, settings.label_smoothing) for each in settings.terms]
    terms = [term for part in parts for term in part.terms]
    weights = [weight for part in parts for weight in part.weights]
    if outputs == 1:
        return Compound(terms, weights)
    deep = [DeepSupervision(term, name=term.name) for term in terms]
    return Compound(deep, weights)


def make_rule(settings: LossSettings, epochs: int = 1) -> Rule | None:
    """Make the rule that weighs the terms; None for their factors alone.

    Args:
        settings: name and arguments of the rule.
        epochs: length of the run, of which some rules take fractions.

    Raises:
        InputError: a rule is unknown, or takes no such argument.
        SettingsError: an argument is out of range.
    """
    if settings.weighting is None:
        return None
    name, arguments = _named(settings.weighting, "loss.weighting")
    key = find(name, RULES, "weighting rule")
    if key == "scheduled":
        return _scheduled(arguments)
    if key == "later":
        arguments = {"epochs": epochs, **arguments}
    check_arguments(RULES[key], arguments, key)
    try:
        return RULES[key](**arguments)
    except (TypeError, ValueError) as error:
        raise _cannot("loss.weighting", key, error) from error


def _term(settings: Mapping[str, Any], smoothing: float) -> Compound:
    name, arguments = _named(settings, "loss.terms")
    for argument, given in _OF_THE_RUN.items():
        if argument in arguments:
            raise SettingsError(
                f"loss.terms: {name} has {argument}={arguments[argument]!r}, and {given}; leave "
                "it out"
            )
    if is_own(name):
        check_source(name, arguments.pop(SOURCE, None))
    factor = float(arguments.pop("factor", 1.0))
    own = "label_smoothing" in arguments
    loss: SegmentationLoss = get(name, **{"ignore": IGNORE, **arguments})
    parts = loss if isinstance(loss, Compound) else Compound([loss])
    if smoothing and not own:
        smooth = [_smoothed(term, smoothing) for term in parts.terms]
        parts = Compound(smooth, parts.weights)
    return parts * factor


def _smoothed(term: SegmentationLoss, smoothing: float) -> SegmentationLoss:
    if type(term) is not CrossEntropy:
        return term
    return CrossEntropy(**{**term.get_config(), "label_smoothing": smoothing})


def _scheduled(arguments: dict[str, Any]) -> Rule:
    schedules = arguments.pop("schedules", None)
    if schedules is None:
        return rebalance()
    ramps = []
    for each in schedules:
        name, own = _named(each, "loss.weighting.schedules")
        key = find(name, SCHEDULES, "schedule")
        check_arguments(SCHEDULES[key], own, key)
        try:
            ramps.append(SCHEDULES[key](**own))
        except (TypeError, ValueError) as error:
            raise _cannot("loss.weighting.schedules", key, error) from error
    return Scheduled(ramps, **arguments)


def _named(settings: Mapping[str, Any], where: str) -> tuple[str, dict[str, Any]]:
    arguments = dict(settings)
    name = arguments.pop("name", None)
    if not isinstance(name, str):
        raise SettingsError(f"{where} has {dict(settings)!r}, which lacks a name")
    return name, arguments


def _cannot(where: str, key: str, error: Exception) -> InputError:
    if isinstance(error, InputError):
        return error
    return SettingsError(f"{where}: {key} cannot be made: {error}")
