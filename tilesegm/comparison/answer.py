"""What a comparison says: who is best, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.comparison.look import Look
from tilesegm.comparison.measures import Measure, Parts, scores_of
from tilesegm.comparison.plan import Trial
from tilesegm.counted import counted

__all__ = ["Answer", "Gain", "Gathered", "answer", "chance_words", "gather", "repeats_of"]

Array = NDArray[np.float64]

_DRAWS = 2000
_CHUNK = 100
"""Resamples that are summed at once."""
_LEVEL = 0.95
_FEW = 3
"""Repeats below which intervals say little of training."""


@dataclass(frozen=True)
class Gain:
    """By how much a variant is better than another one; high is good whatever the measure is."""

    mean: float
    low: float
    """Lower end of the 95 % interval; NaN where nothing could be resampled."""
    high: float

    @property
    def certain(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, eq=False)
class Gathered:
    """Counts of all whole runs: by kind ``(variants, repeats, units, counts, classes)``."""

    names: tuple[str, ...]
    parts: Parts
    there: NDArray[np.bool_]
    """``(variants, repeats)`` whether there is such a run."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Answer:
    """Scores and differences of variants, by their number in ``names``."""

    names: tuple[str, ...]
    measures: tuple[Measure, ...]
    scores: dict[str, Array]
    """``(variants, repeats)`` of each measure; NaN where there is no run."""
    gains: dict[str, tuple[Gain, ...]]
    """Of each variant above the first, by measure; ``rank`` is what runs are ranked by."""
    behind: tuple[Gain, ...]
    """Of each variant above the best one, in what runs are ranked by."""
    ranked: Array
    """``(variants,)`` what runs are ranked by, the mean of repeats."""
    chances: Array
    """``(variants,)`` part of resamples in which each is best."""
    units: int
    repeats: int

    @property
    def order(self) -> list[int]:
        """Variants from best to worst."""
        return [int(n) for n in np.argsort(-np.nan_to_num(self.ranked, nan=-np.inf), kind="stable")]

    @property
    def best(self) -> str:
        """Name of the best variant."""
        return self.names[self.order[0]]

    def sentences(self) -> list[str]:
        """Say in words what is sure and what is not."""
        best = self.order[0]
        others = self.order[1:]
        if self.units < 2 and others:
            return [
                f"{self.best} has the highest score, and there is a single unit of held-out "
                "pixels, so nothing tells how much of that is chance."
            ]
        alike = [self.names[n] for n in others if not self.behind[n].certain]
        worse = [self.names[n] for n in others if self.behind[n].certain]
        said = []
        if not others:
            return [f"{self.best} alone is whole; there is nothing to compare it with."]
        if alike:
            group = _listed([self.best, *alike])
            said.append(f"{group} cannot be told apart with this data.")
        else:
            said.append(f"{self.best} is best.")
        if worse:
            verb = "is" if len(worse) == 1 else "are"
            # Of a single run each, only the pixels are drawn again: training may be luck.
            beyond = "chance" if self.repeats > 1 else "the chance of which pixels are scored"
            said.append(f"{_listed(worse)} {verb} worse than {self.best}, beyond {beyond}.")
        really = "really the" if self.repeats > 1 else "on more such pixels the"
        runs = "them" if self.repeats > 1 else "these runs"
        said.append(
            f"The probability that {self.best} is {really} best of {runs} is "
            f"{chance_words(self.chances[best])}."
        )
        if self.repeats < _FEW:
            said.append(
                f"With {repeats_of(self.repeats)} this knows little of how much training differs "
                "from seed to seed; more seeds (--seeds) tell."
            )
        return said


def chance_words(chance: float) -> str:
    """Return a chance in percent; so many draws can show neither 0 nor 100."""
    if np.isnan(chance):
        return "–"
    if chance < 0.005:
        return "<1%"
    return f"{chance:.0%}" if chance < 0.995 else ">99%"


def repeats_of(number: int) -> str:
    """Return a number of repeats in words."""
    return counted(number, "repeat")


def gather(looks: Mapping[Trial, Look], names: Sequence[str], kind: str) -> Gathered:
    """Put the counts of whole runs into arrays.

    On test pixels every seed and fold is a repeat. Validation pixels of all folds of a seed are
    scored together, so there a seed is a repeat, of which no fold may be missing.

    Args:
        looks: of each run.
        names: of the variants.
        kind: ``test`` or ``validation``.
    """
    seeds = sorted({trial.seed for trial in looks})
    folds = sorted({trial.fold for trial in looks})
    repeats = (
        [[(seed, fold)] for seed in seeds for fold in folds]
        if kind == "test"
        else [[(seed, fold) for fold in folds] for seed in seeds]
    )
    first = next(iter(looks.values()))
    there = np.zeros((len(names), len(repeats)), bool)
    parts: dict[str, list[list[Array | None]]] = {}
    for name in getattr(first, kind):
        rows = []
        for number, variant in enumerate(names):
            row: list[Array | None] = []
            for place, pairs in enumerate(repeats):
                found = [looks.get(Trial(variant, *pair)) for pair in pairs]
                whole = [getattr(look, kind)[name] for look in found if look is not None]
                there[number, place] = len(whole) == len(pairs)
                row.append(np.concatenate(whole) if there[number, place] else None)
            rows.append(row)
        parts[name] = rows
    kept = there.any(0)
    return Gathered(
        tuple(names), {name: _filled(rows)[:, kept] for name, rows in parts.items()}, there[:, kept]
    )


def answer(
    gathered: Gathered, measures: Sequence[Measure], ranked_by: Sequence[Measure], seed: int = 0
) -> Answer:
    """Compare variants within pairs of runs that began alike and saw the same windows.

    Seeds and units are drawn with replacement, the same for all variants, so what makes a seed or
    a place hard for all cancels out (Efron and Tibshirani 1993, percentile interval).

    Args:
        gathered: counts of whole runs.
        measures: that are told.
        ranked_by: those whose mean ranks.
        seed: of the draws.
    """
    measures = [measure for measure in measures if measure.part in gathered.parts]
    there = gathered.there
    units = next(iter(gathered.parts.values())).shape[2]
    random = np.random.default_rng(seed)
    once = _scores(gathered, measures, np.ones((1, units)))
    of_repeats = {name: np.where(there, values[0], np.nan) for name, values in once.items()}
    drawn: dict[str, list[Array]] = {measure.name: [] for measure in measures}
    weights = []
    for _ in range(_DRAWS // _CHUNK):
        times = random.multinomial(units, np.full(units, 1 / units), _CHUNK).astype(float)
        for name, values in _scores(gathered, measures, times).items():
            drawn[name].append(np.where(there, values, np.nan))
        repeats = there.shape[1]
        weights.append(random.multinomial(repeats, np.full(repeats, 1 / repeats), _CHUNK))
    resampled = {name: np.concatenate(values) for name, values in drawn.items()}
    signs = {measure.name: measure.sign for measure in measures}
    ranking = [measure.name for measure in ranked_by]
    of_repeats["rank"] = np.mean([signs[n] * of_repeats[n] for n in ranking], axis=0)
    resampled["rank"] = np.mean([signs[n] * resampled[n] for n in ranking], axis=0)
    signs["rank"] = 1
    times = np.concatenate(weights).astype(float)
    several = units > 1
    ranked = np.array([_mean(row) for row in of_repeats["rank"]])
    best = int(np.argmax(np.nan_to_num(ranked, nan=-np.inf)))

    def above(name: str, base: int) -> tuple[Gain, ...]:
        sign = signs[name]
        plain, many = sign * of_repeats[name], sign * resampled[name]
        return tuple(
            _gain(plain[n] - plain[base], many[:, n] - many[:, base], times, several)
            for n in range(len(there))
        )

    return Answer(
        names=gathered.names,
        measures=tuple(measures),
        scores={measure.name: of_repeats[measure.name] for measure in measures},
        gains={name: above(name, 0) for name in (*(m.name for m in measures), "rank")},
        behind=above("rank", best),
        ranked=ranked,
        chances=_chances(resampled["rank"], times) if several else np.full(len(there), np.nan),
        units=units,
        repeats=there.shape[1],
    )


def _scores(gathered: Gathered, measures: Sequence[Measure], times: Array) -> dict[str, Array]:
    """``(draws, variants, repeats)`` of each measure, of units taken ``(draws, units)`` times."""
    sums = {name: np.tensordot(times, part, axes=(1, 2)) for name, part in gathered.parts.items()}
    return {measure.name: scores_of(sums, measure) for measure in measures}


def _gain(plain: Array, drawn: Array, times: Array, several: bool) -> Gain:
    """Mean of differences of repeats, and its interval from those of all draws."""
    middle = _mean(plain)
    means = _weighted(drawn, times)
    if not several or not np.isfinite(means).any():
        return Gain(middle, float("nan"), float("nan"))
    tail = (1 - _LEVEL) / 2
    low, high = np.nanquantile(means, [tail, 1 - tail])
    return Gain(middle, float(low), float(high))


def _chances(drawn: Array, times: Array) -> Array:
    """Part of draws in which each variant is best, of the repeats that all have."""
    common = np.isfinite(drawn).all((0, 1))
    if not common.any():
        return np.full(drawn.shape[1], np.nan)
    means = np.stack(
        [_weighted(drawn[:, n, common], times[:, common]) for n in range(drawn.shape[1])], 1
    )
    means = means[np.isfinite(means).all(1)]
    return np.bincount(means.argmax(1), minlength=drawn.shape[1]) / max(len(means), 1)


def _weighted(values: Array, times: Array) -> Array:
    """Mean over repeats ``(draws, repeats)`` taken so many times; NaN where none was drawn."""
    known = np.isfinite(values)
    whole = (times * known).sum(1)
    part = (times * np.where(known, values, 0)).sum(1)
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _filled(rows: Sequence[Sequence[Array | None]]) -> Array:
    """Stack counts of runs, zeros for those that are missing."""
    shape = next(part.shape for row in rows for part in row if part is not None)
    return np.stack(
        [np.stack([np.zeros(shape) if part is None else part for part in row]) for row in rows]
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
