"""Semantic segmentation of images too big to segment."""

from tilesegm.batch import BatchItem, segment_many
from tilesegm.errors import TilesegmError
from tilesegm.grid.tiling import Tiling
from tilesegm.grid.window import Window
from tilesegm.keras_objects import register_with_keras
from tilesegm.model.normalisation import Normalisation
from tilesegm.options import Options
from tilesegm.planning import plan
from tilesegm.result import Segmentation
from tilesegm.segment import segment
from tilesegm.source.open import open_source
from tilesegm.version import __version__

__all__ = [
    "BatchItem",
    "Normalisation",
    "Options",
    "Segmentation",
    "TilesegmError",
    "Tiling",
    "Window",
    "__version__",
    "open_source",
    "plan",
    "segment",
    "segment_many",
]

# A saved model that was compiled with a loss from here loads after `import tilesegm` alone.
register_with_keras()
