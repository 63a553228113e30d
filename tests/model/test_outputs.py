"""What the outputs of a network are: told by layers, found on noise, or said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import tilesegm as ts
from tests.images import read
from tests.model.networks import image, wrap
from tilesegm.errors import ModelError, ResumeError, SettingsError
from tilesegm.events import Event, Noted
from tilesegm.losses.cross_entropy import CrossEntropy
from tilesegm.losses.weighting.model import WeightedModel
from tilesegm.model.bundle import read_bundle, save_bundle
from tilesegm.model.open import open_model
from tilesegm.model.outputs import Outputs
from tilesegm.networks.upsampling import Bilinear

_IMAGE = np.random.default_rng(5).integers(0, 256, (40, 56, 3)).astype(np.uint8)
_PIXELS = _IMAGE[None].astype(np.float32)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(2)


def head(classes: int, activation: str | None = None) -> Callable[[Any], Any]:
    """Return a network of 1 x 1 convolutions on scaled pixels."""
    convolution = layers.Conv2D(classes, 1, activation=activation)
    return lambda x: convolution(layers.Rescaling(1 / 50)(x))


def exported(model: Any) -> str:
    model.export("net", verbose=False)
    return "net"


def softmax(scores: Any) -> Any:
    raised = np.exp(scores - scores.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def both(p: Any) -> Any:
    return np.concatenate([1 - p, p], -1)


def saved(build: Callable[[Any], Any], after: Callable[[Any], Any] = lambda p: p) -> Any:
    """Return an export of a network, and its scores after a last step."""
    model = wrap(build)
    return exported(model), after(np.asarray(model(_PIXELS)))


def object_(build: Callable[[Any], Any], after: Callable[[Any], Any] = lambda p: p) -> Any:
    model = wrap(build)
    return model, after(np.asarray(model(_PIXELS)))


def function(f: Callable[[Any], Any], after: Callable[[Any], Any] = lambda p: p) -> Any:
    return f, after(np.asarray(f(_PIXELS)))


def pair(x: Any) -> Any:
    p = head(1, "sigmoid")(x)
    return layers.Concatenate()([1 - p, p])


def low_resolution(x: Any) -> Any:
    small = head(3, "softmax")(layers.AveragePooling2D(2)(x))
    return layers.UpSampling2D(2, interpolation="bilinear")(small)


class Own(keras.Model):
    """A network written as a class."""

    def __init__(self) -> None:
        super().__init__()
        self.last = layers.Conv2D(3, 1)

    def call(self, inputs: Any) -> Any:
        return ops.softmax(self.last(inputs / 50))


def own() -> Any:
    model = Own()
    return model, np.asarray(model(_PIXELS))


def tfsm() -> Any:
    path, scores = saved(head(3, "softmax"))
    return layers.TFSMLayer(path, call_endpoint="serving_default"), scores


def module(*shape: int | None, key: str = "serving_default") -> Any:
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)])
        def __call__(self, x: Any) -> Any:
            return {"scores": tf.nn.softmax(x / 50)}

    made = Module()
    tf.saved_model.save(made, "net", signatures={key: made.__call__})
    return "net", softmax(_PIXELS / 50)


@tf.function  # type: ignore[untyped-decorator]
def sigmoid_of_one(x: Any) -> Any:
    return tf.sigmoid(x[..., :1] / 50 - 2)


NETWORKS: dict[str, Callable[[], Any]] = {
    "function, softmax": lambda: function(lambda x: softmax(x / 50)),
    "function, p of 0 to 255": lambda: function(lambda x: both(x[..., :1] / 255)),
    "function, tuple of one": lambda: (lambda x: (softmax(x),), softmax(_PIXELS)),
    "function, logits": lambda: function(lambda x: x / 50, softmax),
    "function of TensorFlow, one sigmoid": lambda: function(sigmoid_of_one, both),
    "SavedModel, softmax": lambda: saved(head(3, "softmax")),
    "SavedModel, sigmoids": lambda: saved(head(3, "sigmoid")),
    "SavedModel, one sigmoid": lambda: saved(head(1, "sigmoid"), both),
    "SavedModel, logits": lambda: saved(head(3), softmax),
    "SavedModel, pair": lambda: saved(pair),
    "SavedModel, signature of another name": lambda: module(None, None, None, 3, key="predict"),
    "SavedModel, batch of 4 and fixed size": lambda: module(4, 32, 32, 3),
    "SavedModel as a layer": tfsm,
    "Keras, pair": lambda: object_(pair),
    "Keras, upsampled softmax": lambda: object_(low_resolution),
    "Keras, Lambda after softmax": lambda: object_(
        lambda x: layers.Lambda(lambda y: 1.0 * y)(head(3, "softmax")(x))
    ),
    "Keras, log-softmax": lambda: object_(lambda x: ops.log_softmax(head(3)(x)), np.exp),
    "Keras, logits": lambda: object_(head(3), softmax),
    "Keras, list of one": lambda: object_(lambda x: [head(3, "softmax")(x)]),
    "Keras, class": own,
}


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_probabilities_are_those_of_the_network(make: Callable[[], Any]) -> None:
    model, expected = make()
    ts.segment(_IMAGE, model, "map.tif", options=ts.Options(scores="float32"))
    scores = read(Path("map_scores.tif"), bands=None)
    np.testing.assert_allclose(scores, np.moveaxis(expected[0], 2, 0), atol=2e-6)


def test_a_bundle_knows_what_noise_tells() -> None:
    model = wrap(pair)
    save_bundle("bundle", model)
    assert read_bundle("bundle").spec.probabilities
    assert open_model("bundle").spec.probabilities
    assert not open_model("bundle", outputs=Outputs("logits")).spec.probabilities


def test_the_meaning_may_be_said() -> None:
    model = wrap(head(1, "sigmoid"))
    tiles = _PIXELS
    p = np.asarray(model(tiles))[..., 0]
    for outputs, first in ((Outputs(), 1 - p), (Outputs("logits"), 0 * p)):
        planes = open_model(model, outputs=outputs)(tiles)
        np.testing.assert_allclose(planes[:, 0], first, atol=1e-6)
        np.testing.assert_allclose(planes[:, 1], p, atol=1e-6)
    changed = open_model(model, outputs=Outputs("logits")).spec.identity
    assert changed != open_model(model).spec.identity


def test_what_was_found_is_noted_where_it_matters() -> None:
    path = exported(wrap(head(3, "softmax")))
    events: list[Event] = []
    options = ts.Options(confidence="top")
    result = ts.segment(_IMAGE, path, "map.tif", options=options, on_event=events.append)
    (note,) = [event.text for event in events if isinstance(event, Noted)]
    assert "lie in 0 to 1 and sum to 1: taken as probabilities" in note
    assert "--network-outputs logits" in note
    assert result.summary()["notes"] == [note]
    assert ts.plan(_IMAGE, path, options=options).summary()["notes"] == [note]
    assert ts.plan(_IMAGE, path).summary()["notes"] == []


def test_unfinished_work_goes_on_only_with_the_same_meaning() -> None:
    path = exported(wrap(head(3, "softmax")))
    tall = np.resize(_IMAGE, (1100, 40, 3))
    said = ts.Options(scores="uint8", network_outputs="probabilities")

    def stop(event: Event) -> None:
        if type(event).__name__ == "PixelsDone":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ts.segment(tall, path, "map.tif", options=ts.Options(scores="uint8"), on_event=stop)
    with pytest.raises(ResumeError, match="network outputs"):
        ts.segment(
            tall,
            path,
            "map.tif",
            options=ts.Options(scores="uint8", network_outputs="logits"),
        )
    assert ts.segment(tall, path, "map.tif", options=said).resumed > 0


def test_class_maps_do_not_ask() -> None:
    calls = []

    def brightest(pixels: Any) -> Any:
        calls.append(pixels.shape)
        return pixels

    ts.segment(_IMAGE, brightest, "map.tif")
    assert calls == [(1, 64, 64, 3), (1, 65, 65, 3), (1, 40, 56, 3)]


def test_an_output_is_chosen_by_name_or_number() -> None:
    inputs = image()
    first, second = layers.Conv2D(2, 1, name="a")(inputs), layers.Conv2D(4, 1, name="b")(inputs)
    listed = keras.Model(inputs, [first, second])
    named = keras.Model(inputs, {"mask": first, "depth": second})
    chosen: Any
    for model, chosen in (
        (listed, "b"),
        (listed, 1),
        (listed, "1"),
        (named, "depth"),
        (exported(named), "depth"),
    ):
        predictor = open_model(model, outputs=Outputs(head=chosen))
        assert len(predictor.spec.classes) == 4
        assert ("head", str(chosen)) in predictor.spec.identity
    with pytest.raises(ModelError, match="none is 'c': a, b"):
        open_model(listed, outputs=Outputs(head="c"))
    with pytest.raises(SettingsError, match="has one output; leave --head a out"):
        open_model(wrap(head(2)), outputs=Outputs(head="a"))


def test_the_only_output_of_a_list_needs_no_choice_and_a_dict_is_named() -> None:
    inputs = image()
    scores = layers.Conv2D(4, 1)(inputs)
    listed, named = keras.Model(inputs, [scores]), keras.Model(inputs, {"out": scores})
    assert len(open_model(listed).spec.classes) == 4
    with pytest.raises(ModelError, match="has a dict of 1 output: out; choose one: --head out"):
        open_model(named)
    for model, choice in ((listed, 0), (named, 0), (named, "out")):
        assert len(open_model(model, outputs=Outputs(head=choice)).spec.classes) == 4


@pytest.mark.parametrize(
    ("first", "pixels", "normalisation", "pair"),
    [
        (lambda x: x, _IMAGE, None, "--normalise 0:255"),
        (layers.ZeroPadding2D(0), _IMAGE.astype(np.uint16), None, "--normalise 0:10000"),
        (lambda x: x, _IMAGE, ts.Normalisation((0.0,), (1 / 255,)), None),
        (lambda x: x, (_IMAGE / 255).astype(np.float32), None, None),
        (layers.Rescaling(1 / 255), _IMAGE, None, None),
        (layers.BatchNormalization(), _IMAGE, None, None),
        (lambda x: x / 255, _IMAGE, None, None),
    ],
)
def test_values_that_nothing_scales_are_noted(
    first: Callable[[Any], Any],
    pixels: np.ndarray,
    normalisation: ts.Normalisation | None,
    pair: str | None,
) -> None:
    wrap(lambda x: layers.Conv2D(3, 3, padding="same")(first(x))).save("net.keras")
    options = ts.Options(normalisation=normalisation)
    notes = ts.plan(pixels, "net.keras", options=options).summary()["notes"]
    assert bool(notes) == bool(pair)
    if pair:
        assert f"gets the {pixels.dtype} values of the image as they are" in notes[0]
        assert pair in notes[0]


@pytest.mark.parametrize("as_file", [False, True])
def test_a_network_wrapped_for_training_is_opened(as_file: bool) -> None:
    network = wrap(lambda x: Bilinear(2)(head(3)(layers.AveragePooling2D(2)(x))))
    model: Any = WeightedModel(network, CrossEntropy())
    if as_file:
        model.save("net.keras")
        model = "net.keras"
    predictor = open_model(model)
    assert predictor.spec.stride == 2
    assert predictor.spec.inexact == ()
    np.testing.assert_array_equal(predictor(_PIXELS), open_model(network)(_PIXELS))


def test_tiles_come_in_batches_of_the_network() -> None:
    path, _ = module(4, 32, 32, 3)
    predictor = open_model(path)
    tiles = np.random.default_rng(0).uniform(0, 255, (6, 32, 32, 3)).astype(np.float32)
    expected = np.moveaxis(softmax(tiles / 50), -1, 1)
    np.testing.assert_allclose(predictor(tiles), expected, atol=1e-6)


def test_integers_reach_a_network_of_integers_unchanged() -> None:
    inputs = keras.Input((None, None, 3), dtype="uint8")
    model = keras.Model(inputs, ops.cast(inputs, "float32"))
    tiles = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3))
    for dtype in ("uint8", "int16", "uint16", "float32"):
        np.testing.assert_array_equal(
            open_model(model)(tiles.astype(dtype)), np.moveaxis(tiles, -1, 1)
        )
    with pytest.raises(ModelError, match=r"uint8 values.* reach from -5 to"):
        open_model(model)(tiles.astype("int16") - 5)


def halving(x: Any) -> Any:
    coarse = layers.AveragePooling2D(8)(x)
    return head(3)(layers.Concatenate()([x, layers.UpSampling2D(8)(coarse)]))


@pytest.mark.parametrize("as_function", [False, True])
def test_sides_that_a_network_takes_are_found(as_function: bool) -> None:
    path = exported(wrap(halving))
    net = tf.saved_model.load(path)
    model: Any = net.signatures["serving_default"] if as_function else path
    odd = _IMAGE[:37, :51]
    result = ts.segment(odd, model, "map.tif")
    assert result.plan.grid.tile == (40, 56)
    padded = np.pad(odd, [(0, 3), (0, 5), (0, 0)])[None].astype(np.float32)
    scores = net.signatures["serving_default"](tf.constant(padded))
    expected = np.asarray(next(iter(scores.values())))[0, :37, :51].argmax(-1)
    np.testing.assert_array_equal(read(Path("map.tif")), expected)


def test_the_only_size_that_a_function_takes_is_found() -> None:
    def fixed(pixels: Any) -> Any:
        return pixels.reshape(-1, 128, 128, 3)

    wide = np.resize(_IMAGE, (150, 300, 3))
    result = ts.segment(wide, fixed, "map.tif")
    assert (result.plan.grid.tile, result.plan.grid.overlap) == ((128, 128), 32)
    np.testing.assert_array_equal(read(Path("map.tif")), wide.argmax(-1))
