"""The stages of a network, which can be frozen or have their own learning rates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras

from tilesegm.errors import SettingsError
from tilesegm.model.layer_graph import Key, Step, trace
from tilesegm.networks.settings import ModelSettings

__all__ = ["freeze", "rate_factors", "stages"]


def stages(model: keras.Model) -> dict[str, tuple[Any, ...]]:
    """Return the layers of each stage of a network that `tilesegm.networks.build.build` made.

    ``"encoder1"`` has the layers up to the finest map of the encoder, ``"encoder2"`` the layers
    from there to the next map, and so on; ``"encoder"`` has all of them, and ``"decoder"`` all
    other layers. The maps of an encoder from `keras.applications` have strides 2, 4 ..., the maps
    of the encoder of a U-Net 1, 2, 4 ... A network that was saved and loaded has the same stages.

    Raises:
        SettingsError: the network was not made by `build`.
    """
    steps = trace(model).steps
    producers = {key: step for step in steps for key in step.outputs}
    by_name = {step.layer.name: step for step in steps}
    marks = [by_name[name] for name in _marks(by_name)]
    if not marks:
        raise SettingsError(f"{model.name} has no stages; they are known of networks from build()")
    parts: dict[str, tuple[Any, ...]] = {}
    encoder: set[int] = set()
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    for index, mark in enumerate(marks, 1):
        new = {id(layer) for layer in _before(mark, producers)} - encoder
        parts[f"encoder{index}"] = tuple(layer for layer in layers if id(layer) in new)
        encoder |= new
    return {
        "encoder": tuple(layer for layer in layers if id(layer) in encoder),
        **parts,
        "decoder": tuple(layer for layer in layers if id(layer) not in encoder),
    }


def freeze(model: keras.Model, names: Iterable[str]) -> None:
    """Freeze the given stages, and unfreeze all others.

    A frozen batch normalisation uses its stored statistics, also in training. Compile the model and
    make the optimizer after this call.

    Args:
        model: a network that `tilesegm.networks.build.build` made.
        names: keys of `stages`; empty to train all layers.

    Raises:
        SettingsError: there is no such stage.
    """
    parts = stages(model)
    wanted = tuple(names)
    for name in wanted:
        if name not in parts:
            raise SettingsError(
                f"{model.name} has no stage {name!r} to freeze; it has {', '.join(parts)}"
            )
    frozen = {id(layer) for name in wanted for layer in parts[name]}
    for layer in model.layers:
        layer.trainable = id(layer) not in frozen


def rate_factors(model: keras.Model, settings: ModelSettings) -> dict[str, float]:
    """Return the factor on the learning rate of each trainable variable, by its path.

    Raises:
        SettingsError: a rate is given for a stage that the network does not have.
    """
    factors = {variable.path: 1.0 for variable in model.trainable_variables}
    encoder = settings.encoder
    if encoder is None:
        return factors
    parts = stages(model)
    for name in encoder.stage_rates:
        if name not in parts:
            raise SettingsError(
                f"encoder.stage_rates has {name!r} and {model.name} has {', '.join(parts)}"
            )
    for name, layers in parts.items():
        if name not in ("encoder", "decoder"):
            factor = encoder.stage_rates.get(name, encoder.learning_rate)
            for layer in layers:
                factors.update({variable.path: factor for variable in layer.trainable_variables})
    return factors


def _marks(names: Iterable[str]) -> list[str]:
    """Return the names of the layers whose outputs are the maps of the encoder, finest first."""
    names = set(names)
    marks = [f"encoder{index}" for index in range(1, 6)]
    if marks[0] not in names:
        marks = [f"down{index}_relu_b" for index in range(9)] + ["bottom_relu_b"]
    return [mark for mark in marks if mark in names]


def _before(step: Step, producers: dict[Key, Step]) -> list[Any]:
    """Return the layers of a step and of all steps that it depends on."""
    waiting, seen = [step], {id(step)}
    layers = []
    while waiting:
        step = waiting.pop()
        layers.append(step.layer)
        for key in step.inputs:
            source = producers.get(key)
            if source is not None and id(source) not in seen:
                seen.add(id(source))
                waiting.append(source)
    return layers
