"""Which pixels are learnt from and which are held out."""

from tilesegm.data.split.make import make_split
from tilesegm.data.split.piece import TEST, TRAIN, VALIDATION, Piece
from tilesegm.data.split.split import Split
from tilesegm.data.split.view import SceneView

__all__ = ["TEST", "TRAIN", "VALIDATION", "Piece", "SceneView", "Split", "make_split"]
