"""The page of an evaluation: what was measured, from the whole to single places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.metrics.confusion import mean
from tilesegm.metrics.evaluation import Evaluation
from tilesegm.report.borders import add_borders, add_seams
from tilesegm.report.calibration import add_calibration
from tilesegm.report.charts import bars, heat_map
from tilesegm.report.comparison import Comparison, add_comparison
from tilesegm.report.overview import Overview, add_overview
from tilesegm.report.page import Page
from tilesegm.report.places import ShownWindow, add_worst_windows

__all__ = ["evaluation_page"]

_HEAT_CLASSES = 40
"""Most classes of which the confusion matrix is drawn."""
_MISTAKES = 12
"""Rows of the table of mistakes."""


def evaluation_page(
    evaluation: Evaluation,
    classes: Sequence[ClassInfo],
    overviews: Mapping[str, Overview],
    windows: Sequence[ShownWindow],
    comparison: Comparison | None = None,
) -> Page:
    """Show an evaluation.

    Args:
        evaluation: of one or more maps.
        classes: names and colours by id.
        overviews: by the name of the prediction; those that are shown.
        windows: those that are shown, worst first.
        comparison: of this prediction with others.
    """
    first, images = evaluation.images[0], evaluation.images
    page = Page(
        "Evaluation",
        f"{first.prediction} against {first.truth}"
        if len(images) == 1
        else f"{len(images)} maps against their truth, the first {first.prediction}",
    )
    _add_summary(page, evaluation)
    if comparison is not None:
        add_comparison(page, comparison)
    _add_classes(page, evaluation, classes)
    _add_confusion(page, evaluation)
    add_borders(page, evaluation)
    add_seams(page, evaluation)
    add_calibration(page, evaluation)
    _add_structures(page, evaluation)
    if overviews:
        page.section(
            "Where it is wrong",
            "Mistakes are in the colour of the true class, the stronger the more of a dot is "
            "wrong. Striped dots have no truth.",
        )
        page.key((info.name, info.colour) for info in classes)
        for name, overview in overviews.items():
            add_overview(page, name, overview, classes)
    if windows:
        image = "Image, truth" if windows[0].image is not None else "Truth"
        page.section(
            "Worst windows",
            f"{image}, prediction, and mistakes in the colour of the true class; one window a "
            "block, the blocks with most wrong pixels first.",
        )
        page.key((info.name, info.colour) for info in classes)
        add_worst_windows(page, windows, classes)
    if len(images) > 1:
        _add_images(page, evaluation)
    return page


def _add_summary(page: Page, evaluation: Evaluation) -> None:
    scores, total = evaluation.class_scores, evaluation.total
    over = _classes_of(scores.iou)
    rows: list[tuple[str, object]] = [
        ("accuracy", scores.accuracy),
        (f"mean IoU{over}", scores.mean_iou),
        (f"mean Dice{over}", scores.mean_dice),
        ("Cohen's kappa", scores.kappa),
        ("frequency-weighted IoU", scores.frequency_weighted_iou),
        ("IoU of summed counts", scores.micro_iou),
    ]
    if total.bands:
        over = _classes_of(total.bands.iou)
        rows.append((f"mean boundary IoU{over}", mean(total.bands.iou)))
    if total.confidence:
        rows.append(("expected calibration error", total.confidence.expected_calibration_error()))
    if len(evaluation.images) > 1:
        rows.append(("mean IoU, mean over images", evaluation.mean_iou_of_images))
    page.section("Scores")
    page.table(["score", "value"], [*rows, ("pixels with a true class", scores.pixels)])
    for note in evaluation.notes:
        page.text(f"{note[:1].upper()}{note[1:]}." if note[:1].islower() else f"{note}.")


def _classes_of(values: NDArray[np.float64]) -> str:
    """Say over how many classes a mean is taken, where not all of them have the score."""
    counted = int(np.isfinite(values).sum())
    return "" if counted == len(values) else f" over {counted} of {len(values)} classes"


def _add_classes(page: Page, evaluation: Evaluation, classes: Sequence[ClassInfo]) -> None:
    scores = evaluation.class_scores
    page.section("Classes")
    names = [info.name for info in classes]
    page.columns(
        {
            "class": names,
            "IoU": scores.iou,
            "Dice": scores.dice,
            "precision": scores.precision,
            "recall": scores.recall,
            "true pixels": scores.true,
            "predicted pixels": scores.predicted,
        }
    )
    colours = [f"rgb{info.colour}" for info in classes]
    iou = dict(zip(names, scores.iou.tolist(), strict=True))
    page.figure(bars(iou, colours=colours), "IoU of each class")


def _add_confusion(page: Page, evaluation: Evaluation) -> None:
    counts, names = evaluation.total.confusion, [*evaluation.classes, "no class"]
    page.section("Confusion")
    if len(names) <= _HEAT_CLASSES:
        square = counts if counts[:, -1].any() else counts[:, :-1]
        page.figure(
            heat_map(square, names[: square.shape[1]]), "Where the pixels of each class went"
        )
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(wrong, axis=None, kind="stable")[::-1][:_MISTAKES]
    rows = []
    for true, predicted in zip(*np.unravel_index(order, wrong.shape), strict=True):
        pixels = int(wrong[true, predicted])
        if pixels:
            of_class, of_all = (100 * pixels / part.sum() for part in (counts[true], wrong))
            mistake = f"{names[true]} as {names[predicted]}"
            rows.append([mistake, pixels, f"{of_class:.2f} %", f"{of_all:.1f} %"])
    if rows:
        page.table(["mistake", "pixels", "of the true class", "of all mistakes"], rows)


def _add_structures(page: Page, evaluation: Evaluation) -> None:
    """Add objects and thin structures."""
    total, measures, names = evaluation.total, evaluation.measures, evaluation.classes
    if total.objects:
        page.section("Objects", "Connected parts of a class; those match whose IoU is above 0.5.")
        page.columns(
            {
                "class": [names[number] for number in measures.objects],
                "F1": total.objects.f1,
                "panoptic quality": total.objects.panoptic_quality,
                "true": total.objects.true,
                "predicted": total.objects.predicted,
                "matched": total.objects.matched,
            }
        )
    if total.skeletons:
        page.section("Thin structures")
        page.columns(
            {
                "class": [names[number] for number in measures.thin],
                "clDice": total.skeletons.cldice,
                "pixels not thinned to a line": total.skeletons.unfinished,
            }
        )


def _add_images(page: Page, evaluation: Evaluation) -> None:
    page.section("Images", "By their mean IoU, worst first.")
    scored = [(image, image.counts.class_scores) for image in evaluation.images]
    scored.sort(key=lambda one: np.nan_to_num(one[1].mean_iou))
    page.table(
        ["prediction", "mean IoU", "accuracy", *evaluation.classes, "pixels"],
        [
            [image.prediction, scores.mean_iou, scores.accuracy, *scores.iou, scores.pixels]
            for image, scores in scored
        ],
    )
