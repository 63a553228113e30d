"""Chooses threshold, offsets and temperature on held-out pixels, and says what they bring."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tilesegm.decision_rule import ARGMAX, STEPS, DecisionRule, levels, probabilities_of
from tilesegm.metrics.calibration import Curve, ScoreCounts, count_scores
from tilesegm.metrics.decided import DecidedCounts, count_decided
from tilesegm.metrics.offsets import Measure, best_step, search_offsets
from tilesegm.metrics.sample import PixelSample
from tilesegm.metrics.temperature import HIGHEST, LOWEST, fit_temperature, log_loss
from tilesegm.model.operating_point import OperatingPoint

__all__ = ["ChosenPoint", "ScoredBlock", "choose_operating_point"]

_KEPT = 256 << 20
"""Bytes of blocks that are kept in memory, so that the network need not score them again."""
_ALONE = "all held-out pixels are of one block, so that no other could confirm what it chose"


class ScoredBlock(NamedTuple):
    """Scores and truth of a window of held-out pixels."""

    scores: NDArray[np.float32]
    """``(K, height, width)`` logits or probabilities; pixels with a NaN are left out."""
    truth: NDArray[Any]
    """``(height, width)`` class ids; pixels with any other number are left out."""
    group: Hashable = None
    """Image or block that the pixels are of, which stays in one half; None for one of its own."""


@dataclass(frozen=True, kw_only=True)
class ChosenPoint:
    """What was chosen, and from what."""

    point: OperatingPoint
    pixels: int
    """Held-out pixels with a true class and scores."""
    sampled: int
    """How many of them temperature and offsets were searched on, drawn with a seed; 0 where
    nothing was searched. The threshold of two classes is chosen on all pixels."""
    notes: tuple[str, ...]
    """What was not chosen and why, a line each."""
    before: DecidedCounts | None = field(default=None, repr=False)
    """Counts of the arg-max without temperature; None without held-out pixels."""
    after: DecidedCounts | None = field(default=None, repr=False)
    """Counts with what was chosen."""
    curve: Curve | None = field(default=None, repr=False)
    """Scores of the second of two classes at each threshold, with the temperature."""


def choose_operating_point(
    blocks: Callable[[], Iterable[ScoredBlock]],
    classes: Sequence[str],
    *,
    probabilities: bool = False,
    measure: Literal["mean_iou", "mean_dice", "none"] = "mean_iou",
    calibrate: bool = True,
    seed: int = 0,
) -> ChosenPoint:
    """Choose how class ids follow from scores, on held-out pixels, in bounded memory.

    A seeded sample of pixels gives the temperature of the lowest negative log-likelihood (Guo et
    al. 2017) and, of more than two classes, the offsets by coordinate search. Of two classes, a
    histogram of all pixels in `STEPS` gives the threshold.

    What is chosen on pixels flatters itself on them. Groups of blocks are therefore dealt to two
    halves, and each half is decided by what the other one chose. Where that is not better than the
    arg-max, the arg-max stays, and likewise probabilities without temperature.

    Args:
        blocks: returns the blocks, the same ones each time; called up to three times where they do
            not fit in 256 MB.
        classes: names by id.
        probabilities: whether scores are probabilities; otherwise they are logits.
        measure: what the class map is to be best at, a mean over the classes of the truth, or
            ``none`` to keep the arg-max.
        calibrate: whether to choose a temperature.
        seed: draws the sample.
    """
    stream = _Pixels(blocks, len(classes))
    target: Measure | None = None if measure == "none" else measure
    sample = PixelSample(len(classes), seed)
    if calibrate or (target and len(classes) > 2):
        for scores, truth, half in stream.read():
            sample.add(_logits(scores, probabilities), truth, half)
    notes: list[str] = []
    temperatures = _temperatures(sample, notes) if calibrate else (1.0,) * 3
    rules = tuple(DecisionRule((), temperature) for temperature in temperatures)
    calibrated, curve = rules[2], None
    if len(classes) == 2:
        histograms = _histograms(stream, rules, probabilities)
        curve = histograms[2].curve(1)
        rules = tuple(map(_with_threshold, rules, histograms, (target,) * 3))
    elif target and sample.size:
        rules = tuple(
            _with_offsets(rule, *sample.part(half), target)
            for rule, half in zip(rules, (0, 1, None), strict=True)
        )
    decisions = (ARGMAX, calibrated, rules[2])
    before, plain, after, crossed = _count(stream, decisions, rules[:2], probabilities)
    if target and before:
        notes += _missing(before, classes)
        gain = crossed.score(target) - before.score(target) if crossed else 0.0
        if rules[2].shifted and not gain > 0:
            notes.append(_kept(before, crossed, target))
            rules, after = (*rules[:2], calibrated), plain
    if before and after and after.calibration_error > before.calibration_error:
        notes.append(
            f"the calibration error rises from {before.calibration_error:.4f} to "
            f"{after.calibration_error:.4f}, though the log loss falls: a temperature cannot mend "
            "probabilities that are too high for one class, as class weights make them"
        )
    point = OperatingPoint(
        measure=measure if rules[2].shifted else "none",
        offsets=rules[2].offsets or (0.0,) * len(classes),
        temperature=calibrated.temperature if calibrated != ARGMAX else None,
        before=before.scores() if before else {},
        after=after.scores() if after else {},
        cross_fitted=crossed.scores() if crossed else {},
    )
    pixels = before.pixels if before else 0
    if not pixels:
        notes = ["no held-out pixel has a true class, so nothing is chosen: the arg-max stays"]
    return ChosenPoint(
        point=point,
        pixels=pixels,
        sampled=sample.size,
        notes=tuple(notes),
        before=before,
        after=after,
        curve=curve,
    )


class _Pixels:
    """Known pixels of blocks, with the half that each belongs to; kept where they are few."""

    def __init__(self, blocks: Callable[[], Iterable[ScoredBlock]], classes: int) -> None:
        self._blocks, self._classes = blocks, classes
        self._kept: list[tuple[NDArray[np.float32], NDArray[Any], int]] | None = None

    def read(self) -> Iterator[tuple[NDArray[np.float32], NDArray[Any], int]]:
        """Yield ``(K, N)`` scores, ``(N,)`` ids and 0 or 1."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[tuple[NDArray[np.float32], NDArray[Any], int]] | None = []
        size, groups = 0, dict[Hashable, int]()
        for number, block in enumerate(self._blocks()):
            group = ("block", number) if block.group is None else block.group
            half = groups.setdefault(group, len(groups) % 2)
            known = (block.truth >= 0) & (block.truth < self._classes)
            known &= np.isfinite(block.scores.sum(axis=0))
            pixels = block.scores[:, known], block.truth[known], half
            size += pixels[0].nbytes + pixels[1].nbytes
            kept = None if kept is None or size > _KEPT else [*kept, pixels]
            yield pixels
        self._kept = kept


def _logits(scores: NDArray[np.float32], probabilities: bool) -> NDArray[np.float32]:
    return np.log(np.maximum(scores, np.finfo(np.float32).tiny)) if probabilities else scores


def _temperatures(sample: PixelSample, notes: list[str]) -> tuple[float, float, float]:
    """Return those of both halves and of all pixels; 1 for all where they bring nothing."""
    (first, second), every = (sample.part(0), sample.part(1)), sample.part(None)
    if not first[1].size or not second[1].size:
        if sample.size:
            notes.append(f"no temperature: {_ALONE}")
        return 1.0, 1.0, 1.0
    fitted = tuple(fit_temperature(*part) for part in (first, second, every))
    crossed = [
        log_loss(*part, other) * part[1].size
        for part, other in ((first, fitted[1]), (second, fitted[0]))
    ]
    if not sum(crossed) < log_loss(*every) * sample.size:
        notes.append(
            f"no temperature: {fitted[2]:g} would not calibrate pixels that it was not chosen on"
        )
        return 1.0, 1.0, 1.0
    if not LOWEST * 1.01 < fitted[2] < HIGHEST * 0.99:
        notes.append(f"the temperature {fitted[2]:g} is at the end of what is searched")
    return fitted[0], fitted[1], fitted[2]


def _histograms(
    stream: _Pixels, rules: Sequence[DecisionRule], probabilities: bool
) -> list[ScoreCounts]:
    """Count pixels of each half and of all by their probability, each with its temperature."""
    nothing = np.zeros((2, STEPS + 1), np.int64)
    counts = [ScoreCounts(nothing, nothing)] * 3
    for scores, truth, half in stream.read():
        known = np.full((1, truth.size), True)
        for number in (half, 2):
            values = probabilities_of(scores.copy(), probabilities, rules[number].temperature)
            counts[number] += count_scores(levels(values).T[None], truth[None], known, STEPS)
    return counts


def _with_threshold(
    rule: DecisionRule, counts: ScoreCounts, measure: Measure | None
) -> DecisionRule:
    step = best_step(counts.positive[1], counts.negative[1], measure) if measure else None
    return rule if step is None else DecisionRule.of_threshold(step / STEPS, rule.temperature)


def _with_offsets(
    rule: DecisionRule, scores: NDArray[np.float32], truth: NDArray[Any], measure: Measure
) -> DecisionRule:
    scaled = scores * np.float32(1 / rule.temperature)
    return DecisionRule(search_offsets(scaled, truth, measure), rule.temperature)


def _count(
    stream: _Pixels,
    decisions: Sequence[DecisionRule],
    halves: Sequence[DecisionRule],
    probabilities: bool,
) -> list[DecidedCounts | None]:
    """Count all pixels by each decision, and lastly each half by what the other one chose."""
    counts: list[DecidedCounts | None] = [None] * (len(decisions) + 1)
    seen = set()
    for scores, truth, half in stream.read():
        seen.add(half)
        for number, rule in enumerate((*decisions, halves[1 - half])):
            found, sum_ = count_decided(scores, truth, rule, probabilities), counts[number]
            counts[number] = found if sum_ is None else sum_ + found
    if len(seen) < 2:
        counts[-1] = None
    return counts


def _missing(before: DecidedCounts, classes: Sequence[str]) -> list[str]:
    absent = np.flatnonzero(before.confusion.sum(1) == 0).tolist()
    if len(classes) == 2 and len(absent) == 1:
        return [f"no held-out pixel is {classes[absent[0]]!r}: the arg-max stays"]
    return [f"no held-out pixel is {classes[number]!r}, which keeps offset 0" for number in absent]


def _kept(before: DecidedCounts, crossed: DecidedCounts | None, measure: Measure) -> str:
    if crossed is None:
        return f"the arg-max stays: {_ALONE}"
    name = measure.replace("_", " ").replace("iou", "IoU").replace("dice", "Dice")
    return (
        "the arg-max stays: with what each half of the held-out pixels chose, the other half has a "
        f"{name} of {crossed.score(measure):.4f}, and {before.score(measure):.4f} without"
    )
