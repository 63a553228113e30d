"""``predict --update`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.images import blobs, write


def test_what_changed_is_computed_and_told(
    cli: Cli, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    image = blobs(2300, 70)
    write(tmp_path / "image.tif", image)
    words = ["predict", "image.tif", "-m", models / "bundle", "-o", "map.tif", "--update"]
    assert cli(*words).code == 0
    assert "finished before, nothing to do" in cli(*words).out
    image[30:40, 30:40] = 0
    write(tmp_path / "image.tif", image)
    refused = cli(*words[:-1])
    assert refused.code == 3
    assert "compute what changed with --update" in refused.err
    said = cli(*words)
    assert said.code == 0
    assert "2 of 3 regions are kept" in said.err
    assert "2 regions kept" in said.out
    image[30:40, 30:40] = 1
    write(tmp_path / "image.tif", image)
    assert json.loads(cli(*words, "--json").out)["kept_regions"] == 2
    both = cli(*words, "--overwrite")
    assert both.code == 2
    assert "give one" in both.err
