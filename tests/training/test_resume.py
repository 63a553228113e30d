"""A run that was stopped goes on as if it had not been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.resume_probe import everything
from tests.training.scenery import settings
from tilesegm.errors import OutputError, ResumeError, TilesegmError
from tilesegm.events import EpochEnded, Event, StageProgress
from tilesegm.model.bundle import read_bundle
from tilesegm.training.run import train, train_on
from tilesegm.training.setup import open_run_scenes

ROOT = Path(__file__).resolve().parents[2]


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files if name != "facts"}


def probe(folder: Path, *arguments: str) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.resume_probe", str(folder), *arguments],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-3000:]
    return done.returncode


@pytest.mark.slow
def test_killed_in_the_middle_of_an_epoch_the_weights_are_the_same_bit_for_bit(
    tmp_path: Path,
) -> None:
    settings(tmp_path)
    assert probe(tmp_path, "killed", "0.5") == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model").exists()
    assert probe(tmp_path, "killed") == 0
    assert probe(tmp_path, "whole") == 0
    killed = arrays(tmp_path / "killed" / "checkpoints" / "last.npz")
    whole = arrays(tmp_path / "whole" / "checkpoints" / "last.npz")
    assert killed.keys() == whole.keys()
    assert {key.partition("/")[0] for key in whole} == {"model", "optimizer", "hard"}
    for key in whole:
        np.testing.assert_array_equal(killed[key], whole[key], err_msg=key)


class StoppedError(Exception):
    """Stands for whatever ends a process."""


def stop_at(fraction: float) -> object:
    training = []

    def watch(event: Event) -> None:
        if getattr(event, "name", "") == "training":
            training.append(event)
        if training and isinstance(event, StageProgress) and event.fraction > fraction:
            raise StoppedError

    return watch


@pytest.mark.parametrize("rule", ["random", "uncertainty"])
def test_stopped_in_the_middle_of_an_epoch(tmp_path: Path, rule: str) -> None:
    with pytest.raises(StoppedError):
        train(everything(tmp_path, "stopped", rule), on_event=stop_at(0.5))
    epochs: list[int] = []

    def note(event: Event) -> None:
        if isinstance(event, EpochEnded):
            epochs.append(event.epoch)

    result = train(everything(tmp_path, "stopped", rule), on_event=note)
    assert epochs == [2, 3]
    assert result.epochs == len(result.history) == 3
    whole = train(everything(tmp_path, "whole", rule))
    # Threads add in any order, so a rounding may differ; a state that was not kept differs more.
    for mine, theirs in zip(result.history, whole.history, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=2e-3)
        assert mine["weight_dice"] == pytest.approx(theirs["weight_dice"], rel=1e-3)
    stopped = arrays(tmp_path / "stopped" / "checkpoints" / "last.npz")
    reference = arrays(tmp_path / "whole" / "checkpoints" / "last.npz")
    # Paths hold numbers that Keras counts up within a process.
    for key, mine, array in zip(reference, stopped.values(), reference.values(), strict=True):
        np.testing.assert_allclose(mine, array, rtol=0.02, atol=0.02, err_msg=key)
    log = (tmp_path / "stopped" / "log.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in log] == ["epoch", "1", "2", "3"]


def test_other_settings_or_data_are_refused_by_name(tmp_path: Path) -> None:
    config = settings(tmp_path)
    with pytest.raises(StoppedError):
        train(config, on_event=stop_at(0.0))
    other = replace(config, seed=1, schedule=replace(config.schedule, steps=11))
    changed = r"schedule\.steps is 10 there, seed is 0 there; set that again .*, pass overwrite"
    with pytest.raises(ResumeError, match=changed):
        train(other)
    free = replace(config, device=replace(config.device, readers=2))
    with pytest.raises(StoppedError):
        train(free, on_event=stop_at(0.0))
    path = tmp_path / "a_labels.tif"
    os.utime(path, ns=(1, 1))
    with pytest.raises(ResumeError, match="other data: a has changed"):
        train(config)
    with pytest.raises(StoppedError):
        train(config, overwrite=True, on_event=stop_at(0.0))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="holds no training run"):
            train(settings(tmp_path), overwrite=overwrite)
    assert (tmp_path / "run" / "thesis.txt").read_text() == "mine"


def test_one_run_at_a_time(tmp_path: Path) -> None:
    config = settings(tmp_path)

    def again(event: Event) -> None:
        with pytest.raises(ResumeError, match="another process trains in"):
            train(config)
        raise StoppedError

    with pytest.raises(StoppedError):
        train(config, on_event=again)


def test_a_damaged_checkpoint(tmp_path: Path) -> None:
    config = settings(tmp_path)
    with pytest.raises(StoppedError):
        train(config, on_event=stop_at(0.6))
    last = tmp_path / "run" / "checkpoints" / "last.npz"
    last.write_bytes(last.read_bytes()[:200])
    with pytest.raises(TilesegmError, match=r"last\.npz cannot be read.*overwrite"):
        train(config)


def test_a_run_that_pauses_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    with open_run_scenes(everything(tmp_path, "paused")) as scenes:
        for until in (1, 1, 2):  # given again, it finds that epoch done
            result = train_on(scenes, everything(tmp_path, "paused"), until=until)
            assert (result.epochs, result.validation, len(result.history)) == (until, (), until)
            assert not (tmp_path / "paused" / "result.json").exists()
        # The bundle has the weights of that epoch.
        state = arrays(tmp_path / "paused" / "checkpoints" / "last.npz")
        assert read_bundle(result.bundle).path.exists()
        assert len(state)
        paused = train_on(scenes, everything(tmp_path, "paused"))
        whole = train_on(scenes, everything(tmp_path, "whole"))
    assert paused.history[-1]["loss"] == pytest.approx(whole.history[-1]["loss"], rel=1e-4)
    assert (paused.epochs, paused.best_epoch) == (whole.epochs, whole.best_epoch)
