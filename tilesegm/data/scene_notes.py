"""What is assumed of images that are learnt from together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tilesegm.data.scenes import Scenes

__all__ = ["scene_notes"]


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
