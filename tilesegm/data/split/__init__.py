"""Which pixels are learnt from and which are held out."""

from tilesegm.data.split.file import load_split, save_split
from tilesegm.data.split.learnable import band_statistics, class_counts, scene_counts
from tilesegm.data.split.make import make_split
from tilesegm.data.split.pieces import ROLES, TEST, TRAIN, VALIDATION, Piece, SplitScene
from tilesegm.data.split.split import Split
from tilesegm.data.split.view import SceneView

__all__ = [
    "ROLES",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "Piece",
    "SceneView",
    "Split",
    "SplitScene",
    "band_statistics",
    "class_counts",
    "load_split",
    "make_split",
    "save_split",
    "scene_counts",
]
