"""What commands say of pixels that tags hide, and that their advice works."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Cli
from tests.images import GEO, read, write

RANDOM = np.random.default_rng(0)


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    """Return an image whose eighth band is tagged alpha, and 0 in some rows."""
    image = RANDOM.integers(1, 250, (80, 100, 8)).astype(np.uint8)
    image[:8, :, 7] = 0
    profile = GEO | {"photometric": "rgb", "alpha": "yes"}
    path = write(tmp_path / "image.tif", image, **profile)
    import rasterio
    from rasterio.enums import ColorInterp

    with rasterio.open(path, "r+") as file:
        others = [ColorInterp.undefined] * 4
        file.colorinterp = [*file.colorinterp[:3], *others, ColorInterp.alpha]
    return path


def test_a_network_gets_advice_that_works(
    cli: Cli, models: Path, tagged: Path, tmp_path: Path
) -> None:
    words = ("predict", tagged, "-m", models / "b8.keras", "-o", tmp_path / "map.tif")
    refused = cli(*words)
    assert refused.code == 2
    advice = "--bands 1,2,3,4,5,6,7,8"
    assert "band 8 is tagged alpha and taken as a mask" in refused.err
    assert advice in refused.err
    assert cli(*words, *advice.split()).code == 0
    assert (read(tmp_path / "map.tif") != 255).all()


def test_what_alpha_hides_from_a_network_is_said(
    cli: Cli, models: Path, tagged: Path, tmp_path: Path
) -> None:
    words = ("predict", tagged, "-m", models / "b7.keras", "-o", tmp_path / "map.tif")
    for more in ((), ("--json",)):
        done = cli(*words, *more, "--overwrite")
        assert done.code == 0
        (note,) = (line for line in done.err.splitlines() if line.startswith("note: "))
        assert "which hides 800 pixels (10.0%), though it holds too many values" in note
    assert "note" not in cli(*words, "--overwrite", "-q").err
    assert (read(tmp_path / "map.tif") == 255).sum() == 800


def test_info_names_what_hides_pixels(cli: Cli, tagged: Path, tmp_path: Path) -> None:
    facts = json.loads(cli("info", tagged, "--json").out)
    assert facts["hidden_pixels"] == {"alpha": 800}
    assert "band 8 is tagged alpha" in cli("info", tagged).out
    mask = np.zeros((40, 50), np.uint8)
    mask[:10] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    facts = json.loads(cli("info", tmp_path / "mask.png", "--json").out)
    assert facts["values"].endswith("a mask of background and foreground")
    ids = str(write(tmp_path / "ids.tif", mask, nodata=0))
    assert json.loads(cli("info", ids, "--json").out)["hidden_pixels"] == {"nodata": 1500}
    facts = json.loads(cli("info", ids, "--nodata", "none", "--json").out)
    assert (facts["nodata"], facts["hidden_pixels"]) == (None, {})
    assert "expected a number, 'nan' or 'none'" in cli("info", ids, "--nodata", "x").err


def test_maps_of_a_folder_are_evaluated_by_the_names_of_its_images(
    cli: Cli, models: Path, tmp_path: Path
) -> None:
    for folder in ("images", "truths"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        image = RANDOM.integers(0, 255, (40, 50, 3)).astype(np.uint8)
        write(tmp_path / "images" / f"{name}.tif", image)
        ids = RANDOM.integers(0, 4, (40, 50)).astype(np.uint8)
        Image.fromarray(ids).save(tmp_path / "truths" / f"{name}_mask.png")
    (tmp_path / "images" / "notes.txt").touch()
    maps = tmp_path / "maps"
    done = cli("predict", tmp_path / "images", "-m", models / "b3.keras", "-o", maps)
    assert done.code == 0
    assert "2 images; 1 other files are left out (notes.txt)" in done.err
    done = cli("evaluate", maps, tmp_path / "truths", "--classes", "4", "--no-borders", "--json")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["images"]) == 2


def test_means_say_over_how_many_classes(cli: Cli, tmp_path: Path) -> None:
    ids = np.zeros((20, 20), np.uint8)
    ids[:5] = 1
    path = write(tmp_path / "p.tif", ids)
    done = cli("evaluate", path, path, "--classes", "4", "--json")
    facts = json.loads(done.out)
    assert (facts["mean_iou_classes"], facts["mean_boundary_iou_classes"]) == (2, 2)
    assert "1.0000 (2 of 4 classes)" in cli("evaluate", path, path, "--classes", "4").out
    done = cli("evaluate", path, write(tmp_path / "t.tif", ids * 0), "--classes", "2", "--json")
    row = json.loads(done.out)["classes"][0]
    assert [row[key] for key in ("boundary_iou", "boundary_f1_1px", "hausdorff_95")] == [None] * 3


def test_the_held_out_part_is_that_of_the_run(cli: Cli, tmp_path: Path) -> None:
    from tilesegm.data.split import Piece, Split, SplitScene, save_split
    from tilesegm.grid.window import Window

    pieces = tuple(Piece("city", Window(0, 25 * n, 40, 25), n) for n in range(2))
    split = Split(
        strategy="blocks",
        folds=2,
        buffer=0,
        seed=0,
        scenes=(SplitScene("city", 40, 50),),
        pieces=pieces,
    )
    save_split(split, tmp_path / "split.json")
    (tmp_path / "settings.json").write_text('{"split": {"fold": 1}}')
    ids = np.zeros((40, 50), np.uint8)
    ids[:20] = 1
    truth = write(tmp_path / "t.tif", ids)
    wrong = ids.copy()
    wrong[:, :25] = 1
    words = ("evaluate", write(tmp_path / "p.tif", wrong), truth, "--classes", "2", "--no-borders")
    accuracy = {}
    for fold in ((), ("--fold", "0"), ("--fold", "1")):
        done = cli(*words, "--split", tmp_path / "split.json", *fold, "--json")
        accuracy[fold] = json.loads(done.out)["accuracy"]
    assert list(accuracy.values()) == [1, 0.5, 1]
    assert "give it too" in cli(*words, "--fold", "1").err
