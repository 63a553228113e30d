"""Ways to hold images or parts of them out, the preferred one first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tilesegm.data.split.pieces import cut_blocks
from tilesegm.training.init.image_survey import ImageSurvey
from tilesegm.training.settings.yaml_positions import KeyPath

__all__ = ["HoldOut", "are_slices", "hold_outs"]

_MANY_IMAGES = 10
"""Images from which on whole ones are held out instead of blocks."""
_FEW_SLICES = 4
_FOLDS = 5
_ENOUGH = 2 * _FOLDS
"""Blocks from which on a fold is more than one place."""
_CELL, _LARGEST_BLOCK = 64, 1024
_NETWORKS = ((None, 320, 122), (3, 128, 58), (2, 64, 26))
"""Depth of the network, the least block, and the buffer: a lone block and the buffer around it take
three to four times the block, and of smaller ones yet more."""
_SLICE = re.compile(r"slice|frame|section|stack|layer|plane|(?:^|[^a-z])[zt](?=[^a-z]*\d)", re.I)


@dataclass(frozen=True)
class HoldOut:
    """Settings of the split and of the network's depth, and why."""

    split: dict[str, Any]
    depth: int | None = None
    buffer: int = _NETWORKS[0][2]
    """Pixels around held-out ones that a network of this depth leaves out."""
    remarks: dict[KeyPath, str] = field(default_factory=dict)


def hold_outs(
    images: Sequence[ImageSurvey],
    *,
    roles: bool = False,
    places: bool = False,
    slices: bool = False,
) -> Iterator[HoldOut]:
    """Yield ways to hold out, those behind the first for labels that lie in few places.

    Args:
        images: every image.
        roles: whether roles say what is held out.
        places: whether an image has labels of several roles.
        slices: whether images are neighbours, in their order.
    """
    strategy: KeyPath = ("split", "strategy")
    if places:
        why = (
            "The labels of each role say what is held out: of these keys buffer alone has an "
            "effect, and is the reach of the network."
        )
        for depth, _, buffer in _NETWORKS:
            remarks: dict[KeyPath, str] = {("split",): why}
            if depth is not None:
                remarks["model", "depth"] = (
                    "Labels of the roles lie near each other: a network that sees less far leaves "
                    "more to learn from, because the buffer around held-out ones is as wide."
                )
            yield HoldOut({}, depth, buffer, remarks)
        return
    if roles:
        why = "The roles of scenes say what is held out: nothing here has an effect."
        yield HoldOut({}, remarks={("split",): why})
        return
    if slices:
        why = (
            f"There are {len(images)} images of one size with numbers in a row, which are taken "
            "for slices or frames; take `image` when they have nothing to do with each other."
        )
        for folds in range(min(_FOLDS, len(images)), 1, -1):
            split = {"strategy": "range", "folds": folds}
            yield HoldOut(split, remarks={strategy: why, **_fewer(folds)})
    elif len(images) >= _MANY_IMAGES:
        why = (
            f"There are {len(images)} images, so every fifth is held out. Take `group` when some "
            "show one place or patient, and `range` when they are slices or frames."
        )
        yield HoldOut({"strategy": "image"}, remarks={strategy: why})
        for folds in range(_FOLDS - 1, 1, -1):
            split = {"strategy": "image", "folds": folds}
            yield HoldOut(split, remarks={strategy: why, **_fewer(folds)})
    yield from _of_blocks(images)


def are_slices(paths: Sequence[str], images: Sequence[ImageSurvey]) -> bool:
    """Tell whether images look like slices of a stack or frames of a film.

    They have one size and stand in one folder under names that only a number tells apart, without
    a gap; and their names say so, or they have a single band.
    """
    if len(paths) < _FEW_SLICES or len({(i.height, i.width, i.dtype) for i in images}) > 1:
        return False
    matches = [re.fullmatch(r"(.*?)(\d+)(\D*)", Path(path).name) for path in paths]
    if not all(matches) or len({Path(path).parent for path in paths}) > 1:
        return False
    numbers = sorted(int(match[2]) for match in matches if match)
    if len({(match[1], match[3]) for match in matches if match}) > 1:
        return False
    in_a_row = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    where = Path(paths[0])
    named = bool(_SLICE.search(where.stem) or _SLICE.search(where.parent.name))
    return in_a_row and (named or images[0].bands == 1)


def _fewer(folds: int) -> dict[KeyPath, str]:
    if folds == _FOLDS:
        return {}
    return {("split", "folds"): "No more, because few images have labels or there are few."}


def _of_blocks(images: Sequence[ImageSurvey]) -> Iterator[HoldOut]:
    """Yield the deepest network whose blocks are enough, then others with smaller blocks."""
    first = _blocks(images)
    depths = [network[0] for network in _NETWORKS]
    for depth, least, buffer in _NETWORKS[depths.index(first[0]) :]:
        block = first[1] if depth == first[0] else least
        count = sum(len(cut_blocks(image.height, image.width, block)) for image in images)
        for folds in range(max(2, min(_FOLDS, count)), 1, -1):
            split = {"strategy": "blocks", "folds": folds, "block": block}
            remarks = _remarks_on_blocks(len(images), depth, count)
            yield HoldOut(split, depth, buffer, remarks)


def _remarks_on_blocks(images: int, depth: int | None, count: int) -> dict[KeyPath, str]:
    few = "" if count >= _ENOUGH else "; so few that scores depend on which are held out"
    why = (
        f"There {'is one image' if images == 1 else f'are {images} images'}, so blocks "
        "of them are held out, and a buffer around them is not learnt from."
    )
    remarks: dict[KeyPath, str] = {
        ("split", "strategy"): why,
        ("split", "block"): f"Number of blocks: {count}{few}.",
    }
    if depth is not None:
        remarks["model", "depth"] = (
            "Images are small: a network that sees less far leaves more of them to learn from, "
            "because the buffer around held-out blocks is as wide as it sees."
        )
    return remarks


def _blocks(images: Sequence[ImageSurvey]) -> tuple[int | None, int]:
    """Return the depth of a network and the side of blocks.

    It is the deepest network whose least block gives enough blocks, and the largest that does.
    """
    side = min(min(image.height, image.width) for image in images)
    for depth, least, _ in _NETWORKS:
        for block in range(_LARGEST_BLOCK, least - 1, -_CELL):
            blocks = sum(len(cut_blocks(image.height, image.width, block)) for image in images)
            if blocks >= _ENOUGH and side >= 2 * least:
                return depth, block
    return depth, block
