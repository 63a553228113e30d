"""What a network of a comparison is worth after some epochs, counted once and kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.comparison.measures import Parts, parts_of
from tilesegm.comparison.rules import choose_rule, decide_by
from tilesegm.comparison.scored_pixels import Scored, ScoredPixels
from tilesegm.data.patch import IGNORE
from tilesegm.decision_rule import DecisionRule
from tilesegm.errors import ResumeError
from tilesegm.files import replacing
from tilesegm.metrics.calibration import count_confidence
from tilesegm.metrics.map_counts import count_measures
from tilesegm.metrics.measures import Measures
from tilesegm.metrics.objects import cut_objects, join_objects
from tilesegm.metrics.pair import make_pair
from tilesegm.model.base import Predictor

__all__ = ["Look", "load_look", "save_look", "take_look"]

_STEPS = 254


@dataclass(frozen=True, eq=False, kw_only=True)
class Look:
    """Counts of all units; those of validation are decided by what their other half chose."""

    validation: Parts
    """Each ``(units, counts, classes)``."""
    test: Parts
    """The same of test pixels; empty without, and before the last epoch."""
    rule: DecisionRule
    """What all of validation chose, which decides test pixels and places."""
    places: tuple[NDArray[np.uint8], ...]
    """Class ids of the places that are shown."""
    facts: dict[str, Any]
    """Epoch, seconds of training, numbers of each epoch."""


def take_look(
    predictor: Predictor, scored: ScoredPixels, fold: int, measures: Measures, *, last: bool
) -> Look:
    """Score a network.

    Args:
        predictor: the network.
        scored: what it is scored on.
        fold: that it did not learn from.
        measures: what is counted.
        last: whether test pixels are scored too.
    """
    units = scored.validation[fold]
    seen = list(scored.score(predictor, units))
    halves = seen[::2], seen[1::2]
    rule = choose_rule(seen, scored.classes)
    of_halves = [choose_rule(half, scored.classes) for half in halves]
    validation = [
        _count(unit, of_halves[1 - number % 2], measures) for number, unit in enumerate(seen)
    ]
    wanted = scored.places()
    of_places = {number for number, _ in wanted}
    # Before the end, test pixels are looked at where they are shown, and not counted.
    tested = [n for n in range(len(scored.test)) if last or n in of_places]
    shown, test = {}, []
    for number, unit in zip(
        tested, scored.score(predictor, [scored.test[n] for n in tested]), strict=True
    ):
        if last:
            test.append(_count(unit, rule, measures))
        if number in of_places:
            shown[number] = decide_by(unit.probabilities, rule)
    if not scored.test and fold == scored.first_fold:
        shown = {number: decide_by(seen[number].probabilities, rule) for number in of_places}
    return Look(
        validation=_stacked(validation),
        test=_stacked(test),
        rule=rule,
        places=tuple(
            shown[number][window.slices].astype(np.uint8)
            for number, window in wanted
            if number in shown
        ),
        facts={},
    )


def save_look(path: Path, look: Look, facts: dict[str, Any]) -> None:
    """Write a look, which is seen whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    arrays = {f"validation/{name}": part for name, part in look.validation.items()}
    arrays |= {f"test/{name}": part for name, part in look.test.items()}
    places: dict[str, NDArray[Any]] = {f"place/{n}": ids for n, ids in enumerate(look.places)}
    said = np.array(json.dumps({**facts, "offsets": look.rule.offsets}))
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez_compressed(file, facts=said, **places, **arrays)  # type: ignore[arg-type]


def load_look(path: Path) -> Look:
    """Read what `save_look` wrote.

    Raises:
        ResumeError: it cannot be read.
    """
    try:
        with path.open("rb") as data, np.load(data, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(str(arrays.pop("facts")))
        rule = DecisionRule(tuple(facts.pop("offsets")))
    except Exception as error:  # zipfile, zlib and numpy have a dozen kinds for a damaged file
        raise ResumeError(
            f"{path} cannot be read ({error}); remove it, and the same command makes it again"
        ) from error

    def of(kind: str) -> dict[str, Any]:
        return {
            name.partition("/")[2]: array
            for name, array in arrays.items()
            if name.startswith(f"{kind}/")
        }

    places = tuple(ids for _, ids in sorted(of("place").items()))
    return Look(
        validation=of("validation"),
        test=of("test"),
        rule=rule,
        places=places,
        facts=facts,
    )


def _count(unit: Scored, rule: DecisionRule, measures: Measures) -> Parts:
    ids = decide_by(unit.probabilities, rule)
    classes = len(unit.probabilities)
    pair = make_pair(unit.truth, ids, classes)
    counts = count_measures(pair, measures)
    if measures.objects:
        joined = join_objects({(0, 0): cut_objects(pair, measures.objects)})
        counts = replace(counts, objects=joined)
    known = (unit.truth != IGNORE) & np.isfinite(unit.probabilities[0])
    likely = np.nan_to_num(unit.probabilities).max(0)
    right = np.nan_to_num(unit.probabilities).argmax(0) == unit.truth
    levels = np.rint(likely * _STEPS).astype(np.int32)
    return parts_of(replace(counts, confidence=count_confidence(levels, right, known, _STEPS)))


def _stacked(units: Sequence[Parts]) -> Parts:
    assert all(a.keys() == b.keys() for a, b in pairwise(units))
    return {name: np.stack([unit[name] for unit in units]) for name in units[0]} if units else {}
