"""What labels and pixels are like, cell by cell."""

from tilesegm.data.statistics.cache import load_statistics, scenes_digest
from tilesegm.data.statistics.measure import measure, measure_labels
from tilesegm.data.statistics.values import BandStatistics, SceneStatistics, cell_side

__all__ = [
    "BandStatistics",
    "SceneStatistics",
    "cell_side",
    "load_statistics",
    "measure",
    "measure_labels",
    "scenes_digest",
]
