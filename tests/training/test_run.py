"""From files to a bundle that predicts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from tests.training.scenery import paint, settings, write_scene
from tilesegm import segment
from tilesegm.data.settings import SceneSettings
from tilesegm.errors import SettingsError
from tilesegm.events import EpochEnded, Event, Noted
from tilesegm.grid.tiling import Tiling
from tilesegm.model.bundle import read_bundle
from tilesegm.training.run import train


def test_files_become_a_bundle_that_segments_another_image(tmp_path: Path) -> None:
    events: list[Event] = []
    config = settings(tmp_path, schedule={"epochs": 3, "steps": 20})
    write_scene(tmp_path, "b", 100, seed=5)
    test = SceneSettings(str(tmp_path / "b.tif"), str(tmp_path / "b_labels.tif"), role="test")
    config = replace(config, data=replace(config.data, scenes=(*config.data.scenes, test)))
    result = train(config, on_event=events.append)

    losses = [row["loss"] for row in result.history]
    assert losses[-1] < 0.6 * losses[0]
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    assert [event.epoch for event in epochs] == [1, 2, 3]
    assert result.best_score == max(event.score or 0 for event in epochs) > 0.7

    bundle = read_bundle(result.bundle)
    assert [entry.name for entry in bundle.spec.classes] == ["plain", "striped", "bright"]
    image, truth = paint()
    assert bundle.info.pixels is not None
    mean = image[truth != 255].mean(0)  # of all pixels, held-out ones too: about the same
    np.testing.assert_allclose(bundle.info.pixels.offset, mean, rtol=0.1)
    assert bundle.info.band_names == ("band 1", "band 2")
    card = bundle.info.training
    assert card["settings"]["schedule"]["epochs"] == 3
    assert len(card["split_sha256"]) == len(card["settings_sha256"]) == 64
    assert set(card["inputs"]) == {"a", "b"}
    assert card["scores"]["test"]["mean_iou"] > 0.6

    segment(tmp_path / "b.tif", result.bundle, tmp_path / "map.tif", tiling=Tiling(64, 16))
    with rasterio.open(tmp_path / "map.tif") as file:
        found = file.read(1)
    _, truth = paint(100, seed=5)
    known = truth != 255
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (truth[known], found[known]), 1)
    # The test at the end of training is what predict gives with the same tiles.
    np.testing.assert_array_equal(confusion, result.test)

    held_out = json.loads((tmp_path / "run" / "split.json").read_text())
    assert held_out
    log = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert len(log) == 4
    assert {"epoch", "loss", "val_mean_iou", "learning_rate"} <= set(log[0].split(","))
    # Asked again, a finished run only says what it gave.
    again = train(config)
    assert again.validation == result.validation
    assert again.best_epoch == result.best_epoch


def test_nothing_is_compiled_again_from_epoch_to_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tilesegm.losses import CrossEntropy

    traced: list[int] = []
    compute = CrossEntropy.compute

    def counted(self: CrossEntropy, batch: Any) -> Any:
        traced.append(1)
        return compute(self, batch)

    monkeypatch.setattr(CrossEntropy, "compute", counted)
    after: list[int] = []
    config = settings(tmp_path, schedule={"epochs": 3, "steps": 3})
    train(
        config, on_event=lambda e: after.append(len(traced)) if isinstance(e, EpochEnded) else None
    )
    assert after[0] > 0
    assert after[0] == after[1] == after[2]


def test_averages_are_validated_and_saved_while_weights_train_on(tmp_path: Path) -> None:
    import keras

    config = settings(tmp_path, optimizer={"ema": 0.95}, schedule={"epochs": 1, "steps": 12})
    result = train(config)
    with np.load(tmp_path / "run" / "checkpoints" / "last.npz") as file:
        kept = {name: file[name] for name in file.files}
    saved = keras.models.load_model(result.bundle / "model.keras", compile=False)
    kernel = saved.get_layer("logits").kernel.numpy()
    average = next(a for name, a in kept.items() if "logits_kernel_average" in name)
    raw = next(
        a for name, a in kept.items() if name.startswith("model") and "logits/kernel" in name
    )
    np.testing.assert_array_equal(kernel, average)
    assert np.abs(kernel - raw).max() > 1e-4


def test_what_one_should_know_is_an_event(tmp_path: Path) -> None:
    config = settings(
        tmp_path, split={"strategy": "random"}, schedule={"epochs": 1, "steps": 1, "batch": 1}
    )
    events: list[Event] = []
    result = train(config, on_event=events.append)
    notes = [event.text for event in events if isinstance(event, Noted)]
    of_split = json.loads((tmp_path / "run" / "split.json").read_text())["notes"]
    assert [note for note in notes if "has no effect" not in note] == of_split
    assert notes[0].startswith("random tiles touch tiles")
    events.clear()
    assert train(config, on_event=events.append) == result
    (event,) = events
    assert isinstance(event, Noted)
    assert event.text.startswith(f"nothing was done: the run in {tmp_path / 'run'} is finished")


def test_patience_ends_a_run(tmp_path: Path) -> None:
    config = settings(
        tmp_path,
        # At such a rate nothing changes, so no epoch is better than the first.
        optimizer={"learning_rate": 1e-12},
        schedule={"epochs": 9, "steps": 1, "batch": 1, "patience": 2},
        model={"filters": 2, "depth": 1, "norm": "none"},
    )
    result = train(config)
    assert result.epochs == 3
    assert result.best_epoch == 1


def test_a_lost_loss_is_an_error_with_advice(tmp_path: Path) -> None:
    config = settings(
        tmp_path,
        optimizer={"learning_rate": 1e30, "clip": None},
        schedule={"epochs": 2, "steps": 6, "warm_up": 0.0},
        model={"filters": 2, "depth": 1, "norm": "none"},
    )
    with pytest.raises(
        SettingsError, match=r"the loss is (nan|inf).*lower optimizer.learning_rate"
    ):
        train(config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": {"size": 30}}, r"schedule\.size is 30.*multiple of 4, such as 32"),
        ({"validation": {"tile": 62}}, r"tile is 62.*multiple of 4"),
        ({"optimizer": {"learning_rate": -1.0}}, r"optimizer\.learning_rate is -1\.0"),
        ({"optimizer": {"accumulate": 0}}, r"optimizer\.accumulate is 0"),
        ({"optimizer": {"ema": 1.0}}, r"optimizer\.ema is 1\.0"),
        ({"optimizer": {"clip": 0.0}}, r"optimizer\.clip is 0\.0"),
        ({"schedule": {"steps": 0}}, r"schedule\.steps is 0"),
        ({"schedule": {"decay": "step"}}, r"schedule\.decay is 'step'; expected cosine"),
        ({"schedule": {"patience": 0}}, r"schedule\.patience is 0"),
        ({"validation": {"overlap": 64}}, r"validation\.overlap is 64"),
        ({"validation": {"metric": "iou"}}, r"validation\.metric is 'iou'; expected mean_iou"),
        ({"validation": {"megapixels": 0.0}}, r"validation\.megapixels is 0\.0"),
        ({"device": {"precision": "half"}}, r"device\.precision is 'half'"),
        ({"device": {"readers": -1}}, r"device\.readers is -1"),
        ({"loss": {"label_smoothing": 1.0}}, r"loss\.label_smoothing is 1\.0"),
        ({"loss": {"class_weights": "rare"}}, r"loss\.class_weights is 'rare'"),
        ({"seed": -1}, r"seed is -1"),
    ],
)
def test_settings_that_do_not_fit_end_it_before_work(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        train(settings(tmp_path, **changes))
    assert "\n" not in str(caught.value)
