"""Training and the command line where TensorFlow is not installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.scenery import settings
from tilesegm.training.settings.settings_file import plain_config

_ABSENT = "import sys; sys.modules['tensorflow'] = None\n"
"""Python that finds no TensorFlow from here on."""


def run(code: str, backend: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _ABSENT + code, *words],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_run_on_another_backend_needs_no_tensorflow(backend: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    settings(tmp_path)  # writes the scene
    code = (
        "import types; sys.modules['tensorboard'] = types.ModuleType('tensorboard')\n"
        "sys.modules['tensorboard'].__spec__ = 'installed'\n"
        "from pathlib import Path; import tilesegm as ts\n"
        "from tests.training.scenery import settings\n"
        "config = settings(Path(sys.argv[1]), schedule={'epochs': 1, 'steps': 2})\n"
        "print(ts.train(config).epochs)\n"
        "held_out = ts.dataset(config, 'validation')\n"
        "fit = ts.build(config).fit(ts.dataset(config), epochs=1, validation_data=held_out)\n"
        "print(*fit.history)"
    )
    done = run(code, backend, str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("1\n")
    assert "val_mean_iou" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "backend"),
    [
        ("train {config}", "tensorflow"),
        ("losses audit dice", "tensorflow"),
        ("train {config}", "jx"),
    ],
)
def test_a_missing_backend_is_told_in_a_line(words: str, backend: str, tmp_path: Path) -> None:
    config = tmp_path / "run.json"
    config.write_text(json.dumps(plain_config(settings(tmp_path))))
    code = "from tilesegm.cli.main import main; main()"
    done = run(code, backend, *words.format(config=config).split())
    assert done.returncode == 2
    assert done.stderr.startswith("tilesegm: Keras cannot be imported")
    assert "KERAS_BACKEND" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_backend_is_told_in_python() -> None:
    code = "import tilesegm as ts\ntry: ts.train\nexcept ts.TilesegmError as error: print(error)"
    done = run(code, "tensorflow")
    assert "Keras cannot be imported" in done.stdout, done.stderr
    assert done.stdout.count("\n") == 1
