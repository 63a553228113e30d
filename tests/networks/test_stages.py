"""Stages: which layers they hold, freezing, and learning rates of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tilesegm.errors import SettingsError
from tilesegm.networks.build import build
from tilesegm.networks.settings import EncoderSettings, ModelSettings
from tilesegm.networks.stages import freeze, rate_factors, stages


def names(model: keras.Model) -> dict[str, list[str]]:
    return {name: [layer.name for layer in found] for name, found in stages(model).items()}


def mobile(**encoder: Any) -> ModelSettings:
    return ModelSettings(
        filters=4, encoder=EncoderSettings("mobilenet_v3_small", weights=None, **encoder)
    )


@pytest.fixture(scope="module")
def net() -> keras.Model:
    return build(mobile(), 3, 2)


def test_stages_of_a_unet() -> None:
    found = names(build(ModelSettings(filters=2, depth=1, norm="none"), 1, 2))
    level = [f"down0_{what}" for what in ("conv_a", "relu_a", "conv_b", "relu_b")]
    bottom = ["pool0", *(f"bottom_{what}" for what in ("conv_a", "relu_a", "conv_b", "relu_b"))]
    assert found["encoder1"] == level
    assert found["encoder2"] == bottom
    assert found["encoder"] == level + bottom
    assert found["decoder"][:4] == ["up0_conv", "up0", "join0", "level0_conv_a"]
    assert found["decoder"][-1] == "logits"


def test_stages_are_a_partition(net: keras.Model) -> None:
    found = names(net)
    assert list(found) == ["encoder", *(f"encoder{i}" for i in range(1, 6)), "decoder"]
    parts = [name for stage in found if stage != "encoder" for name in found[stage]]
    assert sorted(parts) == sorted(layer.name for layer in net.layers if layer.name != "image")
    assert set(found["encoder"]) | set(found["decoder"]) == set(parts)
    assert {"conv", "conv_bn"} < set(found["encoder1"])
    assert "expanded_conv_project" in found["encoder2"]
    assert "expanded_conv_8_expand" in found["encoder5"]
    assert {"full_conv_a", "up4", "logits"} < set(found["decoder"])


def test_stages_survive_saving(net: keras.Model, tmp_path: Path) -> None:
    net.save(tmp_path / "net.keras")
    again = names(keras.saving.load_model(tmp_path / "net.keras"))
    assert {k: sorted(v) for k, v in again.items()} == {k: sorted(v) for k, v in names(net).items()}


def test_a_frozen_encoder_does_not_change_in_training() -> None:
    model = build(mobile(frozen=("encoder",)), 1, 2)
    frozen = [w for layer in stages(model)["encoder"] for w in layer.weights]
    assert frozen
    assert not {id(w) for w in frozen} & {id(w) for w in model.trainable_variables}
    before = [keras.ops.convert_to_numpy(w) for w in frozen]
    decoder = model.get_layer("level4_conv_a").get_weights()[0]
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    random = np.random.default_rng(0)
    model.train_on_batch(
        random.normal(size=(2, 32, 32, 1)).astype(np.float32), random.integers(0, 2, (2, 32, 32))
    )
    # Statistics of its normalisations included.
    for old, new in zip(before, frozen, strict=True):
        np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(new))
    assert (decoder != model.get_layer("level4_conv_a").get_weights()[0]).any()


def test_freezing_names_all_that_is_frozen(net: keras.Model) -> None:
    freeze(net, ("encoder1", "encoder5"))
    assert not net.get_layer("conv").trainable
    assert not net.get_layer("expanded_conv_9_project").trainable
    assert net.get_layer("expanded_conv_1_project").trainable
    freeze(net, ())
    assert all(layer.trainable for layer in net.layers)


def test_learning_rates_by_stage(net: keras.Model) -> None:
    factors = rate_factors(net, mobile(learning_rate=0.1, stage_rates={"encoder1": 0.01}))
    assert set(factors) == {variable.path for variable in net.trainable_variables}
    assert len(factors) == len(net.trainable_variables)
    assert factors["conv/kernel"] == 0.01
    assert factors["expanded_conv_1_expand/kernel"] == 0.1
    assert factors["full_conv_a/kernel"] == factors["logits/bias"] == 1.0
    assert set(rate_factors(net, ModelSettings()).values()) == {1.0}


def test_stages_that_are_not_there(net: keras.Model) -> None:
    with pytest.raises(SettingsError, match=r"has no stage 'encoder9' to freeze; it has encoder,"):
        freeze(net, ("encoder9",))
    shallow = ModelSettings(
        filters=4,
        depth=2,
        encoder=EncoderSettings("mobilenet_v3_small", None, stage_rates={"encoder3": 0.1}),
    )
    with pytest.raises(SettingsError, match="stage_rates has 'encoder3' and unet has encoder, "):
        rate_factors(build(shallow, 3, 2), shallow)
    inputs = keras.Input((None, None, 1))
    other = keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs), name="mine")
    with pytest.raises(SettingsError, match="mine has no stages"):
        stages(other)
