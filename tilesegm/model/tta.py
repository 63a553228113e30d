"""Test-time augmentation: mean scores of turned, mirrored and resized tiles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SettingsError
from tilesegm.model.base import ModelSpec, Predictor
from tilesegm.model.resize import resize
from tilesegm.model.wrapper import PredictorWrapper

__all__ = ["AugmentedPredictor", "Variant", "parse_augment"]

_SCALES = (0.75, 1.25)


@dataclass(frozen=True)
class Variant:
    """One way to look at a tile."""

    quarters: int = 0
    """Quarter turns, counter-clockwise, after mirroring."""
    mirrored: bool = False
    """Whether left and right are swapped."""
    scale: float = 1.0

    def forward(self, tiles: NDArray[Any], stride: int) -> NDArray[Any]:
        """Change tiles ``(N, H, W, bands)``; sizes stay on ``stride``."""
        if self.scale != 1.0:
            size = (self._side(tiles.shape[1], stride), self._side(tiles.shape[2], stride))
            tiles = resize(tiles, size, axes=(1, 2))
        return np.rot90(tiles[:, :, ::-1] if self.mirrored else tiles, self.quarters, axes=(1, 2))

    def backward(self, planes: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
        """Change scores ``(N, classes, H, W)`` back to tiles of ``size``."""
        planes = np.rot90(planes, -self.quarters, axes=(2, 3))
        planes = planes[..., ::-1] if self.mirrored else planes
        return planes if planes.shape[2:] == size else resize(planes, size, axes=(2, 3))

    def _side(self, side: int, stride: int) -> int:
        return max(round(side * self.scale / stride), 1) * stride


def parse_augment(augment: Sequence[str | float]) -> tuple[Variant, ...]:
    """Return the variants that ``augment`` asks for, the unchanged tile first.

    Args:
        augment: ``"flips"`` (4 variants), ``"rotations"`` (all 8 of the square), ``"scales"``
            (0.75 and 1.25) or scales as numbers. Scales multiply with flips or rotations.

    Raises:
        SettingsError: anything else, or a scale outside 0.25 to 4.
    """
    turns: dict[tuple[int, bool], None] = {(0, False): None}
    scales = {1.0: None}
    for entry in augment:
        if entry == "flips":
            turns.update(dict.fromkeys([(0, True), (2, True), (2, False)]))
        elif entry == "rotations":
            turns.update(dict.fromkeys((q, m) for q in range(4) for m in (False, True)))
        elif entry == "scales":
            scales.update(dict.fromkeys(_SCALES))
        else:
            scales[_scale(entry)] = None
    return tuple(Variant(q, m, scale) for scale in scales for q, m in turns)


class AugmentedPredictor(PredictorWrapper):
    """Averages a predictor's scores over variants of each tile, one variant at a time.

    The mean is of the scores as the predictor gives them: of logits, or of probabilities. It needs
    one more array of scores, however many variants there are.

    Args:
        predictor: scores one variant.
        variants: from `parse_augment`.

    Raises:
        SettingsError: the network takes tiles of one size only and a variant changes it.
    """

    def __init__(self, predictor: Predictor, variants: Iterable[Variant]) -> None:
        self._variants = tuple(variants)
        spec = predictor.spec
        scales = {variant.scale for variant in self._variants}
        turned = any(variant.quarters % 2 for variant in self._variants)
        if spec.tile and (scales != {1.0} or (turned and spec.tile[0] != spec.tile[1])):
            raise SettingsError(
                f"{spec.name} takes tiles of {spec.tile[0]} x {spec.tile[1]} pixels only; "
                "augment it with 'flips', or not at all"
            )
        super().__init__(predictor, _augmented(spec, self._variants))

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch; see `Predictor`."""
        count, height, width = tiles.shape[:3]
        total = np.zeros((count, len(self._spec.classes), height, width), np.float32)
        for variant in self._variants:
            changed = variant.forward(tiles, self._spec.stride)
            total += variant.backward(self._predictor(changed), (height, width))
        total /= len(self._variants)
        return total


def _scale(entry: str | float) -> float:
    try:
        scale = float(entry)
    except ValueError:
        scale = math.nan
    if not 0.25 <= scale <= 4:
        raise SettingsError(
            f"augment has {entry!r}; pass 'flips', 'rotations', 'scales', or scales of 0.25 to 4"
        )
    return scale


def _augmented(spec: ModelSpec, variants: tuple[Variant, ...]) -> ModelSpec:
    scales = sorted({variant.scale for variant in variants} - {1.0})
    names = [f"{v.quarters}{'m' if v.mirrored else ''}@{v.scale:g}" for v in variants]
    spec = replace(spec, identity=(*spec.identity, ("augment", " ".join(names))))
    spec = replace(spec, bytes_per_pixel=spec.bytes_per_pixel + 4 * len(spec.classes))
    if not scales:
        return spec
    # A resized tile spans other pixels on its stride's grid, and a smaller one sees farther.
    reach = [
        None if distance is None else math.ceil(distance / min(scales[0], 1.0)) + spec.stride
        for distance in (spec.radius, spec.halo)
    ]
    reason = "test-time scales resize every tile on its own"
    growth = max(scales[-1], 1.0) ** 2
    return replace(
        spec,
        radius=reach[0],
        halo=reach[1],
        inexact=(*spec.inexact, reason),
        bytes_per_pixel=math.ceil(spec.bytes_per_pixel * growth),
    )
