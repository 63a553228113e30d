"""Imports point one way, and the package is light until a network is opened."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tilesegm

ROOT = Path(tilesegm.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# What each room may import, beside itself, from the ground up. `model` describes networks to
# everybody, and knows nothing of images or the engine.
MAY_IMPORT = {
    "errors": set(),
    "events": set(),
    "version": set(),
    "grid": {"errors"},
    "losses": {"errors"},
    "keras_objects": {"losses"},
    "model": {"errors", "grid", "version"},
    "source": {"errors", "grid"},
    "sink": {"errors", "grid", "source", "model", "version"},
    "engine": {"errors", "events", "grid", "source", "sink", "model", "version"},
    "metrics": {"errors", "grid"},
    "report": {"errors", "grid", "metrics", "model", "version"},
    "data": {"errors", "events", "grid", "source", "model"},
    "models": {"errors", "model"},
    "training": {
        "errors",
        "events",
        "version",
        "grid",
        "source",
        "sink",
        "model",
        "losses",
        "engine",
        "data",
        "models",
        "metrics",
        "report",
        "keras_objects",
    },
}
BESIDE = {"demo", "bench", "cli"}
"""Rooms above the interface: nothing else may need them."""


def room(module: Path) -> str:
    """First name below ``tilesegm`` of a file."""
    return module.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names that a tree imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


def at_import_time(module: Path) -> Iterator[str]:
    """Full names that a file imports as soon as it is imported itself."""

    class Outside(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]  # noqa: N815

    tree = ast.parse(module.read_text())
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
    ]
    yield from imports(Outside().visit(tree))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(module: Path) -> None:
    mine = room(module)
    used = {
        name.split(".")[1]
        for name in imports(ast.parse(module.read_text()))
        if name.startswith("tilesegm.")
    }
    if mine in MAY_IMPORT:
        assert used <= MAY_IMPORT[mine] | {mine}
    elif mine not in BESIDE | {"__main__"}:
        assert not used & BESIDE
    elif mine != "cli":
        assert "cli" not in used or mine == "__main__"


@pytest.mark.parametrize(
    "module",
    [module for module in MODULES if room(module) in ("engine", "grid", "source", "sink")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_engine_knows_no_framework(module: Path) -> None:
    names = {name.split(".")[0] for name in imports(ast.parse(module.read_text()))}
    assert not names & {"keras", "tensorflow", "torch", "jax"}


def test_of_models_the_engine_knows_the_description_alone() -> None:
    used = {
        name
        for module in MODULES
        if room(module) in ("engine", "sink")
        for name in imports(ast.parse(module.read_text()))
        if name.startswith("tilesegm.model")
    }
    assert used <= {"tilesegm.model.base"}


@pytest.mark.parametrize(
    "code",
    [
        "import tilesegm",
        "import sys; sys.argv[1:] = ['--help']; from tilesegm.cli.main import main; main()",
        "import sys; sys.argv[1:] = ['predict', 'absent.tif', '-m', 'absent.keras', '-o', 'a.tif'];"
        "from tilesegm.cli.main import main; main()",
    ],
    ids=["import", "help", "bad input"],
)
def test_frameworks_stay_unimported(code: str) -> None:
    said = "tilesegm-imports:"
    script = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('\\n{said}',"
        " *{'keras', 'tensorflow', 'torch', 'jax', 'pyogrio'} & set(sys.modules)))\n" + code
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert said in done.stdout, done.stderr
    assert done.stdout.partition(said)[2].strip() == ""


def test_few_rooms_import_a_framework_with_their_modules() -> None:
    heavy = {
        room(module)
        for module in MODULES
        for name in at_import_time(module)
        if name.split(".")[0] in ("keras", "tensorflow")
    }
    assert heavy <= {"demo", "losses", "model", "models", "training"}
