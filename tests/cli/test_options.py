"""An option means the same in every command, and messages name options that exist."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import tilesegm
from tests.cli.conftest import Cli
from tests.commands import COMMANDS, command_of, long_options, parse, signatures
from tests.pages import shell_commands

ROOT = Path(tilesegm.__file__).parent

DIFFER = {
    "output": "each command writes another kind of file",
    "images": "what a run reads; files or patterns to look at",
    "confidence": "a kind to write; a file to read",
    "scores": "a type to write; a file to read",
    "labels": "files to learn from; settings that say how to read them",
    "image": "an image to look at; one in place of what a result names",
    "model": "a network to use; one in place of what a result names",
    "skip": "what shows nothing in an image; classes of a map",
    "size": "of an image that is made; of a picture of a map",
    "workers": "processes that compute regions; threads that count",
    "folder": "of the demo, always kept; of a benchmark, kept if it is given",
}
"""Options whose meaning differs between commands, and what they mean."""

# The figures of docs/benchmarks.md are those of the benchmark's own tiling.
OWN_DEFAULTS = {"bench tiling": {"tile", "overlap", "size"}}

RAISED_IN = {
    "metrics/bootstrap": ("evaluate",),
    "batch": ("predict",),
    "segmentation": ("predict", "plan", "audit"),
    "segmentation/machine": ("predict",),
    "segmentation/result_grid": ("predict", "plan"),
    **{f"segmentation/{name}": ("verify",) for name in ("verify", "recompute", "recipe")},
    "cluster": ("predict",),
    **{
        f"segmentation/{name}": ("predict",)
        for name in (
            "inputs",
            "finished",
            "image_run",
            "staged_run",
            "batch",
            "batch_folder",
            "recorded",
            "update",
            "store_target",
            "background",
        )
    },
    "model": ("predict", "plan", "audit"),
    "sink": ("predict",),
    "source": ("predict",),
    "source/hidden": ("info", "predict"),
    "source/margin_share": ("predict",),
    "evaluation": ("evaluate",),
    "products": ("polygonize",),
    "products/class_map": ("clean", "polygonize", "areas"),
    **{f"products/{name}": ("clean",) for name in ("clean", "clean_file")},
    **{f"products/{name}": ("areas",) for name in ("areas", "area_files", "adjusted")},
    "cartography": ("quicklook", "report", "style"),
    "cartography/quicklook": ("quicklook",),
    **{f"cartography/{name}": ("report",) for name in ("report", "confidence")},
    "training": ("train run",),
    "training/init": ("train init",),
    "training/settings": ("train run", "train preview", "train split"),
    "trust": (
        *("predict", "quicklook", "report", "style", "plan", "audit", "evaluate", "info"),
        *("train run", "train init", "train preview", "train split", "losses advise"),
    ),
    "advice": ("losses advise",),
    "advice/described": ("train run",),
    "cli/main": ("",),
    **{f"cli/{name}": ("predict", "plan", "audit") for name in ("option_groups", "models")},
    "cli/train": tuple(name for name in COMMANDS if name.startswith("train ")),
    "comparison": ("compare", "losses compare"),
    "cli/compare": ("compare", "losses compare"),
    "cli/losses": ("losses audit",),
    "cli/without_effect": ("predict", "plan", "audit", "evaluate", "quicklook"),
    "cli/bench": ("bench tiling",),
    **{f"cli/{name}": (name,) for name in COMMANDS if " " not in name},
}
"""Commands that show the messages of a room or a file; the longest name that fits counts."""

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*\b(?!\s*:)")


def test_options_of_one_name_are_one_option() -> None:
    kinds = defaultdict(set)
    for parameters in signatures().values():
        for name, parameter in parameters.items():
            kinds[name].add(parameter.annotation)
    assert {name for name, options in kinds.items() if len(options) > 1} <= DIFFER.keys()


def test_one_option_has_one_name_and_one_default() -> None:
    names, defaults = defaultdict(set), defaultdict(set)
    for command, parameters in signatures().items():
        for name, parameter in parameters.items():
            names[parameter.annotation].add(name)
            if name not in OWN_DEFAULTS.get(command, ()) and name not in DIFFER:
                defaults[name].add(parameter.default)
    assert [sorted(words) for words in names.values() if len(words) > 1] == []
    assert {name: values for name, values in defaults.items() if len(values) > 1} == {}


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of the strings of a file, style sheets left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and "var(--" not in text:
            yield node.lineno, text


def commands_of(path: Path) -> tuple[str, ...]:
    """Commands that can show a file's messages; none if the table does not know the file."""
    name = path.relative_to(ROOT).with_suffix("").as_posix()
    rooms = (room for room in RAISED_IN if f"{name}/".startswith(f"{room}/"))
    return RAISED_IN.get(max(rooms, key=len, default=""), ())


def wrong_options(path: Path) -> Iterator[str]:
    """What is wrong with the options that a file's messages name."""
    for line, text in strings(path):
        other = re.search(r"tilesegm ((?:\w+ )?\w+)", text)
        named = long_options(command_of(other[1])) if other else frozenset()
        for option in {*OPTION.findall(text)} - named:
            commands = commands_of(path)
            lacking = [name for name in commands if option not in long_options(name)]
            if not commands:
                yield f"{path}:{line} names {option}; say in RAISED_IN which command shows that"
            # A file of several commands does not tell which of its texts belongs to which.
            elif lacking and (path.parent.name != "cli" or len(lacking) == len(commands)):
                yield f"{path}:{line} names {option}: not in {', '.join(lacking)}"


def test_messages_name_options_of_the_commands_that_show_them() -> None:
    paths = set(ROOT.rglob("*.py")) - {ROOT / "cli" / "shared.py"}  # declares options
    assert [problem for path in paths for problem in wrong_options(path)] == []


def test_a_wrong_option_in_a_message_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    file = ROOT / "segmentation" / "setup.py"
    message = [(1, "choose three, e.g. --bands 1,2,3, or --polygons")]
    monkeypatch.setattr("tests.cli.test_options.strings", lambda path: message)
    problems = list(wrong_options(file))
    assert problems == [f"{file}:1 names --polygons: not in plan, audit"]


def test_commands_are_listed_in_the_order_of_their_use(cli: Cli) -> None:
    listed = re.findall(r"^│ (\w+) ", cli("--help").out.partition("Commands")[2], re.MULTILINE)
    first_words = dict.fromkeys(name.split()[0] for name in COMMANDS)
    assert sorted(listed) == sorted(first_words)
    assert listed[:5] == ["demo", "info", "train", "plan", "predict"]
    listed = re.findall(r"^│ (\w+) ", cli("train", "--help").out, re.MULTILINE)
    assert listed[-1] == "run"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example_that_is_taken(name: str) -> None:
    example = re.search(r"^Example: (tilesegm .*)$", COMMANDS[name].help, re.MULTILINE)
    assert example, f"`tilesegm {name} --help` shows no example"
    ((_, *words),) = shell_commands(example[1])
    assert parse(words) == name
