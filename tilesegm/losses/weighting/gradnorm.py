"""GradNorm: weights that balance the gradients of the terms."""

from __future__ import annotations

from typing import Any, Protocol

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.tensors import Tensor
from tilesegm.losses.weighting.factors import Factors
from tilesegm.losses.weighting.gradients import gradient_norms

__all__ = ["GradNorm", "gradnorm_step", "learn_before_step", "shared_variables"]


def gradnorm_step(
    factors: Tensor, norms: Tensor, rates: Tensor, *, rate: float, alpha: float
) -> Tensor:
    """One step on ``sum |w G - mean(w G) r ** alpha|`` (Chen et al. 2018, equation 2).

    G are the norms of the gradients of the terms; the mean and r are constants of the step, as in
    the paper. Then the derivative with respect to ``log w`` is ``sign(w G - target) w G``, so no
    second backward pass is needed. The step is taken in ``log w``, with norms in units of their
    mean: weights stay positive, and ``rate`` means the same at any scale of the losses. The paper
    takes it in w. Both rest at the same weights.

    Args:
        factors: ``(T,)`` positive weights w.
        norms: ``(T,)`` gradient norms G of the terms before weighting.
        rates: ``(T,)`` inverse training rates r, with the mean 1.
        rate: Length of the step.
        alpha: Strength of the pull towards terms that train slowly; 0 balances norms alone.

    Returns:
        ``(T,)`` weights with the sum T.
    """
    weighted = factors * norms
    weighted = weighted / ops.maximum(ops.mean(weighted), keras.config.epsilon())
    slope = ops.sign(weighted - rates**alpha) * weighted
    moved = factors * ops.exp(-rate * slope)
    return moved * (factors.shape[0] / ops.sum(moved))


@keras.saving.register_keras_serializable(package="tilesegm")
class GradNorm(Factors):
    """Balance what each term does to a shared layer (Chen et al. 2018).

    Before each step, one more forward pass and one backward pass a term to the shared layer
    measure the norms. The deeper the layer, the longer those passes. At rest norms are equal,
    tilted by ``alpha`` towards terms that have fallen less than others since the first step. The
    weights keep a ripple of about ``rate``.

    Args:
        layer: Name of a layer of the network, whose weights the norms are taken at; None for the
            last layer with weights, the cheapest one, through which all terms pass.
        alpha: Strength of the pull towards slow terms. The paper has 1.5 and 0.12.
        rate: Relative change of a weight a step, for a term of mean norm.
        kwargs: ``shift`` and what else :class:`Rule` takes.

    Raises:
        SettingsError: ``rate`` is not positive.
    """

    def __init__(
        self, layer: str | None = None, *, alpha: float = 1.5, rate: float = 0.025, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not rate > 0:
            raise SettingsError(f"rate is {rate:g}; expected a number above 0")
        self.layer = layer
        self.alpha = alpha
        self.rate = rate

    @property
    def needs_positive(self) -> bool:
        """True unless alpha is 0: training rates are ratios of losses."""
        return self.alpha != 0

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make factors and the memory of the first losses, zero until there are some."""
        super().build(input_shape)
        self.first = self.add_weight(
            name="first", shape=input_shape, initializer="zeros", trainable=False
        )

    def learn(self, values: Tensor, norms: Tensor) -> None:
        """Move the factors one step, inside the training step.

        Args:
            values: float32 ``(T,)``, the terms.
            norms: float32 ``(T,)``, norms of their gradients. If one is not finite, nothing moves.
        """
        rates = ops.ones_like(values)
        if self.alpha:
            values = self.positive(values)
            first = ops.where(self.first > 0, ops.convert_to_tensor(self.first), values)
            self.first.assign(first)
            rates = values / first
            rates = rates / ops.mean(rates)
        factors = ops.convert_to_tensor(self.factors)
        moved = gradnorm_step(factors, norms, rates, rate=self.rate, alpha=self.alpha)
        self.factors.assign(ops.where(ops.all(ops.isfinite(moved)), moved, factors))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this rule."""
        own = {"layer": self.layer, "alpha": self.alpha, "rate": self.rate}
        return {**super().get_config(), **own}


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


def _learn(rule: GradNorm, model: _Trained, data: Any, state: list[tuple[Any, Any]]) -> None:
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
