"""What the study of losses measured: each loss on each data set, with the same network.

Rows come from `benchmarks/loss_study`; `python -m benchmarks.advice record` writes them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from tilesegm.advice.catalogue import catalogue

__all__ = ["STUDIED", "Row", "findings", "rows", "sums_of_the_study"]

_CE, _DICE = {"name": "cross_entropy"}, {"name": "dice"}
_PAIR = [{"name": "border_weighted"}, {"name": "pyramid"}]
_HAND_OVER = {
    "name": "scheduled",
    "schedules": [
        {"name": "constant", "weight": 1.0},
        {"name": "constant", "weight": 1.0},
        {"name": "linear", "start": 0.0, "end": 1.0, "epochs": 9},
    ],
}

STUDIED: dict[str, dict[str, Any]] = {
    "ce": {"terms": [_CE]},
    "weighted_ce": {"terms": [_CE], "class_weights": "median"},
    "focal": {"terms": [{"name": "focal"}]},
    "dice": {"terms": [_DICE]},
    "dice_ce": {"terms": [{"name": "dice_ce"}]},
    "dice_topk": {"terms": [{"name": "dice_topk"}]},
    "tversky": {"terms": [{"name": "tversky"}]},
    "focal_tversky": {"terms": [{"name": "focal_tversky"}]},
    "lovasz_ce": {"terms": [_CE, {"name": "lovasz"}]},
    "border_ce": {"terms": [{"name": "border_weighted"}]},
    "dice_ce_boundary": {
        "terms": [_CE, _DICE, {"name": "boundary", "radius": 16.0}],
        "weighting": _HAND_OVER,
    },
    "dice_ce_cldice": {"terms": [_CE, _DICE, {"name": "cl_dice", "factor": 0.5}]},
    "dice_ce_skeleton": {"terms": [_CE, _DICE, {"name": "skeleton_recall"}]},
    "pyramid_ce": {"terms": [_CE, {"name": "pyramid"}]},
    "border_pyramid": {"terms": _PAIR},
    "border_pyramid_uncertainty": {"terms": _PAIR, "weighting": {"name": "uncertainty"}},
    "border_pyramid_softadapt": {"terms": _PAIR, "weighting": {"name": "softadapt"}},
    "border_pyramid_dwa": {"terms": _PAIR, "weighting": {"name": "dwa"}},
    "border_pyramid_random": {"terms": _PAIR, "weighting": {"name": "random"}},
}
"""What stands under ``loss:`` for each loss of the study, by the name that its tables give it."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A loss on a data set: means over seeds, in points."""

    data: str
    loss: str
    steps: int
    """Updates of each run."""
    seeds: int
    mean_iou: float
    boundary_iou: float
    gain: float
    """Of `score` above cross-entropy with the same seeds."""
    spread: float
    """Standard deviation of the gain over seeds."""

    @property
    def score(self) -> float:
        """Mean of mean IoU and boundary IoU."""
        return (self.mean_iou + self.boundary_iou) / 2


@cache
def sums_of_the_study() -> dict[str, dict[str, Any]]:
    """Return what stands under ``loss:`` for names that only the study gives."""
    known = {each.name for each in catalogue()}
    return {name: block for name, block in STUDIED.items() if name not in known}


@cache
def rows() -> tuple[Row, ...]:
    """Return the recorded rows."""
    kinds = {"data": str, "loss": str, "steps": int, "seeds": int}
    text = resources.files("tilesegm.advice").joinpath("study.csv").read_text("utf-8")
    return tuple(
        Row(**{key: kinds.get(key, float)(value) for key, value in line.items()})
        for line in csv.DictReader(text.splitlines())
    )


def findings(name: str) -> Iterator[Row]:
    """Yield the rows of the losses of the study that a loss, a recipe or a rule is part of."""
    for loss, block in STUDIED.items():
        parts = [*block["terms"], block.get("weighting", {})]
        if any(part.get("name") == name for part in parts):
            yield from (row for row in rows() if row.loss == loss)
