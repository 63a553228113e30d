"""What an earlier version wrote opens and goes on; `make` tells how it was written, and by which.

Nothing but paths is changed in what is opened: where a file of its time names the folder that it
was made in, the test puts its own in place, as if the earlier version had run there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import zarr

from tests.compat.make import CHANGED_NS, FILES, IMAGE, PREDICT, batch, is_weight, steps, tile
from tests.images import read
from tilesegm import Options, Tiling, segment
from tilesegm.cli.main import main
from tilesegm.events import EpochEnded, Event, Noted, RunStarted, StageStarted
from tilesegm.model.bundle import read_bundle
from tilesegm.model.open import open_model
from tilesegm.training.run import train

MADE = json.loads((FILES / "made.json").read_text())
with np.load(FILES / "models" / "scores.npz") as file:
    SCORES = dict(file)
OBJECTS = json.loads((FILES / "models" / "objects.json").read_text())
REGIONS = 2 * 1024 * 64
"""Pixels that the interrupted map holds."""
RENAMED = {
    "Tversky": {"extra": "alpha", "missed": "beta"},
    "FocalTversky": {"extra": "alpha", "missed": "beta"},
    "ActiveBoundary": {"reach": "theta", "smoothing": "label_smoothing"},
    "BlobLoss": {"beside": "global_loss"},
    "GradNorm": {"rate": "learning_rate"},
}
"""Arguments that had other names."""
MAPS = ("classes", "classes_confidence", "classes_scores")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of maps and networks; the working directory lies in it, as when they were made."""
    for name in ("maps", "models"):
        shutil.copytree(FILES / name, tmp_path / name)
    monkeypatch.chdir(tmp_path / "maps")
    return tmp_path


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_a_bundle_and_its_keras_file_score_as_before() -> None:
    bundle = FILES / "models" / "bundle"
    close(open_model(bundle)(tile()), SCORES["bundle"])
    close(open_model(bundle / "model.keras")(tile()), SCORES["keras"])
    known = read_bundle(bundle)
    assert [(c.name, c.colour) for c in known.spec.classes] == [
        ("land", (10, 200, 30)),
        ("water", (20, 60, 220)),
        ("town", (200, 40, 40)),
    ]
    assert known.info.band_names == ("red", "green", "blue")
    assert known.info.training == {"by": "hand"}
    assert (known.spec.stride, known.spec.radius, known.spec.halo) == (2, 10, 9)


@pytest.mark.parametrize("name", ["compiled", "weighted"])
def test_networks_go_on_training_with_their_loss_rule_and_optimizer(name: str) -> None:
    model = keras.saving.load_model(FILES / "models" / f"{name}.keras")
    losses = [np.ravel(model.train_on_batch(*steps()))[0] for _ in range(2)]
    close(losses, SCORES[f"{name}_losses"])
    close(model(steps()[0], training=False), SCORES[name])


def test_keras_knows_every_name_that_it_knew() -> None:
    assert set(MADE["names"]) <= set(keras.saving.get_custom_objects())


@pytest.mark.parametrize("name", OBJECTS)
def test_losses_rules_and_layers_are_found_by_their_names(name: str) -> None:
    saved = OBJECTS[name]["saved"]
    found = keras.saving.deserialize_keras_object(saved)
    config = keras.saving.serialize_keras_object(found)["config"]
    renamed = RENAMED.get(name, {})
    before = {renamed.get(key, key): value for key, value in saved["config"].items()}
    assert config == before | config, "nothing but new arguments may differ"
    if "value" in OBJECTS[name]:
        labels, logits = batch(1 if name == "LovaszHinge" else 3)
        outputs = [logits, logits[:, ::2, ::2]] if name == "DeepSupervision" else logits
        assert float(found(labels, outputs)) == pytest.approx(OBJECTS[name]["value"], rel=1e-5)


@pytest.mark.parametrize("words", [("classes.tif", "--scores", "uint8"), ("classes.zarr",)])
def test_the_same_command_finds_its_map_finished(
    files: Path,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = contents(files)
    monkeypatch.setattr(sys, "argv", ["tilesegm", *PREDICT, "-o", *words])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert capsys.readouterr().out == f"{words[0]}: finished before, nothing to do\n"
    assert contents(files) == before


@pytest.mark.parametrize("image", [IMAGE, "scene.tif"])
def test_an_interrupted_map_goes_on_to_the_same_pixels(files: Path, image: str) -> None:
    maps, staged = files / "maps", Path("stopped.tif.partial")
    if image != IMAGE:
        shutil.unpack_archive("scene.zip")
        os.utime(image, ns=(CHANGED_NS, CHANGED_NS))
        move(maps / "run_of_a_plain_file.json", files)
        shutil.copy("run_of_a_plain_file.json", staged / "run.json")
    events: list[Event] = []
    result = segment(
        image,
        "../models/bundle",
        "stopped.tif",
        tiling=Tiling(64, 32),
        options=Options(confidence="margin", scores="uint8"),
        on_event=events.append,
    )
    assert RunStarted(image, 2400 * 64, REGIONS) in events
    assert (result.resumed, result.tiles) == (REGIONS, 75)
    assert not staged.exists()
    for name in MAPS:
        expected = read(maps / f"{name}.tif", None).astype(int)
        pixels = read(maps / f"{name.replace('classes', 'stopped', 1)}.tif", None)
        np.testing.assert_array_equal(pixels[:, :2048], expected[:, :2048], err_msg=name)
        # What is computed now may round otherwise on another processor.
        assert np.abs(pixels - expected).max() <= (name != "classes"), name
    group = zarr.open_group("classes.zarr", mode="r")
    np.testing.assert_array_equal(group["0/classes"], read(maps / "stopped.tif"))


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """A copy of the scene, its settings and the runs."""
    folder = tmp_path / "training"
    shutil.copytree(FILES / "training", folder)
    for name in ("a.tif", "a_labels.tif"):
        os.utime(folder / name, ns=(CHANGED_NS, CHANGED_NS))
    for run in ("stopped", "finished"):
        move_statistics(folder / run, tmp_path)
        for name in ("settings.json", "inputs.json"):
            move(folder / run / name, tmp_path)
    return folder


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="trained with TensorFlow")
def test_an_interrupted_training_goes_on_to_the_same_weights(training: Path) -> None:
    run = (training / "stopped").rename(training / "run")
    # A note that only this file tells shows that the split is read.
    split = run / "split.json"
    split.write_text(split.read_text().replace('"notes": []', '"notes": ["drawn before"]'))
    kept = {name: (run / name).read_bytes() for name in ("split.json", "statistics.npz")}
    events: list[Event] = []
    result = train(training / "settings.yaml", on_event=events.append)
    assert [event.epoch for event in events if isinstance(event, EpochEnded)] == [2, 3]
    assert Noted("drawn before") in events
    assert StageStarted("statistics") not in events
    assert {name: (run / name).read_bytes() for name in kept} == kept

    expected = json.loads((training / "finished" / "result.json").read_text())["history"]
    for row, other in zip(result.history, expected, strict=True):
        assert row.keys() == other.keys()
        close(*([numbers[key] for key in row if key != "seconds"] for numbers in (row, other)))
    with np.load(run / "checkpoints" / "last.npz") as last, np.load(training / "last.npz") as whole:
        weights = [name for name in last.files if is_weight(name)]
        # Names hold numbers that Keras counts up within a process.
        assert len(weights) == len(whole.files)
        for name, other in zip(weights, whole.files, strict=True):
            close(last[name], whole[other])


def test_a_finished_training_is_left_alone(training: Path) -> None:
    run = (training / "finished").rename(training / "run")
    before = contents(run)
    events: list[Event] = []
    result = train(training / "settings.yaml", on_event=events.append)
    assert [type(event) for event in events] == [Noted]
    after = contents(run)
    after.pop(".lock", None)
    assert after == before
    expected = json.loads((run / "result.json").read_text())
    assert [list(row) for row in result.validation] == expected["validation"]
    assert list(result.history) == expected["history"]
    card = read_bundle(result.bundle)
    assert [entry.name for entry in card.info.classes] == ["plain", "striped", "bright"]
    assert card.info.training["best_epoch"] == result.best_epoch


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def move(file: Path, root: Path) -> None:
    """Put the folder of today in place of that in which a file was written."""
    text = file.read_text()
    assert MADE["folder"] in text
    file.write_text(text.replace(MADE["folder"], str(root.resolve())))


def move_statistics(run: Path, root: Path) -> None:
    """Do so with statistics, whose key is a hash of what names the folder."""
    labels = json.loads((run / "settings.json").read_text())["data"]["labels"]
    identity = json.loads((run / "inputs.json").read_text())["a"]
    with np.load(run / "statistics.npz") as file:
        arrays = dict(file)

    def key(identity: Any) -> str:
        what = {
            "version": 1,
            "cell": int(arrays["0/cell"]),
            "bands": [2, "uint8"],
            "classes": [entry["name"] for entry in labels["classes"]],
            "scenes": [["a", 160, 160, identity]],
        }
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()

    assert str(arrays["key"]) == key(identity)
    there = str(root.resolve())
    arrays["key"] = np.asarray(key([[k, v.replace(MADE["folder"], there)] for k, v in identity]))
    np.savez_compressed(run / "statistics.npz", **arrays)
