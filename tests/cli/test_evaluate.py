"""``tilesegm evaluate`` on files: tables, JSON, folders, polygons, and errors in one line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rich.console import Console

from tests.cli.conftest import Cli
from tests.evaluation.test_evaluate import write
from tests.metrics.maps import random_maps
from tilesegm.cli.evaluation_tables import score_tables
from tilesegm.evaluation.evaluate import EvaluationOptions, evaluate
from tilesegm.metrics.confusion import Scores, count_pairs
from tilesegm.metrics.measures import Measures

SMALL = ("--classes", "3")


@pytest.fixture
def maps(tmp_path: Path) -> tuple[Path, Path]:
    truth, predicted = random_maps(0, 120, 90, 3)
    return write(tmp_path / "p.tif", predicted), write(tmp_path / "t.tif", truth)


def test_json_holds_the_scores(cli: Cli, maps: tuple[Path, Path], tmp_path: Path) -> None:
    words = (*SMALL, "--thin", "1", "--objects", "0,2", "--tolerance", "1.5")
    said = cli("evaluate", *maps, *words, "--json", "--json-file", tmp_path / "out.json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found == json.loads((tmp_path / "out.json").read_text())
    truth, predicted = random_maps(0, 120, 90, 3)
    expected = Scores(count_pairs(truth, predicted, 3))
    assert found["mean_iou"] == expected.mean_iou
    rows = found["classes"]
    assert [row["name"] for row in rows] == ["class 0", "class 1", "class 2"]
    assert "boundary_f1_1.5px" in rows[0]
    assert "cldice" in rows[1]
    assert "objects" in rows[2]


def test_tables_name_classes_and_scores(cli: Cli, maps: tuple[Path, Path]) -> None:
    said = cli("evaluate", *maps, "--classes", "water,road,tree", "--objects", "1")
    assert said.code == 0, said.err
    for word in (
        "water",
        "road",
        "tree",
        "mean iou",
        "boundary iou",
        "hausdorff",
        "objects:",
    ):
        assert word in said.out


@pytest.mark.parametrize("width", [80, 40])
def test_tables_of_many_classes_fit_the_terminal(maps: tuple[Path, Path], width: int) -> None:
    names = [f"class {n}" for n in range(11)] + ["sand [wet] " * 4, "w" * 30]
    measures = Measures(thin=(1,), objects=(2,))
    options = EvaluationOptions(classes=tuple(names), measures=measures)
    said = evaluate(*map(str, maps), options=options).to_dict()
    console = Console(width=width, record=True, file=io.StringIO())
    tables = score_tables(said, width)
    for table in tables:
        console.print(table)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "…" not in text
    for row in said["classes"][:3]:
        # Each class has a line, which holds its scores.
        assert any(row["name"] in line and f"{row['iou']:.4f}" in line for line in lines)
    headings = " ".join(
        str(column.header).replace("\n", " ") for table in tables for column in table.columns
    )
    for heading in ("surface dice 4px", "hausdorff 95", "cldice", "objects: panoptic quality"):
        assert headings.count(heading) == 1
    assert "[wet]" in text


def test_an_image_is_shown_with_a_single_map(cli: Cli, tmp_path: Path) -> None:
    truth, predicted = random_maps(0, 50, 60, 3)
    for folder in ("p", "t", "one"):
        (tmp_path / folder).mkdir()
    for n in range(2):
        write(tmp_path / "p" / f"{n}.tif", predicted)
        write(tmp_path / "t" / f"{n}.tif", truth)
    image = write(tmp_path / "image.tif", predicted)
    page = ("--report", tmp_path / "page.html")
    said = cli("evaluate", tmp_path / "p", tmp_path / "t", *SMALL, *page, "--image", image)
    assert said.code == 2
    assert "2 maps are given; leave --image out" in said.err
    one = (tmp_path / "p" / "0.tif", tmp_path / "t" / "0.tif", *SMALL)
    said = cli("evaluate", *one, "--image", image)
    assert "give --report FILE.html too" in said.err
    assert cli("evaluate", *one, *page, "--image", image).code == 0
    assert cli("evaluate", tmp_path / "p", tmp_path / "t", *SMALL, *page).code == 0


@pytest.mark.parametrize("option", ["--report", "--json-file"])
def test_what_cannot_be_written_is_refused_before_the_work(
    cli: Cli, tmp_path: Path, option: str
) -> None:
    (tmp_path / "page.html").mkdir()
    (tmp_path / "file").touch()
    for path, words in (("page.html", "is a folder"), ("file/new/page.html", "file is a file")):
        said = cli("evaluate", tmp_path / "absent.tif", "absent.tif", option, tmp_path / path)
        assert said.code == 3
        (line,) = said.err.splitlines()
        assert words in line


@pytest.mark.parametrize("border", [255, 1])
def test_a_truth_in_which_no_classes_touch_is_noted(cli: Cli, tmp_path: Path, border: int) -> None:
    truth = np.zeros((40, 40), np.uint8)
    truth[:, 20:] = 1
    truth[:, 19:21] = border
    files = (
        write(tmp_path / "p.tif", (truth > 0).astype(np.uint8)),
        write(tmp_path / "t.tif", truth),
    )
    said = cli("evaluate", *files, "--classes", 2, "--json")
    found = json.loads(said.out)
    assert any("no two classes of the truth touch" in note for note in found["notes"]) == (
        border == 255
    )
    assert (found["classes"][0]["boundary_f1_1px"] is None) == (border == 255)
    alone = cli("evaluate", *files, "--classes", 2, "--no-borders", "--json")
    assert not any("touch" in note for note in json.loads(alone.out)["notes"])


def test_folders_are_paired_by_name(cli: Cli, tmp_path: Path) -> None:
    for folder in ("p", "t"):
        (tmp_path / folder).mkdir()
    for n in range(2):
        truth, predicted = random_maps(n, 50, 60, 3)
        write(tmp_path / "p" / f"{n}.tif", predicted)
        write(tmp_path / "t" / f"{n}.tif", truth)
    said = cli("evaluate", tmp_path / "p", tmp_path / "t", *SMALL, "--json")
    assert said.code == 0, said.err
    assert len(json.loads(said.out)["images"]) == 2
    (tmp_path / "t" / "1.tif").unlink()
    said = cli("evaluate", tmp_path / "p", tmp_path / "t", *SMALL)
    assert said.code == 2
    assert "holds no 1.tif" in said.err


def test_a_truth_of_polygons(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("pyogrio")
    transform = rasterio.Affine(1, 0, 500000, 0, -1, 4000000)
    predicted = np.zeros((40, 50), np.uint8)
    predicted[10:20, 10:30] = 1
    prediction = write(tmp_path / "p.tif", predicted, transform)
    left, top = 500010, 4000000 - 10
    ring = [[left, top], [left + 20, top], [left + 20, top - 10], [left, top - 10], [left, top]]
    features = [
        {
            "type": "Feature",
            "properties": {"kind": "house"},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
    ]
    collection = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}},
        "features": features,
    }
    (tmp_path / "t.geojson").write_text(json.dumps(collection))
    labels: dict[str, Any] = {
        "classes": [{"name": "land", "value": "land"}, {"name": "house", "value": "house"}],
        "attribute": "kind",
        "background": "land",
    }
    scene = {"image": str(prediction), "labels": str(tmp_path / "t.geojson")}
    run = tmp_path / "run.yaml"
    run.write_text(json.dumps({"data": {"scenes": [scene], "labels": labels}}))
    said = cli("evaluate", prediction, tmp_path / "t.geojson", "--labels", run, "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["accuracy"] == 1
    assert [row["true_pixels"] for row in found["classes"]] == [1800, 200]


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ((), 2, "does not tell its classes"),
        ((*SMALL, "--tolerance", "x"), 2, "tolerance"),
        ((*SMALL, "--thin", "7"), 2, "classes run from 0 to 2"),
        ((*SMALL, "--band", "0"), 2, "band is 0"),
        ((*SMALL, "--ignore", "0,1,2"), 2, "no pixel has a true class"),
        ((*SMALL, "--scores", "absent.tif"), 2, "absent.tif"),
        ((*SMALL, "--json-file", "/proc/absent/out.json"), 3, "cannot write"),
    ],
)
def test_errors_are_one_line(
    cli: Cli, maps: tuple[Path, Path], words: tuple[str, ...], code: int, reason: str
) -> None:
    said = cli("evaluate", *maps, *words, "--no-borders")
    assert said.code == code
    *notes, line = said.err.splitlines()
    assert all(note.startswith("note: ") for note in notes)
    assert line.startswith("tilesegm: ")
    assert reason in line


def test_a_missing_file_is_said(cli: Cli, maps: tuple[Path, Path]) -> None:
    said = cli("evaluate", maps[0], "absent.tif", *SMALL)
    assert said.code == 2
    assert "absent.tif" in said.err
