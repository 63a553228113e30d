"""Chooses settings by what was found in images and labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tilesegm.training.survey import ImageSurvey, LabelSurvey
from tilesegm.training.yaml_positions import KeyPath

__all__ = ["Choices", "choose"]

_BATCH, _EPOCHS = 8, 20
_STRIDE = 16
"""Total stride of the default network."""
_MANY_IMAGES = 10
"""Images from which on whole ones are held out instead of blocks."""
_BLOCKS = 5
"""Blocks along the side of a large image."""
_LEAST_BLOCK = 320
"""Three times the buffer of the default network, which takes most of smaller blocks."""
_RARE = 1e-4
"""Share below which a colour is taken for a slip of the brush."""


@dataclass(frozen=True)
class Choices:
    """Settings as plain data, and why they are as they are."""

    chosen: dict[str, Any]
    remarks: dict[KeyPath, str]


def choose(
    scenes: Sequence[dict[str, Any]], images: Sequence[ImageSurvey], labels: LabelSurvey
) -> Choices:
    """Choose what suits the number and size of images and the shares of classes.

    Args:
        scenes: entries of ``data.scenes``.
        images: every image that they stand for.
        labels: what the labels of all of them hold.
    """
    ignored = _slips(labels)
    labels = replace(labels, counts={k: n for k, n in labels.counts.items() if k not in ignored})
    classes, notes = _classes(labels)
    sides = sorted(min(image.height, image.width) for image in images)
    size = _window(sides[0])
    pixels = sum(image.height * image.width for image in images)
    share, why_share = _balanced(labels)
    steps = _steps(pixels, size)
    split, why_split = _split(images)
    chosen: dict[str, Any] = {
        "data": {"scenes": list(scenes), "labels": {"classes": classes}},
        "split": split,
        "sampling": {"balanced": share},
        "augmentation": {"flip": True},
        "schedule": {"epochs": _EPOCHS, "steps": steps, "batch": _BATCH, "size": size},
    }
    remarks: dict[KeyPath, str] = {}
    if ignored:
        chosen["data"]["labels"]["ignore"] = list(ignored)
        remarks["data", "labels", "ignore"] = (
            "Each of these has less than a ten thousandth of all pixels; make a class of it if it "
            "is one."
        )
    if sides[0] < 2 * _LEAST_BLOCK and split["strategy"] == "blocks":
        chosen["model"] = {"depth": 3}
        remarks["model", "depth"] = (
            "Images are small: a network that sees less far leaves more of them to learn from, "
            "because the buffer around held-out blocks is as wide as it sees."
        )
    if labels.attribute is not None:
        chosen["data"]["labels"]["attribute"] = labels.attribute
    windows = _EPOCHS * steps * _BATCH * size * size / pixels
    remarks |= {
        ("split", "strategy"): why_split,
        ("sampling", "balanced"): why_share,
        ("schedule", "steps"): f"The run looks at {windows:.0f} times as many pixels as there are.",
        ("schedule", "size"): f"The smallest image has a side of {sides[0]} px.",
    }
    remarks |= {("data", "labels", "classes", n): note for n, note in enumerate(notes)}
    return Choices(chosen, remarks)


def _classes(labels: LabelSurvey) -> tuple[list[dict[str, Any]], list[str]]:
    """Name a class for each value; two numbers are taken for background and foreground."""
    values = list(labels.counts)
    if labels.kind == "ids" and len(values) == 2 and values[0] == 0:
        names = ["background", "foreground"]
    elif labels.kind == "ids":
        names = [f"class {value}" for value in values]
    elif labels.kind == "colours":
        names = [f"colour {str(value).removeprefix('#')}" for value in values]
    else:
        names = [str(value) for value in values]
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


def _slips(labels: LabelSurvey) -> tuple[int | str, ...]:
    """Return colours that hardly occur."""
    if labels.kind != "colours":
        return ()
    whole = sum(labels.counts.values())
    return tuple(value for value, count in labels.counts.items() if count < _RARE * whole)


def _window(side: int) -> int:
    """Return 256, or less where an image is smaller."""
    return min(256, max(64, side // _STRIDE * _STRIDE))


def _balanced(labels: LabelSurvey) -> tuple[float, str]:
    counts = labels.counts
    rarest = min(counts, key=lambda value: counts[value])
    share = counts[rarest] / (sum(counts.values()) or 1)
    relative = share * len(counts)
    found = f"The rarest class, {rarest}, has {100 * share:.2f} % of what is labelled"
    if relative < 0.05:
        return 0.75, (
            f"{found}: strongly imbalanced, so most windows look for a class first. Consider "
            "dropping classes that are too rare to be learnt or scored."
        )
    if relative < 0.5:
        return 0.5, f"{found}: imbalanced, so half of the windows look for a class first."
    return 0.25, f"{found}: balanced enough, so most windows lie anywhere."


def _steps(pixels: int, size: int) -> int:
    """Return updates an epoch, so that a run sees every pixel thirty times, within bounds."""
    wanted = 30 * pixels / (_BATCH * size * size * _EPOCHS)
    return min(500, max(50, math.ceil(wanted / 50) * 50))


def _split(images: Sequence[ImageSurvey]) -> tuple[dict[str, Any], str]:
    if len(images) >= _MANY_IMAGES:
        return {"strategy": "image"}, (
            f"There are {len(images)} images, so every fifth is held out. Take `group` when some "
            "show one place or patient, and `range` when they are slices or frames."
        )
    side = math.sqrt(sum(image.height * image.width for image in images) / len(images))
    block = min(1024, max(_LEAST_BLOCK, side / _BLOCKS), side / 2)
    block = max(64, int(block) // 32 * 32)
    blocks = sum(
        max(1, round(image.height / block)) * max(1, round(image.width / block)) for image in images
    )
    chosen: dict[str, Any] = {"strategy": "blocks", "block": block}
    if blocks < 5:
        chosen["folds"] = max(2, blocks)
    return chosen, (
        f"There {'is one image' if len(images) == 1 else f'are {len(images)} images'}, so blocks "
        "of them are held out, and a buffer around them is not learnt from."
    )
