"""Whether a network ends in probabilities or in logits."""

from __future__ import annotations

from typing import Any

from tilesegm.errors import ModelError
from tilesegm.model.layer_graph import trace

__all__ = ["gives_probabilities", "refuse_softmax"]

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

    Returns:
        True after a softmax or a sigmoid, False after a convolution without activation, None where
        the last layer does not tell.
    """
    last = _last_activation(model)
    return None if last is None else last in _PROBABILITIES


def refuse_softmax(model: Any, name: str) -> None:
    """Refuse a network of one channel that ends in a softmax over it.

    Raises:
        ModelError: it does.
    """
    if _last_activation(model) == "softmax":
        raise ModelError(
            f"{name} ends in a softmax over one channel, which is 1 whatever the pixels are, so it "
            "cannot have learnt; train it again with a sigmoid in its place"
        )


def _last_activation(model: Any) -> str | None:
    """Return ``softmax``, ``sigmoid``, or ``linear`` after a convolution without activation.

    Layers that only pass or move values, and linear activations, are stepped over. None where the
    last layer does not tell.
    """
    graph = trace(model)
    producers = {key: step for step in graph.steps for key in step.outputs}
    step = producers.get(graph.outputs[0])
    while step is not None:
        layer, kind = step.layer, type(step.layer).__name__
        activation = getattr(getattr(layer, "activation", None), "__name__", None)
        for known in (kind.lower(), activation):
            if known in _PROBABILITIES:
                return str(known)
        if kind in _LINEAR and activation in (None, "linear"):
            return "linear"
        if kind not in _PASSING and (kind, activation) != ("Activation", "linear"):
            return None
        step = producers.get(step.inputs[0]) if step.inputs else None
    return None
