"""What a network does to pixel values first."""

from __future__ import annotations

from typing import Any

from tilesegm.model.layer_graph import trace

__all__ = ["sees_values_as_stored"]

_CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D"})
# Layers that hand values on unchanged.
_PASSING = frozenset({"Cropping2D", "Identity", "ZeroPadding2D"})


def sees_values_as_stored(model: Any) -> bool:
    """Tell whether pixel values go into convolutions without a layer that could scale them.

    Layers that a user wrote, `Rescaling`, batch normalisation and all else might scale.
    """
    graph = trace(model)
    values, first = {graph.inputs[0]}, set()
    for step in graph.steps:
        if values.isdisjoint(step.inputs):
            continue
        kind = type(step.layer).__name__
        if kind in _PASSING:
            values.update(step.outputs)
        else:
            first.add(kind)
    return bool(first) and first <= _CONVOLUTIONS
