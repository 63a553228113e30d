from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from tilesegm.decision_rule import class_dtype
from tilesegm.engine.decide import Decision, decide


def random_scores(classes: int, seed: int = 0, spread: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (spread * rng.normal(size=(classes, 9, 7))).astype(np.float32)


@settings(deadline=None)
@given(classes=st.integers(2, 12), seed=st.integers(0, 50), levels=st.sampled_from([2, 5, 1000]))
def test_class_is_the_highest_score_and_the_first_of_equals(
    classes: int, seed: int, levels: int
) -> None:
    scores = np.random.default_rng(seed).integers(0, levels, (classes, 9, 7)).astype(np.float32)
    ids = decide(scores.copy(), Decision(classes, probabilities=False))["classes"]
    assert ids.dtype == np.uint8
    np.testing.assert_array_equal(ids, scores.argmax(axis=0))


@pytest.mark.parametrize(("classes", "dtype"), [(2, "uint8"), (255, "uint8"), (256, "uint16")])
def test_nodata_has_a_value_beside_all_classes(classes: int, dtype: str) -> None:
    assert class_dtype(classes) == np.dtype(dtype)
    assert np.iinfo(class_dtype(classes)).max >= classes


def test_more_than_255_classes_keep_their_ids() -> None:
    scores = np.zeros((300, 1, 300), np.float32)
    scores[np.arange(300), 0, np.arange(300)] = 1
    ids = decide(scores, Decision(300, probabilities=True))["classes"]
    np.testing.assert_array_equal(ids[0], np.arange(300))


def test_negative_infinity_never_wins_against_a_number() -> None:
    scores = np.float32([-np.inf, -1e38]).reshape(2, 1, 1)
    assert decide(scores, Decision(2, probabilities=False))["classes"].item() == 1


@pytest.mark.parametrize("classes", [2, 3, 12])
def test_logits_become_probabilities_by_softmax(classes: int) -> None:
    logits = random_scores(classes)
    found = decide(logits.copy(), Decision(classes, False, scores="float32"))["scores"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, special.softmax(logits.astype(float), axis=0), rtol=2e-5)


def test_huge_logits_do_not_overflow() -> None:
    logits = np.float32([1e38, -1e38, 0]).reshape(3, 1, 1)
    found = decide(logits, Decision(3, False, "entropy", "float32"))
    assert found["scores"].ravel().tolist() == [1, 0, 0]
    assert found["confidence"].item() == 254


def test_probabilities_stay_as_they_are() -> None:
    probabilities = special.softmax(random_scores(4), axis=0)
    found = decide(probabilities.copy(), Decision(4, True, scores="float32"))["scores"]
    np.testing.assert_array_equal(found, probabilities)


@settings(deadline=None)
@given(classes=st.integers(2, 9), seed=st.integers(0, 50), spread=st.floats(0.01, 30))
def test_confidence_agrees_with_its_definitions(classes: int, seed: int, spread: float) -> None:
    logits = random_scores(classes, seed, spread)
    probabilities = special.softmax(logits.astype(float), axis=0)
    ordered = np.sort(probabilities, axis=0)
    expected = {
        "top": ordered[-1],
        "margin": ordered[-1] - ordered[-2],
        "entropy": 1 - stats.entropy(probabilities, axis=0) / np.log(classes),
    }
    for kind, values in expected.items():
        found = decide(logits.copy(), Decision(classes, False, kind))["confidence"]
        assert found.dtype == np.uint8
        # Half a step for rounding, and what float32 adds.
        np.testing.assert_allclose(found, 254 * values, atol=0.51)


@pytest.mark.parametrize(
    ("kind", "certain", "undecided"), [("top", 254, 127), ("margin", 254, 0), ("entropy", 254, 0)]
)
def test_confidence_by_hand(kind: str, certain: int, undecided: int) -> None:
    probabilities = np.float32([[[1, 0.5]], [[0, 0.5]]])
    found = decide(probabilities, Decision(2, True, kind))["confidence"]
    assert found.tolist() == [[certain, undecided]]


@pytest.mark.parametrize("scores", ["uint8", "float16", "float32"])
def test_scores_come_in_the_type_asked_for(scores: str) -> None:
    probabilities = np.float32([0, 0.25, 1]).reshape(3, 1, 1)
    found = decide(probabilities, Decision(3, True, scores=scores))["scores"]
    assert found.dtype == scores
    assert found.ravel().tolist() == ([0, 64, 254] if scores == "uint8" else [0, 0.25, 1])


def test_no_quantised_value_is_nodata_even_where_blending_rounds_above_one() -> None:
    probabilities = np.float32([1.000001, -1e-7]).reshape(2, 1, 1)
    found = decide(probabilities, Decision(2, True, "top", "uint8"))
    assert found["confidence"].item() == 254
    assert found["scores"].ravel().tolist() == [254, 0]
