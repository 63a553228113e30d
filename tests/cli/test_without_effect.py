"""Options that change nothing beside others say so before a command begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Cli
from tests.images import write

Words = tuple[str, ...]


@pytest.fixture
def files(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with an image, a map, its truth, and a bundle."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "image.tif", np.full((64, 64, 3), 90, np.uint8))
    ids = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64, 1) % 2
    write(tmp_path / "map.tif", ids)
    write(tmp_path / "truth.tif", ids)
    (tmp_path / "bundle").symlink_to(models / "bundle")
    return tmp_path


TILED = ("image.tif", "-m", "bundle", "--tile", "64")
SCORED = ("map.tif", "truth.tif", "--classes", "2")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("plan", *TILED, "--overlap", "0", "--blend", "linear", "--no-probe"),
            "note: --blend has no effect: --overlap is 0",
        ),
        (
            ("plan", *TILED, "--tta", "1.0"),
            "note: --tta has no effect: scale 1.0 is the tile as it is",
        ),
        (("plan", *TILED, "--stack", "--no-probe"), "note: --stack has no effect: one image"),
        (
            ("plan", *TILED, "--no-probe", "--precision", "bfloat16", "--tta", "flips"),
            "note: --precision and --tta have no effect: with --no-probe a bundle is not opened",
        ),
        (
            ("predict", *TILED, "-o", "new.zarr", "--compress", "lzw"),
            "note: --compress has no effect: it is the compression of GeoTIFF",
        ),
        (
            ("evaluate", *SCORED, "--no-borders", "--band", "5", "--tolerance", "2"),
            "note: --band and --tolerance have no effect: --no-borders leaves out",
        ),
        (
            ("evaluate", *SCORED, "--no-borders", "--block", "512"),
            "note: --block has no effect: blocks are for --against",
        ),
        (
            ("quicklook", "map.tif", "--image", "image.tif", "--style", "map", "-o", "a.png"),
            "note: --image has no effect: --style map shows the classes alone",
        ),
        (
            ("report", "map.tif", "--bands", "1", "-o", "a.html"),
            "note: --bands has no effect: they choose what is drawn of an --image",
        ),
        (("info", "bundle", "--bands", "1"), "note: --bands has no effect: the path is a model"),
        (
            ("train", "init", "image.tif", "--labels", "map.tif", "--stack", "-o", "a.yaml"),
            "note: --stack has no effect: one image is given",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_option_without_effect_says_so(cli: Cli, files: Path, words: Words, told: str) -> None:
    assert told in cli(*words).err
    assert told not in cli(*words, "--quiet").err


@pytest.mark.parametrize(
    "words",
    [
        ("plan", *TILED, "--overlap", "16", "--blend", "linear", "--no-probe"),
        ("plan", *TILED, "--overlap", "0", "--no-probe"),
        ("predict", *TILED, "--overlap", "16", "-o", "new.tif", "--compress", "lzw"),
        ("evaluate", *SCORED, "--band", "5", "--tolerance", "2"),
        ("evaluate", *SCORED, "--no-borders"),
        ("info", "image.tif", "--bands", "1"),
    ],
    ids=" ".join,
)
def test_nothing_is_told_of_options_that_work(cli: Cli, files: Path, words: Words) -> None:
    said = cli(*words)
    assert said.code == 0, said.err
    assert "effect" not in said.err


def test_a_report_is_html(cli: Cli, files: Path) -> None:
    said = cli("evaluate", *SCORED, "--report", "scores.csv")
    assert said.code == 2
    assert "a report is one .html file, so name it scores.html; --json-file writes" in said.err
    assert not (files / "scores.csv").exists()
