"""Settings of the network: what is out of range is named."""

from __future__ import annotations

from typing import Any

import pytest

from tilesegm.errors import SettingsError
from tilesegm.networks.settings import EncoderSettings, ModelSettings

MOBILE = EncoderSettings("mobilenet_v3_small")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"name": "segnet"},
            "model.name is 'segnet'; expected unet, unet\\+\\+ or unet3\\+",
        ),
        ({"norm": "layer"}, "model.norm is 'layer'"),
        ({"upsampling": "cubic"}, "model.upsampling is 'cubic'"),
        ({"filters": 0}, "model.filters is 0"),
        ({"depth": 0}, "model.depth is 0; a network halves its input 1 to 8 times"),
        ({"depth": 6, "encoder": MOBILE}, "model.depth is 6; an encoder halves its input 1 to 5"),
        ({"dropout": 1.0}, "model.dropout is 1.0"),
        ({"dropout": -0.1}, "model.dropout is -0.1"),
        ({"aspp": (2, 0)}, r"model.aspp is \[2, 0\]"),
        ({"attention": True, "name": "unet++"}, "model.attention is for 'unet'"),
    ],
)
def test_a_network_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        ModelSettings(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "vgg16"}, "encoder.name is 'vgg16'"),
        ({"frozen": ("decoder",)}, "encoder.frozen is 'decoder'"),
        ({"learning_rate": 0.0}, "encoder.learning_rate has the factor 0.0"),
        ({"stage_rates": {"encoder": 0.1}}, "encoder.stage_rates is 'encoder'"),
        ({"stage_rates": {"encoder1": -1.0}}, "encoder.encoder1 has the factor -1.0"),
    ],
)
def test_an_encoder_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        EncoderSettings(**{"name": "resnet50", **settings})


def test_depth_follows_from_the_way_down() -> None:
    assert ModelSettings().halvings == 4
    assert ModelSettings(encoder=MOBILE).halvings == 5
    assert ModelSettings(depth=3, encoder=MOBILE).halvings == 3
