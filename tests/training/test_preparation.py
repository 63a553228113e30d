"""What a run learns from: cells that fit the split, weights of classes, and normalisation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tests.training.scenery import settings
from tilesegm.data.memory_scenes import scenes_in_memory
from tilesegm.data.patch import IGNORE
from tilesegm.data.scenes import Scenes
from tilesegm.data.training_data import TrainingData
from tilesegm.events import ignore
from tilesegm.losses.class_weights import median_frequency_weights
from tilesegm.model.normalisation import Normalisation
from tilesegm.networks.encoders import expected_normalisation
from tilesegm.networks.settings import EncoderSettings, ModelSettings
from tilesegm.networks.start_weights import StartWeights
from tilesegm.training.preparation import make_stream, prepare_data
from tilesegm.training.run_folder import RunFolder
from tilesegm.training.setup import choose_normalisation


def make_scenes() -> Scenes:
    """Two scenes to learn from, the second without class 0, and one to validate on."""
    first = np.zeros((80, 80), np.int32)
    first[:, 60:] = 1
    second = np.ones((80, 80), np.int32)
    second[:40] = IGNORE
    images = [np.full((80, 80, 2), 7, np.uint8)] * 3
    return scenes_in_memory(images, [first, second, first], roles=["train", "train", "validation"])


def prepared(tmp_path: Path, scenes: Scenes, **changes: Any) -> TrainingData:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    return prepare_data(scenes, settings(tmp_path, **changes), folder, 4, ignore)


def test_cells_fit_the_blocks_of_the_split(tmp_path: Path) -> None:
    data = prepared(tmp_path, make_scenes(), split={"block": 40})
    assert [scene.cell for scene in data.statistics] == [20, 20, 20]
    np.testing.assert_array_equal(data.scene_counts, [[4800, 1600], [0, 3200], [0, 0]])
    np.testing.assert_array_equal(data.counts, [4800, 4800])


def test_the_median_weighs_classes_by_the_scenes_that_show_them(tmp_path: Path) -> None:
    data = prepared(tmp_path, make_scenes())
    config = settings(tmp_path, loss={"class_weights": "median"}, sampling={"balanced": 1.0})
    stream = make_stream(data, config, data.standardisation)
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
    data = cast("TrainingData", SimpleNamespace(scenes=scenes, standardisation=own))
    network = ModelSettings(encoder=EncoderSettings("resnet50", weights))
    expected = expected_normalisation(network) if encoders else own
    assert choose_normalisation(data, network, None) == expected
    # A network that was trained before knows better.
    before = Normalisation((5.0,), (3.0,))
    assert choose_normalisation(data, network, StartWeights((), (), before)) == before
    assert choose_normalisation(data, network, StartWeights((), (), None)) == expected
    assert choose_normalisation(data, ModelSettings(), None) == own
