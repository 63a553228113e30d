"""Settings out of range are refused before anything is read."""

from __future__ import annotations

import pytest

from tilesegm.data.settings import AugmentationSettings, BorderWeightSettings
from tilesegm.errors import SettingsError


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rotate", 181, "pass degrees from 0 to 180"),
        ("rotate", -1, "pass degrees from 0 to 180"),
        ("scale", 1.5, "from 0 to 1"),
        ("exposure", -0.1, "from 0 to 3"),
        ("tint", 3.1, "from 0 to 3"),
        ("contrast", float("nan"), "from 0 to 3"),
        ("gamma", 4, "from 0 to 3"),
        ("brightness", 1.1, "a part of the range from 0 to 1"),
        ("noise", 20, "a part of the range from 0 to 1"),
        ("blur", -2, "pixels from 0 to 32"),
        ("elastic_grain", 0, "pixels from 1 to"),
        ("elastic", -1, "pass pixels from 0 to 10.6667"),
        ("elastic", 11, "or raise elastic_grain"),
        ("cutmix", 1.5, "a share from 0 to 1"),
        ("mixup", -0.5, "a share from 0 to 1"),
        ("copy_paste", 2, "a share from 0 to 1"),
    ],
)
def test_augmentation_out_of_range(name: str, value: float, expected: str) -> None:
    with pytest.raises(SettingsError, match=rf"augmentation\.{name} is {value}; .*{expected}") as e:
        AugmentationSettings(**{name: value})
    assert "\n" not in str(e.value)


def test_limits_are_allowed() -> None:
    AugmentationSettings(
        rotate=180, scale=1, elastic=20, elastic_grain=60, exposure=3, brightness=1, cutmix=1
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("kind", "round", "expected ronneberger or falk"),
        ("w0", -1, "at least 0"),
        ("w0", float("inf"), "finite"),
        ("sigma", 0, "above 0"),
        ("sigma", float("nan"), "above 0"),
    ],
)
def test_border_weights_out_of_range(name: str, value: object, expected: str) -> None:
    with pytest.raises(SettingsError, match=rf"border_weights\.{name} is .*{expected}"):
        BorderWeightSettings(**{name: value})  # type: ignore[arg-type]
