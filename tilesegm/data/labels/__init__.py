"""Labels of images: rasters of ids, masks of colours and polygons."""

from tilesegm.data.labels.base import Labels
from tilesegm.data.labels.classes import class_infos
from tilesegm.data.labels.open import open_labels

__all__ = ["Labels", "class_infos", "open_labels"]
