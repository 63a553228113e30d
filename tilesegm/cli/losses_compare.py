"""``tilesegm losses compare``: the comparison of settings, of losses that suit the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tilesegm.cli.compare import Arguments, LookProgress, check_comparison, run_comparison
from tilesegm.cli.option_groups import with_option_groups
from tilesegm.cli.shared import Settings

if TYPE_CHECKING:
    from tilesegm.comparison.variants import Variant

__all__ = ["compare_losses"]

_ALWAYS = {
    "cross_entropy": {"terms": [{"name": "cross_entropy"}]},
    "dice_ce": {"terms": [{"name": "dice_ce"}]},
}
"""Losses that others are worth comparing with, whatever the data."""


@with_option_groups
def compare_losses(
    config: Settings,
    losses: Annotated[
        str | None,
        typer.Option(
            help="Losses to compare, such as dice_ce,cross_entropy+lovasz, or @FILE of names and "
            "loss blocks; those that `losses advise` names, with cross-entropy and Dice + "
            "cross-entropy, when not given.",
        ),
    ] = None,
    *,
    arguments: Arguments,
) -> None:
    """Train with several losses, and say which is best and how sure that is.

    The same command goes on after an interruption.

    Example: tilesegm losses compare city.yaml --seeds 3 --budget 1h
    """
    from tilesegm.advice.study import sums_of_the_study
    from tilesegm.comparison.variants import make_variants

    if losses is None:
        variants = _advised(config, arguments)
    else:
        variants = make_variants([f"loss={losses}"], sums_of_the_study())
    run_comparison(config, variants, arguments)


def _advised(config: Path, arguments: Arguments) -> tuple[Variant, ...]:
    """Return the losses that suit the labels, behind those that are always compared."""
    from tilesegm.advice import advise
    from tilesegm.training.settings.settings_file import load_config

    found = {name: json.dumps(block) for name, block in _ALWAYS.items()}
    check_comparison(config, _variants(found), arguments)
    settings = load_config(config, arguments.changes or ())
    quiet = arguments.quiet or arguments.as_json
    with LookProgress(quiet) as progress:
        advice = advise(settings, on_event=progress)
        for candidate in advice.candidates:
            block = dict(candidate.loss)
            if block.get("class_weights") == "none":
                del block["class_weights"]  # the default, as in those above
            if json.dumps(block) not in found.values():
                found[candidate.name] = json.dumps(block)
        if not quiet:
            progress.say(f"comparing {', '.join(found)}: {advice.rule}")
    return _variants(found)


def _variants(found: dict[str, str]) -> tuple[Variant, ...]:
    from tilesegm.comparison.variants import Variant

    return tuple(Variant(name, (f"loss={block}",)) for name, block in found.items())
