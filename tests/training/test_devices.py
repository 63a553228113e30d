"""Several devices, other backends and other precisions learn too.

Each runs in a process of its own, since devices and backend are chosen once a process. This file
is that program: ``python -m tests.training.test_devices FOLDER WHAT``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.scenery import settings
from tilesegm.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]
TWO = "--xla_force_host_platform_device_count=2"
"""JAX takes a processor for two devices."""
SCHEDULE = {"epochs": 3, "steps": 12, "batch": 4, "size": 32}


def run(folder: Path, what: str, backend: str = "tensorflow", **more: str) -> dict[str, Any]:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", **more}
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.test_devices", str(folder), what],
        env={**environment, "CUDA_VISIBLE_DEVICES": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "backend"),
    [
        ("plain", "jax"),
        ("plain", "torch"),
        ("xla", "tensorflow"),
        ("bfloat16", "tensorflow"),
        ("float16", "tensorflow"),
        ("bfloat16", "jax"),
        ("mirrored", "tensorflow"),
        ("mirrored", "jax"),
        ("everything", "jax"),
        ("everything", "torch"),
    ],
)
def test_learns(tmp_path: Path, what: str, backend: str) -> None:
    result = run(tmp_path, what, backend, XLA_FLAGS=TWO if what == "mirrored" else "")
    losses = result["losses"]
    assert losses[-1] < 0.75 * losses[0], losses
    assert result["score"] > 0.6
    assert result["devices"] == (2 if what == "mirrored" else 1)


@pytest.mark.slow
def test_two_devices_learn_what_one_does(tmp_path: Path) -> None:
    """The same batch in halves: the same loss but for statistics and Dice of half a batch."""
    one, two = run(tmp_path, "plain"), run(tmp_path, "mirrored")
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=0.25)


def test_a_batch_that_cannot_be_shared() -> None:
    from tilesegm.training.devices import Devices

    devices = Devices(count=4)
    devices.check_batch(8)
    with pytest.raises(SettingsError, match=r"batch is 6 and 4 devices.*such as 8"):
        devices.check_batch(6)


@pytest.mark.parametrize(
    ("device", "optimizer", "message"),
    [
        ({"distribute": "mirrored", "precision": "float16"}, {}, "one device alone"),
        ({"distribute": "mirrored"}, {"accumulate": 2}, "accumulate is 2"),
        ({"distribute": "workers"}, {}, "'workers' and the Keras.*set.*KERAS_BACKEND=jax"),
    ],
)
def test_what_devices_cannot_share(
    tmp_path: Path, device: dict[str, Any], optimizer: dict[str, Any], message: str
) -> None:
    from tilesegm.training.devices import open_devices

    config = settings(tmp_path, device=device, optimizer=optimizer)
    with pytest.raises(SettingsError, match=message):
        open_devices(config.device, config.optimizer.accumulate)


def main(folder: Path, what: str) -> None:
    changes: dict[str, Any] = {"schedule": SCHEDULE, "output": str(folder / what)}
    if what == "mirrored":
        changes["device"] = {"distribute": "mirrored"}
        if os.environ["KERAS_BACKEND"] == "tensorflow":
            import tensorflow as tf

            (cpu,) = tf.config.list_physical_devices("CPU")
            tf.config.set_logical_device_configuration(
                cpu, [tf.config.LogicalDeviceConfiguration()] * 2
            )
    elif what == "xla":
        changes["device"] = {"xla": True}
    elif what in ("bfloat16", "float16"):
        changes["device"] = {"precision": what}
    elif what == "everything":
        changes["optimizer"] = {"ema": 0.9, "accumulate": 2}
        # Windows of hard places, drawn after the first epoch, keep the loss up for a while.
        changes["schedule"] = {**SCHEDULE, "batch": 2, "epochs": 6}
        changes["loss"] = {"weighting": {"name": "uncertainty"}}
        changes["sampling"] = {"balanced": 0.5, "hard": 0.3}
    from tilesegm.training.devices import open_devices
    from tilesegm.training.run import train

    config = settings(folder, **changes)
    result = train(config)
    devices = open_devices(config.device).count
    losses = [row["loss_cross_entropy"] for row in result.history]
    print(json.dumps({"losses": losses, "score": result.best_score, "devices": devices}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
