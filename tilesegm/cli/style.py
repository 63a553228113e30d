"""``tilesegm style``."""

from __future__ import annotations

from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import ClassMapFile, ClassNames, Nodata, Quiet, Trust
from tilesegm.cli.terminal import say
from tilesegm.cli.values import parse_class_names

__all__ = ["style"]


def style(
    class_map: ClassMapFile,
    classes: ClassNames = None,
    nodata: Nodata = None,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Write styles beside a class map: MAP.qml for QGIS, MAP.style.json for MapLibre.

    Example: tilesegm style city_classes.tif
    """
    from tilesegm.cartography.class_map import ShownMap
    from tilesegm.cartography.styles import write_styles

    with ProgressBar(quiet, notes=not quiet) as progress:
        paths = write_styles(ShownMap.of(class_map, parse_class_names(classes), nodata), progress)
    if not quiet:
        for path in paths:
            say(path)
