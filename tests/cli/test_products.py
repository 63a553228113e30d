"""The commands that make something of finished maps."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyogrio
import pytest

from tests.cli.conftest import Cli
from tests.images import GEO, blobs, read, write

IDS = np.kron(np.array([[0, 1, 1], [2, 2, 0]], np.uint8), np.ones((4, 4), np.uint8))


def test_polygonize_says_what_it_wrote(cli: Cli, tmp_path: Path) -> None:
    path, output = write(tmp_path / "map.tif", IDS, **GEO), tmp_path / "p.gpkg"
    said = cli("polygonize", path, "-o", output, "--classes", "sea,tree,hut", "--skip", "sea")
    assert said.code == 0, said.err
    assert f"{output}: 2 polygons (tree 1, hut 1), GPKG" in said.out
    said = cli("polygonize", path, "-o", output, "--json", "--min-area", "100m2")
    assert json.loads(said.out)["polygons"] == 4
    assert "no names are known of the ids 0, 1, 2" in said.err
    for words, message in (
        (("--min-area", "5m"), "--min-area is '5m'; give a size such as 50 (pixels), 10m2"),
        (("--simplify", "2m2"), "--simplify is '2m2'; give a size such as 5 (pixels), 2m"),
        (("--only", "wood"), "--only names 'wood'"),
    ):
        said = cli("polygonize", path, "-o", output, *words)
        assert said.code == 2
        assert message in said.err


def test_areas_of_a_folder(cli: Cli, tmp_path: Path) -> None:
    folder, table = tmp_path / "maps", tmp_path / "areas.csv"
    folder.mkdir()
    write(folder / "a.tif", IDS, **GEO)
    write(folder / "b.tif", IDS[:4], **GEO)
    said = cli("areas", folder, "-o", table, "--count", "--classes", "sea,tree,hut")
    assert said.code == 0, said.err
    assert "all 2 maps" in said.out
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["tree ha"] for row in rows] == ["0.32", "0.32"]
    assert [row["sea objects"] for row in rows] == ["2", "1"]
    said = cli("areas", folder / "a.tif", "--json")
    assert json.loads(said.out)["classes"][0] == {
        "name": "class 0", "pixels": 32, "m2": 3200.0, "ha": 0.32,
    }  # fmt: skip
    said = cli("areas", tmp_path / "none")
    assert said.code == 2
    assert len(said.err.splitlines()) == 1


def test_areas_are_corrected_by_an_evaluation(cli: Cli, tmp_path: Path) -> None:
    path, truth = write(tmp_path / "map.tif", IDS, **GEO), IDS.copy()
    truth[0, :3] = 1
    said = cli(
        *(
            "evaluate",
            path,
            write(tmp_path / "truth.tif", truth, **GEO),
            "--classes",
            "sea,tree,hut",
        ),
        *("--json-file", tmp_path / "e.json"),
    )
    assert said.code == 0, said.err
    said = cli(
        *(
            "areas",
            path,
            "--evaluation",
            tmp_path / "e.json",
            "--classes",
            "sea,tree,hut",
            "--json",
        ),
    )
    sea, tree, _ = json.loads(said.out)["classes"]
    # 3 of the 32 pixels that are mapped as sea are trees.
    assert sea["adjusted_m2"] == pytest.approx(2900)
    assert tree["adjusted_m2"] == pytest.approx(3500)
    assert sea["adjusted_margin_95_m2"] == pytest.approx(
        9600 * 1.96 * (1 / 3) * (29 / 32 * 3 / 32 / 31) ** 0.5
    )
    assert "drawn at random" in said.err
    write(tmp_path / "again.tif", IDS, **GEO)
    words = ("--evaluation", tmp_path / "e.json", "--classes", "sea,tree,hut")
    said = cli("areas", path, tmp_path / "again.tif", *words)
    both = said.out.partition("all 2 maps")[2]
    assert "5,800" in both or "0.58" in both


def test_clean_says_what_it_changed(cli: Cli, tmp_path: Path) -> None:
    ids = IDS.copy()
    ids[1, 5] = 2
    path = write(tmp_path / "map.tif", ids, **GEO)
    said = cli("clean", path, "-o", tmp_path / "c.tif", "--min-area", "150m2")
    assert said.code == 0, said.err
    assert "c.tif: 1 px changed, 4 objects left of 5" in said.out
    said = cli("clean", path, "-o", tmp_path / "c.tif")
    assert said.code == 2
    assert "--majority, --fill-holes or --min-area" in said.err


def test_predict_writes_polygons_and_tells_areas(
    cli: Cli,
    models: Path,
    tmp_path: Path,
) -> None:
    image = write(tmp_path / "image.tif", blobs(60, 70), **GEO)
    model, output = models / "b3.keras", tmp_path / "p.gpkg"
    words = ("predict", image, "-m", model, "-o", tmp_path / "map.tif")
    said = cli(*words, "--polygons", tmp_path / "p.txt")
    assert said.code == 2
    assert not (tmp_path / "map.tif").exists()
    said = cli(*words, "--polygons", output, "--json")
    assert said.code == 0, said.err
    row = json.loads(said.out)
    assert sum(one["pixels"] for one in row["areas"]) == 60 * 70
    assert sum(one["m2"] for one in row["areas"]) == 60 * 70 * 100
    assert row["polygons"]["polygons"] == pyogrio.read_info(output)["features"]
    said = cli("predict", image, image, "-m", model, "-o", tmp_path / "maps", "--polygons", output)
    assert said.code == 2
    assert "tilesegm polygonize" in said.err
    table = tmp_path / "areas.csv"
    assert cli(*words, "--areas", tmp_path / "areas.txt").code == 2
    assert cli(*words, "--areas", table).code == 0
    (line,) = csv.DictReader(table.read_text().splitlines())
    assert [int(line[f"{one['name']} pixels"]) for one in row["areas"]] == [
        one["pixels"] for one in row["areas"]
    ]
    maps = tmp_path / "maps"
    assert cli("predict", image, image, "-m", model, "-o", maps, "--areas", image).code == 2
    line = cli(*words[:-1], tmp_path / "sure.tif", "--min-confidence", 0.999).out
    counted = int((read(tmp_path / "sure.tif") == len(row["areas"])).sum())
    assert f"{counted:,} px ({counted / 4200:.1%}) unsure" in line
    assert counted
