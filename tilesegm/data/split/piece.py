"""Parts that images are cut into, each of which serves one purpose."""

from __future__ import annotations

from dataclasses import dataclass

from tilesegm.grid.window import Window

__all__ = ["ROLES", "TEST", "TRAIN", "VALIDATION", "Piece"]

TEST = -1
"""Fold of pieces that nothing is learnt from or chosen by."""
TRAIN = -2
"""Fold of pieces that are learnt from whichever fold is held out."""
VALIDATION = -3
"""Fold of pieces that are held out whichever fold is."""

ROLES = {"test": TEST, "train": TRAIN, "validation": VALIDATION}
"""Folds of scenes with a role of their own."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A rectangle of a scene, and the part of the split that it belongs to."""

    scene: str
    """Name of the scene."""
    window: Window
    fold: int
    """From 0, or one of ``TEST``, ``TRAIN`` and ``VALIDATION``."""
