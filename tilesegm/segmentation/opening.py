"""What a network is opened with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from tilesegm.model.normalisation import Normalisation
from tilesegm.model.outputs import Outputs
from tilesegm.segmentation.options import Options, Precision

__all__ = ["Opening", "outputs_of"]


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What an open network depends on of the options of a run, and nothing else of them."""

    normalisation: Normalisation | None
    precision: Precision
    augment: tuple[str | float, ...]
    classes: tuple[str, ...] | None
    outputs: Outputs

    @classmethod
    def of(cls, options: Options) -> Self:
        """Take it from the options."""
        return cls(
            normalisation=options.normalisation,
            precision=options.precision,
            augment=options.augment,
            classes=options.classes,
            outputs=outputs_of(options),
        )


def outputs_of(options: Options) -> Outputs:
    """Return what the options say of the network's outputs, and whether results depend on it."""
    needed = any(
        value is not None for value in (options.confidence, options.scores, options.min_confidence)
    )
    return Outputs(options.network_outputs, options.head, needed)
