"""How far a network sees, on which grid it works, and why tiles may not add up to the whole.

Every layer is followed position by position along both axes (`tilesegm.model.reach`), so the
radius is exact for the graph: no smaller radius is safe for all weights. For what a receptive
field is, and what dilation, stride and upsampling do to it, see Araujo, Norris and Sim, "Computing
Receptive Fields of Convolutional Neural Networks", Distill 2019, doi:10.23915/distill.00021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tilesegm.model.layer_graph import Key, LayerGraph, trace
from tilesegm.model.layer_rules import Effect, effects_of
from tilesegm.model.planes import enlarging
from tilesegm.model.reach import Reach

__all__ = ["ReceptiveField", "receptive_field"]

_Map = tuple[Reach, Reach]


@dataclass(frozen=True)
class ReceptiveField:
    """How far a network sees and on which grid."""

    stride: int
    """Height and width of a tile must be multiples of it, and so must its corner."""
    radius: int | None
    """Largest distance in pixels at which an input pixel changes a score, along either axis.

    Layers in ``inexact`` that see the whole tile are left out of it. None when a layer is unknown.
    """
    halo: int | None
    """Margin in pixels of a tile on the stride's grid that is changed by what lies outside it.

    At most the radius: where pooling makes positions within a stride see unevenly far, those at
    the edge of a tile are not the ones that see farthest.
    """
    inexact: tuple[str, ...]
    """Why a tiled result cannot equal one pass over the whole image; empty when it can."""
    misfit: str | None = None
    """Why the output is not as large as the input, and how to mend it; None when it is."""


def receptive_field(model: Any) -> ReceptiveField:
    """Work out how far a Keras model sees.

    Args:
        model: a Functional model, or a built Sequential one; such models inside are opened, any
            other is reported as not known.
    """
    graph = trace(model)
    effects = effects_of(graph)
    inexact = tuple(dict.fromkeys(effect.reason for effect in effects if effect.reason))
    stride = _stride(graph, effects)
    if not all(effect.known for effect in effects):
        return ReceptiveField(stride, None, None, inexact)
    length = stride * math.ceil(256 / stride)
    while True:
        result, misfit = _follow(graph, effects, length)
        if result is None or misfit:
            return ReceptiveField(stride, None, None, inexact, misfit)
        radius = max(axis.radius() for axis in result)
        # The middle half of the axis sees its ends no more, so nothing was cut short.
        if radius < length // 4:
            halo = max(axis.halo(stride) for axis in result)
            return ReceptiveField(stride, radius, halo, inexact)
        length *= 2


def _stride(graph: LayerGraph, effects: list[Effect]) -> int:
    """Return the smallest length for which every map has a whole number of positions."""
    scales: dict[Key, tuple[Fraction, Fraction]] = {}
    one = (Fraction(1), Fraction(1))
    for step, effect in zip(graph.steps, effects, strict=True):
        sources = [scales.get(key, one) for key in step.inputs] or [one]
        rows = max(scale[0] for scale in sources) * (effect.rows.scale if effect.rows else 1)
        cols = max(scale[1] for scale in sources) * (effect.cols.scale if effect.cols else 1)
        scales.update(dict.fromkeys(step.outputs, (rows, cols)))
    return math.lcm(*(scale.denominator for pair in scales.values() for scale in pair))


def _follow(
    graph: LayerGraph, effects: list[Effect], length: int
) -> tuple[_Map | None, str | None]:
    """Follow a square input of ``length`` pixels; return the output's reach and what misfits."""
    maps: dict[Key, _Map | None] = dict.fromkeys(
        graph.inputs, (Reach.identity(length), Reach.identity(length))
    )
    for step, effect in zip(graph.steps, effects, strict=True):
        sources = [found for key in step.inputs if (found := maps[key]) is not None]
        if len({(len(rows), len(cols)) for rows, cols in sources}) > 1:
            joins = f"layer '{step.layer.name}' joins maps of different sizes"
            return None, f"{joins}; use padding='same' so that every pixel gets a score"
        maps.update(dict.fromkeys(step.outputs, _apply(effect, sources)))
    result = maps[graph.outputs[0]]
    if result is not None and (len(result[0]), len(result[1])) != (length, length):
        size = (len(result[0]), len(result[1]))
        advice = enlarging((length, length), size)
        return None, (
            f"its scores are {size[0]} x {size[1]} for {length} x {length} pixels; {advice}"
        )
    return result, None


def _apply(effect: Effect, sources: list[_Map]) -> _Map | None:
    """Return the reach of a layer's output; None for a vector without height and width."""
    if effect.collapses or not sources:
        return None
    rows, cols = sources[0]
    for more_rows, more_cols in sources[1:]:
        rows, cols = rows.union(more_rows), cols.union(more_cols)
    return (
        effect.rows.apply(rows) if effect.rows else rows,
        effect.cols.apply(cols) if effect.cols else cols,
    )
