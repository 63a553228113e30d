"""Chooses settings by what was found in images and labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tilesegm.source.vector.reading import tell
from tilesegm.training.init.hold_out import HoldOut, hold_outs
from tilesegm.training.init.image_survey import ImageSurvey
from tilesegm.training.init.label_survey import LabelSurvey
from tilesegm.training.init.label_values import read_values
from tilesegm.training.settings.yaml_positions import KeyPath

__all__ = ["Choices", "choose"]

_BATCH, _EPOCHS = 8, 20
_BACKGROUNDS = ("background", "_background_")
"""What annotators call a class that is no object."""
_STRIDE = 16
"""Total stride of the default network."""


@dataclass(frozen=True)
class Choices:
    """Settings as plain data, and why they are as they are."""

    chosen: dict[str, Any]
    remarks: dict[KeyPath, str]
    named: bool = False
    """Whether the labels, or files beside them, tell what their classes are called."""
    notes: tuple[str, ...] = ()
    """What one should know of images and labels: what is hidden or left out, in a line each."""


def choose(
    scenes: Sequence[dict[str, Any]],
    images: Sequence[ImageSurvey],
    labels: LabelSurvey,
    hold_out: HoldOut | None = None,
    buffer: str | None = None,
) -> Choices:
    """Choose what suits the number and size of images and the shares of classes.

    Args:
        scenes: entries of ``data.scenes``.
        images: every image that they stand for.
        labels: what the labels of all of them hold.
        hold_out: how images or parts of them are held out; as suits their number and size when
            not given.
        buffer: around points and lines of vector files.
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
    hold_out = hold_out or next(hold_outs(images))
    chosen: dict[str, Any] = {
        "data": {"scenes": list(scenes), "labels": {"classes": classes, **values.settings}},
        **({"split": hold_out.split} if hold_out.split else {}),
        "sampling": {"balanced": share},
        "augmentation": {"flip": True},
        "schedule": {"epochs": _EPOCHS, "steps": steps, "batch": _BATCH, "size": size},
    }
    if labels.kind == "polygons" and (labels.complete or len(classes) == 1):
        taken = [entry["name"] for entry in classes]
        drawn = next((name for name in taken if name in _BACKGROUNDS), None)
        name = drawn or "background"
        if len(taken) == 1 and drawn:
            name, drawn = "outside", None
        if drawn is None:
            classes.insert(0, {"name": name, "value": name})
            notes.insert(0, "outside the polygons")
        chosen["data"]["labels"]["background"] = name
        remarks["data", "labels", "background"] = (
            "Outside the shapes lies background, as is the custom with such files; without this "
            "key only what was drawn is learnt from."
            if labels.complete
            else "There is one class of polygons, so what lies outside is taken for another; where "
            "not everything was drawn, draw polygons of it instead."
        )
    elif labels.kind == "polygons":
        remarks["data", "labels", "background"] = (
            "Pixels outside of all polygons are not learnt from; if they are of a class, name it "
            "as data.labels.background, and add it to data.labels.classes if it has no polygons."
        )
    if hold_out.depth is not None:
        chosen["model"] = {"depth": hold_out.depth}
    if labels.attribute is not None:
        chosen["data"]["labels"]["attribute"] = labels.attribute
    if buffer is not None:
        chosen["data"]["labels"]["buffer"] = buffer
    windows = _EPOCHS * steps * _BATCH * size * size / pixels
    remarks |= {
        **hold_out.remarks,
        ("sampling", "balanced"): why_share,
        ("schedule", "steps"): f"The run looks at {windows:.0f} times as many pixels as there are.",
        ("schedule", "size"): f"The smallest image has a side of {sides[0]} px.",
    }
    remarks |= {("data", "labels", "classes", n): note for n, note in enumerate(notes)}
    if labels.names.names:
        remarks["data", "labels", "classes"] = f"Named by {labels.names.source}."
    elif labels.kind != "polygons":
        remarks["data", "labels", "classes"] = (
            "The labels do not say what their values stand for: give each class a name of your own."
        )
    hidden = [image.hidden for image in images if image.hidden]
    more = f" (and the like of {len(hidden) - 1} more of {len(images)} images)"
    return Choices(
        chosen,
        remarks,
        named=labels.kind == "polygons" or bool(labels.names.names),
        notes=(
            *(note + (more if len(hidden) > 1 else "") for note in (hidden or [()])[0]),
            *values.remarks.values(),
            *labels.doubts,
            *tell(labels.readings),
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
    if labels.names.names:
        return _unique([labels.names.names[value] for value in values])
    if len(values) == 2 and values[0] in (0, "#000000"):
        return ["background", "foreground"]
    if labels.kind == "ids":
        return [f"class {value}" for value in values]
    return [f"colour {str(value).removeprefix('#')}" for value in values]


def _unique(names: Sequence[str]) -> list[str]:
    """Tell names apart that are given twice."""
    return [
        name if names.count(name) == 1 else f"{name} {number}" for number, name in enumerate(names)
    ]


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
