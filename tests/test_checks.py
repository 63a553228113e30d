"""Types, choices and ranges of settings are checked in Python as they are in files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tilesegm.checks import in_range, one_of
from tilesegm.data.settings import (
    ClassSettings,
    DataSettings,
    LabelSettings,
    SamplingSettings,
    SceneSettings,
)
from tilesegm.errors import SettingsError
from tilesegm.networks.settings import EncoderSettings, ModelSettings
from tilesegm.training.settings.config import (
    DeviceSettings,
    LossSettings,
    ScheduleSettings,
    TrainingConfig,
)

CLASSES = (ClassSettings("land", 0), ClassSettings("water", (1, "2")))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ScheduleSettings(batch="8"),
            "schedule.batch is '8'; expected a whole number",
        ),
        (
            lambda: ScheduleSettings(epochs=True),
            "schedule.epochs is True; expected a whole number",
        ),
        (
            lambda: ScheduleSettings(patience=1.5),
            "schedule.patience is 1.5; expected a whole number or null",
        ),
        (
            lambda: DeviceSettings(xla="yes"),
            "device.xla is 'yes'; expected true or false or null",
        ),
        (
            lambda: SamplingSettings(balanced=None),
            "sampling.balanced is None; expected a number",
        ),
        (
            lambda: ModelSettings(aspp=(2, "4")),
            "model.aspp is (2, '4'); expected a list of whole numbers",
        ),
        (
            lambda: ModelSettings(encoder="resnet50"),
            "model.encoder is 'resnet50'; expected a section of keys or null",
        ),
        (
            lambda: EncoderSettings("resnet50", stage_rates={"encoder1": "slow"}),
            "model.encoder.stage_rates is {'encoder1': 'slow'}; expected a section of keys",
        ),
        (
            lambda: LossSettings(terms=("dice",)),
            "loss.terms is ('dice',); expected a list of sections",
        ),
        (
            lambda: SceneSettings("a.tif", "b.tif", role="testing"),
            "data.scenes.role is 'testing'; expected train, validation or test or null",
        ),
        (
            lambda: TrainingConfig({"scenes": []}),
            "data is {'scenes': []}; expected a section of keys",
        ),
    ],
)
def test_a_value_of_another_type_is_refused_in_one_line(
    make: Callable[[], Any], message: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        make()
    assert str(refused.value) == message


def test_lists_serve_as_tuples_and_whole_numbers_as_numbers() -> None:
    scenes = [SceneSettings(["a.tif", "b.tif"], "labels.tif")]
    data = DataSettings(scenes, LabelSettings(CLASSES), bands=[3, 1], nodata=0)  # type: ignore[arg-type]
    assert data.scenes[0].images == ("a.tif", "b.tif")
    assert TrainingConfig(data).data.nodata == 0


@pytest.mark.parametrize(
    ("value", "limits", "text"),
    [
        (0, (1,), "of at least 1"),
        (float("inf"), (1,), "of at least 1"),
        (0, (0, float("inf"), "(]"), "above 0"),
        (float("nan"), (0, 1), "from 0 to 1"),
        (1, (0, 1, "[)"), "from 0 to below 1"),
        (0, (0, 1, "()"), "between 0 and 1"),
    ],
)
def test_a_range_is_told(value: float, limits: tuple[Any, ...], text: str) -> None:
    with pytest.raises(SettingsError, match=rf"^a\.b is {value}; pass a share {text}$"):
        in_range("a.b", value, *limits, what="a share")


def test_ends_belong_to_a_range_where_they_should() -> None:
    for value, limits in ((0, (0, 1)), (1, (0, 1)), (0, (0, 1, "[)")), (1, (0, 1, "(]"))):
        in_range("a", value, *limits)  # type: ignore[arg-type]
    in_range("a", None, 0)


def test_choices_are_listed() -> None:
    one_of("a", "x", ("x", "y"))
    with pytest.raises(SettingsError, match=r"^a is 'z'; expected x, y or w$"):
        one_of("a", "z", ("x", "y", "w"))
