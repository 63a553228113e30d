"""Processes that train together: what two learn, what one that dies leaves, what is refused.

Each is a process of its own, as on machines of their own. This file is the one that dies:
``python -m tests.training.test_workers FILE OUTPUT``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.scenery import settings
from tilesegm.errors import OutputError
from tilesegm.training.settings.settings_file import dump_config
from tilesegm.training.workers import Workers

ROOT = Path(__file__).resolve().parents[2]
TRAIN = ("-m", "tilesegm", "train")
DIE = ("-m", "tests.training.test_workers")

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="several processes need jax"
)


def start(
    folder: Path, *arguments: tuple[str, ...], environment: dict[str, str] | None = None
) -> list[subprocess.Popen[str]]:
    """Start processes of one run, each with its arguments for Python."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        address = "127.0.0.1:{1}".format(*door.getsockname())
    common = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        # The same programs again and again: what one process has compiled, the next ones take.
        "JAX_COMPILATION_CACHE_DIR": str(folder / "programs"),
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(len(arguments)),
    }
    return [
        subprocess.Popen(
            [sys.executable, *each],
            env={**common, "KERAS_DISTRIBUTION_PROCESS_ID": str(number), **(environment or {})},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, each in enumerate(arguments)
    ]


def wait(process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    """Return what a process has said and complained of."""
    try:
        said, complained = process.communicate(timeout=400)
    finally:
        process.kill()
    assert process.returncode == code, complained[-3000:]
    return said, complained


def result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what ``--json`` says, after what JAX says of its connections."""
    result: dict[str, Any] = json.loads(wait(process)[0].splitlines()[-1])
    return result


def last_state(run: Path) -> dict[str, np.ndarray]:
    with np.load(run / "checkpoints" / "last.npz") as file:
        return {name: file[name] for name in file.files if name != "facts"}


@needs_jax
@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    """And go on after one was killed. All that they could come to differ in is there."""
    config = settings(
        tmp_path,
        schedule={"epochs": 3, "steps": 12, "batch": 4, "size": 32},
        optimizer={"ema": 0.9},
        model={"filters": 4, "depth": 1, "dropout": 0.1},
        sampling={"balanced": 0.4, "hard": 0.3},
        augmentation={"rotate": 20.0},
        device={"distribute": "workers"},
    )
    file, one, two = (str(tmp_path / name) for name in ("settings.json", "one", "two"))
    Path(file).write_text(dump_config(config))
    (alone,) = start(tmp_path, (*TRAIN, file, "--json", "-o", one))
    alone_says = result_of(alone)

    first, second = start(tmp_path, (*TRAIN, file, "--json", "-o", two), (*DIE, file, two))
    wait(second, -signal.SIGKILL)
    assert first.wait(timeout=100) != 0, "the first process goes on without the second"
    first.communicate()
    assert len((tmp_path / "two" / "log.csv").read_text().splitlines()) == 1 + 1

    both = start(tmp_path, *[(*TRAIN, file, "--json", "-o", two)] * 2)
    says, also_says = (result_of(each) for each in both)
    assert says == also_says
    assert says["mean_iou"] == pytest.approx(alone_says["mean_iou"], abs=0.01)

    # Moments of gradients and running means of normalisation too, which are those of whole batches.
    expected, found = last_state(tmp_path / "one"), last_state(tmp_path / "two")
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-4, err_msg=name)
    losses = np.genfromtxt(tmp_path / "two" / "log.csv", delimiter=",", names=True)["loss"]
    assert losses[-1] < 0.75 * losses[0], losses


@needs_jax
@pytest.mark.slow
def test_processes_that_do_not_fit_each_other(tmp_path: Path) -> None:
    """All of them say so and end; none waits for another."""
    config = settings(tmp_path, device={"distribute": "workers"})
    file = tmp_path / "settings.json"
    file.write_text(dump_config(config))
    both = start(tmp_path, (*TRAIN, str(file)), (*TRAIN, str(file), "--set", "schedule.epochs=7"))
    for process in both:
        assert "process 1 has other settings than process 0" in wait(process, 2)[1]

    # What the first process alone finds out: the folder is in use.
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "letter.txt").write_text("mine")
    for process in start(tmp_path, *[(*TRAIN, str(file))] * 2):
        assert "holds no training run" in wait(process, 3)[1]


@needs_jax
@pytest.mark.slow
def test_a_process_that_does_not_know_the_others(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(dump_config(settings(tmp_path, device={"distribute": "workers"})))
    nobody = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": "", "KERAS_DISTRIBUTION_NUM_PROCESSES": "x"}
    (process,) = start(tmp_path, (*TRAIN, str(file)), environment=nobody)
    assert "set KERAS_DISTRIBUTION_JOB_ADDRESSES to host:port" in wait(process, 2)[1]


def test_what_the_first_process_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result or an error of it is that of all; a record stands for the way between them."""

    def fail() -> None:
        raise OutputError("disk is full")

    told: list[bytes] = []

    def hear(self: Workers, mine: bytes, number: int) -> bytes:
        if self.number == number:
            told.append(mine)
        return told[-1]

    monkeypatch.setattr(Workers, "_hear", hear)
    leader, other = Workers(0, 2), Workers(1, 2)
    assert leader.first(lambda: {"epoch": 3}) == {"epoch": 3}
    assert other.first(fail) == {"epoch": 3}  # type: ignore[comparison-overlap]
    with pytest.raises(OutputError, match="disk is full"):
        leader.first(fail)
    with pytest.raises(OutputError, match="disk is full"):
        other.first(lambda: {"epoch": 4})


def test_one_process_is_its_own_first() -> None:
    alone = Workers()
    assert alone.is_first
    assert alone.first(lambda: 3) == 3
    assert alone.each(lambda: 3) == [3]
    alone.check_same(3, "number")


def main(file: str, output: str) -> None:
    """Train, and be killed in the second epoch, as `kill -9` would."""
    from tilesegm.events import EpochEnded, Event, StageProgress
    from tilesegm.training.run import train
    from tilesegm.training.settings.settings_file import load_config

    def watch(event: Event) -> None:
        if isinstance(event, EpochEnded):
            ended.append(event)
        if ended and isinstance(event, StageProgress):
            os.kill(os.getpid(), signal.SIGKILL)

    ended: list[Event] = []
    train(replace(load_config(file), output=output), on_event=watch)


if __name__ == "__main__":
    main(*sys.argv[1:])
