"""Light, sensor and blur of a window, for any number of bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tilesegm.data.settings import AugmentationSettings
from tilesegm.data.statistics import BandStatistics

__all__ = ["Colour"]

_Pixels = NDArray[np.float32]


class Colour:
    """Draws changes of pixel values.

    Values are raw. A band's range is that from its low to its high percentile, so that settings
    mean the same for 8-bit photos and 16-bit reflectances. Results are not clipped to it.
    """

    def __init__(self, settings: AugmentationSettings, bands: BandStatistics) -> None:
        """Keep how far values are changed and the range of each band."""
        self._settings = settings
        self._low = np.asarray(bands.low, np.float32)
        self._range = np.asarray(bands.high, np.float32) - self._low

    def __call__(
        self, pixels: _Pixels, valid: NDArray[np.bool_], random: np.random.Generator
    ) -> _Pixels:
        """Return changed ``(height, width, bands)``; invalid pixels come back as they are.

        The order is that of light on its way: blur; exposure and tint; contrast and brightness;
        gamma; noise.
        """
        settings = self._settings
        whole = bool(valid.all())
        changed = pixels
        if not whole:
            changed = pixels.copy()
            changed[~valid] = 0
        if settings.blur:
            changed = _blur(changed, None if whole else valid, settings.blur * random.uniform())
        if settings.exposure or settings.tint or settings.contrast or settings.brightness:
            changed = self._linear(changed, valid, random)
        if settings.gamma:
            changed = self._bend(changed, (1 + settings.gamma) ** random.uniform(-1, 1))
        if settings.noise:
            deviation = settings.noise * random.uniform() * self._range
            noise = random.standard_normal(changed.shape, np.float32)
            noise *= _row(deviation, changed)
            noise += changed
            changed = noise
        if not whole:
            changed[~valid] = pixels[~valid]
        return changed

    def _linear(
        self, pixels: _Pixels, valid: NDArray[np.bool_], random: np.random.Generator
    ) -> _Pixels:
        """Exposure, tint, contrast and brightness: one factor and one shift per band."""
        settings, bands = self._settings, len(self._range)
        factor = (1 + settings.exposure) ** random.uniform(-1, 1) * (
            1 + settings.tint
        ) ** random.uniform(-1, 1, bands)
        shift = settings.brightness * random.uniform(-1, 1) * self._range.astype(np.float64)
        if settings.contrast:
            steeper = (1 + settings.contrast) ** random.uniform(-1, 1)
            mean = pixels.sum(0, np.float64).sum(0) / max(int(valid.sum()), 1)
            shift += mean * factor * (1 - steeper)
            factor *= steeper
        changed: _Pixels = pixels * _row(factor, pixels)
        changed += _row(shift, pixels)
        return changed

    def _bend(self, pixels: _Pixels, exponent: float) -> _Pixels:
        """Bend values within the range; what lies outside keeps its distance from the range."""
        place = pixels - _row(self._low, pixels)
        place /= _row(np.where(self._range > 0, self._range, np.inf), pixels)
        within = np.clip(place, 0, 1)
        change: _Pixels = np.power(within, exponent, dtype=np.float32)
        change -= within
        change *= _row(self._range, pixels)
        change += pixels
        return change


def _row(values: NDArray[np.floating], pixels: _Pixels) -> _Pixels:
    """Repeat one value per band over a row ``(width, bands)``: faster to combine with pixels."""
    return np.tile(values.astype(np.float32), (pixels.shape[1], 1))


def _blur(pixels: _Pixels, valid: NDArray[np.bool_] | None, deviation: float) -> _Pixels:
    """Gaussian mean of valid pixels alone; invalid ones must be 0, edges are repeated outwards."""

    def smooth(values: _Pixels) -> _Pixels:
        result: _Pixels = ndimage.gaussian_filter(
            values, deviation, mode="nearest", truncate=3, axes=(0, 1)
        )
        return result

    if valid is None:
        return smooth(pixels)
    share = smooth(valid.astype(np.float32))
    factor = np.divide(1, share, out=np.zeros_like(share), where=valid)
    smoothed = smooth(pixels)
    smoothed *= factor[..., None]
    return smoothed
