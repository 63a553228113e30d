"""The start page is followed from an empty folder, in both languages."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Cli, cli  # noqa: F401 (a fixture)
from tests.pages import ROOT, Page, shell_commands

ENGLISH, CHINESE = (Page(ROOT / "docs" / name) for name in ("start.md", "start.zh.md"))
SMALL = (
    "model.filters=2",
    "model.depth=1",
    "schedule.batch=2",
    "schedule.steps=2",
    "schedule.epochs=1",
)
"""Settings in place of those of the page, whose networks take a minute each."""


def commands(page: Page) -> Iterator[list[str]]:
    for block in page.blocks:
        yield from (words for words in shell_commands(block.code) if words[0] == "tilesegm")


def as_shell(words: list[str]) -> Iterator[str]:
    """Expand globs as a shell does."""
    for word in words:
        yield from sorted(glob.glob(word)) or [word] if "*" in word else [word]


def smaller(words: list[str]) -> list[str]:
    """Train a tiny network."""
    if words[1] != "train" or not words[2].endswith(".yaml"):
        return words
    return [*words, *(word for change in SMALL for word in ("--set", change))]


def test_both_languages_have_the_same_commands_and_headings() -> None:
    assert list(commands(ENGLISH)) == list(commands(CHINESE))
    assert ENGLISH.text.count("\n#") == CHINESE.text.count("\n#")


def needs_a_network(words: list[str]) -> bool:
    """Tell commands that build, load or score a network, or take its maps, from others."""
    if words[1] == "losses":
        return words[2] in ("audit", "compare")
    looks = words[1] in ("demo", "train") and not words[2].endswith(".yaml")
    return not looks


def follow(run: Cli, page: Page, *, networks: bool) -> None:
    for words in commands(page):
        if networks or not needs_a_network(words):
            said = run(*as_shell(smaller(words)[1:]))
            assert said.code == 0, (words, said.err)


def test_data_are_made_and_looked_at(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Cli,  # noqa: F811
) -> None:
    monkeypatch.chdir(tmp_path)
    follow(cli, ENGLISH, networks=False)
    for name in ("voc", "labelme", "coco", "map", "qupath", "pairs"):
        classes = yaml.safe_load(Path(f"{name}.yaml").read_text())["data"]["labels"]["classes"]
        names = {entry["name"] for entry in classes}
        assert names == {"background", "building", "road", "trees", "water"}
    scenes = yaml.safe_load(Path("coco.yaml").read_text())["data"]["scenes"]
    assert [scene["role"] for scene in scenes].count("validation") == 4
    assert Path("split.png").stat().st_size
    assert Path("windows.png").stat().st_size


@pytest.mark.slow
def test_every_command_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Cli,  # noqa: F811
) -> None:
    monkeypatch.chdir(tmp_path)
    follow(cli, ENGLISH, networks=True)
    made_by_all = (
        "voc.html areas.csv scores.json scene_classes.tif scales.tif tile.gpkg tile.png tile.html"
    )
    for made in made_by_all.split():
        assert Path(made).stat().st_size
