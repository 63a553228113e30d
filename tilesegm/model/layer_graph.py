"""The layers of a Keras model as one flat list of steps, nested models opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Key", "LayerGraph", "Step", "trace"]

Key = tuple[str, int]
"""Name of a tensor: path of the nested model and identity of the symbolic tensor."""


@dataclass(frozen=True)
class Step:
    """One call of a layer."""

    layer: Any
    """The ``keras.Operation``."""
    inputs: tuple[Key, ...]
    outputs: tuple[Key, ...]
    shapes: tuple[tuple[int | None, ...], ...]
    """Shape of each output, batch first."""
    keywords: Mapping[str, Any]
    """Keyword arguments of the call, such as ``training``."""


@dataclass(frozen=True)
class LayerGraph:
    """Steps in an order in which each follows the ones that it needs."""

    inputs: tuple[Key, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Key, ...]


def trace(model: Any) -> LayerGraph:
    """List the layer calls of a model.

    Functional and Sequential models inside it are opened. A model written as a class is one step,
    since its Python code is no graph.

    Args:
        model: a Functional model, or a built Sequential one.
    """
    steps: list[Step] = []
    inputs = tuple(("", index) for index in range(len(model.inputs)))
    outputs = _open(model, inputs, "", steps)
    return LayerGraph(inputs, tuple(steps), outputs)


def _open(model: Any, inputs: tuple[Key, ...], path: str, steps: list[Step]) -> tuple[Key, ...]:
    """Append the steps of ``model`` fed with ``inputs``; return the keys of its outputs."""
    # A built Sequential holds its graph as a Functional model of its own.
    function = getattr(model, "_functional", None) or model
    nodes_by_depth = function._nodes_by_depth
    keys = {id(tensor): key for tensor, key in zip(function.inputs, inputs, strict=True)}
    for depth in sorted(nodes_by_depth, reverse=True):
        for node in nodes_by_depth[depth]:
            layer = node.operation
            if node.is_input or all(id(tensor) in keys for tensor in node.outputs):
                continue
            sources = tuple(keys[id(tensor)] for tensor in node.arguments.keras_tensors)
            here = f"{path}/{layer.name}#{len(steps)}"
            keywords = node.arguments.kwargs
            if _is_graph(layer) and not keywords.get("training"):
                results = _open(layer, sources, here, steps)
            else:
                results = _append(layer, sources, here, node.outputs, keywords, steps)
            keys.update({id(t): key for t, key in zip(node.outputs, results, strict=True)})
    return tuple(keys[id(tensor)] for tensor in function.outputs)


def _is_graph(layer: Any) -> bool:
    return hasattr(getattr(layer, "_functional", None) or layer, "_nodes_by_depth")


def _append(
    layer: Any,
    inputs: tuple[Key, ...],
    path: str,
    tensors: list[Any],
    keywords: Mapping[str, Any],
    steps: list[Step],
) -> tuple[Key, ...]:
    outputs = tuple((path or "/", index) for index in range(len(tensors)))
    shapes = tuple(tuple(getattr(tensor, "shape", ())) for tensor in tensors)
    steps.append(Step(layer, inputs, outputs, shapes, keywords))
    return outputs
