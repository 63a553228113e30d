"""A network whose classes the user names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import named_classes
from tilesegm.errors import SettingsError
from tilesegm.model.base import Predictor
from tilesegm.model.wrapper import PredictorWrapper

__all__ = ["NamedPredictor"]


class NamedPredictor(PredictorWrapper):
    """A predictor with other names of classes, and the colours that follow from them."""

    def __init__(self, predictor: Predictor, names: Sequence[str]) -> None:
        """Take a predictor, and a name for each of its classes, in the order of ids.

        Raises:
            SettingsError: there are more or fewer names than classes, or two alike.
        """
        spec = predictor.spec
        if len(names) != len(spec.classes):
            raise SettingsError(
                f"{len(names)} names of classes are given ({', '.join(names)}), and {spec.name} "
                f"has {len(spec.classes)} classes; give a name for each, in the order of ids"
            )
        if len({*names}) < len(names) or not all(names):
            raise SettingsError(
                f"names of classes are {', '.join(map(repr, names))}; give each another one"
            )
        told = ("classes", ", ".join(map(repr, names)))
        changed = replace(spec, classes=named_classes(names), identity=(*spec.identity, told))
        super().__init__(predictor, changed)

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch; see `Predictor`."""
        return self._predictor(tiles)
