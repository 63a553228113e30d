"""Windows, network and bundle for a loop of one's own are those of `train`."""

from __future__ import annotations

import gc
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tilesegm as ts
from tests.training.scenery import settings, write_scene
from tilesegm.data.patch import IGNORE
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import SceneSettings
from tilesegm.errors import InputError, SettingsError
from tilesegm.events import Noted
from tilesegm.model.bundle import read_bundle
from tilesegm.training import loop, preparation
from tilesegm.training.optimizer import averaged_weights
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.unwritten_setup import unwritten_setup

Arrays = list[tuple[np.ndarray, ...]]


def arrays(batches: Any) -> Arrays:
    return [tuple(np.asarray(part) for part in batch) for batch in batches]


def assert_equal(found: Arrays, expected: Arrays) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for part, wanted in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, wanted)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own")


def config_of(folder: Path, name: str, **changes: Any) -> TrainingConfig:
    """Settings of two epochs of four batches, validated by one tile."""
    defaults = {
        "schedule": {"epochs": 2, "steps": 4},
        "validation": {"tile": 160, "overlap": 16},
        "device": {"deterministic": True},
        "augmentation": {"rotate": 20.0, "exposure": 0.3},
    }
    return settings(folder, **{**defaults, **changes}, output=str(folder / name))


@pytest.fixture(scope="module")
def trained(folder: Path) -> tuple[TrainingConfig, ts.TrainingResult, list[Arrays]]:
    """A run, and the batches of its epochs as they went to the network."""
    config, epochs = config_of(folder, "run"), []
    make = loop.tf_dataset

    def watched(*words: Any, **more: Any) -> Any:
        dataset = make(*words, **more)
        epochs.append(arrays(dataset))
        return dataset

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "tf_dataset", watched)
        result = ts.train(config)
    return config, result, epochs


def test_windows_are_those_of_train_pass_by_pass(
    trained: tuple[TrainingConfig, ts.TrainingResult, list[Arrays]],
) -> None:
    config, _, epochs = trained
    assert len(epochs) == 2
    for kind in ("tf", "keras"):
        dataset = ts.dataset(config, kind=kind)
        for epoch in epochs:
            assert_equal(arrays(dataset), epoch)
        endless = ts.dataset(config, endless=True, kind=kind)
        assert_equal(arrays(islice(iter(endless), 8)), [*epochs[0], *epochs[1]])


def test_fit_takes_the_steps_of_train(
    trained: tuple[TrainingConfig, ts.TrainingResult, list[Arrays]],
) -> None:
    config, result, _ = trained
    model = ts.build(config)
    held_out = ts.dataset(config, "validation")
    data = ts.dataset(config)
    log = model.fit(data, epochs=2, validation_data=held_out, shuffle=False, verbose=0).history
    for name in ("loss", "val_mean_iou", "val_mean_dice"):
        assert log[name] == pytest.approx([row[name] for row in result.history], rel=1e-5), name


def test_bundles_tell_the_resolution_that_was_learnt(
    trained: tuple[TrainingConfig, ts.TrainingResult, list[Arrays]], folder: Path
) -> None:
    config, result, _ = trained
    own = read_bundle(result.bundle).info.resolution
    assert str(own) == "10 m"
    coarse = replace(config, data=replace(config.data, resolution="20m"))
    coarse = replace(coarse, output=str(folder / "coarse"))
    model = ts.build(coarse)
    saved = read_bundle(ts.save_model(model, coarse, folder / "coarse_model"))
    assert str(saved.info.resolution) == "20 m"
    with ts.open_source(folder / "a.tif") as image:
        found = ts.plan(folder / "a.tif", folder / "coarse_model", probe=False).plan.info
        assert (found.height, found.width) == (image.info.height // 2, image.info.width // 2)


def test_keras_counts_epochs_of_its_own_dataset(
    trained: tuple[TrainingConfig, ts.TrainingResult, list[Arrays]],
) -> None:
    config, result, _ = trained
    model = ts.build(config)
    log = model.fit(ts.dataset(config, kind="keras"), epochs=2, shuffle=False, verbose=0).history
    assert log["loss"] == pytest.approx([row["loss"] for row in result.history], rel=1e-5)


def test_nothing_is_written_and_the_split_of_a_run_is_used(
    folder: Path,
    trained: tuple[TrainingConfig, ts.TrainingResult, list[Arrays]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fresh = config_of(folder, "fresh")
    ts.dataset(fresh)
    ts.build(fresh)
    assert not (folder / "fresh").exists()
    config, _, _ = trained
    before = {path: path.stat().st_mtime_ns for path in (folder / "run").rglob("*")}
    monkeypatch.setattr(preparation, "make_split", None)
    ts.dataset(config, "validation")
    assert {path: path.stat().st_mtime_ns for path in (folder / "run").rglob("*")} == before


def test_a_run_with_other_settings_is_told(
    folder: Path, trained: tuple[TrainingConfig, ts.TrainingResult, list[Arrays]]
) -> None:
    other = replace(trained[0], seed=5)
    told: list[str] = []
    ts.dataset(other, on_event=lambda event: told.append(getattr(event, "text", "")))
    assert any("other settings (seed); its split is not used" in text for text in told)


@pytest.mark.parametrize("kind", ["tf", "keras"])
@pytest.mark.parametrize(("tile", "overlap"), [(160, 16), (48, 16)])
def test_every_held_out_pixel_has_its_label_once(
    folder: Path, kind: Any, tile: int, overlap: int
) -> None:
    config = config_of(folder, "tiles", validation={"tile": tile, "overlap": overlap})
    setup = unwritten_setup(config, Path(), lambda event: None)
    with setup.data.scenes as scenes:
        truth = scenes.read(0, scenes.images[0].window)
        view = setup.data.views[0]
        offset, scale = (
            np.float32(n) for n in (setup.normalisation.offset, setup.normalisation.scale)
        )
    expected = np.full(truth.labels.shape, IGNORE)
    for window in view.held_out:
        expected[window.slices] = truth.labels[window.slices]
    # Tiles with something to count, by hand: of 48 pixels at every 32, the last moved back.
    starts = [0] if tile == 160 else [0, 32, 64, 96, 112]
    ends = [0, 160] if tile == 160 else [0, 40, 72, 104, 136, 160]
    places = [
        (row, col)
        for n, row in enumerate(starts)
        for m, col in enumerate(starts)
        if (expected[ends[n] : ends[n + 1], ends[m] : ends[m + 1]] != IGNORE).any()
    ]
    found = np.full(truth.labels.shape, IGNORE)
    windows = [
        window
        for batch in ts.dataset(config, "validation", kind=kind)
        for window in zip(*map(np.asarray, batch), strict=True)
    ]
    assert len(windows) == len(places)
    for (row, col), (pixels, labels, weights) in zip(places, windows, strict=True):
        here = slice(row, row + tile), slice(col, col + tile)
        np.testing.assert_array_equal(pixels, (truth.pixels[here] - offset) * scale)
        known = labels != IGNORE
        np.testing.assert_array_equal(weights, known)
        assert (found[here][known] == IGNORE).all()
        found[here][known] = labels[known]
    np.testing.assert_array_equal(found, expected)


def test_scenes_kept_for_the_test_have_a_role_of_their_own(folder: Path) -> None:
    config = config_of(folder, "test")
    write_scene(folder, "b", size=96, seed=3)
    scene = SceneSettings(str(folder / "b.tif"), str(folder / "b_labels.tif"), role="test")
    data = replace(config.data, scenes=(*config.data.scenes, scene))
    [(pixels, labels, _)] = arrays(ts.dataset(replace(config, data=data), "test"))
    assert pixels.shape == (1, 160, 160, 2)  # all windows have one size
    assert (labels[0, 96:] == IGNORE).all()
    assert (pixels[0, :, 96:] == 0).all()
    assert (labels[0, :96, :96] != IGNORE).mean() > 0.9


def test_images_close_when_the_dataset_goes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []
    close = Scenes.close
    monkeypatch.setattr(Scenes, "close", lambda self: (closed.append(id(self)), close(self))[1])
    config = config_of(folder, "closing")
    for role in ("train", "validation"):
        for kind in ("tf", "keras"):
            dataset = ts.dataset(config, role, kind=kind)
            if kind == "tf":
                dataset = dataset.take(1).prefetch(1)
            next(iter(dataset))
            gc.collect()
            assert not closed
            del dataset
            gc.collect()
            assert len(closed) == 1, (role, kind)
            closed.clear()


def test_a_bundle_of_an_own_loop_has_the_averages_and_predicts(folder: Path) -> None:
    config = config_of(folder, "averaged", optimizer={"ema": 0.9, "learning_rate": 1e-2})
    model = ts.build(config)
    for pixels, labels, weights in ts.dataset(config):
        model.train_on_batch(pixels, labels, weights)
    path = ts.save_model(model, config, folder / "bundle")
    saved = keras.saving.load_model(read_bundle(path).weights)
    expected = averaged_weights(model.optimizer, model.inference_network)
    for found, wanted in zip(saved.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    [(pixels, _, _)] = arrays(ts.dataset(config, "validation"))
    ts.segment(folder / "a.tif", path, folder / "map.tif", tiling=ts.Tiling(160, 0))
    import rasterio

    with rasterio.open(folder / "map.tif") as file:
        ids = file.read(1)
    agreed = (ids == np.asarray(saved(pixels))[0].argmax(-1)).mean()
    assert agreed > 0.999


def test_metrics_look_at_the_finest_of_several_outputs(folder: Path) -> None:
    config = config_of(folder, "deep", model={"deep_supervision": True})
    data = ts.dataset(config)
    log = ts.build(config).fit(data, shuffle=False, verbose=0).history
    assert 0 < log["mean_iou"][0] < 1


def test_windows_of_hard_places_are_told(folder: Path) -> None:
    config, told = config_of(folder, "hard", sampling={"hard": 0.5}), []
    ts.dataset(config, on_event=told.append)
    assert any(isinstance(event, Noted) and "sampling.hard is 0.5" in event.text for event in told)


@pytest.mark.parametrize(
    ("words", "changes", "said"),
    [
        ({"role": "held_out"}, {}, "role is 'held_out'"),
        ({"kind": "torch"}, {}, "kind is 'torch'"),
        ({"role": "validation", "endless": True}, {}, "endless is for the role train"),
        ({"role": "test"}, {}, "no pixel has the role test"),
        ({}, {"device": {"distribute": "workers"}}, "pass 'mirrored' or 'none'"),
    ],
)
def test_refusals(folder: Path, words: dict[str, Any], changes: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        ts.dataset(config_of(folder, "refused", **changes), **words)


def test_a_network_of_other_settings_is_not_saved(folder: Path) -> None:
    model = ts.build(config_of(folder, "small"))
    with pytest.raises(InputError, match="no network of these settings"):
        ts.save_model(model, config_of(folder, "small", model={"filters": 6}), folder / "no")


@pytest.mark.parametrize("deep", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_network_of_a_bundle_is_saved_again(folder: Path, deep: bool) -> None:
    config = config_of(folder, f"again{deep}", model={"deep_supervision": deep})
    first = ts.save_model(ts.build(config), config, folder / f"first{deep}")
    network = keras.saving.load_model(read_bundle(first).weights)
    network.set_weights([weights * 1.5 + 0.1 for weights in network.get_weights()])
    saved = read_bundle(ts.save_model(network, config, folder / f"second{deep}"))
    assert saved.info.normalisation == read_bundle(first).info.normalisation
    again = keras.saving.load_model(saved.weights)
    pixels = np.random.default_rng(0).random((1, 32, 32, 2), np.float32)
    np.testing.assert_array_equal(again(pixels), network(pixels))
