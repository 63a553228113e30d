"""GradNorm: weights that balance the gradients of the terms."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.errors import SettingsError
from tilesegm.losses.gradients import gradient_norms
from tilesegm.losses.tensors import Tensor
from tilesegm.losses.weighting.factors import Factors
from tilesegm.losses.weighting.rule import RuleOptions

__all__ = ["GradNorm", "gradnorm_step", "learn_before_step", "shared_variables"]


def gradnorm_step(
    factors: Tensor, norms: Tensor, rates: Tensor, *, learning_rate: float, alpha: float
) -> Tensor:
    """Return the weights after one step on ``sum |w G - mean(w G) r ** alpha|``.

    This is equation 2 of Chen et al. (2018). G are the gradient norms of the terms; the mean and r
    are constants of the step, as in the paper. So the derivative with respect to ``log w`` is
    ``sign(w G - target) w G``, and no second backward pass is needed. The step is taken in
    ``log w``, with norms in units of their mean: weights stay positive, and ``learning_rate`` means
    the same at any scale of the losses. The paper takes the step in w; both have the same optimum.

    Args:
        factors: ``(T,)`` positive weights w.
        norms: ``(T,)`` gradient norms G of the terms before weighting.
        rates: ``(T,)`` inverse training rates r, with the mean 1.
        learning_rate: length of the step.
        alpha: strength of the pull towards terms that train slowly; 0 balances norms only.

    Returns:
        ``(T,)`` weights with the sum T.
    """
    weighted = factors * norms
    weighted = weighted / ops.maximum(ops.mean(weighted), keras.config.epsilon())
    slope = ops.sign(weighted - rates**alpha) * weighted
    moved = factors * ops.exp(-learning_rate * slope)
    return moved * (factors.shape[0] / ops.sum(moved))


@keras.saving.register_keras_serializable(package="tilesegm")
class GradNorm(Factors):
    """Balance the gradient norms of the terms at a shared layer (Chen et al. 2018, ICML).

    One more forward pass before each step, and one backward pass per term down to the shared layer,
    measure the norms. The deeper the layer, the longer these passes. At the optimum the norms are
    equal, shifted by ``alpha`` towards terms that have fallen less than others since the first
    step. The weights keep fluctuating by about ``learning_rate``.

    Args:
        layer: name of the layer of the network at whose weights norms are taken; None for the last
            layer with weights, which is the cheapest one and shared by all terms.
        alpha: strength of the pull towards terms that train slowly; 1.5 and 0.12 in the paper.
        learning_rate: relative change of a weight per step, for a term of mean norm.
        **rule: ``shift`` and the other arguments of every `Rule`.
    """

    earlier_names: ClassVar = {"rate": "learning_rate"}

    def __init__(
        self,
        layer: str | None = None,
        *,
        alpha: float = 1.5,
        learning_rate: float = 0.025,
        **rule: Unpack[RuleOptions],
    ) -> None:
        super().__init__(**rule)
        in_range("learning_rate", learning_rate, 0, ends="(]")
        self.layer = layer
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.needs_positive = alpha != 0  # training rates are ratios of losses

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make factors and the first losses, which are zero until the first step."""
        super().build(input_shape)
        self.first = self.add_weight(
            name="first", shape=input_shape, initializer="zeros", trainable=False
        )

    def learn(self, values: Tensor, norms: Tensor) -> None:
        """Update the factors, inside the training step.

        Args:
            values: float32 ``(T,)``, the terms.
            norms: float32 ``(T,)``, norms of their gradients. If one is not finite,
                the factors do not change.
        """
        rates = ops.ones_like(values)
        if self.alpha:
            values = self.positive(values)
            first = ops.where(self.first > 0, ops.convert_to_tensor(self.first), values)
            self.first.assign(first)
            rates = values / first
            rates = rates / ops.mean(rates)
        factors = ops.convert_to_tensor(self.factors)
        moved = gradnorm_step(
            factors, norms, rates, learning_rate=self.learning_rate, alpha=self.alpha
        )
        self.factors.assign(ops.where(ops.all(ops.isfinite(moved)), moved, factors))


class _Trained(Protocol):
    """The model whose gradients are measured: a network under losses that a rule weighs."""

    network: keras.Model
    trainable_variables: list[Any]
    non_trainable_variables: list[Any]

    def __call__(self, inputs: Tensor, *, training: bool) -> Tensor:
        """Return the scores of a batch."""
        ...

    def values(
        self, y: Tensor, y_pred: Tensor, sample_weight: Tensor | None, training: bool
    ) -> Tensor:
        """Return the ``(T,)`` terms that the rule weighs."""
        ...


def learn_before_step(
    rule: GradNorm, model: _Trained, arguments: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Let the rule of a model learn from one batch; nothing else in the model changes.

    Args:
        rule: the rule that learns.
        model: the model before its training step.
        arguments: the arguments of its training step: the data; on JAX state and data, since
            Keras keeps the state of the step outside of the variables there.

    Returns:
        The arguments to call the training step with.
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


def _learn(rule: GradNorm, model: _Trained, data: Any, state: list[tuple[Any, Any]]) -> None:
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)

    def values() -> Any:
        return model.values(y, model(x, training=True), sample_weight, training=True)

    variables = shared_variables(model.network, rule.layer)
    rule.learn(*gradient_norms(values, variables, state))


def shared_variables(network: keras.Model, layer: str | None) -> list[Any]:
    """Return the trainable variables of a layer.

    Args:
        network: the network.
        layer: name of the layer; None for the last layer with trainable variables.

    Raises:
        SettingsError: the network is not built, or it has no such layer with trainable variables.
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
    variables: list[Any] = chosen[-1].trainable_variables
    return variables
