"""Losses for segmentation: one contract, three backends, XLA-safe; see `SegmentationLoss`."""

from tilesegm.losses.asymmetric import AsymmetricFocal, AsymmetricFocalTversky
from tilesegm.losses.base import SegmentationLoss
from tilesegm.losses.border_smoothing import BorderSmoothing
from tilesegm.losses.class_weights import class_balanced_weights, median_frequency_weights
from tilesegm.losses.compound import Compound
from tilesegm.losses.cross_entropy import CrossEntropy
from tilesegm.losses.dice import Dice
from tilesegm.losses.exp_log import ExpLogCrossEntropy, ExpLogDice
from tilesegm.losses.focal import Focal
from tilesegm.losses.generalized_dice import GeneralizedDice
from tilesegm.losses.lovasz import Lovasz, LovaszHinge
from tilesegm.losses.mcc import MCC
from tilesegm.losses.poly import Poly1
from tilesegm.losses.recipes import RECIPES, recipe
from tilesegm.losses.registry import LOSSES, get
from tilesegm.losses.relaxation import BoundaryRelaxation
from tilesegm.losses.running import RunningDice
from tilesegm.losses.top_k import TopK
from tilesegm.losses.tversky import FocalTversky, Jaccard, Tversky

__all__ = [
    "LOSSES",
    "MCC",
    "RECIPES",
    "AsymmetricFocal",
    "AsymmetricFocalTversky",
    "BorderSmoothing",
    "BoundaryRelaxation",
    "Compound",
    "CrossEntropy",
    "Dice",
    "ExpLogCrossEntropy",
    "ExpLogDice",
    "Focal",
    "FocalTversky",
    "GeneralizedDice",
    "Jaccard",
    "Lovasz",
    "LovaszHinge",
    "Poly1",
    "RunningDice",
    "SegmentationLoss",
    "TopK",
    "Tversky",
    "class_balanced_weights",
    "get",
    "median_frequency_weights",
    "recipe",
]
