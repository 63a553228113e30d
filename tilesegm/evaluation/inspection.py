"""What is known about a prediction and its truth before their windows are read."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace

from tilesegm.data.labels.raster import RasterLabels
from tilesegm.data.labels.values import Census, count_values
from tilesegm.data.settings import LabelSettings
from tilesegm.errors import InputError
from tilesegm.evaluation.class_order import check_order, match_labels
from tilesegm.evaluation.inputs import InspectedPair, MapPair
from tilesegm.evaluation.reader import PairReader, open_prediction, open_truth
from tilesegm.metrics.evaluation import Decided
from tilesegm.metrics.seams import SeamMap
from tilesegm.sink.provenance import MapFacts, read_map_facts
from tilesegm.source.open import open_source
from tilesegm.source.options import Nodata
from tilesegm.source.vector.address import is_vector

__all__ = ["count_pair", "hidden_labels", "inspect_pair"]


def inspect_pair(
    given: MapPair,
    classes: tuple[str, ...] | int | None,
    labels: LabelSettings | None,
    nodata: Nodata | None = None,
    values: tuple[int, ...] = (),
) -> InspectedPair:
    """Find out the grid and the classes of a pair, and check that its parts fit each other.

    Args:
        given: prediction and truth.
        classes: names or number of classes; from ``labels`` or the prediction when not given.
        labels: how the truth is read, if it is no raster of ids.
        nodata: value of missing pixels of the truth, in place of its own.
        values: those of the truth in the order of classes, if the user gives them.

    Raises:
        InputError: a part cannot be read or does not fit the prediction, classes are neither given
            nor told by the prediction, or truth and prediction number them differently.
    """
    with open_source(given.prediction) as source:
        info = source.info
    facts = read_map_facts(given.prediction)
    info = facts.told_of(info)
    told = tuple(one.name for one in facts.classes)
    notes: tuple[str, ...] = ()
    if labels is not None and told and classes is None:  # what the user gives settles it
        labels, notes = match_labels(labels, told, info.uri)
    if classes is None and labels is not None:
        classes = tuple(label.name for label in labels.classes)
    if classes is None and not values:
        _check_truth(given, told, info.uri)
    names = _class_names(info.uri, classes, facts)
    inspected = InspectedPair(
        given=given,
        info=info,
        classes=names,
        seams=SeamMap.of_layout(facts.layout, info.height, info.width) if facts.layout else None,
        labels=labels if nodata is None else labels and replace(labels, nodata=nodata),
        nodata=nodata,
        own=bool(facts.classes),
        more_classes=tuple(one.name for one in facts.classes[len(names) :]),
        decision=Decided(facts.decision, facts.threshold),
    )
    no_chances = _not_probabilities(given)
    with closing(PairReader(inspected)) as reader:
        return replace(inspected, notes=(*_exchanged(given), *notes, *no_chances, *reader.notes))


def _check_truth(given: MapPair, names: tuple[str, ...], uri: str) -> None:
    """Refuse a truth of ids that tells its classes, and numbers them in another way."""
    truth = given.truth
    if not isinstance(truth, str | os.PathLike) or is_vector(os.fspath(truth)):
        return
    own = tuple(one.name for one in read_map_facts(truth).classes)
    fix = "give --values with the truth's ids in the order of the prediction's classes"
    if set(own) == set(names):
        fix = f"give --values {','.join(str(own.index(name)) for name in names)}"
    check_order(names, own, uri, os.fspath(truth), fix)


def _exchanged(given: MapPair) -> tuple[str, ...]:
    """Say that a truth is a prediction: most likely the two were exchanged, or one given twice."""
    truth = given.truth
    if not isinstance(truth, str | os.PathLike) or is_vector(os.fspath(truth)):
        return ()
    if read_map_facts(truth).fingerprint is None:
        return ()
    return (
        f"the truth {os.fspath(truth)} is a class map that `tilesegm predict` wrote; give the "
        "prediction first and the truth second",
    )


def _not_probabilities(given: MapPair) -> tuple[str, ...]:
    """Say of a confidence that it is none of the kind that calibration is about."""
    if not isinstance(given.confidence, str | os.PathLike):
        return ()
    kind = read_map_facts(given.confidence).confidence
    if kind in (None, "top"):
        return ()
    return (
        f"the confidence {os.fspath(given.confidence)} is of the kind {kind}, and its calibration "
        "is that of the probability of the class only for the kind top: take one of "
        "`tilesegm predict --confidence top`, or give --scores",
    )


def count_pair(pair: InspectedPair) -> tuple[Census | None, Census | None]:
    """Count the values of truth and prediction; None where these tell their classes themselves."""
    truth = predicted = None
    if pair.labels is None:
        with closing(open_truth(pair)) as source:
            truth = count_values(source)
    if not pair.own:
        with open_prediction(pair) as source:
            predicted = count_values(source)
    return truth, predicted


def _class_names(
    uri: str, classes: tuple[str, ...] | int | None, facts: MapFacts
) -> tuple[str, ...]:
    if isinstance(classes, int):
        return tuple(f"class {number}" for number in range(classes))
    if classes is not None:
        return tuple(classes)
    if facts.classes:
        return tuple(info.name for info in facts.classes)
    raise InputError(
        f"{uri} does not tell its classes; give their number or names in the order of ids, such "
        "as --classes 3 or --classes water,road,tree"
    )


def hidden_labels(pair: InspectedPair) -> tuple[str, ...]:
    """Say what tags hide of a truth that settings of labels describe."""
    if pair.labels is None:
        return ()
    with closing(open_truth(pair)) as labels:
        return labels.hidden() if isinstance(labels, RasterLabels) else ()
