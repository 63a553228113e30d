"""How the values of one image become the colours of its pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tilesegm.pictures.colours import limits_of, stretch

__all__ = ["Rendering"]

_NAMES = (("red", "r", "b04"), ("green", "g", "b03"), ("blue", "b", "b02"))
"""What bands of red, green and blue light are called; B04, B03, B02 by Sentinel-2."""
_OTHER_LIGHT = {"edge", "near", "infrared", "nir", "swir"}
"""Words that make another band of it, such as the red edge."""


@dataclass(frozen=True)
class Rendering:
    """Bands and limits that all pictures of an image share, so that they can be compared."""

    bands: tuple[int, ...]
    """Three bands, counted from 0, that are drawn red, green and blue, or one drawn grey."""
    limits: tuple[float, float]
    """Value drawn black and value drawn white, the same for all bands."""
    words_of_bands: str
    """Bands, for a caption."""

    @classmethod
    def of(
        cls,
        samples: Sequence[tuple[NDArray[Any], NDArray[np.bool_] | None]],
        names: Sequence[str] = (),
        colours: Sequence[str] = (),
    ) -> Self:
        """Choose bands by their names or colours, and limits by pixels of all parts of an image.

        Args:
            samples: pixels ``(H, W, bands)``, and where they are valid, ``(H, W)``; None for
                where they are finite.
            names: of the bands, where they are known.
            colours: what the file says that each band is: ``red``, ``green``, ``gray`` ...
        """
        count = samples[0][0].shape[-1]
        said = _by_name(names) or _by_colour(colours)
        bands = said or ((0, 1, 2) if count >= 3 else (0,))
        limits = limits_of([(pixels[..., bands], valid) for pixels, valid in samples])
        shown = [names[band] if names else f"band {band + 1}" for band in bands]
        if all(re.fullmatch(r"band \d+", name) for name in shown):
            shown = [name.removeprefix("band ") for name in shown]
            shown[0] = f"band{'s' if len(bands) > 1 else ''} {shown[0]}"
        words = f"{', '.join(shown)} as {'red, green, blue' if len(bands) > 1 else 'grey'}"
        if [name.casefold() for name in shown] == ["red", "green", "blue"]:
            words = "bands red, green, blue"
        if said is None and count > len(bands):
            words += f" (the first of {count} bands)"
        return cls(bands, limits, words)

    @property
    def words(self) -> str:
        """Bands, and limits unless values of 8 bits are shown as they are, for a caption."""
        low, high = self.limits
        if self.limits == (0.0, 255.0):
            return self.words_of_bands
        return f"{self.words_of_bands}; black is {low:.5g} and less, white {high:.5g} and more"

    def draw(
        self, pixels: NDArray[Any], valid: NDArray[np.bool_] | None = None
    ) -> NDArray[np.uint8]:
        """Draw pixels ``(H, W, bands)`` that are ``valid``, ``(H, W)``, as ``(H, W, 3)``."""
        return stretch(pixels[..., self.bands], valid, self.limits)


def _by_name(names: Sequence[str]) -> tuple[int, ...] | None:
    words = [set(re.split(r"[^a-z0-9]+", name.casefold())) for name in names]
    found = tuple(
        next((n for n, has in enumerate(words) if has & {*wanted} and not has & _OTHER_LIGHT), -1)
        for wanted in _NAMES
    )
    return found if min(found) >= 0 else None


def _by_colour(colours: Sequence[str]) -> tuple[int, ...] | None:
    wanted = "red", "green", "blue"
    if set(wanted) <= set(colours):
        return tuple(colours.index(colour) for colour in wanted)
    return None
