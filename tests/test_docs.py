"""Commands, options, Python, settings and links of the documentation are right."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pages import ROOT, Page, wrong_command
from tests.prepared import run, settings_with
from tilesegm.errors import TilesegmError
from tilesegm.training.settings.settings_file import load_config

PAGES = [
    *(Page(ROOT / name) for name in ("README.md", "CONTRIBUTING.md")),
    *(Page(path) for path in sorted((ROOT / "docs").rglob("*.md"))),
]
SCRIPTS = [*(ROOT / "examples").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
NOT_RUN = {"docs/imbalance.md": 1, "docs/models.md": 1, "docs/sampling.md": 1}
"""Blocks of Python that are not run, by page; each says why in a comment before it."""

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)


@every_page
def test_commands_are_taken(page: Page) -> None:
    assert list(page.wrong_commands()) == []


@every_page
def test_options_exist(page: Page) -> None:
    assert list(page.wrong_options()) == []


@every_page
def test_names_exist(page: Page) -> None:
    assert list(page.wrong_names()) == []


@every_page
def test_links_lead_somewhere(page: Page) -> None:
    assert list(page.broken_links()) == []


def wrong_settings(page: Page, folder: Path) -> Iterator[str]:
    """Say which blocks of settings a run would refuse."""
    for block in page.blocks:
        if block.language == "yaml":
            file = folder / "settings.yaml"
            file.write_text(settings_with(yaml.safe_load(block.code)))
            try:
                load_config(file)
            except TilesegmError as error:
                yield f"{page.path}:{block.line}: {error}"


@every_page
def test_settings_are_taken(page: Page, tmp_path: Path) -> None:
    assert list(wrong_settings(page, tmp_path)) == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.python()], ids=lambda page: page.path.stem
)
@pytest.mark.filterwarnings("ignore:.shuffle=True. was passed:UserWarning")  # of Keras
def test_python_runs(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    for block in page.python():
        if block.reason is None:
            run(block.code, namespace, page.path.stem)


def test_blocks_that_are_not_run_are_few() -> None:
    kept = [page.path for page in PAGES for block in page.blocks if block.reason is not None]
    assert Counter(path.relative_to(ROOT).as_posix() for path in kept) == NOT_RUN


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_say_how_they_are_called(path: Path) -> None:
    for line in (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines():
        command = line.removeprefix("Run: ").split()
        if command[:1] in (["tilesegm"], ["python"]):
            assert wrong_command(command) is None, line


@pytest.mark.parametrize(
    ("text", "check", "words"),
    [
        ("```\ntilesegm predict a.tif --model m -o b.tif --area c\n```", "commands", "--area"),
        (
            "```sh\nA=1 tilesegm plan \\\n a.tif | head && tilesegm map\n```",
            "commands",
            "No such command 'map'",
        ),
        ("Try `tilesegm evaluate a.tif b.tif --tile 5`.", "commands", "--tile"),
        ("Give it with `--acres`.", "options", "--acres"),
        ("Give `predict` the field of view with `--classes`.", "options", "--classes"),
        ("| `--acres` | polygons |", "options", "--acres"),
        ("`benchmarks/memory.py --size 4`", "options", "--size"),
        ("```sh\npython benchmarks/memory.py --size 4\n```", "commands", "--size"),
        ("```python\nimport tilesegm as ts\n\nts.Tilings(4)\n```", "names", "ts.Tilings"),
        ("```python\nfrom tilesegm.source.base import Sources\n```", "names", "Sources"),
        ("```python\nfrom tilesegm.sources import Source\n```", "names", "tilesegm.sources"),
        ("```python\nts.segment(\n```", "names", "never closed"),
        ("[tiles](#tile) \n\n## Tiles", "links", "#tile"),
        ("[tiles](tile.md)", "links", "tile.md"),
    ],
)
def test_a_planted_mistake_is_seen(tmp_path: Path, text: str, check: str, words: str) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"# Page\n\n{text}\n")
    page = Page(path)
    problems = {
        "commands": page.wrong_commands,
        "options": page.wrong_options,
        "names": page.wrong_names,
        "links": page.broken_links,
    }
    assert words in "".join(problems[check]())


def test_planted_settings_and_code_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.md"
    path.write_text("```yaml\nschedule:\n  epoch: 5\n```\n")
    assert "schedule.epoch is unknown" in "".join(wrong_settings(Page(path), tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match="uses 'unheard_of'"):
        run("unheard_of + 1", {}, "page.md")
    with pytest.raises(TypeError):
        run("import tilesegm as ts\nts.Tiling(tiles=5)", {}, "page.md")
