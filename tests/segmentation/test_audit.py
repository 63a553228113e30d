"""The audit finds seams where there are some, and none where there are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilesegm
from tests.images import write
from tilesegm.errors import SettingsError
from tilesegm.grid.tiles import SEAM_DISTANCES
from tilesegm.segmentation.audit import audit

EDGE = 10


def pointwise(tiles: NDArray[Any]) -> NDArray[np.float32]:
    """Score each pixel by itself."""
    bright = tiles[..., :1].astype(np.float32) / 255
    return np.concatenate([1 - bright, bright], -1)


def afraid_of_edges(tiles: NDArray[Any]) -> NDArray[np.float32]:
    """Class 1 within ``EDGE`` pixels of a tile's edges, class 0 elsewhere."""
    height, width = tiles.shape[1:3]
    rows, cols = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in (height, width))
    edge = (np.minimum.outer(rows, cols) < EDGE).astype(np.float32)
    return np.broadcast_to(np.stack([1 - edge, edge], -1), (*tiles.shape[:3], 2))


@pytest.fixture(scope="module")
def image() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)


def test_pointwise_network_has_no_seams(image: NDArray[np.uint8]) -> None:
    done = audit(image, pointwise, tiling=tilesegm.Tiling(tile=128, overlap=32))
    assert done.samples == 16
    assert done.flips.sum() == 0
    assert done.near_rate == done.away_rate == 0
    assert repr(done) == "Audit(<numpy array>, 16 places, 0 % flips near seams, 0 % away)"
    assert done.pixels.sum() == done.near[1] + done.away[1] > 16 * 64 * 64 - 1


def test_every_flip_is_found_where_it_is() -> None:
    # Whole tiles, so that no seam lies near an edge of the image, where both answers are 1.
    image = np.zeros((5 * 128, 7 * 128, 1), np.uint8)
    tiling = tilesegm.Tiling(tile=128, overlap=0, blend="crop")
    done = audit(image, afraid_of_edges, tiling=tiling, samples=6)
    rates = dict(
        zip(SEAM_DISTANCES, done.flips[:-1] / np.maximum(done.pixels[:-1], 1), strict=True)
    )
    assert rates[4] == rates[8] == 1
    assert 0 < rates[16] < 1, "pixels from 8 to 10 flip, those from 10 to 16 do not"
    assert rates[32] == 0


def test_margin_hides_what_edges_do(image: NDArray[np.uint8]) -> None:
    wide = audit(image, afraid_of_edges, tiling=tilesegm.Tiling(tile=128, overlap=48, blend="crop"))
    assert wide.near_rate == wide.away_rate == 0


def test_one_axis_of_seams_is_enough() -> None:
    strip = np.zeros((100, 1000, 1), np.uint8)
    tiling = tilesegm.Tiling(tile=128, overlap=0, blend="crop")
    done = audit(strip, afraid_of_edges, tiling=tiling, samples=3)
    inner = 100 - 2 * EDGE  # at the strip's own edges both answers are 1
    assert done.near_rate == inner / 100


def test_one_tile_has_no_seams() -> None:
    done = audit(np.zeros((90, 90, 3), np.uint8), pointwise)
    assert done.samples == 0
    assert np.isnan(done.near_rate)
    assert repr(done) == "Audit(<numpy array>, 0 places, no seams)"
    assert json.loads(json.dumps(done.summary()))["near_rate"] is None


def test_seed_moves_places(image: NDArray[np.uint8]) -> None:
    tiling = tilesegm.Tiling(tile=128, overlap=0, blend="crop")
    one, two, other = (
        audit(image, pointwise_noise, tiling=tiling, samples=4, seed=seed) for seed in (0, 0, 1)
    )
    assert one.flips.tolist() == two.flips.tolist()
    assert one.flips.tolist() != other.flips.tolist()


def pointwise_noise(tiles: NDArray[Any]) -> NDArray[np.float32]:
    """Scores that depend on where in a tile a pixel lies, and on its value."""
    noise = np.random.default_rng(0).random(tiles.shape[1:3]).astype(np.float32)
    first = tiles[..., 0].astype(np.float32) / 255 + noise
    return np.stack([first, np.ones_like(first)], -1)


def test_no_place_is_refused(image: NDArray[np.uint8]) -> None:
    with pytest.raises(SettingsError, match="samples is 0"):
        audit(image, pointwise, samples=0)


def test_files_are_audited_too(image: NDArray[np.uint8], tmp_path: Path) -> None:
    path = write(tmp_path / "image.tif", image)
    done = audit(path, pointwise, tiling=tilesegm.Tiling(tile=256, overlap=32), samples=2)
    assert done.summary()["image"] == str(path)
