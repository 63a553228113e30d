"""How much memory one pass of a network takes."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from tilesegm.model.layer_graph import Key, trace
from tilesegm.model.layer_rules import effects_of

__all__ = ["bytes_per_pixel"]

# TensorFlow keeps more than the maps that are needed: it runs operations ahead and its allocator
# returns memory late. The peak of resident memory was 1.55 times the maps for a U-Net of 16 filters
# (398 bytes per pixel) and 1.47 times for 32 (751), on a CPU in float32.
_OVERHEAD = Fraction(8, 5)


def bytes_per_pixel(model: Any, classes: int) -> int:
    """Estimate the largest memory alive at one time during a pass, per pixel of a tile.

    Maps are counted in float32 from the layer that makes them to the last layer that reads them,
    plus the scores twice, as they leave in class planes. A measured share for what the backend
    holds beyond them is added.

    Args:
        model: a built Keras model.
        classes: classes of its scores.
    """
    graph = trace(model)
    last_use = {key: index for index, step in enumerate(graph.steps) for key in step.inputs}
    last_use.update(dict.fromkeys(graph.outputs, len(graph.steps)))
    area: dict[Key, Fraction] = dict.fromkeys(graph.inputs, Fraction(1))
    bands = model.inputs[0].shape[-1] or 1
    alive: dict[Key, Fraction] = dict.fromkeys(graph.inputs, Fraction(4 * bands))
    peak = sum(alive.values())
    for index, (step, effect) in enumerate(zip(graph.steps, effects_of(graph), strict=True)):
        scale = Fraction(1)
        for axis in (effect.rows, effect.cols):
            scale *= axis.scale if axis else 1
        grown = scale * max((area[key] for key in step.inputs), default=Fraction(1))
        for key, output in zip(step.outputs, step.shapes, strict=True):
            area[key] = grown
            is_map = len(output) == 4 and not effect.collapses
            alive[key] = 4 * grown * (output[-1] or 1) if is_map else Fraction(0)
        peak = max(peak, sum(alive.values()))
        for key in [key for key in alive if last_use.get(key, -1) <= index]:
            del alive[key]
    return math.ceil(_OVERHEAD * max(peak, sum(alive.values()) + 8 * classes))
