"""What becomes of labels of several roles on one image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tilesegm.data.labels.roles import RolePlaces
from tilesegm.data.split.pieces import ROLES, count_labels
from tilesegm.data.split.split import Split
from tilesegm.data.statistics.values import SceneStatistics
from tilesegm.errors import SettingsError

__all__ = ["check_roles", "role_notes"]


def check_roles(
    split: Split, name: str, places: RolePlaces, statistics: Sequence[SceneStatistics]
) -> None:
    """Refuse a scene where one of its roles has no labelled pixel.

    Args:
        split: of all scenes.
        name: of the scene.
        places: of its roles.
        statistics: of all scenes.

    Raises:
        SettingsError: a role has none, or other roles have all places of its labels.
    """
    counts = next(scene for scene in statistics if scene.name == name)
    parts = zip(places.roles, places.labelled, places.beside, strict=True)
    for role, labelled, beside in parts:
        windows = [piece.window for piece in split.pieces_of(name) if piece.fold == ROLES[role]]
        if labelled > beside and any(count_labels(counts, window).any() for window in windows):
            continue
        if not labelled:
            why = "they label no pixel of it; draw them on the image, or leave the role out"
        elif labelled == beside:
            why = (
                f"all of the {labelled:,} pixels that they label belong to another role, whose "
                "labels lie there too; draw the roles apart, or give each an area (data.scenes."
                "area), as labels.background makes all that lies outside of polygons a label"
            )
        else:
            why = "the image has no pixel where they lie; draw them on pixels that are not missing"
        raise SettingsError(f"scene {name!r} has no {role} labels: {why}")


def role_notes(split: Split, name: str, places: RolePlaces) -> Iterator[str]:
    """Say how many labels do not count since they lie where another role has labels."""
    for role, labelled, beside, shared in zip(
        places.roles, places.labelled, places.beside, places.shared, strict=True
    ):
        if beside:
            both = f", {shared:,} of them on one pixel with a label of that role" if shared else ""
            yield (
                f"scene {name!r}: {beside:,} of {labelled:,} pixels with {role} labels do not "
                f"count, for they lie in cells of {places.side} pixels with labels of another role"
                f"{both}; draw the roles apart to keep them"
            )
    if ROLES["train"] in {piece.fold for piece in split.pieces_of(name)} and split.buffer:
        yield (
            f"scene {name!r}: train labels up to {split.buffer} pixels from labels of other roles "
            "are not learnt from (split.buffer)"
        )
