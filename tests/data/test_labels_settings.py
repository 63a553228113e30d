"""What label settings allow, and the classes they make."""

from __future__ import annotations

from typing import Any

import pytest

from tests.data.label_parts import classes
from tilesegm.data.labels import class_infos
from tilesegm.data.settings import ClassSettings, DataSettings, LabelSettings, SceneSettings
from tilesegm.errors import SettingsError

SCENE = SceneSettings("a.tif", "b.tif")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ClassSettings("", 1), "name of a class is empty"),
        (lambda: ClassSettings("a", ()), "'a' has no value"),
        (lambda: ClassSettings("a", 1, "red"), "colour='red' of class 'a'"),
        (lambda: classes(1), "two classes or more"),
        (lambda: classes(1, (2, 1)), "value 1 stands 2 times"),
        (lambda: classes("#aabbcc", "#AABBCC"), "value '#AABBCC' stands 2 times"),
        (lambda: classes(1, 2, ignore=(2,)), "value 2 stands 2 times"),
        (
            lambda: LabelSettings((ClassSettings("a", 1), ClassSettings("a", 2))),
            "name 'a' stands 2 times",
        ),
        (lambda: classes(1, 2, background="x"), "'x' is no class; choose from class 0, class 1"),
        (lambda: classes(1, 2, unknown="skip"), "expected error or ignore"),
        (lambda: DataSettings((), classes(1, 2)), r"data\.scenes is empty"),
        (lambda: DataSettings((SCENE,), classes(1, 2), bands=()), "bands are counted from 1"),
        (lambda: DataSettings((SCENE,), classes(1, 2), bands=(0, 1)), "bands are counted from 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_classes_have_colours_that_differ() -> None:
    settings = LabelSettings(
        (
            ClassSettings("given", "#ff0000", "#00FF00"),
            ClassSettings("of the mask", ("#ff0001", "#123456")),
            *(ClassSettings(f"free {n}", n) for n in range(12)),
        )
    )
    infos = class_infos(settings)
    assert [info.name for info in infos[:3]] == ["given", "of the mask", "free 0"]
    assert [info.colour for info in infos[:2]] == [(0, 255, 0), (255, 0, 1)]
    assert len({info.colour for info in infos}) == 14
