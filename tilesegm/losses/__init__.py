"""Losses for segmentation: one contract, three backends, XLA-safe; see `SegmentationLoss`."""

from tilesegm.losses.active_boundary import ActiveBoundary
from tilesegm.losses.asymmetric import AsymmetricFocal, AsymmetricFocalTversky
from tilesegm.losses.base import Compound, SegmentationLoss
from tilesegm.losses.blob import BlobLoss, number_blobs
from tilesegm.losses.border_smoothing import BorderSmoothing
from tilesegm.losses.boundary import Boundary
from tilesegm.losses.boundary_dou import BoundaryDoU
from tilesegm.losses.class_weights import (
    class_balanced_weights,
    inverse_frequency_weights,
    median_frequency_weights,
)
from tilesegm.losses.cldice import ClDice
from tilesegm.losses.cross_entropy import CrossEntropy
from tilesegm.losses.deep_supervision import DeepSupervision
from tilesegm.losses.dice import Dice
from tilesegm.losses.distance_weighted import BorderWeighted
from tilesegm.losses.exp_log import ExpLogCrossEntropy, ExpLogDice
from tilesegm.losses.focal import Focal
from tilesegm.losses.generalized_dice import GeneralizedDice
from tilesegm.losses.hausdorff import HausdorffDT
from tilesegm.losses.lovasz import Lovasz, LovaszHinge
from tilesegm.losses.mcc import MCC
from tilesegm.losses.ms_ssim import MSSSIM
from tilesegm.losses.poly import Poly1
from tilesegm.losses.pyramid import Pyramid
from tilesegm.losses.recipes import RECIPES, recipe
from tilesegm.losses.registry import LOSSES, get
from tilesegm.losses.relaxation import BoundaryRelaxation
from tilesegm.losses.running import RunningDice
from tilesegm.losses.skeleton_recall import SkeletonRecall
from tilesegm.losses.top_k import TopK
from tilesegm.losses.tversky import FocalTversky, Jaccard, Tversky
from tilesegm.losses.unet3plus import UNet3PlusHybrid

__all__ = [
    "LOSSES",
    "MCC",
    "MSSSIM",
    "RECIPES",
    "ActiveBoundary",
    "AsymmetricFocal",
    "AsymmetricFocalTversky",
    "BlobLoss",
    "BorderSmoothing",
    "BorderWeighted",
    "Boundary",
    "BoundaryDoU",
    "BoundaryRelaxation",
    "ClDice",
    "Compound",
    "CrossEntropy",
    "DeepSupervision",
    "Dice",
    "ExpLogCrossEntropy",
    "ExpLogDice",
    "Focal",
    "FocalTversky",
    "GeneralizedDice",
    "HausdorffDT",
    "Jaccard",
    "Lovasz",
    "LovaszHinge",
    "Poly1",
    "Pyramid",
    "RunningDice",
    "SegmentationLoss",
    "SkeletonRecall",
    "TopK",
    "Tversky",
    "UNet3PlusHybrid",
    "class_balanced_weights",
    "get",
    "inverse_frequency_weights",
    "median_frequency_weights",
    "number_blobs",
    "recipe",
]
