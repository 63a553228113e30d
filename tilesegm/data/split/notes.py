"""Warnings about a split, which one should know before trusting its scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from tilesegm.classes import ClassInfo
from tilesegm.data.split.learnable import class_counts
from tilesegm.data.split.pieces import VALIDATION, count_labels
from tilesegm.data.split.split import Split
from tilesegm.data.split.view import SceneView
from tilesegm.data.statistics.values import SceneStatistics

__all__ = ["find_notes"]

_MUCH = 0.25
"""Fraction of pixels that a buffer may take without a word."""


def find_notes(
    split: Split, statistics: Sequence[SceneStatistics], classes: Sequence[ClassInfo]
) -> Iterator[str]:
    """Say in one line each why scores of a split tell less than they seem to."""
    if split.strategy == "random":
        yield (
            "random tiles touch tiles that are learnt from: scores are too high for images that "
            "the network has not seen"
        )
    dealt = any(piece.fold >= 0 for piece in split.pieces)
    if dealt and any(piece.fold == VALIDATION for piece in split.pieces):
        yield (
            "scenes with the role validation are held out, and a fold of the scenes without a role "
            "as well; give these the role train to learn from all of them"
        )
    names = np.array([info.name for info in classes])
    by_name = {scene.name: scene for scene in statistics}
    held_out = np.zeros((split.folds, len(names)), np.int64)
    for piece in split.pieces:
        if piece.fold >= 0:
            held_out[piece.fold] += count_labels(by_name[piece.scene], piece.window)
        elif piece.fold == VALIDATION:
            held_out += count_labels(by_name[piece.scene], piece.window)
    total = np.sum([scene.counts.sum(axis=(0, 1)) for scene in statistics], axis=0)
    if (total == 0).any():
        yield (
            f"no label shows {_listed(names[total == 0])}: not to be learnt, and IoU "
            "0 in final scores if predicted"
        )
    for fold in range(split.folds if dealt else 1):
        absent = (held_out[fold] == 0) & (total > 0)
        if held_out[fold].any() and absent.any():
            yield (
                f"fold {fold} does not show {_listed(names[absent])}: no part of the score "
                "that chooses the best epoch when it is held out, and IoU 0 in final scores if "
                "predicted there"
            )
        views = split.views(fold)
        learnt = class_counts(statistics, views)
        unknown = (learnt == 0) & (total > 0)
        if unknown.any():
            yield f"without fold {fold} there is no {_listed(names[unknown])} to learn from"
        lost = _lost(views)
        if lost > _MUCH:
            remedy = "larger blocks lose" if dealt else "a smaller split.buffer loses"
            yield (
                f"the buffer of {split.buffer} pixels takes {lost:.0%} of what could be learnt "
                f"from without fold {fold}; {remedy} less"
            )


def _lost(views: Sequence[SceneView]) -> float:
    """Fraction of the visible pixels that the buffer takes."""

    def pixels(view: SceneView) -> float:
        # One cell that holds the whole image.
        return float(view.shares(max(view.height, view.width))[0, 0] * view.height * view.width)

    seen = sum(pixels(replace(view, buffer=0)) for view in views)
    return 1.0 - sum(pixels(view) for view in views) / seen if seen else 0.0


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"{name!r}" for name in map(str, names))
