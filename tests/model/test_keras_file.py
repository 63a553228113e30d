"""Files of Keras 2, and what is told of an error of Keras or TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from tests.model.networks import wrap
from tilesegm.errors import ModelError
from tilesegm.model.open import open_model
from tilesegm.model.reason import reason_of

_TILES = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3)).astype(np.uint8)

OBSOLETE: dict[str, dict[str, Any]] = {
    "Conv2DTranspose": {"groups": 1},
    "DepthwiseConv2D": {"groups": 1},
    "SeparableConv2D": {"groups": 1, "kernel_initializer": None, "kernel_regularizer": None},
    "BatchNormalization": {"axis": [3]},
}
"""Settings that Keras 2 wrote and Keras 3 refuses, by layer."""


def unet(x: Any) -> Any:
    fine = layers.Conv2D(4, 3, padding="same")(layers.Rescaling(1 / 255)(x))
    coarse = layers.BatchNormalization()(layers.MaxPooling2D()(fine))
    coarse = layers.DepthwiseConv2D(3, padding="same")(coarse)
    coarse = layers.SeparableConv2D(4, 3, padding="same")(coarse)
    joined = layers.Concatenate()([fine, layers.Conv2DTranspose(4, 2, 2)(coarse)])
    return layers.Conv2D(3, 1, activation="softmax")(joined)


def write_as_keras_2(model: keras.Model, path: Path) -> None:
    """Save a model as HDF5 with the settings that Keras 2 wrote."""
    model.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            layer["config"] |= OBSOLETE.get(layer["class_name"], {})
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.10.0"


@pytest.mark.parametrize("name", ["net.h5", "net.hdf5", "net.keras"])
def test_a_u_net_of_keras_2_opens_under_every_name_it_was_given(tmp_path: Path, name: str) -> None:
    model = wrap(unet)
    write_as_keras_2(model, tmp_path / "net.h5")
    path = (tmp_path / "net.h5").rename(tmp_path / name)
    before = path.read_bytes()
    with pytest.raises(Exception, match="groups"):
        keras.saving.load_model(path.rename(tmp_path / "plain.h5"), compile=False)
    (tmp_path / "plain.h5").rename(path)
    predictor = open_model(path)
    assert predictor.spec.stride == 2
    np.testing.assert_array_equal(predictor(_TILES), open_model(model)(_TILES))
    assert path.read_bytes() == before


def test_an_hdf5_file_of_keras_2_that_keras_3_cannot_build(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    write_as_keras_2(wrap(unet), path)
    with h5py.File(path, "r+") as file:
        text = file.attrs["model_config"]
        file.attrs["model_config"] = text.replace("SeparableConv2D", "TFOpLambda")
    with pytest.raises(ModelError, match=r"TFOpLambda.*; Keras 2\.10\.0 wrote it: .*tf_keras"):
        open_model(path)


def trace_failing() -> None:
    @tf.function
    def traced(x: Any) -> Any:
        raise ValueError("the bands are in the wrong order")

    traced(tf.zeros(1))


def call_failing() -> None:
    class Wrong(layers.Layer):
        def call(self, inputs: Any) -> Any:
            raise ValueError("the bands are in the wrong order")

    Wrong()(ops.zeros((1, 2)))


def load_failing() -> None:
    config = {"module": "mine", "class_name": "Mine", "config": {}, "registered_name": "mine>Mine"}
    layer = keras.saving.serialize_keras_object(wrap(layers.Conv2D(2, 1)))
    layer["config"]["layers"][1] = config | {"name": "x", "inbound_nodes": []}
    keras.saving.deserialize_keras_object(layer)


@pytest.mark.parametrize(
    ("fail", "words"),
    [
        (trace_failing, "ValueError: the bands are in the wrong order"),
        (call_failing, "calling Wrong.call(). the bands are in the wrong order"),
        (load_failing, "Could not locate class 'Mine'"),
    ],
)
def test_the_reason_comes_first(fail: Any, words: str) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        fail()
    reason = reason_of(caught.value)
    assert words in reason[: len(words) + 60]
    assert not {"\n", "\x1b"} & {*reason}
    assert "File " not in reason
    assert "Arguments received" not in reason


def test_a_reason_is_never_empty_nor_long() -> None:
    assert reason_of(ValueError()) == "ValueError"
    assert len(reason_of(ValueError("word " * 1000))) == 300
