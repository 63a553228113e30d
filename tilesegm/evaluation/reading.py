"""How the ids of predictions and truths are read, decided from all of their pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add

from tilesegm.classes import Meaning
from tilesegm.data.labels.values import Census, read_meaning
from tilesegm.errors import InputError, SourceError
from tilesegm.evaluation.inputs import InspectedPair

__all__ = ["IdReading", "decide_reading"]


@dataclass(frozen=True, kw_only=True)
class IdReading:
    """What values of the two maps stand for; one reading for all pairs of an evaluation."""

    ignore: tuple[int, ...] = ()
    """Values of the truth that do not count because the user says so."""
    values: tuple[int, ...] = ()
    """Values of the truth in the order of classes, if the user gives them."""
    truth: Meaning = field(default_factory=Meaning)
    prediction: Meaning = field(default_factory=Meaning)


def decide_reading(
    pairs: Sequence[InspectedPair],
    given: IdReading,
    count: Callable[[InspectedPair], tuple[Census | None, Census | None]],
) -> tuple[IdReading, tuple[str, ...]]:
    """Look at all values of all pairs, and decide what they mean.

    Args:
        pairs: that are evaluated together.
        given: what the user says of values.
        count: counts the values of truth and prediction of a pair; None where they tell their
            classes themselves.

    Returns:
        The reading, and notes on every value that is assumed to mean something and on all pixels
        of the truth that do not count.

    Raises:
        InputError: less than two classes of the truth are left because nodata or a convention
            hides the others, or truths contradict each other.
    """
    counted = [count(pair) for pair in pairs]
    truths = [(pair, truth) for pair, (truth, _) in zip(pairs, counted, strict=True) if truth]
    maps = [(pair, found) for pair, (_, found) in zip(pairs, counted, strict=True) if found]
    meaning, predicted = Meaning(), Meaning()
    notes: list[str] = []
    classes = pairs[0].classes
    if maps:
        whole = reduce(add, (census for _, census in maps))
        predicted = Meaning(read_meaning(_ids(whole, maps[0][0].name), len(classes)).foreground)
        notes += _about_predictions(whole, predicted, classes)
    if truths:
        truth = _Truth(truths, given, classes)
        meaning = truth.meaning
        truth.check()
        notes += truth.notes()
    reading = IdReading(
        ignore=given.ignore, values=given.values, truth=meaning, prediction=predicted
    )
    return reading, tuple(notes)


class _Truth:
    """The values of all truths of an evaluation."""

    def __init__(
        self,
        truths: Sequence[tuple[InspectedPair, Census]],
        given: IdReading,
        classes: tuple[str, ...],
    ) -> None:
        self._truths, self._given, self._classes = truths, given, classes
        first = truths[0][0]
        self._chosen = first.nodata is not None
        self._name = (
            first.truth_name
            if len(truths) == 1
            else f"{len(truths)} truths of {first.truth_name} ..."
        )
        self._census = reduce(add, (census for _, census in truths))
        values = _ids(self._census, first.truth_name)
        meaning = read_meaning(values - {*given.ignore, *given.values}, len(classes))
        if given.values:
            meaning = Meaning(unlabelled=meaning.unlabelled)
        self.meaning = meaning

    def check(self) -> None:
        """Refuse a truth of which conventions leave less than two classes, or that is two ways."""
        self._refuse_contradiction()
        hiding = self._hiding()
        left = self._left()
        if not set(self._census.counts) - {*self._given.ignore, *self.meaning.unlabelled}:
            hiding = hiding or self._ignored() or ["all of it is missing"]
        if len(left) < min(2, len(self._classes)) and hiding:
            what = (
                "no pixel has a true class"
                if not left
                else f"one true class is left, {self._classes[left[0]]!r}"
            )
            raise InputError(f"{self._name}: {what}: {'; '.join(hiding)}")

    def notes(self) -> list[str]:
        """Say which values are assumed to mean something, and what does not count."""
        census, mark = self._census, self.meaning.foreground
        found = [self._about_foreground(mark)] if mark is not None else []
        found += self._hiding()
        if census.by_nodata and self._chosen:
            pixels = self._pixels(census.by_nodata)
            found.append(f"nodata {census.nodata:g} leaves out {pixels}")
        if census.otherwise:
            found.append(
                f"{self._pixels(census.otherwise)} do not count: alpha or a mask band hides them, "
                "they are NaN, or the truth does not reach there"
            )
        return [f"{self._name}: {text}" for text in (*found, *self._ignored())]

    def _about_foreground(self, mark: int) -> str:
        return (
            f"a mask of 0 and {mark}: {mark} ({self._pixels(self._census.counts[mark])}) is read "
            f"as class 1, {self._classes[1]!r}; --ignore {mark} leaves it out"
        )

    def _ignored(self) -> list[str]:
        """Say what the user leaves out."""
        ignored = sum(self._census.counts[value] for value in self._given.ignore)
        listed = ", ".join(map(str, self._given.ignore))
        return [f"ignoring {listed} leaves out {self._pixels(ignored)}"] if ignored else []

    def _left(self) -> list[int]:
        """Return the classes that the truth shows."""
        values = set(self._census.counts) - {*self._given.ignore, *self.meaning.unlabelled}
        if self._given.values:
            return [n for n, value in enumerate(self._given.values) if value in values]
        mark = self.meaning.foreground
        ids = {1 if value == mark and mark is not None else value for value in values}
        return [number for number in range(len(self._classes)) if number in ids]

    def _hiding(self) -> list[str]:
        """Say what nodata and conventions hide, and which options change it."""
        found = []
        if self._census.by_nodata and not self._chosen:
            nodata = f"{self._census.nodata:g}"
            found.append(
                f"nodata {nodata} hides {self._pixels(self._census.by_nodata)}; --nodata none "
                f"counts them, --nodata {nodata} says that they have no class"
            )
        for mark in self.meaning.unlabelled:
            pixels = self._pixels(self._census.counts[mark])
            found.append(
                f"{mark} is taken for no label ({pixels}); {self._values_with(mark)} reads it as "
                f"a class, --ignore {mark} says that it is none"
            )
        return found

    def _values_with(self, mark: int) -> str:
        if len(self._classes) != 2:
            return "--values, with the value of each class,"
        other = min((v for v in self._census.counts if v not in self.meaning.unlabelled), default=0)
        return f"--values {other},{mark}"

    def _pixels(self, count: int) -> str:
        return f"{count:,} pixels, {count / self._census.pixels:.1%}"

    def _refuse_contradiction(self) -> None:
        """Refuse masks of 0 and 255 among truths of 0 and 1: 255 would be two things."""
        if len(self._classes) != 2 or self._given.values:
            return
        for mark in self.meaning.unlabelled:
            masks = [
                pair
                for pair, census in self._truths
                if mark in census.counts and set(census.counts) <= {0, mark}
            ]
            both = any({1, mark} <= set(census.counts) for _, census in self._truths)
            plain = [pair for pair, census in self._truths if 1 in census.counts]
            if masks and plain and not both:
                raise InputError(
                    f"{masks[0].truth_name} is a mask of 0 and {mark}, and {plain[0].truth_name} "
                    f"holds 1: {mark} is either foreground or no label; evaluate them apart, or "
                    f"give --ignore {mark}"
                )


def _about_predictions(census: Census, meaning: Meaning, classes: tuple[str, ...]) -> list[str]:
    notes = []
    mark = meaning.foreground
    if mark is not None:
        notes.append(
            f"the prediction is a mask of 0 and {mark}, so {mark} ({census.counts[mark]:,} pixels) "
            f"is read as class 1, {classes[1]!r}"
        )
    if census.by_nodata and census.nodata is not None and 0 <= census.nodata < len(classes):
        notes.append(
            f"nodata {census.nodata:g} of the prediction hides {census.by_nodata:,} pixels, which "
            "count as no class; --nodata none reads them"
        )
    return notes


def _ids(census: Census, name: str) -> set[int]:
    """Return the values of a census.

    Raises:
        SourceError: one is no whole number.
    """
    for value in census.counts:
        if isinstance(value, float) and value - value == 0:  # infinity is missing
            raise SourceError(f"{name}: {value} is no class id; expected whole numbers")
    return {value for value in census.counts if isinstance(value, int)}
