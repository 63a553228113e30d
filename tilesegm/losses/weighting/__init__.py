"""Weights of losses that follow a rule while the network trains."""

from tilesegm.losses.weighting.class_adaptive import ClassAdaptive
from tilesegm.losses.weighting.class_following import ClassFollowing
from tilesegm.losses.weighting.dwa import DWA
from tilesegm.losses.weighting.factors import Fixed
from tilesegm.losses.weighting.gls import GLS
from tilesegm.losses.weighting.gradnorm import GradNorm
from tilesegm.losses.weighting.hard_pixels import HardPixels
from tilesegm.losses.weighting.later import Later
from tilesegm.losses.weighting.model import WeightedModel
from tilesegm.losses.weighting.random_weighting import RandomWeighting
from tilesegm.losses.weighting.rule import Rule
from tilesegm.losses.weighting.schedule import Constant, Cosine, Linear, Scheduled, rebalance
from tilesegm.losses.weighting.softadapt import SoftAdapt
from tilesegm.losses.weighting.uncertainty import Uncertainty

__all__ = [
    "DWA",
    "GLS",
    "ClassAdaptive",
    "ClassFollowing",
    "Constant",
    "Cosine",
    "Fixed",
    "GradNorm",
    "HardPixels",
    "Later",
    "Linear",
    "RandomWeighting",
    "Rule",
    "Scheduled",
    "SoftAdapt",
    "Uncertainty",
    "WeightedModel",
    "rebalance",
]
