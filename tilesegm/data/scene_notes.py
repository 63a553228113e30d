"""What is assumed of images that are learnt from together, and what is left out of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from tilesegm.data.scene_resolution import resolution_notes
from tilesegm.data.scenes import Scenes
from tilesegm.data.statistics import SceneStatistics
from tilesegm.source.missing import infinite_note

__all__ = ["left_out", "scene_notes", "weight_notes"]


def scene_notes(scenes: Scenes) -> Iterator[str]:
    """Say in one line each what images differ in, which a network cannot see."""
    yield from resolution_notes(scenes.images)
    kinds = Counter(str(image.dtype) for image in scenes.images)
    if len(kinds) > 1:
        listed = ", ".join(f"{count} of {kind}" for kind, count in kinds.most_common())
        rare = kinds.most_common()[-1][0]
        name = next(image.uri for image in scenes.images if str(image.dtype) == rare)
        yield (
            f"images differ in their type ({listed}, such as {name}), and their values are taken "
            "as they are: convert them when a value does not mean the same in all"
        )


def left_out(scenes: Scenes, statistics: Sequence[SceneStatistics]) -> tuple[str, ...]:
    """Say what was assumed or left out as images were opened and measured, each thing once.

    Args:
        scenes: images with labels.
        statistics: of the scenes, in their order.
    """
    images: dict[str, list[str]] = {}
    for image, scene in zip(scenes.images, statistics, strict=True):
        infinite = (infinite_note(scene.infinite),) if scene.infinite else ()
        for note in (*image.notes, *infinite):
            images.setdefault(note, []).append(image.uri)
    return tuple(
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {note}"
        for note, names in images.items()
    )


def weight_notes(scenes: Scenes, statistics: Sequence[SceneStatistics]) -> Iterator[str]:
    """Say what the weights range over that are given as rasters, and what they leave out.

    Args:
        scenes: images with labels.
        statistics: of the scenes, in their order.
    """
    weighed = [each for n, each in enumerate(statistics) if scenes.has_weights(n)]
    if not weighed:
        return
    pixels = sum(each.height * each.width for each in weighed)
    weightless = sum(each.weightless for each in weighed)
    least = min((each.lightest for each in weighed if each.lightest > 0), default=math.nan)
    most = max((each.heaviest for each in weighed if each.heaviest > 0), default=math.nan)
    several = f" of {len(weighed)} scenes" if len(weighed) > 1 else f" of {weighed[0].name}"
    yield (
        f"data.scenes.weights{several} are {least:g} to {most:g}, and 0 or nodata for "
        f"{weightless:,} of {pixels:,} pixels, which are neither learnt from nor scored; weights "
        "above 0 count in the loss alone"
    )
    if least == most and not weightless and len(weighed) == len(scenes):
        yield "data.scenes.weights have no effect: every pixel has the same weight"
