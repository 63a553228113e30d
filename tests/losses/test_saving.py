"""A saved model brings its loss back, with nothing imported but the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import pytest

from tests.losses.scenes import NAMES
from tilesegm.errors import SettingsError
from tilesegm.losses import (
    ActiveBoundary,
    BlobLoss,
    Compound,
    CrossEntropy,
    Dice,
    FocalTversky,
    RunningDice,
    SegmentationLoss,
    Tversky,
    get,
)
from tilesegm.losses.weighting import GradNorm

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


@keras.saving.register_keras_serializable(package="tilesegm-tests")
class Scaled(Dice):
    """A loss of a user, which names its own arguments alone."""

    def __init__(self, scale: float, base: SegmentationLoss, **rest: object) -> None:
        super().__init__(**rest)
        self.scale, self.base = scale, base


def test_a_loss_needs_no_config_of_its_own() -> None:
    loss = Scaled(0.3, CrossEntropy(label_smoothing=0.1), power=2, ignore=7)
    saved = keras.saving.serialize_keras_object(loss)
    assert (saved["config"]["scale"], saved["config"]["base"]["class_name"]) == (
        0.3,
        "CrossEntropy",
    )
    again = keras.saving.deserialize_keras_object(saved)
    assert (again.scale, again.base.label_smoothing) == (0.3, 0.1)
    assert again.get_config() == loss.get_config() == saved["config"]
    assert (again.power, again.ignore) == (2, 7)


def test_an_argument_that_is_not_kept_under_its_name_is_named() -> None:
    loss = Scaled(0.3, Dice())
    del loss.scale
    with pytest.raises(SettingsError, match=r"Scaled cannot be saved.*'scale' as self\.scale"):
        loss.get_config()


COMMON = {"from_logits": True, "ignore": 255, "name": "mine"}
REGION = {**COMMON, "pool": "batch", "absent": "area", "background": True}
PRICES = {"extra": 0.2, "missed": 0.9, "smooth": 1e-5}


def earlier(module: str, name: str, config: dict[str, object]) -> dict[str, object]:
    """Return what a model saved by the version before the renaming holds of a loss or rule."""
    return {
        "module": f"tilesegm.losses.{module}",
        "class_name": name,
        "config": config,
        "registered_name": f"tilesegm>{name}",
    }


OLD_TVERSKY = earlier("tversky", "Tversky", {**REGION, **PRICES})
OLD_BORDER = {**COMMON, "reach": 7.0, "fraction": 0.05, "smoothing": 0.1}
OLD_BLOB = {**COMMON, "beside": OLD_TVERSKY, "limit": 9, "background": False}
TVERSKY = Tversky(alpha=0.2, beta=0.9, ignore=255, name="mine")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (OLD_TVERSKY, TVERSKY),
        (
            earlier("tversky", "FocalTversky", {**REGION, **PRICES, "gamma": 2.0}),
            FocalTversky(gamma=2.0, alpha=0.2, beta=0.9, ignore=255, name="mine"),
        ),
        (
            earlier("active_boundary", "ActiveBoundary", OLD_BORDER),
            ActiveBoundary(theta=7, fraction=0.05, label_smoothing=0.1, ignore=255, name="mine"),
        ),
        (
            earlier("blob", "BlobLoss", OLD_BLOB),
            BlobLoss(global_loss=TVERSKY, limit=9, name="mine"),
        ),
        (
            earlier(
                "compound", "Compound", {"terms": [OLD_TVERSKY], "weights": [2.0], "name": "mine"}
            ),
            Compound([TVERSKY], [2.0], name="mine"),
        ),
    ],
    ids=lambda one: one["class_name"] if isinstance(one, dict) else "",
)
def test_losses_of_earlier_versions_load(old: dict[str, object], new: SegmentationLoss) -> None:
    loaded = keras.saving.deserialize_keras_object(old)
    assert type(loaded) is type(new)
    assert loaded.get_config() == new.get_config()


def test_rules_of_earlier_versions_load() -> None:
    config = {"name": "mine", "shift": 0.0, "layer": None, "alpha": 0.3, "rate": 0.5}
    loaded = keras.saving.deserialize_keras_object(
        earlier("weighting.gradnorm", "GradNorm", config)
    )
    expected = GradNorm(alpha=0.3, learning_rate=0.5, name="mine")
    assert loaded.get_config() == expected.get_config()
