"""Drawings as SVG text."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["COLOURS", "bars", "heat_map", "lines"]

COLOURS = ("#2458a6", "#c8553d", "#3c8d5a", "#8a5fb0", "#b88a1e", "#3a9bb0", "#7a7a7a", "#d06a9a")
"""Hues for series, in order; they differ in brightness too."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 40


@dataclass(frozen=True)
class _Scale:
    """Turns values into pixels."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        return self.first + (value - self.low) / (self.high - self.low) * (self.last - self.first)

    @property
    def ticks(self) -> list[float]:
        """Four to nine round values."""
        span = self.high - self.low
        unit = 10.0 ** math.floor(math.log10(span))
        step = next(unit * f for f in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0) if span / (unit * f) <= 8)
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def lines(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    x: str,
    y: str,
    size: tuple[int, int] = (520, 300),
    limits: tuple[float, float] | None = None,
    diagonal: bool = False,
) -> str:
    """Draw curves with a legend.

    Args:
        series: x and y values of each curve by its name; NaN leaves a gap.
        x: Name of the horizontal axis.
        y: Name of the vertical axis.
        size: Width and height in pixels.
        limits: Lowest and highest y; from the values when not given.
        diagonal: Whether the line y = x is drawn, as in a reliability diagram.
    """
    curves = {name: (np.asarray(a, float), np.asarray(b, float)) for name, (a, b) in series.items()}
    across = _scale([a for a, _ in curves.values()], None, _LEFT, size[0] - _RIGHT)
    up = _scale([b for _, b in curves.values()], limits, size[1] - _BOTTOM, _TOP)
    parts = _axes(across, up, x, y, size)
    if diagonal:
        low, high = max(across.low, up.low), min(across.high, up.high)
        parts.append(
            f'<path d="M{across(low):.1f} {up(low):.1f}L{across(high):.1f} {up(high):.1f}" '
            'stroke="#999" stroke-dasharray="4 4" fill="none"/>'
        )
    for index, (name, (a, b)) in enumerate(curves.items()):
        colour = COLOURS[index % len(COLOURS)]
        parts.append(
            f'<path d="{_path(a, b, across, up)}" stroke="{colour}" stroke-width="1.8" '
            'fill="none" stroke-linejoin="round" stroke-linecap="round"/>'
        )
        if len(curves) > 1:
            top = _TOP + 14 + 16 * index
            parts.append(
                f'<rect x="{_LEFT + 10}" y="{top - 8}" width="14" height="4" fill="{colour}"/>'
                f'<text x="{_LEFT + 30}" y="{top}">{html.escape(name)}</text>'
            )
    return _svg(parts, size)


def bars(
    values: Mapping[str, float],
    *,
    colours: Sequence[str] = (),
    high: float = 1.0,
    width: int = 520,
) -> str:
    """Draw one horizontal bar a name, from 0 to ``high``; NaN is shown as absent."""
    label, row = 150, 24
    parts = []
    for index, (name, value) in enumerate(values.items()):
        top = row * index
        colour = colours[index] if colours else COLOURS[0]
        parts.append(f'<text x="{label - 8}" y="{top + 16}" text-anchor="end">{_cut(name)}</text>')
        if math.isnan(value):
            parts.append(f'<text x="{label}" y="{top + 16}">absent</text>')
            continue
        length = max(0.0, min(value / high, 1.0)) * (width - label - 60)
        parts.append(
            f'<rect x="{label}" y="{top + 4}" width="{length:.1f}" height="{row - 8}" '
            f'fill="{colour}" stroke="#0003"/>'
            f'<text x="{label + length + 6:.1f}" y="{top + 16}">{value:.3f}</text>'
        )
    return _svg(parts, (width, row * max(len(values), 1)))


def heat_map(
    table: ArrayLike, names: Sequence[str], *, x: str = "predicted", y: str = "true"
) -> str:
    """Draw a confusion matrix, each row as shares of its sum.

    Args:
        table: ``(K, K)`` counts.
        names: Name of each class.
        x: What columns are.
        y: What rows are.
    """
    counts = np.asarray(table, float)
    sums = counts.sum(1, keepdims=True)
    shares = np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0)
    cell = 52 if len(names) <= 12 else 26
    left, top = 150, 90
    parts = []
    for i, name in enumerate(names):
        middle = cell * i + cell / 2
        parts.append(
            f'<text x="{left - 8}" y="{top + middle + 4:.0f}" text-anchor="end">{_cut(name)}</text>'
            f'<text transform="translate({left + middle + 4:.0f} {top - 8}) rotate(-45)">'
            f"{_cut(name)}</text>"
        )
        for j in range(len(names)):
            share = float(shares[i, j])
            dark = share > 0.55
            parts.append(
                f'<rect x="{left + cell * j}" y="{top + cell * i}" width="{cell}" height="{cell}" '
                f'fill="{_blue(share)}" stroke="#fff">'
                f"<title>{html.escape(name)} as {html.escape(names[j])}: "
                f"{int(counts[i, j]):,} px</title></rect>"
            )
            if cell > 30:
                parts.append(
                    f'<text x="{left + cell * j + cell / 2}" y="{top + middle + 4:.0f}" '
                    f'text-anchor="middle" style="fill:{"#fff" if dark else "#1b1f24"};'
                    f'pointer-events:none">{100 * share:.1f}</text>'
                )
    parts.append(
        f'<text x="8" y="16">rows: {html.escape(y)}, columns: {html.escape(x)}, % of a row</text>'
    )
    side = cell * len(names)
    return _svg(parts, (left + side + 70, top + side + 8))


def _scale(
    values: list[NDArray[np.float64]],
    limits: tuple[float, float] | None,
    first: float,
    last: float,
) -> _Scale:
    if limits is None:
        found = np.concatenate([part[np.isfinite(part)] for part in values] or [np.zeros(0)])
        limits = (float(found.min()), float(found.max())) if found.size else (0.0, 1.0)
    low, high = limits
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return _Scale(low, high, first, last)


def _axes(across: _Scale, up: _Scale, x: str, y: str, size: tuple[int, int]) -> list[str]:
    width, height = size
    parts = [
        f'<path d="M{_LEFT} {_TOP}V{height - _BOTTOM}H{width - _RIGHT}" stroke="#888" fill="none"/>'
    ]
    for value in up.ticks:
        parts.append(
            f'<path d="M{_LEFT} {up(value):.1f}H{width - _RIGHT}" stroke="#eee"/>'
            f'<text x="{_LEFT - 6}" y="{up(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
        )
    for value in across.ticks:
        parts.append(
            f'<text x="{across(value):.1f}" y="{height - _BOTTOM + 16}" text-anchor="middle">'
            f"{value:g}</text>"
        )
    middle = (_TOP + height - _BOTTOM) / 2
    parts.append(
        f'<text x="{(_LEFT + width) / 2:.0f}" y="{height - 6}" text-anchor="middle">'
        f"{html.escape(x)}</text>"
        f'<text transform="translate(13 {middle:.0f}) rotate(-90)" text-anchor="middle">'
        f"{html.escape(y)}</text>"
    )
    return parts


def _path(a: NDArray[np.float64], b: NDArray[np.float64], across: _Scale, up: _Scale) -> str:
    parts, pen = [], False
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = False
            continue
        y = min(max(y, up.low), up.high)
        parts.append(f"{'L' if pen else 'M'}{across(x):.1f} {up(y):.1f}")
        if not pen:  # a single point is a line of no length, which round caps make visible
            parts.append("h0")
        pen = True
    return "".join(parts)


def _blue(share: float) -> str:
    light, dark = np.array([244, 247, 251]), np.array([20, 62, 128])
    red, green, blue = (light + (dark - light) * share**0.7).astype(int)
    return f"rgb({red},{green},{blue})"


def _cut(name: str) -> str:
    return html.escape(name if len(name) <= 20 else name[:19] + "…")


def _svg(parts: list[str], size: tuple[int, int]) -> str:
    width, height = size
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">{"".join(parts)}</svg>'
    )
