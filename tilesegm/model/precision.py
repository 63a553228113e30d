"""The number format that a network computes in, and how it is rebuilt for another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tilesegm.errors import ModelError, SettingsError
from tilesegm.model.device import native_bfloat16
from tilesegm.model.layer_graph import Key, LayerGraph, Step, trace
from tilesegm.model.reason import reason_of

__all__ = ["check_precision", "choose_precision", "in_precision"]

_PRECISIONS = ("float32", "bfloat16", "auto")

# Layers that meet raw pixel values, which bfloat16 tells apart up to 256 only.
_RAW = frozenset({"InputLayer", "Rescaling", "Normalization"})


def check_precision(asked: str) -> None:
    """Refuse anything but ``"float32"``, ``"bfloat16"`` and ``"auto"``.

    Raises:
        SettingsError: it is something else.
    """
    if asked not in _PRECISIONS:
        raise SettingsError(f"precision is {asked!r}; pass one of {', '.join(_PRECISIONS)}")


def choose_precision(asked: str) -> str:
    """Return ``"float32"`` or ``"bfloat16"``; for ``"auto"`` what is native on the device."""
    if asked == "auto":
        return "bfloat16" if native_bfloat16() else "float32"
    return asked


def in_precision(model: Any, precision: str) -> Any:
    """Return the model computing in ``"float32"`` or ``"bfloat16"``, with its weights.

    In bfloat16 the weights, the head and the layers that meet raw pixels stay float32; the head is
    the last layer with weights and all that follows it. Batch normalisation is folded into the
    convolution before it. The model itself is returned when it computes so already.

    Raises:
        ModelError: the model is no graph of layers that can be rebuilt.
    """
    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    graph = trace(model)
    keep = _head(graph.steps, graph.outputs) if precision == "bfloat16" else frozenset()

    def wanted(layer: Any) -> str:
        raw = type(layer).__name__ in _RAW
        return "float32" if raw or layer.name in keep else policy

    layers = [step.layer for step in graph.steps if hasattr(step.layer, "dtype_policy")]
    if all(layer.dtype_policy.name == wanted(layer) for layer in layers):
        return model

    try:
        return _rebuild(model, graph, wanted)
    except Exception as error:
        raise ModelError(
            f"{model.name} cannot be rebuilt in {precision}: {reason_of(error, 200)}; use "
            "precision='float32'"
        ) from error


def _rebuild(model: Any, graph: LayerGraph, policy_of: Callable[[Any], str]) -> Any:
    """Rebuild a model with other policies, batch normalisation folded into convolutions."""
    import keras

    from tilesegm.model.folding import Folded, find_folds, fold_weights

    norms = find_folds(graph)
    folded = {id(norm) for norm in norms.values()}
    pairs = []

    def rebuild(layer: Any) -> Any:
        if id(layer) in folded:
            return Folded(name=layer.name, dtype=policy_of(layer))
        config = {**layer.get_config(), "dtype": policy_of(layer)}
        if id(layer) in norms:
            config["use_bias"] = True
        twin = type(layer).from_config(config)
        pairs.append((layer, twin))
        return twin

    twin = keras.models.clone_model(model, clone_function=rebuild, recursive=True)
    for old, new in pairs:
        norm = norms.get(id(old))
        new.set_weights(old.get_weights() if norm is None else fold_weights(old, norm))
    return twin


def _head(steps: tuple[Step, ...], outputs: tuple[Key, ...]) -> frozenset[str]:
    """Names of the last layer with weights and of what follows it."""
    producers = {key: step for step in steps for key in step.outputs}
    names = set()
    step = producers.get(outputs[0])
    while step is not None:
        names.add(step.layer.name)
        if getattr(step.layer, "weights", ()):
            break
        step = producers.get(step.inputs[0]) if step.inputs else None
    return frozenset(names)
