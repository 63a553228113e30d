"""No file dies of evaluate, train init, preview, split, demo and bench."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Cli, cli  # noqa: F401
from tests.faults.trees import THINGS, snapshot
from tests.images import GEO, blobs, write
from tilesegm.demo.scene import render_scene
from tilesegm.errors import OutputError
from tilesegm.files import write_file
from tilesegm.model.bundle import save_bundle

SETTINGS = """\
data:
  scenes:
    - image: image.tif
      labels: labels.tif
  labels:
    classes:
      - {name: land, value: 0}
      - {name: water, value: 1}
split: {block: 64, folds: 2, buffer: 0}
schedule: {epochs: 1, steps: 3, batch: 2, size: 32}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    image = blobs(128, 128)
    write(tmp_path / "image.tif", image, **GEO)
    labels = (image[..., :1] > 127).astype(np.uint8)
    write(tmp_path / "labels.tif", labels, **GEO)
    write(tmp_path / "map.tif", labels, **GEO)
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


EVALUATE = ("evaluate", "map.tif", "labels.tif", "--classes", "2", "--no-borders")
COMMANDS = {
    "report": (*EVALUATE, "--report", "out.html"),
    "scores": (*EVALUATE, "--json-file", "out.json"),
    "init": ("train", "init", "image.tif", "--labels", "labels.tif", "-o", "out.yaml"),
    "preview": ("train", "preview", "settings.yaml", "-o", "out.png"),
    "split": ("train", "split", "settings.yaml", "-o", "out.png"),
}
CASES = [
    (name, thing, more)
    for name, words in COMMANDS.items()
    for thing in THINGS
    for more in ([], ["--overwrite"])
    if words[0] == "train" or not more
]


@pytest.mark.parametrize(("name", "thing", "more"), CASES)
def test_what_is_there_stays(
    cli: Cli,  # noqa: F811
    folder: Path,
    name: str,
    thing: str,
    more: list[str],
) -> None:
    words = COMMANDS[name]
    THINGS[thing](folder / words[-1])
    before = snapshot(folder)
    said = cli(*words, *more)
    after = snapshot(folder)
    if name == "init" and more and thing in ("text", "raster", "hard link"):
        assert said.code == 0, said.err
        assert f"kept as {Path('out.old.yaml')}" in said.err
        assert after["out.old.yaml"] == before["out.yaml"]
        return
    assert said.code == 3, said.err
    assert len(said.err.splitlines()) == 1
    assert after == before


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name == "split" else name for name in COMMANDS],
)
def test_what_is_ours_is_replaced(cli: Cli, folder: Path, name: str) -> None:  # noqa: F811
    words = COMMANDS[name]
    assert cli(*words).code == 0
    first = os.stat(words[-1]).st_ino, Path(words[-1]).read_bytes()
    again = cli(*words, *(["--overwrite"] if words[0] == "train" else []))
    assert again.code == 0, again.err
    assert os.stat(words[-1]).st_ino != first[0] or Path(words[-1]).read_bytes() != first[1]
    assert not list(folder.glob(".*draft*"))


@pytest.mark.parametrize("option", ["--report", "--json-file"])
@pytest.mark.parametrize("kind", ["truth", "prediction", "area", "labels", "split", "hard link"])
def test_an_evaluation_writes_over_nothing_it_reads(
    cli: Cli,  # noqa: F811
    folder: Path,
    option: str,
    kind: str,
) -> None:
    suffix = ".html" if option == "--report" else ".json"
    path = folder / f"read{suffix}"
    words = list(EVALUATE)
    if kind == "truth":
        os.rename("labels.tif", path)
        words[2] = str(path)
    elif kind == "prediction":
        os.rename("map.tif", path)
        words[1] = str(path)
    elif kind == "hard link":
        os.link("labels.tif", path)
    else:
        path.write_text("{}")
        words += [{"area": "--aoi", "labels": "--labels", "split": "--split"}[kind], str(path)]
    before = snapshot(folder)
    said = cli(*words, option, path)
    assert said.code in (2, 3)
    assert len(said.err.splitlines()) == 1
    assert snapshot(folder) == before


def test_report_and_scores_do_not_share_a_file(cli: Cli, folder: Path) -> None:  # noqa: F811
    said = cli(*EVALUATE, "--report", "a.html", "--json-file", "a.html")
    assert (said.code, "would both be written" in said.err) == (2, True)


def test_settings_are_not_written_over_an_image(cli: Cli, folder: Path) -> None:  # noqa: F811
    before = snapshot(folder)
    said = cli(*COMMANDS["init"][:-1], "labels.tif", "--overwrite")
    assert (said.code, "is a file of labels" in said.err) == (3, True)
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    "thing",
    [
        "text",
        *(
            pytest.param(thing, marks=pytest.mark.slow)
            for thing in ("raster", "link", "folder", "dangling link")
        ),
    ],
)
@pytest.mark.parametrize("name", ["scene.tif", "west_labels.tif", "classes.tif", "quicklook.png"])
def test_a_demo_leaves_files_of_others(
    cli: Cli,  # noqa: F811
    folder: Path,
    name: str,
    thing: str,
) -> None:
    (folder / "demo").mkdir()
    THINGS[thing](folder / "demo" / name)
    before = snapshot(folder)
    said = cli("demo", "demo", "--size", "512", "-q")
    assert said.code == 3, said.err
    assert len(said.err.splitlines()) == 1
    assert snapshot(folder) == before


def test_a_demo_replaces_its_own_scene(tmp_path: Path) -> None:
    for _ in range(2):
        scene = render_scene(tmp_path, size=512)
    assert scene.image.exists()
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("name", ["classes.tif", "image_512.tif"])
def test_a_benchmark_leaves_files_of_others(
    cli: Cli,  # noqa: F811
    folder: Path,
    name: str,
) -> None:
    (folder / "bench").mkdir()
    THINGS["link"](folder / "bench" / name)
    before = snapshot(folder)
    said = cli("bench", "tiling", "--size", "512", "--folder", "bench")
    assert said.code == 3, said.err
    assert snapshot(folder) == before


def test_a_bundle_is_replaced_where_it_is_nothing_else(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 1)])
    save_bundle(tmp_path / "net", model)
    save_bundle(tmp_path / "net", model, overwrite=True)
    (tmp_path / "net" / "notes.txt").write_text("precious")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    before = snapshot(tmp_path)
    for name in ("net", "linked"):
        with pytest.raises(OutputError):
            save_bundle(tmp_path / name, model, overwrite=True)
    assert snapshot(tmp_path) == before


def test_what_was_written_is_kept_where_the_place_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("precious")
    (tmp_path / "a.new.json").write_text("precious")
    with pytest.raises(OutputError, match=r"kept as .*a\.new2\.json"):
        write_file(path, json.dumps({"mark": 1}), b'"mark"')
    assert json.loads((tmp_path / "a.new2.json").read_text()) == {"mark": 1}
    assert path.read_text() == (tmp_path / "a.new.json").read_text() == "precious"
    (tmp_path / "b.json").symlink_to(path)
    write_file(tmp_path / "b.json", "anew")
    assert path.read_text() == "precious"
    assert not (tmp_path / "b.json").is_symlink()
