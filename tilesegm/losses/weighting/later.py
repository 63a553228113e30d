"""One loss first, and another one later: the order in which terms come, by fractions of the run."""

from __future__ import annotations

from typing import Unpack

import keras
import numpy as np

from tilesegm.checks import in_range
from tilesegm.errors import SettingsError
from tilesegm.losses.base import Compound
from tilesegm.losses.weighting.factors import Factors
from tilesegm.losses.weighting.rule import RuleOptions

__all__ = ["Later"]


@keras.saving.register_keras_serializable(package="tilesegm")
class Later(Factors):
    """The last terms of a compound come later; the others count from the beginning.

    A boundary loss trains only from a map that is roughly right, so it comes after cross-entropy
    (Kervadec et al. 2019). The factor of the last terms is 0 at first, and rises along a line to
    1; that of the first terms stays 1, or goes to ``rest`` along the same line. Factors are a
    function of the epoch, so a run that continues with ``initial_epoch`` has those of an
    uninterrupted one.

    Args:
        epochs: length of the run.
        begin: fraction of the run after which the last terms begin to count.
        ramp: fraction of the run over which their factor rises to 1.
        terms: how many of the last terms come later.
        rest: factor of the first terms in the end; 0 hands over from the first to the last.
        **rule: the arguments of every `Rule`.
    """

    def __init__(
        self,
        epochs: int,
        *,
        begin: float = 0.3,
        ramp: float = 0.2,
        terms: int = 1,
        rest: float = 1.0,
        **rule: Unpack[RuleOptions],
    ) -> None:
        in_range("epochs", epochs, 1)
        in_range("begin", begin, 0, 1, "[)", what="a fraction of the run")
        in_range("ramp", ramp, 0, 1, what="a fraction of the run")
        in_range("terms", terms, 1, what="a number of terms")
        in_range("rest", rest, 0, 1, what="a factor")
        if begin + ramp > 1 + 1e-9:
            raise SettingsError(
                f"begin and ramp are {begin:g} and {ramp:g}, {begin + ramp:g} together, so the "
                "last terms would never count in full; lower one until their sum is at most 1"
            )
        super().__init__(**rule)
        self.epochs = epochs
        self.begin = begin
        self.ramp = ramp
        self.terms = terms
        self.rest = rest

    def check(self, compound: Compound) -> None:
        """Refuse a compound without a term that comes first.

        Raises:
            SettingsError: every term would come later.
        """
        super().check(compound)
        names = [term.name for term in compound.terms]
        if len(names) <= self.terms:
            raise SettingsError(
                f"the last {self.terms} of {len(names)} terms ({', '.join(names)}) are to come "
                "later, and none is left to come first; put another loss before, or lower terms"
            )

    def start(self, terms: int) -> np.ndarray:
        """Return the factors of the first epoch."""
        return self.factors_in(0, terms)

    def factors_in(self, epoch: int, terms: int) -> np.ndarray:
        """Return the ``(terms,)`` factors of an epoch, which counts from 0.

        An epoch has the factors that belong to its end, so that the last terms count in full in
        the last epoch of every run.
        """
        after = (epoch + 1) / self.epochs - self.begin
        late = min(max(after, 0.0) / self.ramp, 1.0) if self.ramp else float(after > 1e-9)
        first = 1.0 + (self.rest - 1.0) * late
        factors = [first] * (terms - self.terms) + [late] * self.terms
        return np.asarray(factors, "float32")

    def begin_epoch(self, epoch: int) -> None:
        """Set the factors of the epoch."""
        self.factors.assign(self.factors_in(epoch, self.size))
