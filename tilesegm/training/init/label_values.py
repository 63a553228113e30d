"""Tells the values of labels that are classes from those that are none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tilesegm.data.labels.values import Census, read_meaning
from tilesegm.training.init.label_survey import LabelSurvey

__all__ = ["ReadValues", "read_values"]

_NO_CLASS = frozenset(("__ignore__", "Ignore*"))
"""What LabelMe and QuPath call what is no class."""
_RARE = 1e-4
"""Fraction of pixels below which a colour is taken for a slip of the brush."""


@dataclass(frozen=True)
class ReadValues:
    """What values of labels were read as."""

    labels: LabelSurvey
    """With the values of classes alone, background first."""
    settings: dict[str, Any]
    """Keys of ``data.labels`` that leave out or read the other values."""
    remarks: dict[str, str]
    """Why, by key."""


def read_values(labels: LabelSurvey) -> ReadValues:
    """Leave out values that say that a pixel has no label, and read nodata that is a class."""
    counts, settings, remarks = dict(labels.counts), dict[str, Any](), dict[str, str]()
    census = labels.census
    if census.by_nodata:
        hidden = f"Nodata {census.nodata:g} hides {_amount(census.by_nodata, census)} of the labels"
        remarks["nodata"] = f"{hidden}; `none` would read it as a value."
        if labels.kind == "ids" and len(counts) == 1 and 0 in (census.nodata, *counts):
            settings["nodata"] = "none"
            remarks["nodata"] = f"{hidden} and leaves a single class; `none` reads it as a class."
            counts[int(census.nodata or 0)] = census.by_nodata
            counts = {value: counts[value] for value in sorted(counts, key=str)}
    unlabelled: tuple[int | str, ...] = ()
    if labels.kind == "ids":
        meaning = read_meaning([value for value in counts if isinstance(value, int)])
        if meaning.foreground is not None:
            counts = {value: counts[value] for value in (0, meaning.foreground)}
        elif len(counts) - len(meaning.unlabelled) > 1:
            unlabelled = meaning.unlabelled
            amounts = (f"{value} ({_amount(counts[value], census)})" for value in unlabelled)
            remarks["ignore"] = (
                f"Beside ids of classes {', '.join(amounts)} stands for pixels without a label; "
                "make a class of it if it is one."
            )
    if labels.kind == "polygons":
        unlabelled = tuple(value for value in counts if value in _NO_CLASS)
        names = ", ".join(map(str, unlabelled))
        remarks["ignore"] = f"{names}: by custom the label of what is not to be learnt from."
    if labels.kind == "ids" and (void := labels.names.void & set(counts)):
        unlabelled = tuple(value for value in counts if value in void or value in unlabelled)
        remarks["ignore"] = f"Void in {labels.names.source}: not learnt from."
    if labels.snapped:
        settings["snap"] = "nearest"
        remarks["snap"] = (
            f"{labels.snapped:.2%} of the pixels have a colour between those of the classes, as "
            "smoothed edges and lossy compression leave it, and become the nearest of them; "
            "`unknown: ignore` in its place would leave them out."
        )
    if labels.kind == "colours" and not labels.snapped:
        whole = sum(counts.values())
        unlabelled = tuple(value for value, count in counts.items() if count < _RARE * whole)
        remarks["ignore"] = (
            "Each of these has less than a ten thousandth of all pixels; make a class of it if it "
            "is one."
        )
    if unlabelled:
        settings["ignore"] = list(unlabelled)
    else:
        remarks.pop("ignore", None)
    left = {value: count for value, count in counts.items() if value not in unlabelled}
    return ReadValues(replace(labels, counts=left), settings, remarks)


def _amount(count: int, census: Census) -> str:
    return f"{count:,} px, {count / (census.pixels or 1):.2%}"
