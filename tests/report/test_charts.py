"""Drawings show the numbers that they were given."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from tilesegm.report.charts import bars, heat_map, intervals, lines


def test_curves_are_placed_linearly() -> None:
    drawing = lines({"a": ([0, 5, 10], [0.0, 1.0, 0.5])}, x="x", y="y", limits=(0, 1))
    curve = next(
        path.get("d", "") for path in ET.fromstring(drawing) if path.get("stroke-width") == "1.8"
    )
    points = np.array([[float(v) for v in p.split()] for p in re.findall(r"[ML]([\d. ]+)", curve)])
    assert points[1, 0] == pytest.approx((points[0, 0] + points[2, 0]) / 2, abs=0.1)
    assert points[2, 1] == pytest.approx((points[0, 1] + points[1, 1]) / 2, abs=0.1)
    assert points[1, 1] < points[2, 1] < points[0, 1], "up is more"


@pytest.mark.parametrize(
    "values",
    [
        *([], [1.0], [2.0, 2.0], [np.nan, np.nan], [1e-9, 1e9], [0, 0.8466], [0, 1.0]),
        *([1e17], [np.nan, 1.0, np.nan, 2.0], [np.inf, 1.0, -np.inf]),
    ],
)
def test_odd_curves_are_drawn(values: list[float]) -> None:
    drawing = lines({"a": (range(len(values)), values)}, x="x", y="y")
    ET.fromstring(drawing)
    assert not re.search(r"nan|inf", drawing)


@pytest.mark.parametrize(
    ("at", "anchor"), [(0.2, "start"), (0.9, "end"), (1.5, None), (None, None)]
)
def test_a_line_marks_a_place_within_the_axes(at: float | None, anchor: str | None) -> None:
    drawing = ET.fromstring(lines({"a": ([0, 1], [0, 1])}, x="x", y="y", guide=at))
    marks = [path.get("d", "") for path in drawing if path.get("stroke-dasharray")]
    texts = [text.get("text-anchor") for text in drawing if text.text == f"{at}"]
    if anchor is None:
        assert marks == []
        return
    curve = next(path.get("d", "") for path in drawing if path.get("stroke-width") == "1.8")
    (left, _), (right, _) = ([*map(float, p.split())] for p in re.findall(r"[ML]([\d. ]+)", curve))
    (mark,) = marks
    assert float(mark[1:].split()[0]) == pytest.approx(left + at * (right - left), abs=0.1)  # type: ignore[operator]
    assert texts[-1:] == [anchor]


def test_bars_are_as_long_as_their_values() -> None:
    drawing = ET.fromstring(bars({"half": 0.5, "whole": 1.0, "absent": float("nan")}))
    widths = [float(bar.get("width", "")) for bar in drawing if bar.tag.endswith("rect")]
    assert widths == pytest.approx([widths[1] / 2, widths[1]], abs=0.1)
    assert "absent" in "".join(drawing.itertext())


def test_intervals_lie_around_zero() -> None:
    nan = float("nan")
    drawing = ET.fromstring(
        intervals({"better": (1, 2, 3), "worse": (-3, -2, -1), "gone": (nan,) * 3}, x="by")
    )
    better, worse = (float(dot.get("cx", "")) for dot in drawing if dot.tag.endswith("circle"))
    zero = next(
        float(re.match(r"M([\d.]+)", line.get("d", "")).group(1))  # type: ignore[union-attr]
        for line in drawing
        if line.get("stroke") == "#888"
    )
    assert better - zero == pytest.approx(zero - worse, abs=0.2)
    assert better > zero
    assert "absent" in "".join(drawing.itertext())


def test_names_stand_in_for_numbers() -> None:
    drawing = ET.fromstring(
        lines({"a": (range(3), [0, 1, 2])}, x="x", y="y", names=["p", "q", "< 3"])
    )
    assert {"p", "q", "< 3"} <= set(drawing.itertext())


def test_heat_map_has_a_column_for_no_class() -> None:
    texts = list(ET.fromstring(heat_map([[1, 3]], ["a", "none"])).itertext())
    assert "25.0" in texts
    assert "75.0" in texts


def test_heat_map_shows_shares_of_rows() -> None:
    texts = list(ET.fromstring(heat_map([[3, 1], [0, 0]], ["a", "b"])).itertext())
    assert [text for text in texts if re.fullmatch(r"[\d.]+", text)] == [
        "75.0",
        "25.0",
        "0.0",
        "0.0",
    ]


def circles(drawing: str) -> list[ET.Element]:
    return [part for part in ET.fromstring(drawing) if part.tag.endswith("circle")]


def test_points_without_neighbours_are_dots() -> None:
    nan = float("nan")
    assert len(circles(lines({"a": ([1], [0.5])}, x="epoch", y="score"))) == 1
    broken = lines({"a": (range(6), [1, nan, 2, 3, nan, 4])}, x="epoch", y="score")
    assert len(circles(broken)) == 2
    assert not circles(lines({"a": (range(3), [1, 2, 3])}, x="epoch", y="score"))


@pytest.mark.parametrize("last", [1, 2, 3, 7, 20, 30, 137])
def test_ticks_of_epochs_are_whole_numbers(last: int) -> None:
    drawing = lines({"a": (range(1, last + 1), np.linspace(0.3, 0.4, last))}, x="epoch", y="score")
    labels = [
        part.text or ""
        for part in ET.fromstring(drawing)
        if part.get("text-anchor") == "middle" and part.text not in ("epoch", "score")
    ]
    assert labels
    assert all(re.fullmatch(r"\d+", label) for label in labels)
    assert len(set(labels)) == len(labels) <= 9


@pytest.mark.parametrize(
    "drawing",
    [
        lines({}, x="epoch", y="score"),
        lines({"a": ([1, 2], [np.nan] * 2)}, x="epoch", y="score"),
        bars({"a": np.nan}),
        intervals({"a": (np.nan,) * 3}, x="difference"),
        heat_map([[0, 0], [0, 0]], ["a", "b"]),
    ],
)
def test_nothing_is_said_in_place_of_an_empty_drawing(drawing: str) -> None:
    (text,) = ET.fromstring(drawing)
    assert (text.text or "").startswith("Not drawn: no ")


def test_curves_without_values_are_named_as_such() -> None:
    drawing = lines({"a": ([1, 2], [3, 4]), "b": ([1, 2], [np.nan] * 2)}, x="epoch", y="score")
    assert "b (no values)" in "".join(ET.fromstring(drawing).itertext())


def test_wide_letters_take_two_places() -> None:
    texts = list(ET.fromstring(bars({"水" * 15: 0.5, "w" * 20: 0.5})).itertext())
    assert "水" * 9 + "…" in texts
    assert "w" * 20 in texts
