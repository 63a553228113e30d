"""Chooses settings by what was found in images and labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tilesegm.data.split.pieces import cut_blocks
from tilesegm.training.init.label_values import read_values
from tilesegm.training.init.survey import ImageSurvey, LabelSurvey
from tilesegm.training.settings.yaml_positions import KeyPath

__all__ = ["Choices", "choose"]

_BATCH, _EPOCHS = 8, 20
_STRIDE = 16
"""Total stride of the default network."""
_MANY_IMAGES = 10
"""Images from which on whole ones are held out instead of blocks."""
_FOLDS = 5
_ENOUGH = 2 * _FOLDS
"""Blocks from which on a fold is more than one place."""
_CELL, _LARGEST_BLOCK = 64, 1024
_NETWORKS = ((None, 320), (3, 128), (2, 64))
"""Depth of the network, and the least block for its buffer of 107, 51 or 23 pixels: a lone block
and the buffer around it take about three times the block, and of smaller ones yet more."""


@dataclass(frozen=True)
class Choices:
    """Settings as plain data, and why they are as they are."""

    chosen: dict[str, Any]
    remarks: dict[KeyPath, str]
    notes: tuple[str, ...] = ()
    """What tags and values hide of images and labels, and what changes it."""


def choose(
    scenes: Sequence[dict[str, Any]], images: Sequence[ImageSurvey], labels: LabelSurvey
) -> Choices:
    """Choose what suits the number and size of images and the shares of classes.

    Args:
        scenes: entries of ``data.scenes``.
        images: every image that they stand for.
        labels: what the labels of all of them hold.
    """
    values = read_values(labels)
    labels = values.labels
    remarks: dict[KeyPath, str] = {
        ("data", "labels", key): remark for key, remark in values.remarks.items()
    }
    classes, notes = _classes(labels)
    sides = sorted(min(image.height, image.width) for image in images)
    size = _window(sides[0])
    pixels = sum(image.height * image.width for image in images)
    share, why_share = _balanced(labels)
    steps = _steps(pixels, size)
    split, depth, why_split = _split(images)
    chosen: dict[str, Any] = {
        "data": {"scenes": list(scenes), "labels": {"classes": classes, **values.settings}},
        "split": split,
        "sampling": {"balanced": share},
        "augmentation": {"flip": True},
        "schedule": {"epochs": _EPOCHS, "steps": steps, "batch": _BATCH, "size": size},
    }
    if depth is not None:
        chosen["model"] = {"depth": depth}
        remarks["model", "depth"] = (
            "Images are small: a network that sees less far leaves more of them to learn from, "
            "because the buffer around held-out blocks is as wide as it sees."
        )
    if labels.attribute is not None:
        chosen["data"]["labels"]["attribute"] = labels.attribute
    windows = _EPOCHS * steps * _BATCH * size * size / pixels
    remarks |= {
        **why_split,
        ("sampling", "balanced"): why_share,
        ("schedule", "steps"): f"The run looks at {windows:.0f} times as many pixels as there are.",
        ("schedule", "size"): f"The smallest image has a side of {sides[0]} px.",
    }
    remarks |= {("data", "labels", "classes", n): note for n, note in enumerate(notes)}
    if labels.kind != "polygons":
        remarks["data", "labels", "classes"] = (
            "The labels do not say what their values stand for: give each class a name of your own."
        )
    hidden = [image.hidden for image in images if image.hidden]
    more = f" (and the like of {len(hidden) - 1} more of {len(images)} images)"
    return Choices(
        chosen,
        remarks,
        notes=(
            *(note + (more if len(hidden) > 1 else "") for note in (hidden or [()])[0]),
            *values.remarks.values(),
        ),
    )


def _classes(labels: LabelSurvey) -> tuple[list[dict[str, Any]], list[str]]:
    """Write a class for each value, and how much there is of it."""
    values = list(labels.counts)
    names = _names(labels)
    whole = sum(labels.counts.values()) or 1
    classes, notes = [], []
    for name, value in zip(names, values, strict=True):
        entry: dict[str, Any] = {"name": name, "value": value}
        if value in labels.colours:
            entry["colour"] = labels.colours[value]
        classes.append(entry)
        share = 100 * labels.counts[value] / whole
        notes.append(
            f"{share:.2f} % of the area"
            if labels.kind == "polygons"
            else f"{labels.counts[value]:,} px, {share:.2f} %"
        )
    return classes, notes


def _names(labels: LabelSurvey) -> list[str]:
    """Name each value; of two, 0 or black is taken for background."""
    values = list(labels.counts)
    if labels.kind == "polygons":
        return [str(value) for value in values]
    if len(values) == 2 and values[0] in (0, "#000000"):
        return ["background", "foreground"]
    if labels.kind == "ids":
        return [f"class {value}" for value in values]
    return [f"colour {str(value).removeprefix('#')}" for value in values]


def _window(side: int) -> int:
    """Return 256, or less where an image is smaller."""
    return min(256, max(64, side // _STRIDE * _STRIDE))


def _balanced(labels: LabelSurvey) -> tuple[float, str]:
    counts = dict(zip(_names(labels), labels.counts.values(), strict=True))
    rarest = min(counts, key=lambda name: counts[name])
    share = counts[rarest] / (sum(counts.values()) or 1)
    relative = share * len(counts)
    rare = f"The rarest class is {rarest!r} with {100 * share:.2f} % of what is labelled"
    if relative < 0.05:
        return 0.75, (
            f"{rare}: strongly imbalanced, so most windows look for a class first. Consider "
            "dropping classes that are too rare to be learnt or scored."
        )
    if relative < 0.5:
        return 0.5, f"{rare}: imbalanced, so half of the windows look for a class first."
    return 0.25, f"{rare}: balanced enough, so most windows lie anywhere."


def _steps(pixels: int, size: int) -> int:
    """Return updates an epoch, so that a run sees every pixel thirty times, within bounds."""
    wanted = 30 * pixels / (_BATCH * size * size * _EPOCHS)
    return min(500, max(50, math.ceil(wanted / 50) * 50))


def _split(
    images: Sequence[ImageSurvey],
) -> tuple[dict[str, Any], int | None, dict[KeyPath, str]]:
    """Choose what is held out, the depth of the network if that asks for one, and say why."""
    strategy: KeyPath = ("split", "strategy")
    if len(images) >= _MANY_IMAGES:
        why = (
            f"There are {len(images)} images, so every fifth is held out. Take `group` when some "
            "show one place or patient, and `range` when they are slices or frames."
        )
        return {"strategy": "image"}, None, {strategy: why}
    depth, block, blocks = _blocks(images)
    folds = max(2, min(_FOLDS, blocks))
    few = "" if blocks >= _ENOUGH else "; so few that scores depend on which are held out"
    why = (
        f"There {'is one image' if len(images) == 1 else f'are {len(images)} images'}, so blocks "
        "of them are held out, and a buffer around them is not learnt from."
    )
    remarks: dict[KeyPath, str] = {
        strategy: why,
        ("split", "block"): f"Number of blocks: {blocks}{few}.",
    }
    return {"strategy": "blocks", "folds": folds, "block": block}, depth, remarks


def _blocks(images: Sequence[ImageSurvey]) -> tuple[int | None, int, int]:
    """Return the depth of a network, the side of blocks, and their number.

    It is the deepest network whose least block gives enough blocks, and the largest that does.
    """
    side = min(min(image.height, image.width) for image in images)
    for depth, least in _NETWORKS:
        for block in range(_LARGEST_BLOCK, least - 1, -_CELL):
            blocks = sum(len(cut_blocks(image.height, image.width, block)) for image in images)
            if blocks >= _ENOUGH and side >= 2 * least:
                return depth, block, blocks
    return depth, block, blocks
