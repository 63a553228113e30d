"""`tilesegm train init`: what it finds, and that training takes what it writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tests.data.label_parts import write_polygons
from tests.images import GEO, write
from tilesegm.data.split.pieces import cut_blocks
from tilesegm.errors import OutputError, SettingsError, SourceError
from tilesegm.events import Noted
from tilesegm.training.init.hold_out import _NETWORKS
from tilesegm.training.init.image_survey import ImageSurvey
from tilesegm.training.init.label_survey import LabelSurvey
from tilesegm.training.init.scene_patterns import find_patterns
from tilesegm.training.init.start_choices import choose
from tilesegm.training.init.start_file import write_start
from tilesegm.training.init.survey import survey_labels
from tilesegm.training.settings.settings_file import load_config


def labels(side: int = 96) -> NDArray[np.uint8]:
    """Three quarters of 0, a quarter of 7."""
    made = np.zeros((side, side), np.uint8)
    made[: side // 2, : side // 2] = 7
    return made


def picture(path: Path, values: NDArray[np.uint8], palette: bool = False) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values)
    if palette:
        image = image.convert("P")
        image.putpalette([20, 30, 40] * 7 + [200, 100, 50] * 249)
    image.save(path)
    return str(path)


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """Twelve images in two folders with masks of ids, by paths from the working directory."""
    monkeypatch.chdir(tmp_path)
    images, masks = [], []
    for site in "ab":
        for number in range(1, 7):
            rgb = np.full((96, 96, 3), 10 * number, np.uint8)
            images.append(picture(Path(f"site_{site}/img/part_{number}.png"), rgb))
            masks.append(picture(Path(f"site_{site}/ids/part_{number}_mask.png"), labels()))
    return images, masks


def test_a_folder_becomes_one_pattern(pairs: tuple[list[str], list[str]], tmp_path: Path) -> None:
    file = tmp_path / "start.yaml"
    choices = write_start(*pairs, file)
    assert choices.chosen["data"]["scenes"] == [
        {
            "image": "site_{site:[ab]}/img/part_{part:[123456]}.png",
            "labels": "site_{site}/ids/part_{part}_mask.png",
        }
    ]
    config = load_config(file)
    assert config.split.strategy == "image"
    assert config.schedule.size == 96
    assert config.sampling.balanced == 0.25
    names = [(one.name, one.value) for one in config.data.labels.classes]
    assert names == [("background", 0), ("foreground", 7)]
    text = file.read_text()
    assert "- {name: background, value: 0}  # 82,944 px, 75.00 %" in text
    assert "# Images: 12 of 96 x 96 px, 3 bands of uint8, no coordinate reference system" in text


def test_bands_without_names_have_no_line(tmp_path: Path) -> None:
    slide, ids = tmp_path / "slide.ome.tif", labels(320)
    tifffile.imwrite(slide, np.stack([ids] * 3), photometric="rgb", metadata={"axes": "CYX"})
    write_start([str(slide)], [picture(tmp_path / "mask.png", ids)], tmp_path / "slide.yaml")
    assert "# Bands:" not in (tmp_path / "slide.yaml").read_text("utf-8")


def test_only_the_files_that_were_given_are_taken(
    pairs: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    images, masks = pairs
    picture(tmp_path / "site_a/img/part_10.png", np.zeros((96, 96, 3), np.uint8))
    picture(tmp_path / "site_a/ids/part_10_mask.png", labels())
    some = [0, 1, 6]
    choices = write_start(
        [images[n] for n in some], [masks[n] for n in some], tmp_path / "start.yaml"
    )
    scenes = choices.chosen["data"]["scenes"]
    assert [scene["image"] for scene in scenes] == [
        "site_a/img/part_1.png",
        "site_a/img/part_2.png",
        "site_b/img/part_1.png",
    ]


def test_patterns_are_taken_as_they_are(pairs: tuple[list[str], list[str]], tmp_path: Path) -> None:
    image, mask = "site_{s}/img/{n}.png", "site_{s}/ids/{n}_mask.png"
    choices = write_start([image], [mask], tmp_path / "deep" / "start.yaml")
    assert choices.chosen["data"]["scenes"][0]["labels"] == "../site_{s}/ids/{n}_mask.png"
    assert len(load_config(tmp_path / "deep/start.yaml").data.scenes) == 1


def test_colours_and_palettes_are_one(tmp_path: Path) -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:] = (20, 30, 40)
    rgb[:8] = (200, 100, 50)
    rgb[0, 0] = 255
    masks = [
        picture(tmp_path / "1.png", rgb),
        picture(tmp_path / "2.png", labels(200), palette=True),
    ]
    found = survey_labels(masks)
    assert found.kind == "colours"
    assert found.counts == {"#141E28": 56 * 64 + 30000, "#C86432": 511 + 10000, "#FFFFFF": 1}
    large = picture(tmp_path / "images" / "1.png", rgb.repeat(4, 0).repeat(4, 1))
    choices = write_start([large], [large], tmp_path / "one.yaml")
    assert [one["value"] for one in choices.chosen["data"]["labels"]["classes"]] == [
        "#141E28",
        "#C86432",
        "#FFFFFF",
    ]


def test_values_without_names_are_named_alike_everywhere(tmp_path: Path) -> None:
    rgb = np.full((64, 64, 3), (20, 30, 40), np.uint8)
    rgb[:1] = (60, 16, 152)
    rgb[1:8] = (200, 100, 50)
    path = picture(tmp_path / "rgb.png", rgb.repeat(4, 0).repeat(4, 1))
    choices = write_start([path], [path], tmp_path / "start.yaml")
    text = (tmp_path / "start.yaml").read_text()
    assert '- {name: colour 3C1098, value: "#3C1098"}  # 1,024 px, 1.56 %' in text
    assert "The rarest class is 'colour 3C1098' with 1.56 %" in text
    assert "give each class a name of your own" in text
    assert len(choices.chosen["data"]["labels"]["classes"]) == 3


def test_black_and_another_colour_are_background_and_foreground(tmp_path: Path) -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:8] = 255
    path = picture(tmp_path / "rgb.png", rgb.repeat(4, 0).repeat(4, 1))
    write_start([path], [path], tmp_path / "start.yaml")
    classes = load_config(tmp_path / "start.yaml").data.labels.classes
    assert [(one.name, one.value) for one in classes] == [
        ("background", "#000000"),
        ("foreground", "#FFFFFF"),
    ]


@pytest.mark.parametrize(
    ("sides", "depth", "block", "folds"),
    [
        ([(64, 64)], 2, 64, 2),
        ([(128, 128)], 2, 64, 4),
        ([(256, 256)], 2, 64, 5),
        ([(448, 448)], 3, 128, 5),
        ([(644, 797)], 3, 192, 5),
        ([(1024, 1024)], 3, 256, 5),
        ([(1300, 1300)], None, 320, 5),
        ([(1000, 1000)] * 3, None, 640, 5),
        ([(20_000, 20_000)], None, 1024, 5),
    ],
)
def test_blocks_are_at_least_twice_as_many_as_folds_where_images_allow(
    sides: list[tuple[int, int]], depth: int | None, block: int, folds: int
) -> None:
    images = [ImageSurvey(*side, 3, "uint8", None, (), False) for side in sides]
    choices = choose([], images, LabelSurvey("ids", {0: 9, 1: 9}, {}))
    assert choices.chosen["split"] == {"strategy": "blocks", "block": block, "folds": folds}
    assert choices.chosen.get("model", {}).get("depth") == depth
    blocks = sum(len(cut_blocks(*side, block)) for side in sides)
    remark = choices.remarks["split", "block"]
    assert remark.startswith(f"Number of blocks: {blocks}")
    assert (blocks < 10) == ("so few" in remark)


@pytest.mark.parametrize(("depth", "block"), [(None, 320), (3, 128), (2, 64)])
def test_least_blocks_and_their_buffers_take_three_to_four_times_the_block(
    depth: int | None, block: int
) -> None:
    from tilesegm.model.keras_model import describe
    from tilesegm.networks.build import build, inference_model
    from tilesegm.networks.settings import ModelSettings

    network = inference_model(build(ModelSettings(depth=depth), 3, 2))
    radius = describe(network, "network").radius
    assert radius is not None
    assert 3 <= (1 + 2 * radius / block) ** 2 <= 4
    assert (depth, block, radius) in _NETWORKS


def test_missing_pixels_are_no_class(tmp_path: Path) -> None:
    path = write(tmp_path / "ids.tif", labels()[..., None], nodata=7, **GEO)
    assert survey_labels([str(path)]).counts == {0: 6912}


def test_names_that_do_not_belong_together() -> None:
    assert find_patterns(["a/1.png", "a/2.png"], ["b/x.png", "b/y.png"]) is None
    assert find_patterns(["a/1.png", "b/c/2.png"], ["x", "y"]) is None
    assert find_patterns(
        ["i/21_training.tif", "i/30_training.tif"], ["m/21_1.gif", "m/30_1.gif"]
    ) == (
        "i/{name}_training.tif",
        "m/{name}_1.gif",
    )
    assert find_patterns(["s/aa/i/aa.png", "s/bb/i/bb.png"]) == ("s/{name}/i/{name}.png",)


def test_what_does_not_fit_is_refused(tmp_path: Path, pairs: tuple[list[str], list[str]]) -> None:
    images, masks = pairs
    file = tmp_path / "start.yaml"
    grey = picture(Path("site_a/img/part_2_img.png"), labels())
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    others = [picture(tmp_path / f"others/{name}.png", labels()) for name in "xyz"]
    for arguments, words in (
        ((images, others), "12 images and 3 files of labels were given"),
        ((images[:1], ["absent.png"]), "there is no file absent.png"),
        ((images[:1], [picture(tmp_path / "noise.png", noise)]), "more than 64 values"),
        ((["{a}.png"], masks[:2]), "1 patterns of images and 2 of labels"),
    ):
        with pytest.raises(SettingsError, match=words):
            write_start(*arguments, file)
    with pytest.raises(SourceError, match=r"leave one kind out, or choose .* with data\.bands"):
        write_start([images[0], grey], masks[:2], file)
    assert not file.exists()
    with pytest.raises(SettingsError, match="is a raster"):
        write_start(images[:1], masks[:1], file, attribute="class")
    file.write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        write_start(images, masks, file)
    write_start(images, masks, file, overwrite=True)


def test_polygons_of_another_system(shared_data: Path, tmp_path: Path) -> None:
    bands = sorted(map(str, (shared_data / "sentinel2").glob("*.tiff")))
    polygons = str(shared_data / "sentinel2" / "rcr_landcover.shp")
    file = tmp_path / "start.yaml"
    write_start(bands, [polygons], file, stack=True)
    config = load_config(file)
    (scene,) = config.data.scenes
    assert len(scene.images) == 8
    assert config.data.labels.attribute == "Classname"
    names = [one.name for one in config.data.labels.classes]
    assert names[:2] == ["Emergent Wetland", "Forested Wetland"]
    assert len(names) == 6
    with pytest.raises(SourceError, match="has no attribute 'Klasse'; it has Classname, Class"):
        write_start(bands, [polygons], file, stack=True, attribute="Klasse", overwrite=True)
    with pytest.raises(SettingsError, match="--stack"):
        write_start(bands, [polygons] * 2, file, overwrite=True)


def test_polygons_count_by_their_share_of_the_area(tmp_path: Path) -> None:
    kinds = ["wood", "lake", "wood", "lake", None]
    shapes = [shapely.box(0, 0, side, 10) for side in (10, 50, 20, 40, 90)]
    first = write_polygons(tmp_path / "a.gpkg", shapes, kinds)
    found = survey_labels([str(first)])
    assert (found.kind, found.attribute) == ("polygons", "kind")
    # Of 1200 pixels in classes 300 are wood; polygons without a class do not count.
    assert found.counts == {"lake": 750_000, "wood": 250_000}
    second = write_polygons(tmp_path / "b.gpkg", [shapely.box(0, 0, 60, 10)] * 2, ["moor"] * 2)
    found = survey_labels([str(first), str(second)])
    assert found.counts == {"lake": 375_000, "moor": 500_000, "wood": 125_000}
    image = write(tmp_path / "i.tif", labels(256)[..., None], **GEO)
    apart = [shapely.box(0, 0, 240, 150), shapely.box(0, 180, 240, 230)]
    third = write_polygons(tmp_path / "c.gpkg", apart, ["lake", "wood"])
    write_start([str(image)], [str(third)], tmp_path / "start.yaml", attribute="kind")
    assert (
        "- {name: lake, value: lake}  # 75.00 % of the area"
        in (tmp_path / "start.yaml").read_text()
    )


def test_the_only_attribute_is_the_class_if_it_is_text(tmp_path: Path) -> None:
    shapes = [shapely.box(0, 0, side, 10) for side in (10, 50)]
    words = write_polygons(tmp_path / "a.gpkg", shapes, ["wood", "lake"])
    assert survey_labels([str(words)]).attribute == "kind"
    numbers = write_polygons(tmp_path / "b.gpkg", shapes, [1, 2])
    with pytest.raises(SettingsError, match="give --attribute, one of kind"):
        survey_labels([str(numbers)])


def test_doubtful_values_of_polygons_are_noted(tmp_path: Path) -> None:
    image = write(tmp_path / "i.tif", labels(256)[..., None], **GEO)
    shapes = [shapely.box(0, top, 240, top + 60) for top in (0, 80, 160, -900)]
    kinds = ["Wood ", "lake", "wood", "rock"]
    polygons = write_polygons(tmp_path / "a.gpkg", shapes, kinds)
    said: list[str] = []
    write_start(
        [str(image)],
        [str(polygons)],
        tmp_path / "start.yaml",
        on_event=lambda event: said.append(event.text) if isinstance(event, Noted) else None,
    )
    assert said == [
        "'Wood ' and 'wood' are classes of their own; where they are one, give it both (value: "
        "['Wood ', 'wood'])",
        "each of 4 polygons has a value of its own in kind, and makes a class of its own: take "
        "another --attribute if this is none",
        "Pixels outside of all polygons are not learnt from; if they are of a class, name it as "
        "data.labels.background, and add it to data.labels.classes if it has no polygons.",
        "no pixel of an image is labelled 'rock': not to be learnt",
    ]
    assert "'Wood ' and 'wood'" in (tmp_path / "start.yaml").read_text()


def test_polygons_hold_the_values_that_training_reads(tmp_path: Path) -> None:
    shapes = [shapely.box(0, 0, 10, 10)] * 3
    path = write_polygons(tmp_path / "a.gpkg", shapes, [1.5, 2.0, np.nan])
    assert survey_labels([str(path)], "kind").counts == {2: 500_000, "1.5": 500_000}


def test_vector_files_that_cannot_be_read_are_refused_as_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "bad.geojson"
    path.write_text("nothing")
    with pytest.raises(SourceError, match=r"bad\.geojson cannot be read"):
        survey_labels([str(path)])


def test_real_ids_with_a_palette_and_nodata(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "nc_landsat"
    file = tmp_path / "start.yaml"
    write_start([str(folder / "lsat7_2002.tif")], [str(folder / "landclass96.tif")], file)
    config = load_config(file)
    assert [one.value for one in config.data.labels.classes] == [1, 2, 3, 4, 5, 6, 7]
    assert config.data.labels.classes[0].colour == "#FF7F00"
    assert (config.split.strategy, config.split.folds) == ("blocks", 5)
    assert config.split.block == 128
    assert config.model.depth == 3
    assert config.sampling.balanced == 0.75
    assert '- {name: class 7, value: 7, colour: "#BF7F3F"}  # 194 px, 0.08 %' in file.read_text()


@pytest.mark.parametrize(
    ("values", "dtype", "nodata", "classes", "settings"),
    [
        ([0, 255], "uint8", None, [0, 255], {}),
        ([0, -1], "int16", None, [0, -1], {}),
        ([0, 65535], "uint16", None, [0, 65535], {}),
        ([0, 1, 2, 255], "uint8", None, [0, 1, 2], {"ignore": (255,)}),
        ([-1, 0, 1], "int16", None, [0, 1], {"ignore": (-1,)}),
        ([1, 255], "uint8", None, [1, 255], {}),
        ([0, 1], "uint8", 0, [0, 1], {"nodata": "none"}),
        ([0, 255], "uint8", 0, [0, 255], {"nodata": "none"}),
        ([0, 255], "uint8", 255, [0, 255], {"nodata": "none"}),
        ([0, 1, 2], "uint8", 0, [1, 2], {}),
    ],
)
def test_values_mean_what_they_mean_to_evaluate(
    tmp_path: Path,
    values: list[int],
    dtype: str,
    nodata: int | None,
    classes: list[int],
    settings: dict[str, object],
) -> None:
    side = 320
    image = write(tmp_path / "image.tif", np.ones((side, side, 3), np.uint8), **GEO)
    ids = np.array(values)[np.arange(side) * len(values) // side].astype(dtype)
    profile = GEO if nodata is None else GEO | {"nodata": nodata}
    mask = write(tmp_path / "ids.tif", np.tile(ids, (side, 1)), **profile)
    choices = write_start([str(image)], [str(mask)], tmp_path / "start.yaml")
    found = load_config(tmp_path / "start.yaml").data.labels
    assert [one.value for one in found.classes] == classes
    assert {"ignore": found.ignore, "nodata": found.nodata} == {
        "ignore": (),
        "nodata": None,
    } | settings
    # What is left out or assumed is said with a number.
    hidden = sum(ids == value for value in (*found.ignore, nodata)).sum() * side
    assert bool(hidden) == any(f"{hidden:,} px" in note for note in choices.notes)


def test_what_an_image_hides_is_said(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(1, 200, (320, 320, 4)).astype(np.uint8)
    image[:8, :, 3] = 0
    path = write(tmp_path / "image.tif", image, **GEO)
    mask = write(tmp_path / "ids.tif", labels(320), **GEO)
    choices = write_start([str(path)], [str(mask)], tmp_path / "start.yaml")
    (note,) = choices.notes
    assert "band 4 is tagged alpha and taken as a mask, which hides 2,560 pixels" in note
    assert "data.bands: [1, 2, 3, 4]" in note
    assert "tagged alpha" in (tmp_path / "start.yaml").read_text()
