"""Whether the values of an image are on the scale of those that a network learnt from."""

from __future__ import annotations

import numpy as np

from tilesegm.model.base import ModelSpec
from tilesegm.source.base import Source
from tilesegm.source.hidden import sample_windows

__all__ = ["strange_values"]

_LOOKED_AT = 2**18
"""Pixels up to which all of them are looked at, and samples of larger images."""
_FLAT, _FAR = 0.1, 20.0
"""Deviations of the pixels learnt from that an image of another scale varies by at most, or lies
away at least: such an image looks to the network like one even grey."""


def strange_values(source: Source, spec: ModelSpec) -> str | None:
    """Say that values are on another scale than those that a network learnt from, if they are.

    So are reflectances from 0 to 1 where the network saw integers, or 8 bits where it saw 16. No
    band may look familiar: dark or even images have other values too.

    Args:
        source: the image; samples of it are read.
        spec: the network.

    Raises:
        SourceError: the pixels cannot be read.
    """
    if spec.pixels is None:
        return None
    read = (source.read(window) for window in sample_windows(source.info, _LOOKED_AT)[0])
    values = np.concatenate(
        [
            pixels.values.reshape(-1, source.info.bands)
            if pixels.valid is None
            else pixels.values[pixels.valid]
            for pixels in read
        ]
    ).astype(np.float64)
    if not values.size:
        return None
    offset, scale = np.array(spec.pixels.offset), np.array(spec.pixels.scale)
    low, middle, high = (np.percentile(values, (1, 50, 99), axis=0) - offset) * scale
    flat = (high - low < _FLAT) & (np.abs(middle) > _FLAT)
    if not np.all(flat | (np.abs(middle) > _FAR)):
        return None
    means, spreads = _listed(offset), _listed(1 / scale)
    return (
        f"{source.info.uri}: values are on another scale than those that {spec.name} learnt from: "
        f"medians are {_listed(np.median(values, axis=0))}, and there means were {means} with "
        f"deviations {spreads}; give the image as in training (--unscale, --bands, or convert it)"
    )


def _listed(values: np.ndarray) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
