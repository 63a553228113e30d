"""Turns the flat drawing into something a camera might have seen, one strip at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tilesegm.demo.classes import Cover
from tilesegm.demo.countryside import Parcel

__all__ = ["Light"]

Field = NDArray[np.float32]

_NOISE = 2048
"""Side of the noise fields, which repeat; a power of two."""


class Light:
    """Textures, shadows, water, haze and sensor noise of a scene."""

    def __init__(
        self,
        layers: tuple[NDArray[np.uint8], ...],
        parcels: tuple[Parcel, ...],
        random: np.random.Generator,
    ) -> None:
        """Prepare the fields that strips are made from.

        Args:
            layers: What :meth:`~tilesegm.demo.canvas.Canvas.layers` returns.
            parcels: Fields in the order of their numbers.
            random: Source of the noise.
        """
        self._colours, self._cover, self._parcel, self._shadow = layers
        self._size = self._cover.shape[0]
        white = random.standard_normal((_NOISE, _NOISE), np.float32)
        self._noise = {scale: _blur(white, scale) for scale in (0.0, 1.2, 5.0, 24.0)}
        rows = np.zeros((256, 3), np.float32)
        for number, parcel in enumerate(parcels[:255], start=1):
            if parcel.kind == "crop":
                turn = 2 * np.pi / parcel.period
                rows[number] = (
                    turn * np.cos(parcel.angle), turn * np.sin(parcel.angle), parcel.contrast
                )  # fmt: skip
        self._rows = rows
        # Amplitudes of grain, tufts, patches by cover: what each ground looks like from above.
        texture = np.zeros((len(Cover), 3), np.float32)
        texture[Cover.WATER] = 0.010, 0.020, 0.010
        texture[Cover.FIELD] = 0.035, 0.035, 0.060
        texture[Cover.MEADOW] = 0.045, 0.060, 0.075
        texture[Cover.TREES] = 0.130, 0.050, 0.030
        texture[Cover.ROAD] = 0.020, 0.020, 0.030
        texture[Cover.BUILDING] = 0.040, 0.015, 0.010
        self._texture = texture
        self._sky = ndimage.zoom(random.normal(0, 1, (7, 7)), 8, order=3).astype(np.float32)
        reduced = max(1, self._size // 768)
        water = self._cover[::reduced, ::reduced] == Cover.WATER
        inside = ndimage.distance_transform_edt(water) if water.any() else water * 0.0
        outside = ndimage.distance_transform_edt(~water)
        self._shore = ((inside - outside) * reduced).astype(np.float32)

    def strip(self, top: int, bottom: int) -> NDArray[np.uint8]:
        """Return rows ``top`` to ``bottom`` of the image, ``(3, rows, W)``."""
        # Two more rows on either side, so that the lens blurs across the edges of strips.
        low, high = max(top - 2, 0), min(bottom + 2, self._size)
        rows = slice(low, high)
        cover, shadow = self._cover[rows], self._shadow[rows]
        pixels = np.moveaxis(self._colours[rows], -1, 0).astype(np.float32, order="C")
        grain, tufts, patches = (self._field(scale, low, high) for scale in (1.2, 5.0, 24.0))
        light = 1 + sum(
            amount[cover] * noise
            for amount, noise in zip(self._texture.T, (grain, tufts, patches), strict=True)
        )
        light += self._furrows(low, high, patches)
        light *= 1 - ndimage.gaussian_filter(shadow.astype(np.float32), 0.8) / 255
        light *= 1 + 0.045 * self._stretch(self._sky, low, high)
        self._wet(pixels, cover, self._stretch(self._shore, low, high), patches)
        # Grass dries in patches: warmer where it is lighter.
        dry = np.where(cover == Cover.MEADOW, patches, 0)
        # Shadows are lit by the sky alone, which is blue.
        shaded = shadow > 0
        for band, warmth, blue in zip(pixels, (7, 2, -2), _rgb((0.94, 1.0, 1.12)), strict=True):
            band += dry * warmth
            band *= light * np.where(shaded, blue, np.float32(1))
            ndimage.gaussian_filter(band, 0.7, output=band)
        # Haze pales colours and lifts the dark; then the sensor's noise.
        grey = pixels.mean(0)
        for number, (band, haze) in enumerate(zip(pixels, _rgb((0.97, 0.98, 1.0)), strict=True)):
            band[:] = 9 + (grey + (band - grey) * np.float32(0.8)) * haze
            band += 2.2 * self._field(0.0, low + 701 * number, high + 701 * number)
        return np.asarray(np.clip(pixels[:, top - low : bottom - low], 0, 255), np.uint8)

    def _field(self, scale: float, low: int, high: int) -> Field:
        rows, cols = np.arange(low, high) % _NOISE, np.arange(self._size) % _NOISE
        return self._noise[scale][rows[:, None], cols]

    def _furrows(self, low: int, high: int, patches: Field) -> Field:
        """Return the light of the rows of crops, zero elsewhere."""
        parcel = self._parcel[low:high]
        y = np.arange(low, high, dtype=np.float32)[:, None]
        x = np.arange(self._size, dtype=np.float32)
        phase = self._rows[:, 0][parcel] * x + self._rows[:, 1][parcel] * y
        return np.asarray(self._rows[:, 2][parcel] * np.sin(phase) * (1 + 0.4 * patches))

    def _stretch(self, field: Field, low: int, high: int) -> Field:
        """Return rows of a coarse field stretched linearly over the scene."""
        last = field.shape[0] - 1
        y = np.clip((np.arange(low, high) + 0.5) / self._size * (last + 1) - 0.5, 0, last)
        x = np.clip((np.arange(self._size) + 0.5) / self._size * (last + 1) - 0.5, 0, last)
        top, left = np.minimum(y.astype(int), last - 1), np.minimum(x.astype(int), last - 1)
        down, right = (y - top).astype(np.float32)[:, None], (x - left).astype(np.float32)
        rows = field[top] * (1 - down) + field[top + 1] * down
        return np.asarray(rows[:, left] * (1 - right) + rows[:, left + 1] * right)

    def _wet(self, pixels: Field, cover: NDArray[np.uint8], shore: Field, patches: Field) -> None:
        """Deepen the water away from its shore and lay sand and reeds beside it."""
        water = cover == Cover.WATER
        depth = 1 - np.exp(-np.maximum(shore[water], 0) / np.float32(26))
        for band, shallow, deep in zip(
            pixels, _rgb((112, 122, 96)), _rgb((38, 66, 82)), strict=True
        ):
            band[water] = shallow + (deep - shallow) * depth
        beach = np.clip((shore + 9 + 6 * patches) / 5, 0, 1) * ~water * 0.75
        beach *= np.abs(pixels[0] - pixels[1]) > 6  # only on what grows
        sandy = beach > 0
        for band, sand in zip(pixels, _rgb((172, 160, 124)), strict=True):
            band[sandy] += (sand - band[sandy]) * beach[sandy]


def _rgb(values: tuple[float, float, float]) -> Field:
    return np.array(values, np.float32)


def _blur(white: Field, scale: float) -> Field:
    """Return noise of unit deviation that is smooth over ``scale`` pixels and wraps around."""
    if not scale:
        return white
    # A wide blur is the same, and faster, of a coarse field enlarged.
    factor = 4 if scale > 4 else 1
    small = white[: _NOISE // factor, : _NOISE // factor]
    field = ndimage.gaussian_filter(small, scale / factor, mode="wrap")
    if factor > 1:
        field = ndimage.zoom(field, factor, order=1, mode="grid-wrap", grid_mode=True)
    return np.asarray(field / field.std(), np.float32)
