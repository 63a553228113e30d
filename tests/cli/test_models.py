"""Several models on the command line: repeated, as a pattern, and as a shell expands one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Cli
from tests.images import blobs, read, write


@pytest.fixture
def folder(tmp_path: Path, models: Path) -> Path:
    """An image, and a network twice: as a bundle of two folds."""
    write(tmp_path / "image.tif", blobs(80, 90))
    for fold in "ab":
        shutil.copytree(models / "bundle", tmp_path / "runs" / fold / "model")
    shutil.copy(models / "b3.keras", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["--model", "runs/a/model", "-m", "runs/b/model"],
        ["--model", "runs/*/model"],
        ["--model", "runs/a/model", "runs/b/model"],
    ],
    ids=["repeated", "pattern", "expanded"],
)
def test_models_are_averaged(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(folder)
    options = ["-o", "map.tif", "--confidence", "agreement", "--json"]
    said = cli("predict", "image.tif", *words, *options)
    assert said.code == 0, said.err
    assert "probabilities of 2 models are averaged: a/model + b/model" in said.err
    assert ("runs/b/model is a model among the images" in said.err) == (len(words) == 3)
    assert (read(folder / "map_confidence.tif") == 254).all()
    assert cli("predict", "image.tif", "-m", "b3.keras", "-o", "one.tif").code == 0
    np.testing.assert_array_equal(read(folder / "map.tif"), read(folder / "one.tif"))
    assert json.loads(said.out)["image"] == "image.tif"
    assert cli("verify", "map.tif", "--recompute", "100%").code == 0
    moved = [word for part in "ab" for word in ("--model", f"runs/{part}/model")]
    assert cli("verify", "map.tif", "--recompute", "100%", *moved).code == 0
    planned = cli("plan", "image.tif", *words, "--no-probe", "--json")
    notes = json.loads(planned.out)["notes"]
    assert notes[0] == "a/model and b/model are the same network, which counts 2 times"
    assert "averaged: a/model + b/model" in notes[1]


def test_lines_of_what_is_wrong(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for words, line in (
        (["image.tif", "-m", "none/*/model"], "no model fits the pattern 'none/*/model'"),
        (["runs/a/model", "-m", "runs/b/model"], "no image is given, but runs/a/model"),
        (["image.tif", "-m", "b3.keras", "-m", "./b3.keras"], "is given twice"),
        (["image.tif", "-m", "b3.keras", "--confidence", "agreement"], "and one is given"),
    ):
        said = cli("predict", *words, "-o", "map.tif")
        assert said.code == 2
        assert line in said.err
        assert not Path("map.tif").exists()
