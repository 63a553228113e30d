"""What a run learns from: cells that fit the split, weights of classes, and normalisation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tests.training.scenery import settings
from tilesegm.data.patch import IGNORE
from tilesegm.data.scenes import Scenes
from tilesegm.events import ignore
from tilesegm.losses.class_weights import median_frequency_weights
from tilesegm.model.normalisation import Normalisation
from tilesegm.networks.encoders import expected_normalisation
from tilesegm.networks.settings import EncoderSettings, ModelSettings
from tilesegm.networks.start_weights import StartWeights
from tilesegm.training.material import Material, make_stream, prepare
from tilesegm.training.run_folder import RunFolder
from tilesegm.training.setup import choose_normalisation


def make_scenes() -> Scenes:
    """Two scenes to learn from, the second without class 0, and one to validate on."""
    first = np.zeros((80, 80), np.int32)
    first[:, 60:] = 1
    second = np.ones((80, 80), np.int32)
    second[:40] = IGNORE
    images = [np.full((80, 80, 2), 7, np.uint8)] * 3
    return Scenes.in_memory(images, [first, second, first], roles=["train", "train", "validation"])


def prepared(tmp_path: Path, scenes: Scenes, **changes: Any) -> Material:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    return prepare(scenes, settings(tmp_path, **changes), folder, 4, ignore)


def test_cells_fit_the_blocks_of_the_split(tmp_path: Path) -> None:
    material = prepared(tmp_path, make_scenes(), split={"block": 40})
    assert [scene.cell for scene in material.statistics] == [20, 20, 20]
    np.testing.assert_array_equal(material.scene_counts, [[4800, 1600], [0, 3200], [0, 0]])
    np.testing.assert_array_equal(material.counts, [4800, 4800])


def test_the_median_weighs_classes_by_the_scenes_that_show_them(tmp_path: Path) -> None:
    material = prepared(tmp_path, make_scenes())
    config = settings(tmp_path, loss={"class_weights": "median"}, sampling={"balanced": 1.0})
    stream = make_stream(material, config, material.standardisation)
    found: dict[int, float] = {}
    for index in range(8):
        sample = stream.sample(index)
        for label in (0, 1):
            for weight in sample.weights[sample.labels == label]:
                assert weight == found.setdefault(label, weight)
    # Class 0 is 3/4 of the scene that shows it, and class 1 4800 pixels of 9600.
    expected = np.array(median_frequency_weights([[4800, 1600], [0, 3200]]))
    assert expected[1] / expected[0] == pytest.approx((4800 / 6400) / (4800 / 9600))
    assert found[1] / found[0] == pytest.approx(expected[1] / expected[0], rel=1e-6)


@pytest.mark.parametrize(
    ("bands", "dtype", "weights", "encoders"),
    [
        (3, np.uint8, "imagenet", True),
        (3, np.uint8, None, False),
        (4, np.uint8, "imagenet", False),
        (3, np.uint16, "imagenet", False),
    ],
)
def test_a_pretrained_encoder_sees_photographs_as_it_was_trained(
    bands: int, dtype: type, weights: str | None, encoders: bool
) -> None:
    own = Normalisation((1.0,) * bands, (2.0,) * bands)
    scenes = SimpleNamespace(bands=bands, dtype=np.dtype(dtype))
    material = cast("Material", SimpleNamespace(scenes=scenes, standardisation=own))
    network = ModelSettings(encoder=EncoderSettings("resnet50", weights))
    expected = expected_normalisation(network) if encoders else own
    assert choose_normalisation(material, network, None) == expected
    # A network that was trained before knows better.
    before = Normalisation((5.0,), (3.0,))
    assert choose_normalisation(material, network, StartWeights((), (), before)) == before
    assert choose_normalisation(material, network, StartWeights((), (), None)) == expected
    assert choose_normalisation(material, ModelSettings(), None) == own
