"""Writers of small images."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

WriteRaster = Callable[..., Path]


def pixels(height: int, width: int, bands: int, dtype: Any = "uint8") -> NDArray[Any]:
    """Return values that name their place, so that no shift goes unseen."""
    kind = np.dtype(dtype)
    top = 250 if kind.kind == "f" else min(np.iinfo(kind).max, 60_000)
    counted = np.arange(height * width * bands, dtype=np.int64) * 7 % (top - 1) + 1
    return counted.reshape(height, width, bands).astype(kind)


@pytest.fixture
def write_raster(tmp_path: Path) -> WriteRaster:
    """Return a function that writes ``(H, W, bands)`` to a raster file and returns its path."""

    def write(name: str, image: NDArray[Any], **profile: Any) -> Path:
        path = tmp_path / name
        extras = {key: profile.pop(key) for key in ("mask", "colorinterp") if key in profile}
        profile.setdefault("driver", "GTiff")
        height, width, count = image.shape
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(
                path, "w", height=height, width=width, count=count, dtype=image.dtype, **profile
            ) as out:
                if "colorinterp" in extras:
                    out.colorinterp = extras["colorinterp"]
                out.write(image.transpose(2, 0, 1))
                if "mask" in extras:
                    out.write_mask(extras["mask"])
        return path

    return write
