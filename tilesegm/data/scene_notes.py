"""What is assumed of images that are learnt from together, and what is left out of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tilesegm.data.scenes import Scenes
from tilesegm.data.statistics import SceneStatistics
from tilesegm.source.missing import infinite_note

__all__ = ["left_out", "scene_notes"]


def scene_notes(scenes: Scenes) -> Iterator[str]:
    """Say in one line each what images differ in, which a network cannot see."""
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
