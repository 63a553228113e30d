"""Colours of classes: by name, all different, and told apart with any colour vision."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2lab

from tilesegm.class_colours import choose_colours
from tilesegm.classes import default_classes, named_classes
from tilesegm.data.labels.classes import class_infos
from tilesegm.data.settings import ClassSettings, LabelSettings

NAMES = (
    *("water", "forest", "grass", "crop", "vegetation", "wetland", "building", "road", "soil"),
    *("cloud", "snow", "shadow", "nucleus", "tumour", "background", "car", "boat", "class 7"),
)
# What dichromats see, after Viénot, Brettel and Mollon (1999), on linear RGB: not the matrices
# that colours are chosen by.
PROTANOPIA = [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]
DEUTERANOPIA = [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]


def apart(colours: tuple[tuple[int, int, int], ...], vision: object) -> float:
    """Least distance in CIE L*a*b* between any two colours, as a kind of vision sees them."""
    rgb = np.array(colours) / 255
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    seen = np.clip(linear @ np.array(vision).T, 0, 1)
    encoded = np.where(seen > 0.0031308, 1.055 * seen ** (1 / 2.4) - 0.055, 12.92 * seen)
    lab = rgb2lab(encoded)
    distances = np.linalg.norm(lab[:, None] - lab, axis=-1)
    return float(distances[np.triu_indices(len(lab), 1)].min())


def family(name: str) -> str:
    """Say the hue of the colour of a class."""
    red, green, blue = choose_colours([name])[0]
    hue, saturation, _ = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if saturation < 0.16:
        return "grey"
    names = ("red", "orange", "yellow", "green", "green", "green", "blue", "blue", "purple")
    return (*names, "purple", "red", "red")[round(hue * 12) % 12]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("water,Water_body,rivers,swimming pool,Wasserfläche,Gewässer,rivière,río,вода", "blue"),
        ("水体,河流,湖泊,海", "blue"),
        (
            "forest,Trees,vegetation,Laubwald,forêt,árbol,植被,林地,WoodLand,Other vegetation",
            "green",
        ),
        ("building,Roofs,Gebäude,bâtiment,edificio,建筑物,здание", "red"),
        ("road,paved area,Straße,carretera,道路,дорога,background,other,non-water,其他", "grey"),
        ("bare soil,BareLand,Boden,suelo,裸地", "orange"),
        ("nuclei,细胞核", "purple"),
    ],
)
def test_names_say_colours(names: str, expected: str) -> None:
    assert {name: family(name) for name in names.split(",")} == dict.fromkeys(
        names.split(","), expected
    )


def test_of_several_words_the_last_says_what_a_class_is() -> None:
    assert choose_colours(["tree shadow"]) == choose_colours(["shadow"])
    assert choose_colours(["草地"]) == choose_colours(["grass"])
    assert choose_colours(["season"]) == choose_colours(["class 1"]), "the sea is no part of it"


@pytest.mark.parametrize("vision", [np.eye(3), PROTANOPIA, DEUTERANOPIA], ids=["all", "p", "d"])
@pytest.mark.parametrize("count", range(2, 13))
def test_numbered_classes_are_told_apart_by_everybody(count: int, vision: object) -> None:
    colours = tuple(info.colour for info in default_classes(count))
    assert apart(colours, vision) > 10


@given(st.lists(st.sampled_from(NAMES), min_size=2, max_size=12, unique=True))
def test_named_classes_are_told_apart_by_everybody(names: list[str]) -> None:
    colours = choose_colours(names)
    assert apart(colours, np.eye(3)) > 10
    assert apart(colours, PROTANOPIA) > 5
    assert apart(colours, DEUTERANOPIA) > 5


def test_kinds_of_vegetation_differ() -> None:
    colours = choose_colours(["forest", "grass", "crop", "shrub", "vegetation", "trees"])
    assert apart(colours, np.eye(3)) > 10


@pytest.mark.parametrize("count", [0, 1, 40, 700, 3000])
def test_no_two_classes_share_a_colour(count: int) -> None:
    assert len({info.colour for info in default_classes(count)}) == count
    assert len(set(choose_colours(["tree"] * min(count, 700)))) == min(count, 700)


def test_given_colours_stay_and_are_not_given_again() -> None:
    water = choose_colours(["water"])[0]
    classes = named_classes(["car", "water", "sea"], {0: water, 7: (1, 2, 3)})
    assert classes[0].colour == water
    assert len({info.colour for info in classes}) == 3


def test_settings_without_colours_take_those_of_the_names() -> None:
    entries = (ClassSettings("water", 1), ClassSettings("road", 2, colour="#1e6edc"))
    water, road = class_infos(LabelSettings(classes=entries))
    assert road.colour == (0x1E, 0x6E, 0xDC)
    assert water.colour[2] == max(water.colour)
    assert water.colour != road.colour
