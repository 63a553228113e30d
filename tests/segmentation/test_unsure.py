"""Pixels of low probability have an id, a name and a colour of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tilesegm as ts
from tests.images import GEO, blobs, read, write
from tilesegm.errors import OutputError, SettingsError
from tilesegm.segmentation.outputs import UNSURE
from tilesegm.segmentation.verify import verify
from tilesegm.sink.provenance import read_map_facts


def network(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(pixels / 60)


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_a_map_tells_what_is_unsure(tmp_path: Path, suffix: str) -> None:
    image = write(tmp_path / "image.tif", blobs(90, 100), **GEO)
    tiling = ts.Tiling(tile=64, overlap=16)

    def run(name: str, **more: object) -> Path:
        options = ts.Options(network_outputs="logits", **more)  # type: ignore[arg-type]
        path = tmp_path / f"{name}{suffix}"
        ts.segment(image, network, path, tiling=tiling, options=options)
        return path

    def ids(path: Path) -> np.ndarray:
        with ts.open_source(path) as source:
            return source.read(source.info.window).values[..., 0]

    plain, scored = run("plain", scores="float32"), run("sure", min_confidence=0.6)
    if suffix == ".tif":
        scores = read(tmp_path / "plain_scores.tif", None)
    else:
        with ts.open_source(plain / "scores") as source:
            scores = source.read(source.info.window).values.transpose(2, 0, 1)
    expected = np.where(scores.max(0) < 0.6, 3, ids(plain))
    assert 0.05 < (expected == 3).mean() < 0.95
    np.testing.assert_array_equal(ids(scored), expected)
    facts = read_map_facts(scored)
    assert [one.name for one in facts.classes] == ["class 0", "class 1", "class 2", "unsure"]
    assert facts.classes[3].colour == UNSURE.colour
    assert not verify(scored, recompute=1, model=network).damage
    with pytest.raises(OutputError, match="not the result of this image, model and settings"):
        ts.segment(image, network, scored, tiling=tiling)


def test_what_is_no_probability_is_refused() -> None:
    for value in (0, 1.5, float("nan")):
        with pytest.raises(SettingsError, match="min_confidence"):
            ts.Options(min_confidence=value)
