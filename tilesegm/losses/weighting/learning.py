"""The half step before a training step, in which GradNorm looks at the gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from tilesegm.errors import SettingsError
from tilesegm.losses.weighting.gradients import gradient_norms
from tilesegm.losses.weighting.gradnorm import GradNorm

if TYPE_CHECKING:
    from tilesegm.losses.weighting.model import WeightedModel

__all__ = ["learn_before_step", "shared_variables"]


def learn_before_step(
    rule: GradNorm, model: WeightedModel, arguments: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Let the rule of a model learn from one batch; nothing else of the model changes.

    Args:
        rule: The rule that learns.
        model: The model that is about to train.
        arguments: What its training step was called with: the data; on JAX state and data, as
            Keras keeps the state of the step outside of the variables there.

    Returns:
        What to call the training step with.
    """
    if keras.backend.backend() != "jax":
        _learn(rule, model, arguments[0], state=[])
        return arguments
    (trained, others, *rest), data = arguments
    state = [
        *zip(model.trainable_variables, trained, strict=True),
        *zip(model.non_trainable_variables, others, strict=True),
    ]
    with keras.StatelessScope(state_mapping=state) as scope:
        _learn(rule, model, data, state)
    others = [scope.get_current_value(variable) for variable in model.non_trainable_variables]
    return (trained, others, *rest), data


def _learn(rule: GradNorm, model: WeightedModel, data: Any, state: list[tuple[Any, Any]]) -> None:
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)

    def values() -> Any:
        return model.values(y, model(x, training=True), sample_weight, training=True)

    variables = shared_variables(model.network, rule.layer)
    rule.learn(*gradient_norms(values, variables, state))


def shared_variables(network: keras.Model, layer: str | None) -> list[Any]:
    """Return the trainable variables of a layer.

    Args:
        network: The network.
        layer: Name of the layer; None for the last one that has any.

    Raises:
        SettingsError: The network is not built, or it has no such layer with something to train.
    """
    if not network.built:
        raise SettingsError(
            f"network {network.name!r} has no weights yet to take gradients at: give it a"
            " keras.Input, or call it once"
        )
    trained = [each for each in network.layers if each.trainable_variables]
    chosen = [each for each in trained if layer in (None, each.name)]
    if not chosen:
        names = ", ".join(each.name for each in trained) or "none"
        raise SettingsError(f"no layer {layer!r} with weights to train; those are: {names}")
    found: list[Any] = chosen[-1].trainable_variables
    return found
