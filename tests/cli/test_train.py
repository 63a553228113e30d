"""``tilesegm train``: from images to a bundle, and what is said about mistakes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from tests.cli.conftest import Cli, Said
from tests.images import GEO, blobs, write
from tilesegm.cli.training_tables import EpochProgress
from tilesegm.data.find import find_scenes
from tilesegm.events import Noted
from tilesegm.training.settings.schema import schema
from tilesegm.training.settings.settings_file import load_config

START = """\
data:
  scenes:
    - image: image.tif
      labels: labels.tif
  labels:
    classes:
      - {name: land, value: 0}
      - {name: water, value: 3}
split: {block: 64, folds: 2, buffer: 0}
model: {filters: 4, depth: 1}
schedule: {epochs: 1, steps: 3, batch: 2, size: 32}
validation: {tile: 64, overlap: 16}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image of blobs, labels of its bright half, and settings."""
    image = blobs(192, 160)
    write(tmp_path / "image.tif", image, **GEO)
    write(tmp_path / "labels.tif", np.where(image[..., :1] > 127, 3, 0).astype(np.uint8), **GEO)
    (tmp_path / "run.yaml").write_text(START)
    return tmp_path


def refused(said: Said, *words: str, code: int = 2) -> None:
    """Check that all that was said is one line on standard error."""
    assert said.code == code, said.err
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("tilesegm: ")
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("epochs: 1", "epoch: 1", "run.yaml:11: schedule.epoch is unknown; did you mean epochs?"),
        ("steps: 3", "steps: many", "run.yaml:11: schedule.steps is 'many'; expected a whole"),
        ("  scenes:", "\tscenes:", "run.yaml:2: the line begins with a tab"),
        ("      labels: labels.tif\n", "", "run.yaml:3: data.scenes[0].labels is missing"),
        ("image.tif", "absent.tif", "absent.tif: no such file"),
        ("image.tif", "{name}.jpg", "run.yaml:3: is not YAML: expected <block end>"),
        ("image.tif", '"{name}.jpg"', "fits no file"),
        ("labels.tif", "absent.tif", "labels "),
        ("value: 0", "value: 7", "holds values that settings do not name: 0 ("),
        ("name: land", "name: water", "water"),
        ("size: 32", "size: 33", "size"),
    ],
    ids=lambda value: None if " " in value else value,
)
def test_a_mistake_gives_one_line(cli: Cli, folder: Path, old: str, new: str, words: str) -> None:
    (folder / "run.yaml").write_text(START.replace(old, new, 1))
    refused(cli("train", folder / "run.yaml", "--dry-run", "--quiet"), words)


def test_a_file_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    refused(cli("train", tmp_path / "none.yaml"), "there is no settings file", "train init")


def test_a_change_that_is_wrong(cli: Cli, folder: Path) -> None:
    said = cli("train", folder / "run.yaml", "--set", "schedule.size=x", "--dry-run")
    refused(said, "--set schedule.size=x: schedule.size is 'x'; expected a whole number")


def test_an_unknown_loss_names_its_line(cli: Cli, folder: Path) -> None:
    (folder / "run.yaml").write_text(START + "loss:\n  terms:\n    - {name: focl}\n")
    said = cli("train", folder / "run.yaml")
    refused(said, "run.yaml:15: loss.terms[0]: there is no loss 'focl'; did you mean 'focal'?")


def test_an_image_without_labels(cli: Cli, folder: Path) -> None:
    for name in ("1", "2"):
        write(folder / f"image_{name}.tif", blobs(64, 64), **GEO)
    write(folder / "labels_1.tif", np.zeros((64, 64, 1), np.uint8), **GEO)
    wrong = START.replace("image.tif", "image_{n}.tif").replace("labels.tif", "labels_{n}.tif")
    (folder / "run.yaml").write_text(wrong)
    refused(cli("train", folder / "run.yaml"), "labels_2.tif: no such file")


def test_a_dry_run_leaves_only_statistics(cli: Cli, folder: Path) -> None:
    said = cli("train", folder / "run.yaml", "--dry-run", "--json")
    assert said.code == 0, said.err
    forecast = json.loads(said.out)
    with rasterio.open(folder / "labels.tif") as labels:
        water = int((labels.read(1) == 3).sum())
    assert [one["pixels"] for one in forecast["classes"]] == [192 * 160 - water, water]
    for one in forecast["classes"]:
        assert one["learnt"] + one["held_out"] == one["pixels"]
    assert forecast["batches"] == 3
    assert forecast["passes"] == pytest.approx(3 * 2 * 32**2 / (192 * 160))
    assert forecast["stride"] == 2
    assert forecast["seconds_per_step"] > 0
    assert [path.name for path in (folder / "run").iterdir()] == ["statistics.npz"]
    assert "learnt" in cli("train", folder / "run.yaml", "--dry-run").out


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        (("train", "validation"), "roles of scenes: 1 train, 1 validation │"),
        ((None, "test"), "roles of scenes: 1 test; 1 others: blocks, fold 0 of 2 held out"),
    ],
)
def test_a_dry_run_tells_by_what_pixels_are_held_out(
    cli: Cli, folder: Path, roles: tuple[str | None, ...], words: str
) -> None:
    scenes = []
    for name, role in zip("ab", roles, strict=True):
        for kind in ("image", "labels"):
            shutil.copy(folder / f"{kind}.tif", folder / f"{name}_{kind}.tif")
        lines = [f"    - image: {name}_image.tif", f"      labels: {name}_labels.tif"]
        scenes += [*lines, *([f"      role: {role}"] if role else [])]
    _, _, rest = START.partition("labels.tif\n")
    text = "\n".join(["data:", "  scenes:", *scenes, rest])
    (folder / "run.yaml").write_text(text)
    said = cli("train", folder / "run.yaml", "--dry-run")
    assert said.code == 0, said.err
    assert words in re.sub(r"\s*│\n│\s+│ | +(?=│)", " ", said.out)


def test_from_images_to_a_map(cli: Cli, folder: Path) -> None:
    start = folder / "start.yaml"
    said = cli(
        "train", "init", folder / "image.tif", "--labels", folder / "labels.tif", "-o", start
    )
    assert said.code == 0, said.err
    assert said.out.startswith(f"{start}: 2 classes")
    small = (
        "schedule.epochs=2",
        "schedule.steps=2",
        "schedule.batch=2",
        "schedule.size=32",
        "model.filters=4",
        "model.depth=1",
        "split.seed=1",
    )
    changes = [word for change in small for word in ("--set", change)]
    done = cli("train", start, "-o", folder / "out", *changes, "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["epochs"] == 2
    assert result["classes"] == ["background", "foreground"]
    assert Path(result["report"]).exists()
    again = cli("train", start, "-o", folder / "out", *changes)
    assert again.code == 0, again.err
    assert "model: " in again.out
    (line,) = again.err.splitlines()
    assert line.startswith(f"note: nothing was done: the run in {folder / 'out'} is finished;")
    assert "--overwrite" in line
    assert "-o FOLDER" in line
    mapped = cli("predict", folder / "image.tif", "-m", result["model"], "-o", folder / "map.tif")
    assert mapped.code == 0, mapped.err
    keys = [change.partition("=")[0] for change in small]
    ways = ("--overwrite", "-o FOLDER")
    refused(cli("train", start, "-o", folder / "out"), *keys, *ways, code=5)


def test_the_schema_of_settings_is_printed(cli: Cli) -> None:
    said = cli("train", "schema")
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out) == json.loads(json.dumps(schema()))


def test_notes_are_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    text = "fold 0 does not show 'roof [flat]': " + "much to say " * 20
    for quiet, said in ((False, f"note: {text}\n"), (True, "")):
        with EpochProgress(quiet) as progress:
            progress(Noted(text))
        assert capsys.readouterr() == ("", said)


def test_notes_of_a_split_are_apart_from_its_path(cli: Cli, folder: Path) -> None:
    path = folder / "split.png"
    said = cli("train", "split", folder / "run.yaml", "-o", path, "--set", "split.strategy=random")
    assert said.out == f"{path}\n"
    assert "note: random tiles touch tiles" in said.err


def test_pictures(cli: Cli, folder: Path) -> None:
    for command in ("split", "preview"):
        path = folder / f"{command}.png"
        said = cli("train", command, folder / "run.yaml", "-o", path)
        assert said.code == 0, said.err
        with Image.open(path) as picture:
            assert picture.width > 32
        refused(cli("train", command, folder / "run.yaml", "-o", path), "--overwrite", code=3)


def test_labels_that_a_shell_wrote_out(cli: Cli, folder: Path) -> None:
    images = [write(folder / f"a{n}.tif", blobs(64, 64), **GEO) for n in "12"]
    labels = [write(folder / f"b{n}.tif", blobs(64, 64, 1) // 128, **GEO) for n in "12"]
    said = cli("train", "init", *images, "--labels", *labels, "-o", folder / "two.yaml")
    assert said.code == 0, said.err
    scenes = find_scenes(load_config(folder / "two.yaml").data, folder)
    pairs = [(Path(scene.image).name, Path(scene.labels).name) for scene in scenes]
    assert pairs == [("a1.tif", "b1.tif"), ("a2.tif", "b2.tif")]


@pytest.mark.parametrize("words", [["train", "--help"], ["train", "none.yaml"]])
def test_frameworks_stay_unimported(words: list[str]) -> None:
    script = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\nimports:', *{'keras', 'tensorflow'}"
        " & set(sys.modules)))\n"
        f"sys.argv[1:] = {words!r}\n"
        "from tilesegm.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.rstrip().endswith("imports:"), done.stderr
