"""Changes to training windows that leave the meaning of their labels alone."""

from tilesegm.data.augment.augmenter import Augmenter
from tilesegm.data.augment.geometry import Geometry

__all__ = ["Augmenter", "Geometry"]
