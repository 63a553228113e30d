"""Class maps on disk with whatever they may have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilesegm as ts
from tests.cli.conftest import cli
from tests.images import GEO, write

__all__ = ["MakeMap", "cli", "four_fields"]

MakeMap = Callable[..., Path]


def four_fields(height: int = 300, width: int = 400) -> NDArray[np.uint8]:
    """An image whose brightest band is 0 in the west, 1 in the east, and nothing in the corner."""
    image = np.full((height, width, 2), 10, np.uint8)
    image[:, : width // 2, 0] = 90
    image[:, width // 2 :, 1] = 90
    image[: height // 4, : width // 4] = 0
    return image


@pytest.fixture
def make_map(tmp_path: Path) -> MakeMap:
    """Return a function that segments an image by its brightest band, with nodata 0."""

    def make(name: str = "map.tif", image: NDArray[Any] | None = None, **options: Any) -> Path:
        pixels = four_fields() if image is None else image
        source = write(tmp_path / f"image_of_{Path(name).stem}.tif", pixels, nodata=0, **GEO)
        tiling = ts.Tiling(tile=128, overlap=16)
        done = ts.segment(
            str(source), lambda x: x, tmp_path / name, tiling=tiling, options=ts.Options(**options)
        )
        return done.output

    return make
