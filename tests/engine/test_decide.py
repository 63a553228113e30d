from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from tilesegm.decision_rule import STEPS, DecisionRule, class_dtype
from tilesegm.engine.decide import Decision, decide
from tilesegm.errors import SettingsError


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


@settings(deadline=None)
@given(
    classes=st.integers(2, 6),
    seed=st.integers(0, 200),
    temperature=st.sampled_from([0.5, 1.0, 2.5]),
    probable=st.booleans(),
)
def test_offsets_are_added_to_logarithms_of_calibrated_probabilities(
    classes: int, seed: int, temperature: float, probable: bool
) -> None:
    scores = random_scores(classes, seed)
    if probable:
        scores = special.softmax(scores, axis=0).astype(np.float32)
    offsets = np.random.default_rng(seed).normal(size=classes)
    rule = DecisionRule(tuple(offsets), temperature)
    decision = Decision(classes, probable, "top", "float32", rule=rule)
    found = decide(scores.copy(), decision)
    logits = np.log(scores.astype(float)) if probable else scores.astype(float)
    expected = special.softmax(logits / temperature, axis=0)
    np.testing.assert_allclose(found["scores"], expected, rtol=1e-4)
    shifted = np.log(expected) + offsets[:, None, None]
    # Two classes are compared in steps of 1/4096, and rounding decides between equals.
    first, second = np.sort(shifted, axis=0)[-2:][::-1]
    sure = first - second > (0.01 if classes == 2 else 1e-4)
    np.testing.assert_array_equal(found["classes"][sure], shifted.argmax(axis=0)[sure])
    own = np.take_along_axis(found["scores"], found["classes"][None].astype(int), 0)[0]
    np.testing.assert_array_equal(found["confidence"], np.rint(254 * own))
    # Without layers of probabilities the classes are the same.
    alone = decide(scores.copy(), Decision(classes, probable, rule=rule))["classes"]
    np.testing.assert_array_equal(alone, found["classes"])


@settings(deadline=None)
@given(seed=st.integers(0, 200), step=st.integers(1, STEPS - 1), probable=st.booleans())
def test_a_threshold_takes_all_probabilities_that_round_to_its_step(
    seed: int, step: int, probable: bool
) -> None:
    random = np.random.default_rng(seed)
    logits = (4 * random.normal(size=(2, 30, 30))).astype(np.float32)
    scores = special.softmax(logits, axis=0).astype(np.float32) if probable else logits
    rule = DecisionRule.of_threshold(step / STEPS)
    assert (rule.step, rule.threshold) == (step, step / STEPS)
    found = decide(scores.copy(), Decision(2, probable, scores="float32", rule=rule))
    expected = np.rint(found["scores"][1].astype(float) * STEPS) >= step
    np.testing.assert_array_equal(found["classes"], expected)


def test_margin_and_entropy_of_a_class_that_is_not_the_most_probable() -> None:
    probabilities = np.float32([0.6, 0.3, 0.1]).reshape(3, 1, 1)
    rule = DecisionRule((0.0, 2.0, 0.0))
    for kind, value in (
        ("top", 0.3),
        ("margin", 0.0),  # 0.3 - 0.6, of which nothing is left
        ("entropy", 1 + (0.6 * np.log(0.6) + 0.3 * np.log(0.3) + 0.1 * np.log(0.1)) / np.log(3)),
    ):
        found = decide(probabilities.copy(), Decision(3, True, kind, rule=rule))  # type: ignore[arg-type]
        assert found["classes"].item() == 1
        assert found["confidence"].item() == np.rint(254 * value)


def test_raw_scores_are_those_that_came() -> None:
    logits = random_scores(3)
    decision = Decision(3, False, "top", "float32", raw=True)
    np.testing.assert_array_equal(decide(logits.copy(), decision)["raw"], logits)
    assert [layer.name for layer in decision.layers] == ["classes", "confidence", "scores", "raw"]
    assert np.isnan(decision.layers[-1].fill)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DecisionRule((0.0, float("nan"))), "an offset is nan"),
        (lambda: DecisionRule((0.0, 17.0)), "an offset is 17.0; pass numbers from -16 to 16"),
        (lambda: DecisionRule((0.0, 9.1)), "leave one class alone; .* up to 9.01"),
        (lambda: DecisionRule((), 0.0), "temperature is 0.0; pass a number from 0.01 to 100"),
        (lambda: DecisionRule((), float("nan")), "temperature is nan"),
        *(
            (lambda value=value: DecisionRule.of_threshold(value), f"threshold is {value!r}")
            for value in (0.0, 1.0, -1.0, float("nan"), float("inf"), 1e-4)
        ),
    ],
)
def test_rules_out_of_range_are_refused(make: Callable[[], DecisionRule], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()
