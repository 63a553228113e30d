"""Drawings as SVG text."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilesegm.metrics.counts import ratio
from tilesegm.report.scale import Scale, scale_of
from tilesegm.report.text import escaped

__all__ = ["COLOURS", "bars", "heat_map", "intervals", "lines"]

COLOURS = ("#2458a6", "#c8553d", "#3c8d5a", "#8a5fb0", "#b88a1e", "#3a9bb0", "#7a7a7a", "#d06a9a")
"""Hues for series, in order; they differ in brightness too."""

_WIDTH, _HEIGHT = 500, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 24, 12, 42
_LETTER = 6.6
"""Width of a letter in pixels, about; only to place what stands beside text."""


def lines(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    x: str,
    y: str,
    limits: tuple[float, float] | None = None,
    names: Sequence[str] = (),
    guide: Literal["diagonal"] | float | None = None,
) -> str:
    """Draw curves, and below them a legend if there are several.

    Points without neighbours are dots. Curves without any point are named as such, and a sentence
    stands in place of axes without any curve.

    Args:
        series: x and y values of each curve by its name; NaN leaves a gap.
        x: name of the horizontal axis; its ticks are whole numbers where all values are, as epochs.
        y: name of the vertical axis.
        limits: lowest and highest y; from the values when not given.
        names: labels below x = 0, 1, 2 ... in place of numbers.
        guide: a line to compare with: the diagonal, as in a reliability diagram, or a vertical one
            at this x, with its value.
    """
    curves = {name: (np.asarray(a, float), np.asarray(b, float)) for name, (a, b) in series.items()}
    seen = {name: np.isfinite(a) & np.isfinite(b) for name, (a, b) in curves.items()}
    if not any(points.any() for points in seen.values()):
        return _nothing(y)
    across = scale_of([a for a, _ in curves.values()], None, _LEFT, _WIDTH - _RIGHT)
    up = scale_of([b for _, b in curves.values()], limits, _HEIGHT - _BOTTOM, _TOP)
    counted = all((a[np.isfinite(a)] % 1 == 0).all() for a, _ in curves.values())
    places = range(len(names)) if names else across.ticks(whole=counted)
    below = dict(zip(places, names or [f"{value:g}" for value in places], strict=True))
    parts = _axes(across, up, x, y, below)
    if guide == "diagonal":
        low, high = max(across.low, up.low), min(across.high, up.high)
        parts.append(
            f'<path d="M{across(low):.1f} {up(low):.1f}L{across(high):.1f} {up(high):.1f}" '
            'stroke="#999" stroke-dasharray="4 4" fill="none"/>'
        )
    elif guide is not None and across.low <= guide <= across.high:
        place = across(guide)
        side = 4 if place < _WIDTH / 2 else -4  # where there is room
        parts.append(
            f'<path d="M{place:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#1b1f24" '
            'stroke-dasharray="2 3" fill="none"/>'
            + _text(place + side, _TOP + 10, f"{guide:.4g}", "start" if side > 0 else "end")
        )
    for index, (a, b) in enumerate(curves.values()):
        colour = COLOURS[index % len(COLOURS)]
        parts.append(
            f'<path d="{_path(a, b, across, up)}" stroke="{colour}" stroke-width="1.8" '
            'fill="none" stroke-linejoin="round" stroke-linecap="round"/>'
        )
        parts += [
            f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>'
            for x, y in _alone(a, b)
        ]
    titles = [_cut(name) + ("" if seen[name].any() else " (no values)") for name in curves]
    legend, height = _legend(titles) if len(curves) > 1 else ([], _HEIGHT)
    return _svg(parts + legend, (_WIDTH, height))


def bars(values: Mapping[str, float], *, colours: Sequence[str] = ()) -> str:
    """Draw one horizontal bar per name, from 0 to 1; NaN is shown as absent.

    A sentence stands in its place where all are absent.
    """
    if not any(map(math.isfinite, values.values())):
        return _nothing("score of a class")
    label, row = 150, 24
    parts = []
    for index, (name, value) in enumerate(values.items()):
        top = row * index
        colour = colours[index] if colours else COLOURS[0]
        parts.append(_text(label - 8, top + 16, _cut(name), "end"))
        if math.isnan(value):
            parts.append(_text(label, top + 16, "absent"))
            continue
        length = max(0.0, min(value, 1.0)) * (_WIDTH - label - 60)
        parts.append(
            f'<rect x="{label}" y="{top + 4}" width="{length:.1f}" height="{row - 8}" '
            f'fill="{colour}" stroke="#0003"/>'
            + _text(label + length + 6, top + 16, f"{value:.3f}")
        )
    return _svg(parts, (_WIDTH, row * max(len(values), 1)))


def intervals(values: Mapping[str, tuple[float, float, float]], *, x: str) -> str:
    """Draw one interval per name, with its middle, beside a line at zero; NaN is shown as absent.

    A sentence stands in its place where all are absent.

    Args:
        values: low end, middle and high end by name.
        x: name of the horizontal axis.
    """
    if not any(map(math.isfinite, chain.from_iterable(values.values()))):
        return _nothing(x)
    label, row = 150, 24
    found = [abs(end) for ends in values.values() for end in ends if math.isfinite(end)]
    reach = 1.1 * max(found, default=0.0) or 1.0
    across = Scale(-reach, reach, label, _WIDTH - _RIGHT)
    foot = row * len(values) + 6
    parts = []
    for value in across.ticks():
        stroke = "#eee" if abs(value) > 1e-12 * reach else "#888"
        parts.append(
            f'<path d="M{across(value):.1f} 0V{foot}" stroke="{stroke}"/>'
            + _text(across(value), foot + 16, f"{value:g}", "middle")
        )
    for index, (name, (low, middle, high)) in enumerate(values.items()):
        y = row * index + 14
        parts.append(_text(label - 8, y + 4, _cut(name), "end"))
        if not all(map(math.isfinite, (low, middle, high))):
            parts.append(_text(across(0) + 8, y + 4, "absent"))
            continue
        colour = COLOURS[6] if low <= 0 <= high else COLOURS[2] if low > 0 else COLOURS[1]
        parts.append(
            f'<path d="M{across(low):.1f} {y}H{across(high):.1f}" stroke="{colour}" '
            f'stroke-width="3" stroke-linecap="round"/>'
            f'<circle cx="{across(middle):.1f}" cy="{y}" r="4.5" fill="{colour}"/>'
        )
    parts.append(_text(across(0), foot + 34, x, "middle"))
    return _svg(parts, (_WIDTH, foot + 40))


def heat_map(table: ArrayLike, names: Sequence[str]) -> str:
    """Draw a confusion matrix, each row as shares of its sum, or say that no pixel is counted.

    Args:
        table: ``(rows, columns)`` counts.
        names: name of each column; rows have the first of them.
    """
    counts = np.asarray(table, float)
    if not counts.any():
        return _nothing("pixels")
    shares = ratio(counts, counts.sum(1, keepdims=True), otherwise=0)
    cell = 52 if len(names) <= 12 else 26
    left, top = 150, 90
    parts = []
    for j, name in enumerate(names):
        turned = f' transform="translate({left + cell * (j + 0.5) + 4:.0f} {top - 8}) rotate(-45)"'
        parts.append(_text(0, 0, _cut(name), more=turned))
    for i, name in enumerate(names[: len(counts)]):
        middle = cell * i + cell / 2
        parts.append(_text(left - 8, top + middle + 4, _cut(name), "end"))
        for j in range(len(names)):
            share = float(shares[i, j])
            parts.append(
                f'<rect x="{left + cell * j}" y="{top + cell * i}" width="{cell}" height="{cell}" '
                f'fill="{_blue(share)}" stroke="#fff">'
                f"<title>{escaped(name)} as {escaped(names[j])}: "
                f"{int(counts[i, j]):,} px</title></rect>"
            )
            if cell > 30:
                style = f"fill:{'#fff' if share > 0.4 else '#1b1f24'};pointer-events:none"
                at = left + cell * (j + 0.5), top + middle + 4
                parts.append(_text(*at, f"{100 * share:.1f}", "middle", f' style="{style}"'))
    parts.append(_text(8, 16, "rows: true, columns: predicted, % of a row"))
    return _svg(parts, (left + cell * len(names) + 90, top + cell * len(counts) + 8))


def _axes(across: Scale, up: Scale, x: str, y: str, below: Mapping[float, str]) -> list[str]:
    foot, end = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for value in up.ticks():
        parts.append(
            f'<path d="M{_LEFT} {up(value):.1f}H{end}" stroke="#eee"/>'
            + _text(_LEFT - 6, up(value) + 4, f"{value:g}", "end")
        )
    parts += [_text(across(value), foot + 16, text, "middle") for value, text in below.items()]
    turned = f' transform="translate(13 {(_TOP + foot) / 2:.0f}) rotate(-90)"'
    return [
        *parts,
        f'<path d="M{_LEFT} {_TOP}V{foot}H{end}" stroke="#888" fill="none"/>',
        _text((_LEFT + end) / 2, _HEIGHT - 8, x, "middle"),
        _text(0, 0, y, "middle", turned),
    ]


def _legend(names: Sequence[str]) -> tuple[list[str], int]:
    """Lay names in lines below the axes; return them and the height of all."""
    parts, left, top = [], _LEFT, _HEIGHT + 10
    for index, name in enumerate(names):
        wide = 30 + round(_LETTER * _letters(name))
        if left + wide > _WIDTH and left > _LEFT:
            left, top = _LEFT, top + 18
        parts.append(
            f'<rect x="{left}" y="{top - 6}" width="14" height="4" '
            f'fill="{COLOURS[index % len(COLOURS)]}"/>' + _text(left + 19, top, name)
        )
        left += wide + 8
    return parts, top + 8


def _path(a: NDArray[np.float64], b: NDArray[np.float64], across: Scale, up: Scale) -> str:
    parts, pen = [], False
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = False
            continue
        y = min(max(y, up.low), up.high)
        parts.append(f"{'L' if pen else 'M'}{across(x):.1f} {up(y):.1f}")
        pen = True
    return "".join(parts)


def _alone(a: NDArray[np.float64], b: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return points that no line leads to, which a curve would not show."""
    seen = np.isfinite(a) & np.isfinite(b)
    beside = np.r_[False, seen[:-1]] | np.r_[seen[1:], False]
    return list(zip(a[seen & ~beside].tolist(), b[seen & ~beside].tolist(), strict=True))


def _nothing(what: str) -> str:
    """Say in place of a drawing that it would show nothing."""
    return _svg([_text(0, 16, f"Not drawn: no {what} to show.")], (_WIDTH, 24))


def _blue(share: float) -> str:
    light, dark = np.array([244, 247, 251]), np.array([20, 62, 128])
    red, green, blue = (light + (dark - light) * share**0.7).astype(int)
    return f"rgb({red},{green},{blue})"


def _letters(text: str) -> int:
    """Count letters; those of Chinese, Japanese and Korean are two wide."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _cut(name: str) -> str:
    short = name
    while _letters(short) > 20:
        short = short.removesuffix("…")[:-1] + "…"
    return short


def _text(x: float, y: float, text: str, anchor: str = "start", more: str = "") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}'
    return f"<text {place}>{escaped(text)}</text>"


def _svg(parts: list[str], size: tuple[int, int]) -> str:
    width, height = size
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">{"".join(parts)}</svg>'
    )
