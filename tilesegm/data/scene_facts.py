"""What does not change about scenes while they are read, and whether they go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tilesegm.data.scene import OpenScene, SceneEntry, SceneInfo
from tilesegm.errors import SourceError
from tilesegm.source.band_names import is_reordered
from tilesegm.source.base import ImageInfo
from tilesegm.source.names import stem_of

__all__ = ["SceneFacts", "check_alike", "other_order"]


@dataclass(frozen=True, kw_only=True)
class SceneFacts:
    """Facts about a scene that do not change while it is read."""

    info: SceneInfo
    image: ImageInfo
    copies_image: bool
    """Whether its image is decoded into the temporary folder."""
    copies_labels: bool
    """Whether its labels are."""
    copies_weights: bool
    """Whether its weights are."""
    has_instances: bool
    has_weights: bool

    @classmethod
    def of(cls, entry: SceneEntry, opened: OpenScene, room: int) -> Self:
        """Take the facts of an open scene, copies of which may take ``room`` bytes."""
        image = opened.image.info
        copies_image = opened.slow_image and _image_bytes(image) <= room
        room -= _image_bytes(image) if copies_image else 0
        copies_labels = opened.slow_labels and image.pixels <= room
        room -= image.pixels if copies_labels else 0
        return cls(
            info=SceneInfo(
                name=entry.name,
                group=entry.group,
                role=entry.role,
                height=image.height,
                width=image.width,
                identity=opened.identity,
                weight=entry.weight,
                image=stem_of(image.uri),
            ),
            image=image,
            copies_image=copies_image,
            copies_labels=copies_labels,
            copies_weights=opened.slow_weights and 4 * image.pixels <= room,
            has_instances=opened.instances is not None,
            has_weights=opened.weight_map is not None,
        )

    @property
    def copied_bytes(self) -> int:
        """Room that copies take in the temporary folder."""
        image = _image_bytes(self.image) if self.copies_image else 0
        return image + self.image.pixels * (self.copies_labels + 4 * self.copies_weights)


def _image_bytes(image: ImageInfo) -> int:
    """Bytes of an image's pixels and their validity."""
    return image.pixels * (image.bands * image.dtype.itemsize + 1)


def check_alike(images: Sequence[ImageInfo]) -> None:
    """Refuse images that one network cannot learn from together."""
    first = images[0]
    for image in images[1:]:
        if image.bands != first.bands:
            raise SourceError(
                f"{image.uri}: {image.bands} bands, but {first.uri} has {first.bands}; leave one "
                "kind out, or choose those that all images have with data.bands"
            )


def other_order(images: Sequence[ImageInfo]) -> tuple[str, ...]:
    """Say which images have bands of the first one's names at other places."""
    first = images[0]
    others = [image for image in images[1:] if is_reordered(first.band_names, image)]
    if not others:
        return ()
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return (
        f"{others[0].uri}{more}: bands {', '.join(others[0].band_names)} stand in another order "
        f"than those of {first.uri}, {', '.join(first.band_names)}, and are learnt from as they "
        "stand; write all images in one order, or leave one kind out",
    )
