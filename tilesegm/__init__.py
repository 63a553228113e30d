"""Semantic segmentation of images that do not fit in memory."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tilesegm.errors import TilesegmError
from tilesegm.grid.tiling import Tiling
from tilesegm.grid.window import Window
from tilesegm.keras_objects import register_with_keras
from tilesegm.model.normalisation import Normalisation
from tilesegm.segmentation.forecast import plan
from tilesegm.segmentation.many import BatchItem, segment_many
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.result import Segmentation
from tilesegm.segmentation.segment import segment
from tilesegm.source.open import open_source
from tilesegm.version import __version__

if TYPE_CHECKING:
    from tilesegm.evaluation.evaluate import EvaluationOptions, evaluate, evaluate_many
    from tilesegm.metrics.bootstrap import compare
    from tilesegm.segmentation.audit import audit
    from tilesegm.training.run import train
    from tilesegm.training.settings.config import TrainingConfig

__all__ = [
    "BatchItem",
    "EvaluationOptions",
    "Normalisation",
    "Options",
    "Segmentation",
    "TilesegmError",
    "Tiling",
    "TrainingConfig",
    "Window",
    "__version__",
    "audit",
    "compare",
    "evaluate",
    "evaluate_many",
    "open_source",
    "plan",
    "segment",
    "segment_many",
    "train",
]

# Imported when first used: they bring SciPy, or Keras, which segmenting by a function never needs.
_LATER = {
    "EvaluationOptions": "tilesegm.evaluation.evaluate",
    "TrainingConfig": "tilesegm.training.settings.config",
    "audit": "tilesegm.segmentation.audit",
    "compare": "tilesegm.metrics.bootstrap",
    "evaluate": "tilesegm.evaluation.evaluate",
    "evaluate_many": "tilesegm.evaluation.evaluate",
    "train": "tilesegm.training.run",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return __all__


# A saved model that was compiled with a loss from here loads after `import tilesegm` alone.
register_with_keras()
