"""The start page is followed from an empty folder, in both languages."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, cli  # noqa: F401 (a fixture)
from tests.pages import ROOT, Page, shell_commands

ENGLISH, CHINESE = (Page(ROOT / "docs" / name) for name in ("start.md", "start.zh.md"))
SMALL = ("model.filters=2", "model.depth=1", "schedule.batch=2", "schedule.steps=2", "schedule.epochs=1")
"""Settings in place of those of the page, whose networks take a minute each."""
KEPT = ("weights", "name=", "filters")


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


def test_every_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:  # noqa: F811
    monkeypatch.chdir(tmp_path)
    for words in commands(ENGLISH):
        said = cli(*as_shell(smaller(words)[1:]))
        assert said.code == 0, (words, said.err)
    assert "mean iou" in Path("scores.json").read_text().replace("_", " ")
    for made in ("voc.html", "split.png", "windows.png", "scene_classes.tif", "scales.tif"):
        assert Path(made).stat().st_size
