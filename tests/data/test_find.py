"""Patterns of paths."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.label_parts import classes
from tilesegm.data.file_names import image_name
from tilesegm.data.find import SceneFiles, find_scenes
from tilesegm.data.pattern import Pattern, escape, natural
from tilesegm.data.settings import DataSettings, SceneSettings
from tilesegm.errors import SettingsError, SourceError


def find(folder: Path, *scenes: SceneSettings) -> tuple[SceneFiles, ...]:
    return find_scenes(DataSettings(scenes, classes(0, 1)), folder)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_page_of_a_file_is_an_image(tmp_path: Path) -> None:
    (tmp_path / "stack.tif").touch()
    (tmp_path / "truth.tif").touch()
    scene = SceneSettings("GTIFF_DIR:2:stack.tif", "GTIFF_DIR:12:truth.tif")
    (found,) = find(tmp_path, scene)
    assert found.name == "stack_2"
    assert found.image == f"GTIFF_DIR:2:{tmp_path / 'stack.tif'}"
    assert found.labels == f"GTIFF_DIR:12:{tmp_path / 'truth.tif'}"


def test_a_placeholder_stands_for_one_text_everywhere(tmp_path: Path) -> None:
    for n in (1, 2, 10):
        touch(tmp_path, f"a/{n}_in.tif", f"b/{n}_out.png", f"mask/{n}.gif")
    touch(tmp_path, "a/notes.txt", "a/.3_in.tif")
    scene = SceneSettings("a/{n}_in.tif", "b/{n}_out.png", area="mask/{n}.gif", group="g{n}")
    found = find(tmp_path, scene)
    assert [files.name for files in found] == ["1", "2", "10"]
    assert found[2] == SceneFiles(
        name="10",
        image=str(tmp_path / "a/10_in.tif"),
        labels=str(tmp_path / "b/10_out.png"),
        instances=None,
        area=str(tmp_path / "mask/10.gif"),
        group="g10",
        role=None,
    )


def test_a_repeated_placeholder_must_match_itself(tmp_path: Path) -> None:
    touch(tmp_path, "x/images/x.png", "y/images/z.png", "y/images/y-y.png", "y/images/y-z.png")
    assert Pattern("{id}/images/{id}.png").find(tmp_path) == [{"id": "x"}]
    assert Pattern("y/images/{a}-{a}.png").find(tmp_path) == [{"a": "y"}]
    assert Pattern(str(tmp_path / "{id}/images/{id}.png")).find(Path("/none")) == [{"id": "x"}]


def test_globs_narrow_placeholders(tmp_path: Path) -> None:
    for n in range(1, 8):
        touch(tmp_path, f"tile_{n}/1.jpg", f"tile_{n}/1.png")
    touch(tmp_path, "other/1.jpg", "tile_12/1.jpg")
    found = find(tmp_path, SceneSettings("{site:tile_[2-4]}/{n:?}.jpg", "{site}/{n}.png"))
    assert [files.name for files in found] == ["tile_2/1", "tile_3/1", "tile_4/1"]
    assert [files.group for files in found] == ["tile_2/1", "tile_3/1", "tile_4/1"]


def test_bands_in_several_files_and_one_mask_an_object(tmp_path: Path) -> None:
    touch(tmp_path, "s/B1.tif", "s/B2.tif", "s/l.shp", "s/masks/1.png")
    scene = SceneSettings(("{s}/B1.tif", "{s}/B2.tif"), "{s}/l.shp", instances="{s}/masks/*.png")
    (found,) = find(tmp_path, scene)
    assert found.image == (str(tmp_path / "s/B1.tif"), str(tmp_path / "s/B2.tif"))
    assert found.instances == str(tmp_path / "s/masks/*.png")
    assert found.name == "s"


def test_names_are_unique(tmp_path: Path) -> None:
    touch(tmp_path, "a/scene.tif", "b/scene.tif", "labels.tif")
    one, two = (SceneSettings(f"{folder}/scene.tif", "labels.tif") for folder in "ab")
    assert [files.name for files in find(tmp_path, one, two)] == ["a/scene.tif", "b/scene.tif"]
    with pytest.raises(SettingsError, match=r"a/scene\.tif is found 2 times.*data\.scenes$"):
        find(tmp_path, one, two, SceneSettings("a/{any}.tif", "labels.tif"))
    with pytest.raises(
        SettingsError, match=r"found 2 times.*roles are none, validation: give each scene another"
    ):
        find(tmp_path, one, replace(one, role="validation"))


def test_a_vector_file_may_come_with_a_layer_and_a_coordinate_system(tmp_path: Path) -> None:
    touch(tmp_path, "1.tif", "a.gpkg")
    stated = "a.gpkg|layername=x|crs=EPSG:3857"
    (found,) = find(tmp_path, SceneSettings("1.tif", stated, area=stated))
    assert found.labels == found.area == str(tmp_path / stated)
    with pytest.raises(SourceError, match=r"'layer=x' is not understood.*\|layername=NAME"):
        find(tmp_path, SceneSettings("1.tif", "a.gpkg|layer=x"))
    with pytest.raises(SourceError, match=r"b\.gpkg: no such file"):
        find(tmp_path, SceneSettings("1.tif", "b.gpkg|layername=x"))


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (SceneSettings("none_{n}.tif", "{n}.png"), r"image 'none_\{n\}\.tif' fits no file in"),
        (SceneSettings("1.tif", "1.png"), r"labels .*1\.png: no such file"),
        (SceneSettings("2.tif", "1.tif"), r"image .*2\.tif: no such file"),
        (SceneSettings("{n}.tif", "{n}.tif", area="{n}.shp"), r"area .*1\.shp: no such file"),
        (SceneSettings("1.tif", "instances", instances="m/*.png"), r"instances .*m/\*\.png: no"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, scene: SceneSettings, words: str) -> None:
    touch(tmp_path, "1.tif")
    with pytest.raises(SourceError, match=words):
        find(tmp_path, scene)


def test_doubled_braces_are_braces_of_names(tmp_path: Path) -> None:
    touch(tmp_path, "{a}/1 {x}.tif", "{a}/2 {x}.tif", "a/1 {x}.tif", "1.png", "2.png", "{3}.tif")
    found = find(tmp_path, SceneSettings("{{a}}/{n} {{x}}.tif", "{n}.png"))
    assert [files.image for files in found] == [
        str(tmp_path / f"{{a}}/{n} {{x}}.tif") for n in "12"
    ]
    (found,) = find(tmp_path, SceneSettings("{{3}}.tif", "1.png"))
    assert (found.name, found.image) == ("{3}", str(tmp_path / "{3}.tif"))
    assert Pattern(escape("{a}/{{b}}")).fill({}) == "{a}/{{b}}"


def test_accents_may_be_composed_in_either_way(tmp_path: Path) -> None:
    both = [unicodedata.normalize(form, "é") for form in ("NFC", "NFD")]
    for stored, written in (both, both[::-1]):
        folder = tmp_path / str(len(stored))
        touch(folder, f"{stored}/{stored}1.tif", f"m/{written}1.png", f"o{stored}/1.png")
        scene = SceneSettings(f"{written}/{{n}}.tif", "m/{n}.png", instances=f"o{written}/*.png")
        (found,) = find(folder, scene)
        assert found.image == str(folder / f"{stored}/{stored}1.tif")
        assert found.labels == str(folder / f"m/{written}1.png")
        assert found.instances == str(folder / f"o{stored}/*.png")
        (found,) = find(folder, SceneSettings(f"{written}/{written}1.tif", f"m/{stored}1.png"))
        assert found.labels == str(folder / f"m/{written}1.png")


def test_files_of_file_managers_are_no_images(tmp_path: Path) -> None:
    touch(tmp_path, "i/1.png", "i/._1.png", "i/.DS_Store", "i/Thumbs.db", "i/desktop.ini")
    assert Pattern("i/{any}").find(tmp_path) == [{"any": "1.png"}]


@pytest.mark.parametrize(
    ("stem", "image"),
    [
        ("a_mask", "a"),
        ("mask-a", "a"),
        ("GT 07", "07"),
        ("21_manual1", "21"),
        ("21_training", "21"),
        ("aachen_000000_000019_gtFine_labelIds", "aachen_000000_000019"),
        ("aachen_000000_000019_leftImg8bit", "aachen_000000_000019"),
        ("tile.seg", "tile"),
        ("masked_1", "masked_1"),
        ("mask", "mask"),
        ("街景_001-标签", "街景_001"),
        ("a_mask_2", "a_mask_2"),
    ],
)
def test_names_of_images_in_names_of_labels(stem: str, image: str) -> None:
    assert image_name(stem) == image


def test_addresses_are_left_alone(tmp_path: Path) -> None:
    (found,) = find(tmp_path, SceneSettings("https://a.b/c.tif", "s3://d/e.tif"))
    assert (found.image, found.labels) == ("https://a.b/c.tif", "s3://d/e.tif")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"labels": "{m}.png"}, r"\{m\} does not occur in image='\{n\}\.tif', which has \{n\}"),
        ({"group": "{m}"}, r"group='\{m\}'"),
        ({"image": ("{n}.tif", "{m}.tif")}, r"image='\{m\}\.tif'"),
        ({"image": "{n/.tif"}, "a placeholder is a name in braces"),
        ({"image": "{}.tif"}, "a placeholder is a name in braces"),
        ({"image": ()}, "give a path"),
        ({"labels": ""}, "labels of .* are missing"),
        ({"labels": "instances"}, "needs instances"),
        ({"role": "testing"}, "expected train, validation or test"),
    ],
)
def test_scenes_that_make_no_sense_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        SceneSettings(**({"image": "{n}.tif", "labels": "{n}.png"} | fields))


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_sort_by_their_value(numbers: list[int]) -> None:
    texts = [f"slice {n} of x" for n in numbers]
    assert sorted(texts, key=natural) == [f"slice {n} of x" for n in sorted(numbers)]


@given(st.lists(st.text()))
def test_any_texts_can_be_sorted(texts: list[str]) -> None:
    assert sorted(sorted(texts, key=natural)) == sorted(texts)


def test_the_real_sets_are_found(shared_data: Path) -> None:
    dubai = SceneSettings(
        "dubai/{tile:tile_[1-5]}/images/{part}.jpg", "dubai/{tile}/masks/{part}.png", group="{tile}"
    )
    drive = SceneSettings(
        "drive/training/images/{n}_training.tif",
        "drive/training/1st_manual/{n}_manual1.gif",
        area="drive/training/mask/{n}_training_mask.gif",
    )
    isbi = SceneSettings("isbi2012/image/{n}.png", "isbi2012/label/{n}.png")
    cells = SceneSettings(
        "dsb2018/{id}/images/{id}.png", "instances", instances="dsb2018/{id}/masks/*.png"
    )
    counts = [len(find(shared_data, scene)) for scene in (dubai, drive, isbi, cells)]
    assert counts == [45, 20, 30, 97]
    assert [files.name for files in find(shared_data, isbi)] == [str(n) for n in range(30)]
