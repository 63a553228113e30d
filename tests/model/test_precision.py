"""Networks rebuilt in bfloat16, and whether they are trusted."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from tests.model.networks import image, pointwise, wrap
from tilesegm.classes import default_classes
from tilesegm.errors import ModelError, SettingsError
from tilesegm.model import keras_model, precision
from tilesegm.model.base import ModelSpec
from tilesegm.model.folding import Folded, find_folds
from tilesegm.model.guard import GuardedPredictor, compare_scores
from tilesegm.model.layer_graph import trace
from tilesegm.model.open import open_model
from tilesegm.model.precision import in_precision
from tilesegm.networks.build import unet

_TILES = np.random.default_rng(0).integers(0, 255, (1, 16, 16, 3)).astype(np.uint8)


def _net() -> keras.Model:
    inputs = image()
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(x)))
    return keras.Model(inputs, layers.Softmax()(layers.Conv2D(3, 1, name="logits")(x)))


def _with_statistics(model: keras.Model) -> keras.Model:
    random = np.random.default_rng(1)
    model.set_weights([random.uniform(0.2, 1.0, w.shape) for w in model.get_weights()])
    return model


def _policies(model: keras.Model) -> dict[str, str]:
    return {type(layer).__name__ + layer.name: layer.dtype_policy.name for layer in model.layers}


def test_head_and_raw_layers_stay_float32() -> None:
    model = _net()
    twin = in_precision(model, "bfloat16")
    kinds = {type(layer).__name__: layer.dtype_policy.name for layer in twin.layers}
    assert kinds["Rescaling"] == kinds["Softmax"] == "float32"
    assert kinds["ReLU"] == kinds["Folded"] == "mixed_bfloat16"
    assert twin.get_layer("logits").dtype_policy.name == "float32"
    assert all(weight.dtype == "float32" for weight in twin.weights)
    assert twin.outputs[0].dtype == "float32"


def test_the_model_itself_is_left_alone() -> None:
    model = _net()
    assert in_precision(model, "float32") is model
    twin = in_precision(model, "bfloat16")
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    assert in_precision(twin, "float32") is not twin


def test_bfloat16_scores_are_close_and_not_the_same() -> None:
    model = _with_statistics(_net())
    exact = open_model(model)(_TILES)
    predictor = open_model(model, precision="bfloat16")
    rough = predictor(_TILES)
    assert rough.dtype == np.float32
    difference = np.abs(rough - exact).max()
    assert 0 < difference < 0.05
    assert predictor.precision == "bfloat16"  # type: ignore[attr-defined]


def test_a_bfloat16_model_can_be_used_in_float32() -> None:
    model = _with_statistics(_net())
    twin = in_precision(model, "bfloat16")
    np.testing.assert_allclose(open_model(twin)(_TILES), open_model(model)(_TILES), atol=1e-5)


@pytest.mark.parametrize(("bias", "scale", "center"), [(True, True, True), (False, False, False)])
def test_folding_changes_nothing_in_float32(
    bias: bool, scale: bool, center: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(x: Any) -> Any:
        x = layers.Conv2D(4, 3, padding="same", use_bias=bias)(x)
        return layers.BatchNormalization(scale=scale, center=center)(x)

    model = _with_statistics(wrap(build))
    twin = precision._rebuild(model, trace(model), lambda layer: "float32")
    assert any(isinstance(layer, Folded) for layer in twin.layers)
    values = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(twin(values), model(values), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: layers.BatchNormalization()(layers.Conv2D(3, 1, activation="relu")(x)),
        lambda x: layers.BatchNormalization()(layers.ReLU()(layers.Conv2D(3, 1)(x))),
        lambda x: layers.BatchNormalization()(layers.Conv2D(3, 1)(x), training=True),
        lambda x: (lambda y: layers.Add()([layers.BatchNormalization()(y), y]))(
            layers.Conv2D(3, 1)(x)
        ),
        lambda x: (lambda norm: norm(layers.Conv2D(3, 1)(norm(x))))(layers.BatchNormalization()),
    ],
    ids=["activation", "relu between", "training", "second reader", "shared"],
)
def test_what_cannot_be_folded(build: Any) -> None:
    assert find_folds(trace(wrap(build))) == {}


def test_the_units_of_a_unet_are_all_folded() -> None:
    model = unet(3, 2, filters=2, depth=1)
    norms = [x for x in model.layers if isinstance(x, layers.BatchNormalization)]
    assert len(find_folds(trace(model))) == len(norms) == 6


def test_nested_models_are_rebuilt() -> None:
    inner = _with_statistics(_net())
    model = wrap(lambda x: inner(x))
    twin = in_precision(model, "bfloat16")
    np.testing.assert_allclose(
        np.asarray(twin(_TILES.astype(np.float32))), model(_TILES.astype(np.float32)), atol=0.05
    )
    assert "mixed_bfloat16" in {layer.dtype_policy.name for layer in twin.layers[-1].layers}


def test_bfloat16_of_a_layer_that_cannot_be_rebuilt() -> None:
    class NeedsMore(layers.Layer):
        def __init__(self, size: int, **options: Any) -> None:
            super().__init__(**options)

        def get_config(self) -> dict[str, Any]:
            return {"name": self.name}

        def call(self, inputs: Any) -> Any:
            return inputs

    model = wrap(lambda x: layers.Conv2D(2, 1)(NeedsMore(3)(layers.ReLU()(x))))
    with pytest.raises(ModelError, match="cannot be rebuilt in bfloat16"):
        open_model(model, precision="bfloat16")


def test_bad_precision() -> None:
    with pytest.raises(SettingsError, match="precision is 'float8'"):
        open_model(pointwise(), precision="float8")
    with pytest.raises(SettingsError, match="a function cannot be rebuilt in bfloat16"):
        open_model(lambda x: x, bands=3, precision="bfloat16")


class _Fixed:
    """A predictor of scores that were made beforehand."""

    def __init__(self, planes: NDArray[np.float32]) -> None:
        self._planes = planes
        self.calls = 0
        self.spec = ModelSpec("fixed", 3, default_classes(planes.shape[1]))

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        self.calls += 1
        return self._planes


def test_guard_keeps_bfloat16_that_agrees() -> None:
    logits = np.random.default_rng(0).normal(size=(1, 3, 16, 16)).astype(np.float32) * 9
    exact, fast = _Fixed(logits), _Fixed(logits + np.float32(1e-4))
    guard = GuardedPredictor(exact, fast)
    assert guard.precision == "auto"
    np.testing.assert_array_equal(guard(_TILES), logits + np.float32(1e-4))
    guard(_TILES)
    assert guard.precision == "bfloat16"
    assert (exact.calls, fast.calls) == (1, 3)
    assert "100.00%" in guard.reason


@pytest.mark.parametrize(
    ("shift", "where"), [(4.0, np.s_[:, 0]), (3.0, np.s_[:, 1, 2, 2])], ids=["all", "one pixel"]
)
def test_guard_falls_back_to_float32(shift: float, where: Any) -> None:
    exact = np.zeros((1, 2, 16, 16), np.float32)
    exact[:, 0] = 1.0
    fast = exact.copy()
    fast[where] -= shift
    guard = GuardedPredictor(_Fixed(exact), _Fixed(fast))
    assert guard.decide_precision(_TILES) == "float32"
    np.testing.assert_array_equal(guard(_TILES), exact)
    assert "largest change of a probability" in guard.reason


def test_compare_by_hand() -> None:
    reference = np.array([[[[0.6, 0.4]], [[0.4, 0.6]]]], np.float32)
    planes = np.array([[[[0.5, 0.7]], [[0.5, 0.3]]]], np.float32)
    agreement, difference = compare_scores(planes, reference, probabilities=True)
    assert agreement == 0.5
    assert difference == pytest.approx(0.3)
    # softmax of (0, log 3) is (1/4, 3/4); of (0, 0), (1/2, 1/2).
    logits = np.zeros((1, 2, 1, 1), np.float32)
    other = logits.copy()
    other[0, 1] = np.log(3.0)
    assert compare_scores(other, logits, probabilities=False)[1] == pytest.approx(0.25)


@pytest.mark.parametrize("native", [True, False])
def test_auto_follows_the_device(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "native_bfloat16", lambda: native)
    model = _with_statistics(_net())
    predictor = open_model(model, precision="auto")
    assert isinstance(predictor, GuardedPredictor)
    predictor(_TILES)
    assert predictor.precision in (("bfloat16", "float32") if native else ("float32",))
    assert ("auto: bfloat16" in dict(predictor.spec.identity)["precision"]) is native
    if not native:
        np.testing.assert_array_equal(predictor(_TILES), open_model(model)(_TILES))
        assert "not native" in predictor.reason


def test_auto_falls_back_where_rebuilding_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "native_bfloat16", lambda: True)

    def fail(model: Any, name: str) -> Any:
        if name == "bfloat16":
            raise ModelError("cannot be built anew")
        return model

    monkeypatch.setattr(keras_model, "in_precision", fail)
    predictor = open_model(_net(), precision="auto")
    assert isinstance(predictor, GuardedPredictor)
    assert (predictor.precision, predictor.reason) == ("float32", "cannot be built anew")
