"""Lovász losses against the algorithm of the paper and the Jaccard index."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.losses.scenes import tiles
from tilesegm.errors import InputError, SettingsError
from tilesegm.losses import Lovasz, LovaszHinge
from tilesegm.losses.lovasz import lovasz_extension


def jaccard_loss(wrong: np.ndarray, truth: np.ndarray) -> float:
    """Jaccard loss of a set of wrong pixels: wrong over truth or wrong."""
    union = (truth | wrong).sum()
    return float(wrong.sum() / union) if union else 0.0


def by_definition(errors: np.ndarray, truth: np.ndarray) -> float:
    """Equation 8 of Berman et al.: each error times what its pixel adds to the set function."""
    order = np.argsort(-errors, kind="stable")
    total, wrong = 0.0, np.zeros(errors.size, bool)
    for pixel in order:
        before = jaccard_loss(wrong, truth)
        wrong[pixel] = True
        total += errors[pixel] * (jaccard_loss(wrong, truth) - before)
    return total


def extension(errors: np.ndarray, truth: np.ndarray) -> float:
    shape = (1, 1, errors.size, 1)
    answer = lovasz_extension(
        np.float32(errors).reshape(shape),
        np.float32(truth).reshape(shape),
        np.ones(shape[:3], np.float32),
    )
    return float(answer[0, 0])


@settings(max_examples=40, deadline=None)
@given(
    errors=hnp.arrays(np.float64, 9, elements=st.floats(0, 1, width=16)),
    truth=hnp.arrays(bool, 9),
)
def test_extension_is_that_of_the_definition(errors: np.ndarray, truth: np.ndarray) -> None:
    assert extension(errors, truth) == pytest.approx(by_definition(errors, truth), abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(wrong=hnp.arrays(bool, 9), truth=hnp.arrays(bool, 9))
def test_on_sets_it_is_the_jaccard_loss(wrong: np.ndarray, truth: np.ndarray) -> None:
    expected = jaccard_loss(wrong, truth)
    assert extension(wrong.astype(float), truth) == pytest.approx(expected, abs=1e-6)


def test_softmax_form_over_classes_present() -> None:
    scene = tiles()
    logits = scene.logits.astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    labels = np.where(scene.labels == 2, 0, scene.labels)
    expected = [
        by_definition(np.abs((labels == k) - p[..., k]).ravel(), (labels == k).ravel())
        for k in (0, 1)
    ]
    value = float(Lovasz(absent="skip")(labels, scene.logits))
    assert value == pytest.approx(np.mean(expected), abs=1e-5)


def test_hinge_form() -> None:
    scene = tiles("LovaszHinge")
    signs = 2.0 * scene.labels - 1.0
    errors = np.maximum(0.0, 1.0 - scene.logits[..., 0] * signs)
    for pool, groups in (("batch", [slice(None)]), ("image", [0, 1])):
        expected = [by_definition(errors[g].ravel(), scene.labels[g].ravel() == 1) for g in groups]
        value = float(LovaszHinge(pool=pool)(scene.labels, scene.logits))
        assert value == pytest.approx(np.mean(expected), abs=1e-5)


def test_an_absent_class_costs_its_largest_error_by_the_formula() -> None:
    p = np.float32([[[[0.1], [0.4], [0.2]]]])
    loss = Lovasz(absent="formula", from_logits=False)
    assert float(loss(np.int32([[[0, 0, 0]]]), p)) == pytest.approx(0.4)


def test_a_hinge_wants_binary_logits() -> None:
    scene = tiles()
    with pytest.raises(InputError, match="y_pred has 3 channels"):
        LovaszHinge()(scene.labels, scene.logits)
    with pytest.raises(SettingsError, match="from_logits is False"):
        LovaszHinge(from_logits=False)
