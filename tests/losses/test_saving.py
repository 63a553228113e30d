"""A saved model brings its loss back, with nothing imported but the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import pytest

from tests.losses.scenes import NAMES
from tilesegm.losses import CrossEntropy, Dice, RunningDice, get

LOAD = """
import sys
import tilesegm
assert "keras" not in sys.modules and "tensorflow" not in sys.modules, "tilesegm is not light"
import keras
from pathlib import Path
for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    model = keras.saving.load_model(path)
    print(path.stem, type(model.loss).__name__, model.loss.name)
"""


def tiny(name: str = "net") -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs), name=name)


def run(code: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_models_compiled_with_any_loss_load_after_importing_tilesegm_only(tmp_path: Path) -> None:
    expected = []
    for name in NAMES:
        loss = get(name, ignore=255)
        model = tiny()
        model.compile("sgd", loss=loss)
        model.save(tmp_path / f"{name}.keras")
        expected.append(f"{name} {type(loss).__name__} {loss.name}")
    assert sorted(run(LOAD, str(tmp_path))) == sorted(expected)


def test_arguments_of_all_terms_survive(tmp_path: Path) -> None:
    loss = CrossEntropy(class_weights=(1.0, 2.0, 3.0), ignore=9) + 0.5 * Dice(power=2, ignore=9)
    model = tiny()
    model.compile("sgd", loss=loss)
    model.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras").loss
    assert loaded.get_config() == loss.get_config()
    assert loaded.terms[0].class_weights == [1.0, 2.0, 3.0]
    assert (loaded.weights, loaded.terms[1].power) == ((1.0, 0.5), 2)


@pytest.mark.parametrize("order", ["import keras, tilesegm", "import tilesegm.losses, keras"])
def test_registration_does_not_depend_on_the_order_of_imports(order: str) -> None:
    code = f"{order}; print(keras.saving.get_registered_object('tilesegm>Dice').__module__)"
    assert run(code) == ["tilesegm.losses.dice"]


def test_a_layer_with_state_survives(tmp_path: Path) -> None:
    layer = RunningDice(3, decay=0.5, ignore=7)
    assert RunningDice.from_config(layer.get_config()).get_config() == layer.get_config()
