"""Semantic segmentation of images too big to segment."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tilesegm.classes import ClassInfo
from tilesegm.engine.memory import MemoryPlan
from tilesegm.engine.plan import Plan
from tilesegm.engine.regions import Region
from tilesegm.errors import TilesegmError
from tilesegm.events import (
    EpochEnded,
    Noted,
    PixelsDone,
    RunEnded,
    RunStarted,
    StageProgress,
    StageStarted,
)
from tilesegm.grid.axis import Axis, Span
from tilesegm.grid.tiles import TileGrid
from tilesegm.grid.tiling import Tiling
from tilesegm.grid.window import Window
from tilesegm.keras_objects import register_with_keras
from tilesegm.model.base import ModelSpec
from tilesegm.model.normalisation import Normalisation
from tilesegm.segmentation.forecast import Forecast, plan
from tilesegm.segmentation.many import BatchItem, segment_many
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.result import Segmentation
from tilesegm.segmentation.segment import segment
from tilesegm.sink.layer import Layer
from tilesegm.source.base import Georeference, ImageInfo, Pixels, Source
from tilesegm.source.open import open_source
from tilesegm.version import __version__

if TYPE_CHECKING:
    from tilesegm.data.settings import (
        AugmentationSettings,
        BorderWeightSettings,
        ClassSettings,
        DataSettings,
        LabelSettings,
        SamplingSettings,
        SceneSettings,
        SplitSettings,
    )
    from tilesegm.evaluation.evaluate import EvaluationOptions, evaluate, evaluate_many
    from tilesegm.evaluation.inputs import MapPair
    from tilesegm.evaluation.pairing import pair_folders
    from tilesegm.metrics.bands import BandCounts
    from tilesegm.metrics.bootstrap import Difference, compare
    from tilesegm.metrics.calibration import ConfidenceCounts, Curve, ScoreCounts
    from tilesegm.metrics.confusion import Scores
    from tilesegm.metrics.counts import AccuracyByBin
    from tilesegm.metrics.evaluation import Evaluation, ImageEvaluation
    from tilesegm.metrics.map_counts import Block, MapCounts
    from tilesegm.metrics.measures import Measures
    from tilesegm.metrics.objects import ObjectCounts
    from tilesegm.metrics.skeleton import SkeletonCounts
    from tilesegm.metrics.surfaces import SurfaceCounts
    from tilesegm.networks.settings import EncoderSettings, ModelSettings
    from tilesegm.segmentation.audit import Audit, audit
    from tilesegm.training.result import TrainingResult
    from tilesegm.training.run import train
    from tilesegm.training.settings.config import (
        DeviceSettings,
        LossSettings,
        OptimizerSettings,
        ScheduleSettings,
        TrainingConfig,
        ValidationSettings,
    )

__all__ = [
    "AccuracyByBin",
    "Audit",
    "AugmentationSettings",
    "Axis",
    "BandCounts",
    "BatchItem",
    "Block",
    "BorderWeightSettings",
    "ClassInfo",
    "ClassSettings",
    "ConfidenceCounts",
    "Curve",
    "DataSettings",
    "DeviceSettings",
    "Difference",
    "EncoderSettings",
    "EpochEnded",
    "Evaluation",
    "EvaluationOptions",
    "Forecast",
    "Georeference",
    "ImageEvaluation",
    "ImageInfo",
    "LabelSettings",
    "Layer",
    "LossSettings",
    "MapCounts",
    "MapPair",
    "Measures",
    "MemoryPlan",
    "ModelSettings",
    "ModelSpec",
    "Normalisation",
    "Noted",
    "ObjectCounts",
    "OptimizerSettings",
    "Options",
    "Pixels",
    "PixelsDone",
    "Plan",
    "Region",
    "RunEnded",
    "RunStarted",
    "SamplingSettings",
    "SceneSettings",
    "ScheduleSettings",
    "ScoreCounts",
    "Scores",
    "Segmentation",
    "SkeletonCounts",
    "Source",
    "Span",
    "SplitSettings",
    "StageProgress",
    "StageStarted",
    "SurfaceCounts",
    "TileGrid",
    "TilesegmError",
    "Tiling",
    "TrainingConfig",
    "TrainingResult",
    "ValidationSettings",
    "Window",
    "__version__",
    "audit",
    "compare",
    "evaluate",
    "evaluate_many",
    "open_source",
    "pair_folders",
    "plan",
    "segment",
    "segment_many",
    "train",
]

# Imported when first used: they bring SciPy, or Keras, which segmenting by a function never needs.
_LATER = {
    name: module
    for module, names in {
        "tilesegm.data.settings": (
            "AugmentationSettings",
            "BorderWeightSettings",
            "ClassSettings",
            "DataSettings",
            "LabelSettings",
            "SamplingSettings",
            "SceneSettings",
            "SplitSettings",
        ),
        "tilesegm.evaluation.evaluate": ("EvaluationOptions", "evaluate", "evaluate_many"),
        "tilesegm.evaluation.inputs": ("MapPair",),
        "tilesegm.evaluation.pairing": ("pair_folders",),
        "tilesegm.metrics.bands": ("BandCounts",),
        "tilesegm.metrics.bootstrap": ("Difference", "compare"),
        "tilesegm.metrics.calibration": ("ConfidenceCounts", "Curve", "ScoreCounts"),
        "tilesegm.metrics.confusion": ("Scores",),
        "tilesegm.metrics.counts": ("AccuracyByBin",),
        "tilesegm.metrics.evaluation": ("Evaluation", "ImageEvaluation"),
        "tilesegm.metrics.map_counts": ("Block", "MapCounts"),
        "tilesegm.metrics.measures": ("Measures",),
        "tilesegm.metrics.objects": ("ObjectCounts",),
        "tilesegm.metrics.skeleton": ("SkeletonCounts",),
        "tilesegm.metrics.surfaces": ("SurfaceCounts",),
        "tilesegm.networks.settings": ("EncoderSettings", "ModelSettings"),
        "tilesegm.segmentation.audit": ("Audit", "audit"),
        "tilesegm.training.result": ("TrainingResult",),
        "tilesegm.training.run": ("train",),
        "tilesegm.training.settings.config": (
            "DeviceSettings",
            "LossSettings",
            "OptimizerSettings",
            "ScheduleSettings",
            "TrainingConfig",
            "ValidationSettings",
        ),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


# A saved model that was compiled with a loss from here loads after `import tilesegm` alone.
register_with_keras()
