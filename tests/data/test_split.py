"""Splits: each pixel has one purpose, and held-out ones reach nothing that is learnt from."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_cdt

from tests.data.fakes import MemoryScenes
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import SplitSettings
from tilesegm.data.split import TEST, TRAIN, VALIDATION, SceneView, Split, make_split
from tilesegm.data.split.assign import balance, imbalance
from tilesegm.data.split.pieces import cut_blocks
from tilesegm.data.statistics import measure
from tilesegm.errors import SettingsError
from tilesegm.grid.window import Window


def split_of(scenes: MemoryScenes, buffer: int = 0, *, cell: int = 8, **keys: object) -> Split:
    known = cast(Scenes, scenes)
    return make_split(known, measure(known, cell=cell), SplitSettings(**keys), buffer)  # type: ignore[arg-type]


def noise(*shapes: tuple[int, int], classes: int = 3, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, classes, shape) for shape in shapes]


boxes = st.builds(
    Window, st.integers(0, 30), st.integers(0, 30), st.integers(1, 12), st.integers(1, 12)
)


@settings(deadline=None, max_examples=60)
@given(
    held_out=st.lists(boxes, max_size=4),
    test=st.lists(boxes, max_size=2),
    buffer=st.integers(0, 9),
    window=st.builds(
        Window, st.integers(-6, 40), st.integers(-6, 40), st.integers(0, 30), st.integers(0, 30)
    ),
    cell=st.integers(1, 45),
)
def test_masks_by_brute_force(
    held_out: list[Window], test: list[Window], buffer: int, window: Window, cell: int
) -> None:
    height, width = 42, 42
    hidden = np.zeros((height, width), bool)
    for box in (*held_out, *test):
        hidden[box.slices] = True
    # Chebyshev distance to the nearest hidden pixel.
    far = np.full(hidden.shape, 999)
    if hidden.any():
        far = distance_transform_cdt(~hidden, metric="chessboard")
    trainable = far > buffer if buffer else ~hidden
    view = SceneView("a", height, width, tuple(held_out), tuple(test), buffer)

    def cut(mask: np.ndarray) -> np.ndarray:
        around = np.pad(mask, 40)
        rows, cols = window.shift(40, 40).slices
        return np.pad(around, 40)[40:, 40:][rows, cols]

    np.testing.assert_array_equal(view.visible(window), cut(~hidden))
    np.testing.assert_array_equal(view.trainable(window), cut(trainable))
    shares = view.shares(cell)
    for row in range(-(-height // cell)):
        for col in range(-(-width // cell)):
            part = trainable[row * cell : (row + 1) * cell, col * cell : (col + 1) * cell]
            assert shares[row, col] == part.mean()


@settings(deadline=None, max_examples=25)
@given(
    strategy=st.sampled_from(["blocks", "random", "image", "group", "range"]),
    block=st.integers(8, 24),
    buffer=st.integers(0, 3),
    seed=st.integers(0, 9),
)
def test_every_pixel_has_one_purpose(strategy: str, block: int, buffer: int, seed: int) -> None:
    shapes = [(61, 47), (40, 70), (33, 33), (50, 50)]
    scenes = MemoryScenes(noise(*shapes), groups=["a", "b", "a", "c"])
    split = split_of(
        scenes, cell=4, strategy=strategy, block=block, folds=2, seed=seed, buffer=buffer
    )
    assert split.buffer == (0 if strategy == "random" else buffer)
    for scene, shape in zip(split.scenes, shapes, strict=True):
        assert (scene.height, scene.width) == shape
        owner = np.zeros(shape, int)
        for piece in split.pieces_of(scene.name):
            owner[piece.window.slices] += 1
        assert (owner == 1).all()
        # Each pixel is held out in exactly one fold.
        seen = [split.view(scene.name, fold).visible(Window(0, 0, *shape)) for fold in range(2)]
        np.testing.assert_array_equal(seen[0], ~seen[1])


def test_strategies_keep_together_what_belongs_together() -> None:
    labels = noise(*[(16, 16)] * 6)
    groups = ["a", "b", "a", "c", "b", "c"]

    def folds(**keys: object) -> list[int]:
        split = split_of(MemoryScenes(labels, groups=groups), folds=3, **keys)
        return [piece.fold for scene in split.scenes for piece in split.pieces_of(scene.name)]

    assert folds(strategy="range") == [0, 0, 1, 1, 2, 2]
    by_group = folds(strategy="group")
    assert len(set(by_group)) == 3
    assert {(g, f) for g, f in zip(groups, by_group, strict=True)} == set(
        zip(groups[:2] + groups[3:4], by_group[:2] + by_group[3:4], strict=True)
    )
    assert sorted(folds(strategy="image")) == [0, 0, 1, 1, 2, 2]


def test_scenes_with_a_role_stay_out() -> None:
    roles = ["test", "validation", "train", None, None]
    scenes = MemoryScenes(noise(*[(16, 16)] * 5), roles=roles)
    split = split_of(scenes, strategy="image", folds=2)
    folds = {piece.scene: piece.fold for piece in split.pieces}
    assert [folds[f"scene {n}"] for n in range(3)] == [TEST, VALIDATION, TRAIN]
    assert {folds["scene 3"], folds["scene 4"]} == {0, 1}
    for fold in range(2):
        test, validation, train = split.views(fold)[:3]
        assert test.test == validation.held_out == (Window(0, 0, 16, 16),)
        assert test.held_out == validation.test == train.held_out == train.test == ()
        assert not test.trainable(Window(0, 0, 16, 16)).any()
        assert train.trainable(Window(0, 0, 16, 16)).any()
    assert any("role validation" in note for note in split.notes)


def test_roles_alone_make_a_split() -> None:
    scenes = MemoryScenes(noise((16, 16), (16, 16)), roles=["train", "validation"])
    split = split_of(scenes)
    assert [view.trainable(Window(0, 0, 16, 16)).any() for view in split.views(0)] == [True, False]
    assert split.notes == ()


@pytest.mark.parametrize("strategy", ["blocks", "random"])
def test_the_seed_decides(strategy: str) -> None:
    def made(seed: int) -> Split:
        scenes = MemoryScenes(noise((96, 96)))
        return split_of(scenes, strategy=strategy, block=16, folds=3, seed=seed)

    assert made(1) == made(1)
    assert made(1).pieces != made(2).pieces


def test_classes_are_spread_better_than_at_random() -> None:
    # One class is everywhere, one in a corner, and one in few blocks.
    labels = np.zeros((160, 160), int)
    labels[:48, :48] = 1
    labels[100:104, ::23] = 2
    scenes = MemoryScenes([labels])
    split = split_of(scenes, strategy="blocks", block=16, folds=4)
    fold_of = np.zeros(labels.shape, int)
    for piece in split.pieces:
        fold_of[piece.window.slices] = piece.fold
    for label in range(3):
        parts = np.array([((labels == label) & (fold_of == f)).sum() for f in range(4)])
        assert np.ptp(parts) <= 0.15 * parts.sum()
    shares = np.array(
        [[(labels[b.slices] == k).sum() for k in range(3)] for b in cut_blocks(160, 160, 16)], float
    )
    shares /= shares.sum(axis=0)
    random = np.random.default_rng(0)
    ours = imbalance(shares, balance(shares, 4, np.random.default_rng(0)), 4)
    chance = [imbalance(shares, random.permutation(np.arange(100) % 4), 4) for _ in range(50)]
    assert ours < min(chance)
    assert ours < 0.2 * np.median(chance)


def test_imbalance_by_hand() -> None:
    # Column 0: 1/4 and 3/4, column 1: 1 and 0, against 1/2 each.
    shares = np.array([[0.25, 1.0], [0.5, 0.0], [0.25, 0.0]])
    assert imbalance(shares, np.array([0, 1, 1]), 2) == pytest.approx(2 / 16 + 2 / 4)


def test_balance_finds_the_best_of_all_deals() -> None:
    random = np.random.default_rng(3)
    shares = random.exponential(size=(7, 3)) ** 2
    shares /= shares.sum(axis=0)
    every = [np.array([int(digit) for digit in np.binary_repr(n, 7)]) for n in range(1, 127)]
    best = min(imbalance(shares, folds, 2) for folds in every)
    assert imbalance(shares, balance(shares, 2, random), 2) == pytest.approx(best)


@given(st.integers(2, 6), st.integers(0, 20), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_no_fold_is_empty(count: int, more: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    shares = random.exponential(size=(count + more, 2)) * (random.random((count + more, 1)) < 0.4)
    assert set(balance(shares, count, random)) == set(range(count))


@pytest.mark.parametrize(
    ("size", "block", "lengths"),
    [
        (100, 40, [40, 40, 20]),
        (100, 30, [30, 30, 40]),
        (120, 50, [50, 70]),
        (125, 50, [50, 50, 25]),
        (20, 50, [20]),
    ],
)
def test_blocks_by_hand(size: int, block: int, lengths: list[int]) -> None:
    found = cut_blocks(size, 7, block)
    assert [(w.height, w.col, w.width) for w in found] == [(length, 0, 7) for length in lengths]
    assert [w.row for w in found] == np.cumsum([0, *lengths])[:-1].tolist()
    assert [w.width for w in cut_blocks(7, size, block)] == lengths


def test_notes_tell_what_scores_will_not() -> None:
    labels = [np.zeros((32, 32), int) for _ in range(2)]
    labels[0][:8, :8] = 2
    notes = split_of(MemoryScenes(labels, classes=4), strategy="image", folds=2).notes
    split = split_of(MemoryScenes(labels, classes=4), strategy="image", folds=2)
    (home,) = (piece.fold for piece in split.pieces if piece.scene == "scene 0")
    assert any("'class 1', 'class 3'" in note and "no label" in note for note in notes)
    (absent,) = (note for note in notes if note.startswith(f"fold {1 - home} does not show"))
    assert "'class 2': no part of the score that chooses the best epoch" in absent
    assert "IoU 0 in final scores if predicted" in absent
    assert f"without fold {home} there is no 'class 2' to learn from" in notes
    wide = split_of(MemoryScenes(noise((96, 96))), strategy="blocks", block=32, folds=4, buffer=10)
    assert any("takes" in note and "larger blocks" in note for note in wide.notes)
    random = split_of(MemoryScenes(noise((96, 96))), strategy="random", block=32, folds=4)
    assert any("too high" in note for note in random.notes)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"strategy": "image"}, "has 1 parts with labels and folds is 5.*strategy 'blocks'"),
        ({"strategy": "group"}, "there are 1 groups"),
        ({"strategy": "range"}, "there are 1 images"),
        ({"strategy": "blocks", "block": 32}, "4 blocks of 32 pixels.*smaller blocks"),
        ({"strategy": "random", "block": 32}, "4 tiles of 32 pixels.*smaller tiles"),
        ({"block": 16, "buffer": 40}, "leaves no labelled pixel.*buffer of 40|buffer of 40"),
    ],
)
def test_what_cannot_be_split_is_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        split_of(MemoryScenes(noise((64, 64))), **keys)


def test_parts_without_labels_are_not_enough() -> None:
    labels = np.full((64, 64), -1)
    labels[:16, :32] = 0
    with pytest.raises(SettingsError, match="2 of them labelled"):
        split_of(MemoryScenes([labels]), strategy="blocks", block=16, folds=3)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"strategy": "tiles"}, "split.strategy is 'tiles'"),
        ({"folds": 1}, "split.folds is 1"),
        ({"fold": 5}, "split.fold is 5.*0 to 4"),
        ({"fold": -1}, "split.fold is -1"),
        ({"block": 0}, "split.block is 0"),
        ({"buffer": -1}, "split.buffer is -1"),
    ],
)
def test_settings_out_of_range(keys: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SplitSettings(**keys)  # type: ignore[arg-type]


def test_unknown_scenes_and_folds() -> None:
    split = split_of(MemoryScenes(noise((64, 64))), block=16)
    with pytest.raises(SettingsError, match="fold is 5; this split has folds 0 to 4"):
        split.view("scene 0", 5)
    with pytest.raises(SettingsError, match="scene 'x' is not in the split, which knows scene 0"):
        split.view("x", 0)
