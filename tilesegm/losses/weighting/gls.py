"""The geometric mean of losses, which needs no weights."""

from __future__ import annotations

import keras
from keras import ops

from tilesegm.losses.tensors import Tensor
from tilesegm.losses.weighting.rule import Rule

__all__ = ["GLS", "geometric_mean"]


def geometric_mean(values: Tensor) -> tuple[Tensor, Tensor]:
    """``prod(L) ** (1/T)``, through logarithms (GLS, Chennupati et al. 2019).

    Args:
        values: ``(T,)`` positive terms.

    Returns:
        The mean, a scalar, and its derivatives ``mean / (T L)``, ``(T,)``.
    """
    mean = ops.exp(ops.mean(ops.log(values)))
    return mean, ops.stop_gradient(mean / (values.shape[0] * values))


@keras.saving.register_keras_serializable(package="tilesegm")
class GLS(Rule):
    """Minimise the geometric mean of the terms (GLS, Chennupati et al. 2019).

    The total is ``prod(L) ** (1 / T)``. It does not depend on scales: a term in other units, or
    with another factor in the compound, trains the network in the same way. A term near zero gets
    nearly all the weight.

    Args:
        **rule: ``shift`` and the other arguments of every `Rule`.
    """

    needs_positive = True

    def combine(self, values: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Return the mean and its derivatives."""
        return geometric_mean(self.positive(values))
