"""How classes are decided, and what that brings, as a section of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tilesegm.metrics.calibration import Curve
from tilesegm.metrics.decided import DecidedCounts
from tilesegm.report.calibration import reliability_diagram
from tilesegm.report.charts import lines
from tilesegm.report.page import Page

__all__ = ["add_decision", "curve_chart"]

_POINTS = 256
"""Most points of a curve."""


def add_decision(
    page: Page,
    facts: Mapping[str, Any],
    classes: Sequence[str],
    curve: Curve | None,
    decided: tuple[DecidedCounts, DecidedCounts] | None,
) -> None:
    """Add what was chosen on held-out pixels, with scores without and with it.

    Args:
        page: where it is added.
        facts: of `TrainingResult.decision`.
        classes: names by id.
        curve: scores of the second of two classes at each threshold.
        decided: counts of the arg-max and with what was chosen.
    """
    if not facts:
        return
    page.section("Decision", _said(facts, classes))
    for note in facts["notes"]:
        page.text(f"{note[:1].upper()}{note[1:]}.")
    columns = {
        "held-out, arg-max": facts.get("held_out", {}).get("before"),
        "held-out, decided": facts.get("held_out", {}).get("after"),
        "each half as the other one chose": facts["cross_fitted"],
        "test, arg-max": facts.get("test", {}).get("before"),
        "test, decided": facts.get("test", {}).get("after"),
    }
    shown = {name: scores for name, scores in columns.items() if scores}
    if shown:
        names = next(iter(shown.values()))
        page.table(
            ["score", *shown],
            [
                [name.replace("_", " "), *(scores.get(name) for scores in shown.values())]
                for name in names
            ],
        )
    if curve is not None and facts["cross_fitted"]:
        page.figure(
            curve_chart({classes[1]: curve}, facts["threshold"] or 0.5),
            f"F1 of {classes[1]} at each threshold; the line is the one that decides",
        )
    if decided is not None:
        parts = {
            name: part.confidence for name, part in zip(("before", "after"), decided, strict=True)
        }
        page.figure(reliability_diagram(parts), "Reliability of the highest probability")


def curve_chart(curves: Mapping[str, Curve], threshold: float | None = None) -> str:
    """Draw F1 of classes at each threshold, and a line at one of them."""
    series = {}
    for name, curve in curves.items():
        part = slice(None, None, max(len(curve.threshold) // _POINTS, 1))
        series[name] = (curve.threshold[part], curve.f1[part])
    return lines(series, x="threshold", y="F1", limits=(0, 1), guide=threshold)


def _said(facts: Mapping[str, Any], classes: Sequence[str]) -> str:
    pixels = f"{facts['pixels']:,} held-out pixels"
    if facts["sampled"] and facts["sampled"] < facts["pixels"]:
        searched = "temperature" if len(classes) == 2 else "temperature and offsets"
        pixels += f", of which {facts['sampled']:,} were drawn to search the {searched}"
    if facts["threshold"] is not None:
        parts = [
            f"A pixel is {classes[1]} from a probability of {facts['threshold']:.4f} on, chosen "
            f"for {facts['measure'].replace('_', ' ')}"
        ]
    elif facts["measure"] != "none":
        listed = zip(classes, facts["offsets"], strict=True)
        parts = [
            "A pixel is of the class with the highest logarithm of its probability after adding "
            + ", ".join(f"{offset:+.3f} for {name}" for name, offset in listed)
            + f", chosen for {facts['measure'].replace('_', ' ')}"
        ]
    else:
        parts = ["A pixel is of the class with the highest probability"]
    if facts["temperature"] is not None:
        parts.append(f"logits are divided by a temperature of {facts['temperature']:g}")
    return f"{'; '.join(parts)}. Chosen on {pixels}; predict decides likewise."
