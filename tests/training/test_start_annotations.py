"""`train init` recognises annotations, and refuses in one line what does not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from tilesegm.data.find import find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.errors import SettingsError
from tilesegm.events import Noted
from tilesegm.grid.window import Window
from tilesegm.training.init.start_file import write_start
from tilesegm.training.settings.settings_file import load_config

SIDE = 96


def photos(folder: Path, number: int = 10, suffix: str = ".png") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    paths = [folder / f"p{n}{suffix}" for n in range(number)]
    for path in paths:
        Image.fromarray(random.integers(0, 255, (SIDE, SIDE, 3), np.uint8)).save(path)
    return paths


def labelme(photo: Path, *labels: str, **more: Any) -> None:
    shapes = [
        {"label": label, "points": [[9 * n, 5], [9 * n + 8, 60]], "shape_type": "rectangle"}
        for n, label in enumerate(labels)
    ]
    content = {"version": "5", "flags": {}, "shapes": shapes, "imagePath": photo.name}
    size = {"imageHeight": SIDE, "imageWidth": SIDE}
    photo.with_suffix(".json").write_text(json.dumps({**content, **size, **more}))


def start(*images: Any, labels: Any = (), **options: Any) -> tuple[dict[str, Any], str]:
    notes: list[str] = []
    write_start(
        [str(image) for image in images],
        [str(path) for path in labels],
        "a.yaml",
        on_event=lambda event: notes.append(event.text) if isinstance(event, Noted) else None,
        **options,
    )
    return yaml.safe_load(Path("a.yaml").read_text()), "\n".join(notes)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_folder_of_labelme() -> None:
    for photo in photos(Path("x")):
        labelme(photo, "cat", "__ignore__", "dog")
    chosen, notes = start("x")
    assert chosen["data"]["scenes"] == [{"image": "x/p{p}.png", "labels": "x/p{p}.json"}] or (
        chosen["data"]["scenes"][0]["labels"].endswith(".json")
    )
    labels = chosen["data"]["labels"]
    assert [entry["name"] for entry in labels["classes"]] == ["background", "cat", "dog"]
    assert (labels["ignore"], labels["background"]) == (["__ignore__"], "background")
    assert "Outside the shapes lies background" in notes


def test_sizes_that_differ_are_counted_in_one_line() -> None:
    every = photos(Path("x"))
    for photo in every:
        labelme(photo, "cat", "dog", imageHeight=48, imageWidth=48) if photo in every[:3] else (
            labelme(photo, "cat", "dog")
        )
    with pytest.raises(SettingsError, match=r"^3 of 10 images have another size than they were"):
        start("x")
    assert not Path("a.yaml").exists()


def coco(path: Path, names: list[str]) -> None:
    box = [[5, 5, 40, 5, 40, 40, 5, 40]]
    content = {
        "images": [
            {"id": n, "file_name": name, "height": SIDE, "width": SIDE}
            for n, name in enumerate(names)
        ],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1 + n % 2, "segmentation": box}
            for n in range(len(names))
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_categories_that_no_shape_has_are_named() -> None:
    photos(Path("x/images"), 4)
    path = Path("x/annotations.json")
    coco(path, [f"p{n}.png" for n in range(4)])
    assert "no shape has" not in start("x/images", labels=[path])[1]
    content = json.loads(path.read_text())
    content["categories"].append({"id": 3, "name": "bird"})
    path.write_text(json.dumps(content))
    Path("a.yaml").unlink()
    chosen, notes = start("x/images", labels=[path])
    names = [entry["name"] for entry in chosen["data"]["labels"]["classes"]]
    assert names == ["background", "cat", "dog"]
    assert "no shape has 'bird', which the file lists: no class is made of them" in notes


def test_coco_lists_images_and_tells_roles() -> None:
    photos(Path("x/images"), 9)
    names = [f"p{n}.jpg" for n in range(9)]  # photos that were saved as another format since
    coco(Path("x/annotations/instances_train.json"), names[:5])
    coco(Path("x/annotations/instances_val.json"), [*names[5:8], "gone.jpg"])
    chosen, notes = start("x")
    roles = {Path(s["image"]).name: s["role"] for s in chosen["data"]["scenes"]}
    assert roles == {f"p{n}.png": "train" if n < 5 else "validation" for n in range(8)} or sum(
        role == "validation" for role in roles.values()
    ) in (1, 3)
    assert "1 of 9 images are in no file of labels and are left out: x/images/p8.png" in notes
    assert "1 of 4 images that x/annotations/instances_val.json lists were not given" in notes
    coco(Path("other.json"), ["q1.jpg"])
    with pytest.raises(SettingsError, match=r"lists 1 images, such as q1.jpg, and none of the 9"):
        start("x/images", labels=["other.json"], overwrite=True)


def test_annotations_outside_of_their_images_are_counted() -> None:
    for number, photo in enumerate(photos(Path("in"))):
        labelme(photo, "a", "b", "b", *["c"] * (12 if number == 2 else 0))
    _, said = start("in")
    # Of 15 shapes, each 9 px to the right of the one before, four begin beyond 96 px.
    assert "p2.json: shapes outside of the image left out: 4 (first: feature 11)" in said
    assert "shapes cut off at the edge of the image: 1 (first: feature 10)" in said
    assert said.count("outside of the image") == 1


def test_points_need_a_buffer() -> None:
    for photo in photos(Path("x")):
        labelme(photo)
        content = json.loads(photo.with_suffix(".json").read_text())
        content["shapes"] = [
            {"label": label, "points": [[x, 30]], "shape_type": "point"}
            for label, x in (("cat", 20), ("dog", 60))
        ]
        photo.with_suffix(".json").write_text(json.dumps(content))
    with pytest.raises(SettingsError, match=r"points left out.*--buffer 3"):
        start("x")
    chosen, _ = start("x", buffer="4")
    assert str(chosen["data"]["labels"]["buffer"]) == "4"
    assert len(chosen["data"]["labels"]["classes"]) == 3


def test_masks_with_smoothed_edges_are_snapped() -> None:
    colours = {"sea": (0, 0, 255), "land": (0, 128, 0), "town": (255, 0, 0)}
    for photo in photos(Path("x/images")):
        mask = np.zeros((SIDE * 8, SIDE * 8, 3), np.uint8)
        mask[:] = colours["sea"]
        yy, xx = np.mgrid[: SIDE * 8, : SIDE * 8]
        mask[np.hypot(xx - 300, yy - 300) < 250] = colours["land"]
        mask[np.hypot(xx - 500, yy - 350) < 120] = colours["town"]
        small = Image.fromarray(mask).resize((SIDE, SIDE), Image.Resampling.BOX)
        Path("x/masks").mkdir(exist_ok=True)
        small.save(Path("x/masks") / photo.name)
    lines = [f"{name}:{r},{g},{b}::" for name, (r, g, b) in colours.items()]
    Path("x/labelmap.txt").write_text("# label:color_rgb:parts:actions\n" + "\n".join(lines))
    chosen, notes = start("x")
    labels = chosen["data"]["labels"]
    assert labels["snap"] == "nearest"
    assert {entry["name"] for entry in labels["classes"]} == set(colours)
    assert "have a colour between those of the classes" in notes
    config = load_config("a.yaml")
    with open_scenes(find_scenes(config.data, Path()), config.data) as scenes:
        got = scenes.read(0, Window(0, 0, SIDE, SIDE)).labels
        exact = np.array(small).astype(int)
        names = [entry.name for entry in config.data.labels.classes]
        points = np.array([colours[name] for name in names])
        nearest = ((exact[:, :, None] - points) ** 2).sum(-1).argmin(-1)
        assert (got != nearest).sum() <= 4  # at equal distance
        (told,) = scenes.snapped()
    between = (((exact[:, :, None] - points) ** 2).sum(-1).min(-1) > 0).sum() * 10
    assert told.startswith(f"{between:,} of {SIDE * SIDE * 10:,} pixels of labels")


def test_voc_beside_its_objects_and_cityscapes_by_their_ids() -> None:
    for photo in photos(Path("voc/JPEGImages"), suffix=".jpg"):
        ids = np.zeros((SIDE, SIDE), np.uint8)
        ids[10:60, 10:60] = 1
        for kind in ("SegmentationClass", "SegmentationObject"):
            path = Path("voc") / kind / f"{photo.stem}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(ids).save(path)
    Path("voc/class_names.txt").write_text("_background_\ncat\n")
    chosen, notes = start("voc")
    assert [each["name"] for each in chosen["data"]["labels"]["classes"]] == ["_background_", "cat"]
    assert "10 other files are left out: voc/SegmentationObject/p0.png" in notes
    for role, city in (("train", "aachen"), ("val", "ulm")):
        for photo in photos(Path("city/leftImg8bit") / role / city, 3):
            stem = f"{city}_{photo.stem}"
            photo.rename(photo.with_name(f"{stem}_leftImg8bit.png"))
            folder = Path("city/gtFine") / role / city
            folder.mkdir(parents=True, exist_ok=True)
            ids = np.full((SIDE, SIDE), 7, np.uint8)
            ids[:40], ids[80:] = 23, 3
            for kind in ("labelIds", "instanceIds", "color"):
                Image.fromarray(ids).save(folder / f"{stem}_gtFine_{kind}.png")
    chosen, notes = start("city", overwrite=True)
    labels = chosen["data"]["labels"]
    assert [each["name"] for each in labels["classes"]] == ["road", "sky"]
    assert labels["ignore"] == [3]
    assert "3 train, 3 validation" in notes
