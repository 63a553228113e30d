"""Folders as people keep them: `train init` takes them, and training opens what it writes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely
from PIL import Image

from tests.data.label_parts import TRANSFORM, UTM, write_polygons
from tests.images import blobs, write
from tilesegm.data.find import SceneFiles, find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.errors import InputError
from tilesegm.events import Event, Noted
from tilesegm.training.init.start_file import write_start
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.settings_file import load_config

ROLES = {"train": 6, "validation": 3}


def photo(path: str, bands: int = 3, size: int = 96) -> None:
    """Write a picture of chance."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(len(path)).integers(0, 255, (size, size, bands))
    Image.fromarray(values.astype(np.uint8).squeeze()).save(path)


def mask(path: str, size: int = 96, values: int = 2) -> None:
    """Write squares of ids."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    ids = np.random.default_rng(0).integers(0, values, (size // 8, size // 8))
    Image.fromarray(ids.repeat(8, 0).repeat(8, 1).astype(np.uint8)).save(path)


def pairs(image: str, labels: str, count: int = 12) -> None:
    """Write pictures and ids by two forms with ``{}`` for a number."""
    for number in range(count):
        photo(image.format(number))
        mask(labels.format(number))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def start(
    images: str | list[str], labels: str | list[str] = ()
) -> tuple[TrainingConfig, tuple[SceneFiles, ...], list[str]]:
    """Write settings, open their scenes as training does, and return these and the notes."""
    events: list[Event] = []
    given = [[words] if isinstance(words, str) else list(words) for words in (images, labels)]
    write_start(given[0], given[1], "a.yaml", on_event=events.append)
    config = load_config("a.yaml")
    files = find_scenes(config.data, Path())
    with open_scenes(files, config.data) as scenes:
        assert len(scenes) == len(files)
    return config, files, [event.text for event in events if isinstance(event, Noted)]


def roles(files: tuple[SceneFiles, ...]) -> dict[str | None, int]:
    """Count scenes by role."""
    listed = [each.role for each in files]
    return {role: listed.count(role) for role in dict.fromkeys(listed)}


def voc(folder: str) -> None:
    """Write the layout of Pascal VOC with Chinese names, three images without labels."""
    names = [f"街景_{number:03d}" for number in range(12)]
    for number, name in enumerate(names):
        photo(f"{folder}/JPEGImages/{name}.jpg")
        if number < 9:
            mask(f"{folder}/SegmentationClass/{name}.png")
    lists = Path(folder, "ImageSets/Segmentation")
    lists.mkdir(parents=True)
    for name, part in (("train", names[:6]), ("val", names[6:9]), ("trainval", names[:9])):
        (lists / f"{name}.txt").write_text("\n".join(part), encoding="utf-8")


def cityscapes() -> None:
    """Write the layout of Cityscapes."""
    for role, towns in (("train", ("aachen", "bochum")), ("val", ("frankfurt",))):
        for town in towns:
            for number in range(3):
                name = f"{role}/{town}/{town}_{number:06d}_000019"
                photo(f"leftImg8bit/{name}_leftImg8bit.png")
                mask(f"gtFine/{name}_gtFine_labelIds.png")
                Path(f"gtFine/{name}_gtFine_polygons.json").write_text("{}")


def by_folders(image: str, labels: str) -> None:
    """Write six pictures to learn from and three to validate on."""
    for role, count in (("train", 6), ("val", 3)):
        for number in range(count):
            photo(image.format(role, number))
            mask(labels.format(role, number))


def lists(line: str) -> None:
    """Write pictures, ids and two lists."""
    pairs("d/images/{}.jpg", "d/labels/{}.png", 9)
    for name, part in (("train", range(6)), ("val", range(6, 9))):
        Path(f"d/{name}.txt").write_text("".join(line.format(n) for n in part))


@pytest.mark.parametrize(
    ("make", "images", "labels"),
    [
        (lambda: voc("VOC"), "VOC/JPEGImages", "VOC/SegmentationClass"),
        (lambda: voc("VOC 2012 数据"), "VOC 2012 数据", []),
        (lambda: voc("VOC"), "VOC/JPEGImages/*.jpg", "VOC/SegmentationClass/*.png"),
        (cityscapes, "leftImg8bit", "gtFine"),
        (lambda: by_folders("{}/images/{}.jpg", "{}/masks/{}.png"), ["train", "val"], []),
        (lambda: by_folders("images/{}/{}.jpg", "labels/{}/{}.png"), "images", "labels"),
        (lambda: by_folders("im/{}/{0}_{}.jpg".replace("{0}", "p"), "la/{}_{}.png"), "im", "la"),
        (lambda: lists("images/{0}.jpg labels/{0}.png\n"), "d", []),
        (lambda: lists("{}\r\n"), "d/images", "d/labels"),
        (lambda: lists("images/{}.jpg\n"), ["d/train.txt", "d/val.txt"], "d/labels"),
    ],
)
def test_roles_come_from_lists_and_folders(
    make: Callable[[], None], images: str | list[str], labels: str | list[str]
) -> None:
    make()
    config, files, notes = start(images, labels)
    assert roles(files) == ROLES
    assert any("6 train, 3 validation" in note for note in notes)
    assert "The roles of scenes say what is held out" in Path("a.yaml").read_text("utf-8")
    assert config.split.strategy == "blocks"  # the default, which has no effect


def test_train_and_test_folders_leave_the_split_its_part() -> None:
    for role, count in (("train", 10), ("test", 2)):
        for number in range(count):
            photo(f"{role}/image/{role}{number}.jpg")
            mask(f"{role}/label/{role}{number}.png")
    config, files, _ = start(["train", "test"])
    assert roles(files) == {"test": 2, None: 10}
    assert config.split.strategy == "image"


def junk() -> None:
    """Write pairs, and what file managers leave beside them."""
    pairs("im/{}.png", "la/{}_mask.png")
    for name in ("im/Thumbs.db", "im/.DS_Store", "im/._1.png", "la/desktop.ini", "im/1.pgw"):
        Path(name).write_bytes(b"\0\1")


def odd_names() -> None:
    """Write names full of characters that mean something to patterns, YAML and shells."""
    for name in (
        "s {1} [a] #2",
        "b'c\"d",
        "{x}",
        "e*f?",
        "9%: yes",
        "- g",
        "~",
        "&h !i",
        "${HOME}",
    ):
        photo(f"im {{s}}/{name}.png")
        mask(f"la [1]/{name}.png")


def accents() -> None:
    """Write names as macOS composes accents, and as others do."""
    for number, name in enumerate(("é", "ü", "ñ", "한", "صورة", "नगर")):
        photo(unicodedata.normalize("NFD", f"im/{name}{number}.png"))
        mask(unicodedata.normalize("NFC", f"la/{name}{number}.png"))


def letters() -> None:
    for name in "]^!-{a":
        photo(f"im/{name}.png")
        mask(f"la/{name}.png")


def capitals() -> None:
    """Write suffixes in all cases."""
    for number in range(6):
        photo(f"im/A{number}.{('TIF', 'JPG', 'png')[number % 3]}")
        mask(f"la/A{number}.{('PNG', 'Gif')[number % 2]}")


def objects() -> None:
    """Write a folder for each image, with one mask for each object."""
    for name in ("a1", "b2", "c3"):
        photo(f"cells/{name}/images/{name}.png")
        for number in range(3):
            mask(f"cells/{name}/masks/{number}9f{name}.png")
        Path(f"cells/{name}/masks/._09f{name}.png").write_bytes(b"\0")


@pytest.mark.parametrize(
    ("make", "images", "labels", "count"),
    [
        (junk, "im", "la", 12),
        (junk, ["im/*"], ["la/*"], 12),
        (odd_names, "im {s}", "la [1]", 9),
        (letters, "im", "la", 6),
        (accents, "im", "la", 6),
        (capitals, "im", "la", 6),
        (objects, "cells", [], 3),
        (objects, "cells/*/images/*.png", "cells/*/masks/*.png", 3),
        (objects, "cells/{id}/images/{id}.png", "cells/{id}/masks/*.png", 3),
        (lambda: pairs("all/{}_sat.jpg", "all/{}_mask.png"), "all", [], 12),
        (lambda: pairs("im/img_{}.bmp", "la/lbl_{}.gif"), "im", "la", 12),
        (lambda: pairs("im/tile-{}-v2.png", "la/gt {}.png"), "im", "la", 12),
    ],
)
def test_files_pair_by_their_images(
    make: Callable[[], None], images: str | list[str], labels: str | list[str], count: int
) -> None:
    make()
    _, files, notes = start(images, labels)
    assert len(files) == count
    assert notes == []
    for each in files:
        name = unicodedata.normalize("NFC", Path(str(each.image)).stem)
        if each.labels != "instances":
            for number in re.findall(r"\d+", name.removesuffix("-v2")):
                assert number in Path(each.labels).stem
        else:
            assert str(each.instances).endswith(f"{name}/masks/*") or "*.png" in str(each.instances)


def test_what_has_no_partner_is_left_out_and_named() -> None:
    for number in range(12):
        photo(f"im/p{number}.png")
        mask(f"la/p{number + 2}.png")
    Path("im/readme.pdf").write_text("see")
    _, files, notes = start("im", "la")
    assert [Path(str(each.image)).name for each in files] == [f"p{n}.png" for n in range(2, 12)]
    assert all(Path(str(each.image)).name == Path(each.labels).name for each in files)
    assert notes == [
        "1 other files are left out: im/readme.pdf",
        "2 of 12 images have no labels and are left out: im/p0.png, im/p1.png",
        "2 of 12 files of labels have no image and are left out: la/p12.png, la/p13.png",
    ]


def test_names_of_lists_without_a_scene_are_named() -> None:
    lists("{}\n")
    with Path("d/val.txt").open("a") as file:
        file.write("77\n78\n")
    _, _, notes = start("d/images", "d/labels")
    assert f"2 names of {Path('d/val.txt').resolve()} have no scene: 77, 78" in notes


def test_pairs_by_order_are_said_to_be() -> None:
    photo("im/alpha.png", size=256)
    photo("im/beta.png", size=256)
    mask("la/x.png", size=256)
    mask("la/y.png", size=256)
    _, files, notes = start("im", "la")
    assert len(files) == 2
    assert "paired in natural order: alpha.png with x.png, beta.png with y.png" in notes[0]


@pytest.mark.parametrize(
    ("image", "labels", "bands", "strategy"),
    [
        ("st/slice_{:03d}.png", "la/slice_{:03d}.png", 3, "range"),
        ("image/{}.png", "label/{}.png", 1, "range"),
        ("photos/{}.png", "masks/{}.png", 3, "image"),
    ],
)
def test_slices_are_split_by_ranges(image: str, labels: str, bands: int, strategy: str) -> None:
    for number in range(12):
        photo(image.format(number), bands)
        mask(labels.format(number))
    config, _, _ = start(str(Path(image).parent), str(Path(labels).parent))
    assert config.split.strategy == strategy


def test_absolute_paths_stay_and_relative_ones_are_seen_from_the_file() -> None:
    pairs("im/{}.png", "la/{}.png")
    Path("deep").mkdir()
    for images, wanted in (("im", "../im/"), (str(Path("im").absolute()), str(Path.cwd()))):
        choices = write_start([images], ["la"], "deep/a.yaml", overwrite=True)
        (entry,) = choices.chosen["data"]["scenes"]
        assert entry["image"].startswith(wanted)
        assert entry["labels"].startswith("../la/")
        assert len(find_scenes(load_config("deep/a.yaml").data, Path())) == 12


def test_labels_in_few_places_are_split_all_the_same() -> None:
    ids = np.zeros((640, 640), np.uint8)
    ids[:100, :100] = np.random.default_rng(0).integers(1, 3, (100, 100))
    photo("a.png", size=640)
    Image.fromarray(ids).save("l.png", transparency=0)
    config, _, _ = start("a.png", "l.png")
    assert (config.split.folds, config.split.block) != (5, 128)


def twins() -> None:
    pairs("im/{}.png", "la/{}.png", 4)
    photo("im/2.jpg")


def twin_labels() -> None:
    pairs("im/{}.png", "la/{}.png", 4)
    mask("la/2.gif")


def kinds_of_labels() -> None:
    pairs("im/{}.png", "la/{}_ids.png", 4)
    for number in range(4):
        mask(f"la/{number}_labels.png")


def grey_among_colours() -> None:
    pairs("im/{}.png", "la/{}.png", 4)
    photo("im/2.png", 1)


def other_size() -> None:
    pairs("im/{}.png", "la/{}.png", 4)
    mask("la/2.png", 48)


def one_value() -> None:
    for number in range(4):
        photo(f"im/{number}.png")
        mask(f"la/{number}.png", values=1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (twins, r"2 images have the name of labels la/2\.png: im/2\.jpg, im/2\.png; leave one"),
        (twin_labels, r"2 files of labels have the name of image im/2\.png: la/2\.gif, la/2\.png"),
        (kinds_of_labels, r"la/0_ids\.png, la/0_labels\.png; name those .* 'la/\*\*/\*_ids\.png'"),
        (grey_among_colours, r"2\.png: 1 bands, but .*0\.png has 3; leave one kind out"),
        (other_size, r"labels .*2\.png have 48 x 48 pixels .* no georeference to align them by"),
        (one_value, "a network tells two classes or more apart"),
        (lambda: Path("im").mkdir(), "im holds no images"),
        (lambda: None, "there is no file im"),
    ],
)
def test_what_training_refuses_is_refused(make: Callable[[], None], words: str) -> None:
    make()
    with pytest.raises(InputError, match=words):
        start("im", "la")
    assert not Path("a.yaml").exists()


def test_the_advice_on_kinds_of_labels_works() -> None:
    kinds_of_labels()
    _, files, _ = start("im", "la/**/*_ids.png")
    assert len(files) == 4


def one_image(*labels: str) -> None:
    """Write an image with polygons of two classes for each role, in places apart."""
    write(Path("d/city.tif"), blobs(320, 320), crs=UTM, transform=TRANSFORM)
    for number, name in enumerate(labels):
        top = 20 + 110 * number
        shapes = [shapely.box(x, top, x + 40, top + 40) for x in (20, 90, 180, 250)]
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        write_polygons(Path(name), shapes, ["house", "road"] * 2)


@pytest.mark.parametrize(
    ("names", "images", "labels"),
    [
        (("d/train.gpkg", "d/val.gpkg"), "d", []),
        (("d/city_train.shp", "d/city_test.shp", "d/city_valid.shp"), "d", []),
        (("d/train/labels.gpkg", "d/val/labels.gpkg"), "d/city.tif", ["d/train", "d/val"]),
        (("b.training.gpkg", "b.dev.gpkg"), "d/city.tif", ["b.training.gpkg", "b.dev.gpkg"]),
    ],
)
def test_one_image_takes_polygons_of_several_roles(
    names: tuple[str, ...], images: str, labels: list[str]
) -> None:
    Path("d").mkdir()
    one_image(*names)
    config, (files,), notes = start(images, labels)
    assert {scene.role for scene in config.data.scenes} >= {"train", "validation"}
    assert {each.labels for each in files.by_role} == {str(Path(name).absolute()) for name in names}
    assert any("roles by the names of labels: 1 train, 1 val" in n for n in notes)
    # The buffer of the usual network would leave nothing to learn from.
    assert config.model.depth < 4


@pytest.mark.parametrize(
    ("image", "labels", "words"),
    [
        ("d/images/{}.png", "d/masks/{}.png", (["d"], ["d/masks"])),
        ("d/{}.png", "d/{}_annotated.png", (["d"], ["d/*_annotated.png"])),
        ("d/{}.png", "d/masks/{}.png", (["d"], [str(Path("d/../d/masks"))])),
    ],
)
def test_labels_within_the_folder_of_images_are_no_images(
    image: str, labels: str, words: tuple[list[str], list[str]]
) -> None:
    pairs(image, labels)
    _, files, notes = start(*words)
    assert len(files) == 12
    assert notes == []
    for each in files:
        assert each.image in {str(Path(image.format(n)).absolute()) for n in range(12)}
        assert each.labels in {str(Path(labels.format(n)).absolute()) for n in range(12)}


def test_images_that_are_their_own_labels_are_named() -> None:
    mask("d/a.png")
    mask("d/b.png")
    _, _, notes = start("d/*.png", ["d/a.png", "d/b.png"])
    assert "2 images are given as their own labels: d/a.png, d/b.png" in notes


def test_lists_that_give_roles_are_not_called_left_out() -> None:
    lists("{}\n")
    Path("d/classes.csv").write_text("0,road\n")
    Path("d/extra.txt").write_text("see\n")
    _, files, notes = start("d")
    assert roles(files) == ROLES
    others = Path("d/classes.csv"), Path("d/extra.txt")
    assert [note for note in notes if "left out" in note] == [
        f"2 other files are left out: {others[1]}, {others[0]}"
    ]


def test_a_list_of_another_encoding_is_refused_with_its_line() -> None:
    voc("VOC")
    path = Path("VOC/ImageSets/Segmentation/val.txt")
    path.write_bytes("good\n街景_006\n".encode("gbk"))
    with pytest.raises(InputError, match=r"val\.txt, line 2, is no text in UTF-8 .* save it as"):
        start("VOC")
    path.write_text("\n".join(f"街景_{n:03d}" for n in range(6, 9)), encoding="utf-8")
    assert roles(start_again("VOC")) == ROLES


def start_again(images: str) -> tuple[SceneFiles, ...]:
    """Write settings as before, now that the advice was followed."""
    return start(images)[1]


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("d/图像/{}.png", "d/标注/{}.png"),
        ("d/{}.png", "d/{}_标签.png"),
        ("d/photographs/{}.png", "d/drawn/{}_gt.png"),
    ],
)
def test_labels_are_known_by_folder_or_name(image: str, labels: str) -> None:
    pairs(image, labels)
    _, files, _ = start("d")
    assert [(each.image, each.labels) for each in files] == [
        tuple(str(Path(form.format(n)).absolute()) for form in (image, labels)) for n in range(12)
    ]


def test_further_masks_of_a_folder_are_no_images_where_labels_are_named() -> None:
    for part in ("training", "test"):
        pairs(f"d/{part}/images/{{}}_{part}.png", f"d/{part}/1st_manual/{{}}_manual1.png")
        for number in range(12):
            mask(f"d/{part}/mask/{number}_{part}_mask.png")
    with pytest.raises(InputError, match="2 files of labels have the name") as refused:
        start("d")
    advised = re.findall(r"--labels '(.*)'", str(refused.value))
    _, files, notes = start("d", advised)
    assert len(files) == 24
    assert all(Path(each.image).parent.name == "images" for each in files)
    assert all(Path(each.labels).parent.name == "1st_manual" for each in files)
    assert any(note.startswith("24 other files are left out: d/test/mask/0_") for note in notes)
    assert roles(files) == {"test": 12, None: 12}


def test_the_advice_on_kinds_of_images_works() -> None:
    pairs("im/{}_rgb.png", "la/{}.png")
    for number in range(12):
        photo(f"im/{number}_raw.png", 1)
    with pytest.raises(InputError, match="2 images have the name of labels") as refused:
        start("im", "la")
    (advised,) = re.findall(r"such as '(.*)'", str(refused.value))
    assert advised == "im/**/*_raw.png"
    _, files, _ = start(advised, "la")
    assert len(files) == 12
