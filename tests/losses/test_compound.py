"""Sums of losses, and sums with a name."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.losses.scenes import IGNORE, tiles
from tilesegm.errors import InputError, SettingsError
from tilesegm.losses import (
    RECIPES,
    Boundary,
    Compound,
    CrossEntropy,
    Dice,
    Focal,
    Jaccard,
    Lovasz,
    get,
    recipe,
)


def test_a_sum_shows_its_terms_and_adds_their_values() -> None:
    scene = tiles()
    loss = 2 * CrossEntropy() + 0.5 * Dice() + Focal() * 3
    parts = [
        float(term(scene.labels, scene.logits, scene.weight))
        for term in (CrossEntropy(), Dice(), Focal())
    ]
    assert [type(term) for term in loss.terms] == [CrossEntropy, Dice, Focal]
    assert loss.weights == (2.0, 0.5, 3.0)
    assert repr(loss) == "2 * CrossEntropy + 0.5 * Dice + 3 * Focal"
    values = loss.values(scene.labels, scene.logits, scene.weight)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(values), parts, rtol=1e-6)
    expected = np.dot(parts, [2.0, 0.5, 3.0])
    assert float(loss(scene.labels, scene.logits, scene.weight)) == pytest.approx(expected)


def test_sums_of_sums_are_flat() -> None:
    loss = 2 * (CrossEntropy() + 0.5 * Dice()) + (Focal() + Jaccard())
    assert loss.weights == (2.0, 1.0, 1.0, 1.0)
    assert not any(isinstance(term, Compound) for term in loss.terms)


def test_terms_must_agree_on_their_inputs() -> None:
    with pytest.raises(SettingsError, match="differ in from_logits or ignore"):
        CrossEntropy() + Dice(from_logits=False)
    with pytest.raises(SettingsError, match="differ in from_logits or ignore"):
        CrossEntropy(ignore=255) + Dice()


def test_weights_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SettingsError, match="expected finite numbers >= 0"):
        -1 * CrossEntropy()
    with pytest.raises(SettingsError, match="2 terms and 1 weights"):
        Compound([CrossEntropy(), Dice()], [1.0])
    with pytest.raises(SettingsError, match="0 terms"):
        Compound([])
    with pytest.raises(TypeError):
        CrossEntropy() + 3


def test_the_minimum_of_a_sum_is_that_of_its_terms() -> None:
    assert (CrossEntropy() + Dice()).minimum == 0.0
    assert (CrossEntropy() + 0.1 * Boundary()).minimum == -np.inf
    assert (CrossEntropy() + 0 * Boundary()).minimum == 0.0


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_pass_their_arguments_to_every_term(name: str) -> None:
    loss = recipe(name, ignore=IGNORE, from_logits=False)
    assert {(term.ignore, term.from_logits) for term in loss.terms} == {(IGNORE, False)}
    assert loss.name == name
    assert recipe(name, name="mine").name == "mine"


def test_combo_by_the_formula_of_its_paper() -> None:
    # a = b = 1/2: a (-1/N) sum (b t log p + (1 - b) (1 - t) log(1 - p)) - (1 - a) Dice, smooth 1.
    labels, p = np.int32([[[1, 0]]]), np.float32([[[[0.5], [0.25]]]])
    entropy = -(np.log(0.5) + np.log(0.75)) / 2
    dice = (2 * 0.5 + 1) / (0.75 + 1 + 1)
    expected = 0.5 * 0.5 * entropy - 0.5 * dice
    value = float(recipe("combo", from_logits=False)(labels, p))
    assert value - 0.5 == pytest.approx(expected, rel=1e-5)


def test_losses_by_name() -> None:
    assert isinstance(get("focal-tversky"), get("FocalTversky").__class__)
    assert get("dice", power=2).power == 2
    assert get("dice_ce").name == "dice_ce"
    assert isinstance(get("pyramid").base, Dice)
    assert isinstance(get("Pyramid", base=Lovasz()).base, Lovasz)
    assert get("Pyramid", ignore=3).ignore == 3


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("dyce", "did you mean 'dice'"),
        ("croosentropy", "'cross_entropy'"),
        ("zzz", "there are act"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(name: str, advice: str) -> None:
    with pytest.raises(InputError, match=advice):
        get(name)


def test_unknown_arguments_are_an_input_error() -> None:
    with pytest.raises(InputError, match="dice has no argument 'gamma'; there are absent, backg"):
        get("dice", gamma=2.0)
    with pytest.raises(InputError, match="there is no recipe 'dice'; did you mean 'dice_ce'"):
        recipe("dice")
