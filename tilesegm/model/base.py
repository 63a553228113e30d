"""A network as the engine uses it: it maps a batch of tiles to class scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.grid.resolution import Resolution
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.operating_point import OperatingPoint

__all__ = ["ModelSpec", "Predictor"]


@dataclass(frozen=True)
class ModelSpec:
    """What must be known about a network to plan with it, without opening it."""

    name: str
    bands: int | None
    """Bands that the network expects; None when it takes any number."""
    classes: tuple[ClassInfo, ...]
    """One entry per class, in the order of the scores."""
    stride: int = 1
    """Total stride in pixels: tiles must be multiples of it and start at multiples of it."""
    radius: int | None = None
    """Largest distance in pixels at which an input pixel changes a score; None when unknown."""
    halo: int | None = None
    """Margin of a tile on the stride's grid that its edge changes, in pixels; None when unknown.

    Never above the radius, and below it where positions within a stride see unevenly far.
    """
    inexact: tuple[str, ...] = ()
    """Why a tiled result cannot equal one pass over the whole image; empty when it can."""
    probabilities: bool = False
    """Whether scores are probabilities already; otherwise they are logits."""
    probed: str = ""
    """Evidence for it from noise, as the end of a sentence; empty where none was needed."""
    overruled: bool = False
    """Whether it is not the answer of the last layer, which for unknown layers is logits."""
    tile: tuple[int, int] | None = None
    """The only height and width that the network accepts; None when it takes any."""
    multiple: int = 1
    """What sides of tiles must be multiples of, where layers do not tell the stride."""
    batch: int | None = None
    """The only number of tiles that the network takes at a time; None when it takes any."""
    integers: str | None = None
    """Integer type of the values that the network takes, such as ``uint8``; None for float."""
    raw: bool = False
    """Whether its first convolution takes the values of the image as they are stored."""
    band_names: tuple[str, ...] = ()
    """Names of the bands that it learnt from, as the images told them; empty when unknown."""
    pixels: Normalisation | None = None
    """Brings the pixels that it learnt from to mean 0 and deviation 1; None when unknown."""
    resolution: Resolution | None = None
    """Size of the pixels that it learnt from; None when unknown."""
    operating_point: OperatingPoint | None = None
    """How its scores are best decided, as was found on held-out pixels; None when unknown."""
    fill: tuple[float, ...] = (0.0,)
    """Pixel value that is zero after normalisation, one for all bands or one per band. It stands
    for missing pixels, which then look to the network like the outside of the image."""
    bytes_per_pixel: int = 0
    """Estimated working memory of one pass, per pixel of a tile."""
    identity: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Names and values (hash of weights, normalisation ...) that differ when scores would."""
    members: tuple[ModelSpec, ...] = ()
    """Of an ensemble: the networks whose probabilities are averaged, all with the same classes in
    one order. Its scores are those of the first, then of the second and so on."""
    notes: tuple[str, ...] = ()
    """What was assumed to let the members of an ensemble work together."""

    @property
    def networks(self) -> tuple[ModelSpec, ...]:
        """The networks that score: the members of an ensemble, or itself."""
        return self.members or (self,)

    @property
    def fills(self) -> tuple[tuple[float, ...], ...]:
        """The fill, or those of the members where they differ, in the order they first occur."""
        return tuple(dict.fromkeys(one.fill for one in self.networks))


class Predictor(Protocol):
    """Turns tiles into scores. Called from one thread at a time, always with the same shape."""

    @property
    def spec(self) -> ModelSpec:
        """What is known about the network."""
        ...

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch.

        Args:
            tiles: ``(N, height, width, bands)`` pixel values as read, in the image's dtype; an
                ensemble of several `ModelSpec.fills` takes ``(fills, N, height, width, bands)``.

        Returns:
            ``(N, classes, height, width)`` float32, C-contiguous: class planes make blending and
            deciding several times faster than interleaved scores. An ensemble returns the planes of
            all its members, ``(N, members * classes, height, width)``.

        Raises:
            ModelError: the network fails on this input or gives scores of a wrong shape.
            MemoryError: the device ran out of memory; a smaller batch may fit.
        """
        ...
