"""Accuracy of a map at borders and at seams of tiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tilesegm.grid.tiles import SEAM_DISTANCES
from tilesegm.metrics.bands import DEPTHS
from tilesegm.metrics.counts import AccuracyByBin
from tilesegm.metrics.evaluation import Evaluation
from tilesegm.report.charts import lines
from tilesegm.report.page import Page

__all__ = ["add_borders", "add_seams", "distance_lines"]


def add_borders(page: Page, evaluation: Evaluation) -> None:
    """Add scores of borders by class, and accuracy by distance from a border, if measured."""
    total, measures = evaluation.total, evaluation.measures
    if not (total.bands and total.surfaces and total.depths):
        return
    page.section(
        "Borders",
        f"Boundary IoU compares bands {measures.band} pixels wide. Boundary F1 and surface Dice "
        "let borders differ by the pixels that stand behind them.",
    )
    columns: dict[str, Iterable[object]] = {
        "class": evaluation.classes,
        "boundary IoU": total.bands.iou,
    }
    for tolerance in measures.tolerances:
        columns[f"F1, {tolerance:g}\u00a0px"] = total.surfaces.boundary_f1(tolerance)
    for tolerance in measures.tolerances:
        columns[f"surface Dice, {tolerance:g}\u00a0px"] = total.surfaces.surface_dice(tolerance)
    columns["Hausdorff 95,\u00a0px"] = (
        f"> {measures.cap}" if np.isinf(end) else end for end in total.surfaces.hausdorff()
    )
    page.columns(columns)
    _add_distances(page, total.depths, DEPTHS, "a border of the truth")


def add_seams(page: Page, evaluation: Evaluation) -> None:
    """Add accuracy by distance from where tiles met, if the predictions tell."""
    seams = evaluation.seams
    if seams is not None:
        page.section("Seams of tiles", "A fall towards seams says that tiles overlap too little.")
        _add_distances(page, seams, SEAM_DISTANCES, "a seam of tiles")


def _add_distances(page: Page, counts: AccuracyByBin, ends: Sequence[int], line: str) -> None:
    page.figure(
        distance_lines({"accuracy": counts}, ends, line), f"Accuracy by distance from {line}"
    )
    page.table(
        [f"pixels from {line}", *_bins(ends)],
        [
            ["accuracy", *counts.accuracy],
            ["share of pixels", *(f"{100 * part:.1f} %" for part in counts.share)],
        ],
    )


def distance_lines(counts: Mapping[str, AccuracyByBin], ends: Sequence[int], line: str) -> str:
    """Draw accuracy of each map by distance from a line; bins end at ``ends``."""
    names = _bins(ends)
    series = {name: (range(len(names)), each.accuracy) for name, each in counts.items()}
    return lines(series, x=f"pixels from {line}", y="accuracy", names=names)


def _bins(ends: Sequence[int]) -> list[str]:
    return [*(f"≤ {end}" for end in ends), f"> {ends[-1]}"]
