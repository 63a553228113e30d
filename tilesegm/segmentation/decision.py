"""How classes are decided: as the options say, or else as the model does."""

from __future__ import annotations

from tilesegm.decision_rule import DecisionRule
from tilesegm.engine.decide import Decision
from tilesegm.engine.members import Member
from tilesegm.engine.plan import Plan
from tilesegm.errors import SettingsError
from tilesegm.model.base import ModelSpec
from tilesegm.model.operating_point import rule_text
from tilesegm.segmentation.options import Options

__all__ = ["decision_note", "decision_tag", "make_decision"]

_CHOSEN = "chosen on held-out pixels when it was trained"


def make_decision(options: Options, spec: ModelSpec) -> Decision:
    """Return what is made of the scores of a network, or of several.

    Several decide by the mean of their probabilities, each with its own temperature. The rule that
    all of them were trained with holds for it too; where they differ, the highest mean decides.

    Raises:
        SettingsError: threshold, offsets or confidence do not fit the network.
    """
    members: tuple[Member, ...] = ()
    rule = _rule_of(options, spec)
    if spec.members:
        rules = [_rule_of(options, member) for member in spec.members]
        members = tuple(
            Member(member.probabilities, own.temperature)
            for member, own in zip(spec.members, rules, strict=True)
        )
        shared = {_offsets(own) for own in rules}
        rule = DecisionRule(shared.pop() if len(shared) == 1 else ())
    elif options.confidence == "agreement":
        raise SettingsError(
            f"confidence 'agreement' is that of several models and {spec.name} is one; give more "
            "(--model A --model B), or take 'top', 'margin' or 'entropy'"
        )
    return Decision(
        len(spec.classes),
        spec.probabilities,
        options.confidence,
        options.scores,
        rule=rule,
        least=options.min_confidence,
        members=members,
    )


def _rule_of(options: Options, spec: ModelSpec) -> DecisionRule:
    """Return how class ids follow from the scores of a network.

    Raises:
        SettingsError: threshold or offsets do not fit its number of classes.
    """
    classes = len(spec.classes)
    point = None if spec.overruled else spec.operating_point
    own = point.temperature or 1.0 if point else 1.0
    temperature = own if options.temperature is None else options.temperature
    if options.threshold is not None:
        if classes != 2:
            raise SettingsError(
                f"a threshold is for two classes, and {spec.name} has {classes}; give an offset "
                f"for each of them (--offsets {','.join(['0'] * classes)})"
            )
        return DecisionRule.of_threshold(options.threshold, temperature)
    if options.offsets is not None:
        if len(options.offsets) != classes:
            raise SettingsError(
                f"{len(options.offsets)} offsets are given and {spec.name} has {classes} classes "
                f"({', '.join(info.name for info in spec.classes)}); give one for each"
            )
        return DecisionRule(options.offsets, temperature)
    if point is None or options.decision == "argmax":
        return DecisionRule((), temperature)
    # Offsets are of calibrated probabilities. With another temperature they mean the same classes
    # where they change as the probabilities do.
    scale = own / temperature
    offsets = tuple(offset * scale for offset in point.offsets)
    return DecisionRule(offsets, temperature)


def decision_note(plan: Plan) -> str | None:
    """Say how classes are decided where it is not by the highest score, and how to change it."""
    spec = plan.spec
    if spec.members:
        return _ensemble_note(plan)
    text = rule_text(plan.decision.effective, [info.name for info in spec.classes])
    if spec.overruled and spec.operating_point and spec.operating_point.rule.shifted:
        return (
            f"the decision that {spec.name} was trained with is not applied, since its scores are "
            "taken for something else (--network-outputs); --threshold or --offsets give one"
        )
    if not text:
        return None
    point = spec.operating_point
    chosen = point is not None and plan.decision.rule == point.rule
    if point is None or not chosen:
        return f"classes of {spec.name}: {text} (as given)"
    if not point.rule.shifted:
        return f"probabilities of {spec.name}: {text} ({_CHOSEN}; --temperature 1 leaves it out)"
    return (
        f"classes of {spec.name}: {text} ({_CHOSEN}, for {point.measure}; --decision argmax takes "
        "the highest score)"
    )


def _ensemble_note(plan: Plan) -> str:
    """Say how the mean of several networks is decided."""
    spec, decision = plan.spec, plan.decision
    parts = [f"probabilities of {len(spec.members)} models are averaged: {spec.name}"]
    temperatures = [member.temperature for member in decision.members]
    if set(temperatures) != {1.0}:
        told = ", ".join(f"{one:g}" for one in temperatures)
        parts.append(f"their temperatures are {told} (--temperature 1 leaves them out)")
    trained = {_offsets(_rule_of(Options(), member)) for member in spec.members}
    text = rule_text(decision.rule, [info.name for info in spec.classes])
    if text and trained == {decision.rule.offsets}:
        text += " (chosen when each was trained; --decision argmax takes the highest mean)"
    elif text:
        text += " (as given)"
    elif len(trained) > 1:
        text = (
            "the highest mean decides, as the decisions that they were trained with differ "
            "(--threshold or --offsets give one)"
        )
    return "; ".join([*parts, *([text] if text else [])])


def _offsets(rule: DecisionRule) -> tuple[float, ...]:
    """Return the offsets where they change anything."""
    return rule.offsets if rule.shifted else ()


def decision_tag(plan: Plan) -> str | None:
    """Return the text that a map tells of its decision; None for the highest score as it is."""
    rule = plan.decision.effective
    parts = []
    if rule.threshold is not None:
        parts.append(f"threshold {rule.threshold!r}")
    elif rule.offsets:
        parts.append(f"offsets {' '.join(map(repr, rule.offsets))}")
    if rule.temperature != 1:
        parts.append(f"temperature {rule.temperature!r}")
    temperatures = [member.temperature for member in plan.decision.members]
    if any(one != 1 for one in temperatures):
        parts.append(f"temperatures {' '.join(map(repr, temperatures))}")
    return ", ".join(parts) or None
