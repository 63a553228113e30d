"""The first kernel of a pretrained encoder, for images of other bands and other units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["spread_over_bands"]


def spread_over_bands(kernel: NDArray[np.floating], bands: int) -> NDArray[np.float32]:
    """Turn a kernel for red, green and blue into one for any number of bands.

    Up to two bands get the mean of the three. More than three keep the three for the first three
    bands, and the others get their mean. All are scaled by ``3 / bands``, so that an image whose
    bands are equal excites the encoder as a grey photograph does.

    Args:
        kernel: Array ``(h, w, 3, filters)``.
        bands: Bands of the image.

    Returns:
        float32 array ``(h, w, bands, filters)``.
    """
    kernel = np.asarray(kernel, np.float32)
    if bands == 3:
        return kernel
    mean = kernel.mean(axis=2, keepdims=True)
    kept = kernel if bands > 3 else kernel[:, :, :0]
    others = np.repeat(mean, bands - kept.shape[2], axis=2)
    return np.concatenate([kept, others], axis=2) * np.float32(3 / bands)
