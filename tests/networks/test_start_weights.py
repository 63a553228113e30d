"""Weights of another training as a start."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tilesegm.errors import ModelError
from tilesegm.model.bundle import BundleInfo, save_bundle
from tilesegm.model.normalisation import Normalisation
from tilesegm.networks.build import unet
from tilesegm.networks.start_weights import load_start_weights


def net(bands: int, classes: int, seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return unet(bands, classes, filters=2, depth=1)


def test_the_same_network_gives_the_same_scores(tmp_path: Path) -> None:
    old, new = net(2, 3, 0), net(2, 3, 1)
    old.save(tmp_path / "old.keras")
    start = load_start_weights(new, tmp_path / "old.keras")
    assert start.from_scratch == ()
    assert start.normalisation is None
    pixels = np.random.default_rng(0).normal(size=(1, 8, 8, 2)).astype(np.float32)
    np.testing.assert_array_equal(new(pixels), old(pixels))


def test_other_classes_start_anew_and_are_listed(tmp_path: Path) -> None:
    old, new = net(2, 3, 0), net(2, 5, 1)
    normalisation = Normalisation((3.0, 4.0), (0.5, 0.25))
    save_bundle(tmp_path / "old", old, BundleInfo(normalisation=normalisation))
    fresh = new.get_layer("logits").get_weights()
    start = load_start_weights(new, tmp_path / "old")
    assert start.from_scratch == ("logits",)
    assert start.normalisation == normalisation
    assert set(start.copied) == {layer.name for layer in new.layers if layer.weights} - {"logits"}
    np.testing.assert_array_equal(new.get_layer("logits").get_weights()[0], fresh[0])
    np.testing.assert_array_equal(
        new.get_layer("bottom_conv_a").get_weights()[0],
        old.get_layer("bottom_conv_a").get_weights()[0],
    )


def test_other_bands_leave_the_normalisation_behind(tmp_path: Path) -> None:
    save_bundle(tmp_path / "old", net(2, 3, 0), BundleInfo(normalisation=Normalisation((1.0,))))
    start = load_start_weights(net(4, 3, 1), tmp_path / "old")
    assert start.from_scratch == ("down0_conv_a",)
    assert start.normalisation is None


def test_another_network_is_refused(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, 2))
    keras.Model(inputs, keras.layers.Conv2D(3, 1, name="x")(inputs), name="mine").save(
        tmp_path / "mine.keras"
    )
    with pytest.raises(ModelError, match="no layer that fits unet: it holds mine with 2 layers"):
        load_start_weights(net(2, 3, 0), tmp_path / "mine.keras")
    with pytest.raises(ModelError, match="does not exist"):
        load_start_weights(net(2, 3, 0), tmp_path / "absent.keras")
