"""Semantic segmentation of images that do not fit in memory."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tilesegm.cluster.cluster import Cluster
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
from tilesegm.errors import TilesegmError
from tilesegm.events import (
    ClusterJoined,
    EpochEnded,
    Noted,
    PixelsDone,
    RunEnded,
    RunStarted,
    StageProgress,
    StageStarted,
)
from tilesegm.grid.tiling import Tiling
from tilesegm.grid.window import Window
from tilesegm.keras_objects import register_with_keras
from tilesegm.metrics.measures import Measures
from tilesegm.model.keras_file import import_keras
from tilesegm.model.normalisation import Normalisation
from tilesegm.networks.settings import EncoderSettings, ModelSettings
from tilesegm.segmentation.audit import Audit, audit
from tilesegm.segmentation.forecast import Forecast, plan
from tilesegm.segmentation.many import BatchItem, segment_many
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.result import Segmentation
from tilesegm.segmentation.segment import segment
from tilesegm.segmentation.segmented_image import SegmentedImage
from tilesegm.segmentation.verify import Verification, verify
from tilesegm.source.base import Georeference, ImageInfo, Pixels, Source
from tilesegm.source.open import open_source
from tilesegm.training.result import TrainingResult
from tilesegm.training.settings.config import (
    DeviceSettings,
    LossSettings,
    OptimizerSettings,
    ScheduleSettings,
    TrainingConfig,
    ValidationSettings,
)
from tilesegm.training.settings.strategies import AdaptiveClassSettings, HardPixelSettings
from tilesegm.version import __version__

if TYPE_CHECKING:
    from tilesegm.evaluation.evaluate import EvaluationOptions, evaluate, evaluate_many
    from tilesegm.evaluation.inputs import MapPair
    from tilesegm.evaluation.pairing import pair_folders
    from tilesegm.lazy.segment import segment_lazy
    from tilesegm.metrics.bootstrap import Difference, compare
    from tilesegm.metrics.evaluation import Evaluation
    from tilesegm.training.own_loop import build, dataset, save_model
    from tilesegm.training.run import train

__all__ = [
    "AdaptiveClassSettings",
    "Audit",
    "AugmentationSettings",
    "BatchItem",
    "BorderWeightSettings",
    "ClassSettings",
    "Cluster",
    "ClusterJoined",
    "DataSettings",
    "DeviceSettings",
    "Difference",
    "EncoderSettings",
    "EpochEnded",
    "Evaluation",
    "EvaluationOptions",
    "Forecast",
    "Georeference",
    "HardPixelSettings",
    "ImageInfo",
    "LabelSettings",
    "LossSettings",
    "MapPair",
    "Measures",
    "ModelSettings",
    "Normalisation",
    "Noted",
    "OptimizerSettings",
    "Options",
    "Pixels",
    "PixelsDone",
    "RunEnded",
    "RunStarted",
    "SamplingSettings",
    "SceneSettings",
    "ScheduleSettings",
    "Segmentation",
    "SegmentedImage",
    "Source",
    "SplitSettings",
    "StageProgress",
    "StageStarted",
    "TilesegmError",
    "Tiling",
    "TrainingConfig",
    "TrainingResult",
    "ValidationSettings",
    "Verification",
    "Window",
    "__version__",
    "audit",
    "build",
    "compare",
    "dataset",
    "evaluate",
    "evaluate_many",
    "open_source",
    "pair_folders",
    "plan",
    "save_model",
    "segment",
    "segment_lazy",
    "segment_many",
    "train",
    "verify",
]

# Imported when first used: they bring SciPy, dask, or Keras, which a function as model never needs.
_LATER = {
    **dict.fromkeys(("EvaluationOptions", "evaluate", "evaluate_many"), "evaluation.evaluate"),
    **dict.fromkeys(("Difference", "compare"), "metrics.bootstrap"),
    "Evaluation": "metrics.evaluation",
    "MapPair": "evaluation.inputs",
    "pair_folders": "evaluation.pairing",
    "segment_lazy": "lazy.segment",
    **dict.fromkeys(("build", "dataset", "save_model"), "training.own_loop"),
    "train": "training.run",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _LATER[name].startswith("training."):
        import_keras()  # says in a line what is missing
    return getattr(import_module(f"tilesegm.{_LATER[name]}"), name)


def __dir__() -> list[str]:
    return __all__


# A saved model that was compiled with a loss from here loads after `import tilesegm` alone.
register_with_keras()
