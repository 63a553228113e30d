"""What labels and pixels are like, cell by cell."""

from tilesegm.data.statistics.measure import measure
from tilesegm.data.statistics.training import band_statistics, class_counts, scene_counts
from tilesegm.data.statistics.values import BandStatistics, SceneStatistics, cell_side

__all__ = [
    "BandStatistics",
    "SceneStatistics",
    "band_statistics",
    "cell_side",
    "class_counts",
    "measure",
    "scene_counts",
]
