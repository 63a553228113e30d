"""What is chosen on held-out pixels: by hand, against scikit-learn, and for any scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn import metrics

from tilesegm.decision_rule import STEPS, DecisionRule
from tilesegm.metrics.offsets import best_step, measure_of, search_offsets
from tilesegm.metrics.operating_point import ScoredBlock, choose_operating_point
from tilesegm.metrics.sample import PixelSample
from tilesegm.metrics.temperature import fit_temperature, log_loss


def blocks_of(
    classes: int, *, shift: float = 2.0, heat: float = 1.0, groups: int = 4, spread: float = 1.0
) -> Callable[[], Iterator[ScoredBlock]]:
    """Make scores of a network that is too fond of class 0 by ``shift``, times ``heat``."""

    def blocks() -> Iterator[ScoredBlock]:
        for group in range(groups):
            random = np.random.default_rng(group)
            truth = random.integers(0, classes, (40, 50))
            # Gaussian scores around the truth: their posterior is the softmax of these logits.
            logits = spread * random.normal(size=(classes, 40, 50))
            logits[truth, *np.indices(truth.shape)] += spread**2
            logits[0] += shift
            yield ScoredBlock((heat * logits).astype(np.float32), truth, group)

    return blocks


def test_threshold_by_hand() -> None:
    # Five pixels of class 1 at 0.25 and above, one at 0; class 0 has four at 0.125, two at 0.5.
    positive, negative = np.zeros((2, STEPS + 1), np.int64)
    positive[[0, STEPS // 4, STEPS // 2]] = 1, 2, 3
    negative[[STEPS // 8, STEPS // 2]] = 4, 2
    # From 1/8 + 1 step to 1/4: 5 right, 2 wrong, 1 missed: IoU 5/8; class 0: 4 right of 7: 4/7.
    # Above 1/4: 3 right, 2 wrong, 3 missed: 3/8, and 4/9. The step nearest to one half is taken.
    assert best_step(positive, negative, "mean_iou") == STEPS // 4
    assert best_step(positive, negative * 0, "mean_iou") is None


@pytest.mark.parametrize("measure", ["mean_iou", "mean_dice"])
def test_threshold_of_scikit_learn(measure: str) -> None:
    random = np.random.default_rng(1)
    truth = random.random(600) < 0.2
    level = np.clip(np.rint(900 * random.random(600) + 700 * truth), 0, STEPS).astype(int)
    counts = [np.bincount(level[part], minlength=STEPS + 1) for part in (truth, ~truth)]
    step = best_step(*counts, measure)  # type: ignore[arg-type]
    assert step is not None
    score = metrics.jaccard_score if measure == "mean_iou" else metrics.f1_score
    # Between two levels that occur, the score does not change.
    values = [score(truth, level >= n, average="macro") for n in np.unique(level)]
    assert score(truth, level >= step, average="macro") == pytest.approx(max(values), abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    classes=st.integers(2, 6),
    seed=st.integers(0, 999),
    measure=st.sampled_from(["mean_iou", "mean_dice"]),
    grid=st.sampled_from([0.5, 3.0, 1000.0]),
)
def test_offsets_are_never_worse_than_none(
    classes: int, seed: int, measure: str, grid: float
) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, random.integers(1, classes + 1), 80)
    scores = np.round(grid * random.normal(size=(classes, 80))).astype(np.float32) / grid
    offsets = search_offsets(scores, truth, measure)  # type: ignore[arg-type]
    absent = np.setdiff1d(np.arange(classes), truth)
    assert not np.array(offsets)[absent].any()

    def value(by: tuple[float, ...]) -> float:
        ids = (scores + np.float32(by)[:, None]).argmax(0)
        confusion = metrics.confusion_matrix(truth, ids, labels=range(classes))
        return float(
            measure_of(confusion.diagonal(), confusion.sum(1), confusion.sum(0), measure)  # type: ignore[arg-type]
        )

    assert value(offsets) >= value((0.0,) * classes)


def test_search_finds_the_best_of_all_offsets_of_one_class() -> None:
    random = np.random.default_rng(3)
    truth = random.integers(0, 3, 400)
    scores = random.normal(size=(3, 400)).astype(np.float32)
    scores[truth, np.arange(400)] += 1
    scores[2] -= 3
    offsets = search_offsets(scores, truth, "mean_iou")
    found = metrics.jaccard_score(
        truth, (scores + np.float32(offsets)[:, None]).argmax(0), average="macro"
    )
    alone = max(
        metrics.jaccard_score(truth, (scores.T + [0, 0, by]).argmax(1), average="macro")  # noqa: RUF005
        for by in np.arange(-8, 8, 1 / 32) + 1e-4
    )
    assert found >= alone - 1e-9


@pytest.mark.parametrize("heat", [0.4, 1.0, 3.0])
def test_temperature_undoes_a_factor(heat: float) -> None:
    blocks = list(blocks_of(3, shift=0, heat=heat, groups=8)())
    scores = np.concatenate([block.scores.reshape(3, -1) for block in blocks], axis=1)
    truth = np.concatenate([block.truth.ravel() for block in blocks])
    found = fit_temperature(scores, truth)
    assert found == pytest.approx(heat, rel=0.05)
    # Nothing near it is better, and the loss is scikit-learn's.
    probabilities = special.softmax(scores / found, axis=0).T
    assert log_loss(scores, truth, found) == pytest.approx(
        metrics.log_loss(truth, probabilities), rel=1e-5
    )
    assert log_loss(scores, truth, found) <= min(
        log_loss(scores, truth, found * by) for by in (0.98, 1.02)
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_what_is_chosen_is_counted_on_all_pixels(classes: int) -> None:
    blocks = blocks_of(classes)
    names = [f"class {n}" for n in range(classes)]
    chosen = choose_operating_point(blocks, names)
    point = chosen.point
    assert point.measure == "mean_iou"
    assert chosen.pixels == 4 * 40 * 50 == chosen.sampled
    for rule, told in ((DecisionRule(), point.before), (point.rule, point.after)):
        ids = [rule.decide(one.scores, False, wanted=False)[0] for one in blocks()]
        truth = [one.truth for one in blocks()]
        truth, ids = (np.concatenate([part.ravel() for part in parts]) for parts in (truth, ids))
        expected = metrics.jaccard_score(truth, ids, average="macro")
        assert told["mean_iou"] == pytest.approx(expected, abs=1e-12)
    before, after, crossed = (
        one["mean_iou"] for one in (point.before, point.after, point.cross_fitted)
    )
    assert before is not None
    assert after is not None
    assert crossed is not None
    assert before + 0.02 < crossed <= after + 0.002
    # The logit of class 0 is 2 too high; offsets are of what the temperature leaves of it.
    gap = point.offsets[1] - point.offsets[0]
    assert point.rule.temperature * gap == pytest.approx(2, abs=0.4)
    assert choose_operating_point(blocks, names).point == point


@pytest.mark.parametrize("classes", [2, 3])
def test_what_the_other_half_does_not_confirm_is_not_chosen(classes: int) -> None:
    def blocks() -> Iterator[ScoredBlock]:
        # One half is too fond of class 0, and the other half of all others.
        for half, shift in enumerate((3.0, -3.0)):
            for block in blocks_of(classes, shift=shift)():
                yield block._replace(group=half)

    chosen = choose_operating_point(blocks, ["sea", "ice", "land"][:classes], calibrate=False)
    assert chosen.point.measure == "none"
    assert chosen.point.offsets == (0.0,) * classes
    assert chosen.point.after == chosen.point.before
    crossed, before = chosen.point.cross_fitted["mean_iou"], chosen.point.before["mean_iou"]
    assert crossed is not None
    assert before is not None
    assert crossed < before
    assert chosen.notes == (
        "the arg-max stays: with what each half of the held-out pixels chose, the other half has "
        f"a mean IoU of {crossed:.4f}, and {before:.4f} without",
    )


def test_a_temperature_that_the_other_half_does_not_confirm_is_not_chosen() -> None:
    def blocks() -> Iterator[ScoredBlock]:
        for half, heat in enumerate((8.0, 0.1)):
            for block in blocks_of(2, shift=0, heat=heat)():
                yield block._replace(group=half)

    chosen = choose_operating_point(blocks, ["sea", "ice"], measure="none")
    assert chosen.point.temperature is None
    assert "would not calibrate pixels that it was not chosen on" in chosen.notes[0]


def test_classes_that_are_not_held_out_keep_offset_zero() -> None:
    def blocks() -> Iterator[ScoredBlock]:
        for block in blocks_of(3)():
            yield block._replace(truth=np.where(block.truth == 1, -1, block.truth))

    chosen = choose_operating_point(blocks, ["sea", "ice", "land"])
    assert chosen.point.offsets[1] == 0
    assert "no held-out pixel is 'ice', which keeps offset 0" in chosen.notes
    assert chosen.pixels < 4 * 40 * 50

    two = choose_operating_point(
        lambda: (one._replace(truth=one.truth * 0) for one in blocks_of(2)()), ["sea", "ice"]
    )
    assert two.point.rule.threshold is None
    assert "no held-out pixel is 'ice': the arg-max stays" in two.notes


def test_one_block_alone_confirms_nothing() -> None:
    chosen = choose_operating_point(blocks_of(2, groups=1), ["sea", "ice"])
    assert not chosen.point.rule.shifted
    assert chosen.point.temperature is None
    assert chosen.point.cross_fitted == {}
    assert len([note for note in chosen.notes if "one block" in note]) == 2


def test_without_held_out_pixels_nothing_is_chosen() -> None:
    chosen = choose_operating_point(list, ["sea", "ice"])
    assert chosen.point.offsets == (0.0, 0.0)
    assert chosen.point.before == {}
    assert "no held-out pixel" in chosen.notes[0]
    nothing = choose_operating_point(
        blocks_of(3), ["sea", "ice", "land"], measure="none", calibrate=False
    )
    assert not nothing.point.rule.shifted
    assert nothing.point.temperature is None
    assert nothing.sampled == 0
    assert nothing.point.before["mean_iou"] == nothing.point.after["mean_iou"]


def test_blocks_that_do_not_fit_in_memory_are_scored_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []

    def blocks() -> Iterator[ScoredBlock]:
        calls.append(1)
        yield from blocks_of(2)()

    kept = choose_operating_point(blocks, ["sea", "ice"]).point
    assert len(calls) == 1
    monkeypatch.setattr("tilesegm.metrics.operating_point._KEPT", 1000)
    assert choose_operating_point(blocks, ["sea", "ice"]).point == kept
    assert len(calls) == 4


def test_samples_are_bounded_and_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tilesegm.metrics.sample._MOST", 500)
    samples = [PixelSample(2, seed) for seed in (0, 0, 1)]
    for sample in samples:
        for start in range(0, 3000, 300):
            truth = np.arange(start, start + 300)
            sample.add(np.stack([truth, -truth]).astype(np.float32), truth, start // 300 % 2)
    (scores, truth), (_, same), (_, other) = (sample.part(None) for sample in samples)
    np.testing.assert_array_equal(scores[0], truth)
    assert len(truth) == 500
    np.testing.assert_array_equal(truth, same)
    assert not np.array_equal(truth, other)
    assert samples[0].seen == 3000
    # All parts of the stream are drawn from alike: 50 of each 300, within four deviations.
    shares = np.bincount(truth // 300, minlength=10)
    assert np.abs(shares - 50).max() < 4 * np.sqrt(50)
    assert sum(len(samples[0].part(half)[1]) for half in (0, 1)) == 500
