"""Predictions and truths that number the same classes differently."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.test_evaluate import write
from tilesegm.data.settings import ClassSettings, LabelSettings
from tilesegm.errors import InputError
from tilesegm.evaluation.evaluate import EvaluationOptions, evaluate
from tilesegm.metrics.measures import Measures

NAMES = ("land", "water", "tree")
PREDICTED = np.array([[0, 1, 2, 2], [0, 1, 2, 1]], np.uint8)
TRUE = np.array([[0, 1, 2, 2], [0, 1, 1, 1]], np.uint8)
"""Ids as the prediction counts them: one water pixel of four is mapped as tree."""
MEASURES = Measures(borders=False)


def named(path: Path, ids: np.ndarray, names: tuple[str, ...] = NAMES) -> str:
    tags = {"CLASS_NAMES": json.dumps({str(n): name for n, name in enumerate(names)})}
    return str(write(path, ids, tags=tags))


def labels(*classes: tuple[str, int]) -> EvaluationOptions:
    settings = LabelSettings(classes=tuple(ClassSettings(*each) for each in classes))
    return EvaluationOptions(labels=settings, measures=MEASURES)


def test_labels_in_another_order_are_matched_by_name(tmp_path: Path) -> None:
    prediction = named(tmp_path / "p.tif", PREDICTED)
    values = np.array([30, 10, 20], np.uint8)  # of land, water and tree
    truth = str(write(tmp_path / "t.tif", values[TRUE]))
    found = evaluate(prediction, truth, options=labels(("tree", 20), ("land", 30), ("water", 10)))
    assert found.classes == NAMES
    assert found.class_scores.iou.tolist() == [1, 3 / 4, 2 / 3]
    assert any("matched by name" in note for note in found.notes)


def test_labels_with_other_names_are_matched_by_order_and_told(tmp_path: Path) -> None:
    prediction = named(tmp_path / "p.tif", PREDICTED)
    truth = str(write(tmp_path / "t.tif", TRUE))
    found = evaluate(prediction, truth, options=labels(("land", 0), ("water", 1), ("树", 2)))
    assert found.class_scores.iou.tolist() == [1, 3 / 4, 2 / 3]
    assert any("'tree' is '树'" in note for note in found.notes)


def test_a_name_with_two_ids_is_refused(tmp_path: Path) -> None:
    prediction = named(tmp_path / "p.tif", PREDICTED)
    truth = str(write(tmp_path / "t.tif", TRUE))
    options = labels(("land", 0), ("road", 1), ("water", 2))
    with pytest.raises(InputError, match=r"'water' has id 1 in .* and 2 in --labels.*--classes"):
        evaluate(prediction, truth, options=options)


def test_a_truth_that_names_its_ids_otherwise_is_refused_with_the_values(tmp_path: Path) -> None:
    prediction = named(tmp_path / "p.tif", PREDICTED)
    truth = named(
        tmp_path / "t.tif", np.array([1, 2, 0], np.uint8)[TRUE], ("tree", "land", "water")
    )
    with pytest.raises(InputError, match="give --values 1,2,0"):
        evaluate(prediction, truth, options=EvaluationOptions(measures=MEASURES))
    options = EvaluationOptions(values=(1, 2, 0), measures=MEASURES)
    assert evaluate(prediction, truth, options=options).class_scores.accuracy == 7 / 8
