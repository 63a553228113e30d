"""Whether a network ends in probabilities or in logits."""

from __future__ import annotations

from typing import Any

from tilesegm.model.layer_graph import trace

__all__ = ["gives_probabilities"]

_PROBABILITIES = frozenset({"softmax", "sigmoid"})
# Layers that hand values on unchanged.
_PASSING = frozenset(
    {"Cast", "Cropping2D", "Dropout", "Identity", "Permute", "Reshape", "SpatialDropout2D"}
)
# Layers that end in logits if they have no activation.
_LINEAR = frozenset(
    {"BatchNormalization", "Conv2D", "Conv2DTranspose", "Dense", "Log", "LogSoftmax"}
    | {"DepthwiseConv2D", "SeparableConv2D"}
)


def gives_probabilities(model: Any) -> bool | None:
    """Tell from the last activation whether the scores are probabilities.

    Layers that only pass or move values, and linear activations, are stepped over.

    Returns:
        True after a softmax or a sigmoid, False after a convolution without activation, None where
        the last layer does not tell.
    """
    graph = trace(model)
    producers = {key: step for step in graph.steps for key in step.outputs}
    step = producers.get(graph.outputs[0])
    while step is not None:
        layer, kind = step.layer, type(step.layer).__name__
        activation = getattr(getattr(layer, "activation", None), "__name__", None)
        if kind.lower() in _PROBABILITIES or activation in _PROBABILITIES:
            return True
        if kind in _LINEAR and activation in (None, "linear"):
            return False
        if kind not in _PASSING and (kind, activation) != ("Activation", "linear"):
            return None
        step = producers.get(step.inputs[0]) if step.inputs else None
    return None
