"""What labels and pixels are like, cell by cell."""

from tilesegm.data.statistics.measure import measure
from tilesegm.data.statistics.values import BandStatistics, SceneStatistics, cell_side

__all__ = ["BandStatistics", "SceneStatistics", "cell_side", "measure"]
