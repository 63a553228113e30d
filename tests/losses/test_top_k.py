"""Why TopK does not learn from first weights: by hand, for a network that knows one feature.

A pixel has the feature x = 1 if it looks like the foreground and -1 otherwise, and the logit w x.
Before training w is 0 and p is one half everywhere. Where the feature is wrong for more than the
hardest fraction, all of the hardest pixels are wrong ones on either side of 0, so their mean
cross-entropy is log(1 + exp(|w|)) there: 0 is a minimum, and w stays. Cross-entropy falls with w.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from tilesegm.losses import CrossEntropy, SegmentationLoss, TopK, recipe

SMALL = 0.05


def loss_at(loss: SegmentationLoss, wrong: float, w: float, share: float = 0.25) -> float:
    """Loss on 4000 pixels, a share of them foreground, with a feature wrong for some of each."""
    count = 4000
    labels = (np.arange(count) < share * count).astype(np.int32)
    errs = (np.arange(count) % 100) < 100 * wrong
    feature = np.where(errs, -1.0, 1.0) * (2 * labels - 1)
    logits = np.float32(w * feature).reshape(1, 40, 100, 1)
    return float(loss(labels.reshape(1, 40, 100), logits))


def test_by_hand() -> None:
    for w in (SMALL, -SMALL):
        expected = math.log1p(math.exp(abs(w)))
        assert loss_at(TopK(), 0.2, w) == pytest.approx(expected, rel=1e-5)
    right, wrong = math.log1p(math.exp(-SMALL)), math.log1p(math.exp(SMALL))
    assert loss_at(CrossEntropy(), 0.2, SMALL) == pytest.approx(0.8 * right + 0.2 * wrong, rel=1e-5)


@pytest.mark.parametrize("share", [0.13, 0.24])
def test_with_dice_it_still_stays_at_one_half(share: float) -> None:
    def total(name: str, w: float) -> float:
        return loss_at(recipe(name), 0.2, w, share)

    start = total("dice_topk", 0.0)
    assert min(total("dice_topk", SMALL), total("dice_topk", -SMALL)) > start
    assert total("dice_ce", SMALL) < total("dice_ce", 0.0)


def test_a_feature_that_is_nearly_always_right_is_learnt() -> None:
    assert loss_at(TopK(), 0.02, SMALL) < math.log(2)
