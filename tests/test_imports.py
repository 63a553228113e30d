"""Imports point one way, and the package is light until a network is opened."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import tilesegm

ROOT = Path(tilesegm.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

FOUNDATIONS = {
    *("checks", "class_colours", "class_kinds", "classes", "closing", "colour_vision", "errors"),
    *("counted", "decision_rule"),
    *("events", "files", "hdf5", "inputs", "ownership", "plain", "shown", "tensorflow_log"),
    *("trust", "version"),
}
"""What every room may import: they import nothing but each other."""

# What else each room may import, from the ground up. `model` describes networks to everybody, and
# knows nothing of images or the engine.
MAY_IMPORT: dict[str, set[str]] = {
    **{name: set() for name in FOUNDATIONS},
    "grid": set(),
    "pictures": set(),
    "losses": set(),
    "keras_objects": {"losses", "metrics.keras", "networks"},
    "model": {"grid"},
    "networks": {"model"},
    "source": {"grid"},
    "sink": {"grid", "source"},
    "engine": {"grid", "source", "sink", "model"},
    "cluster": {"grid", "sink", "model", "engine"},
    "batch": {"source", "sink", "model"},
    "metrics": {"grid", "model"},
    "metrics.keras": {"losses", "metrics"},
    "report": {"grid", "metrics", "pictures"},
    "data": {"grid", "source", "model", "pictures"},
    "training.settings": {"source", "data", "networks"},
    "training.init": {"grid", "source", "data", "training.settings"},
    "training": {
        *("grid", "source", "model", "losses", "engine", "data", "networks", "metrics", "report"),
        *("metrics.keras", "training.settings"),
    },
    "segmentation": {
        *("grid", "source", "sink", "model", "engine", "cluster", "batch", "pictures"),
    },
    "lazy": {"grid", "source", "sink", "model", "engine", "segmentation"},
    "xarray": {"grid", "segmentation", "lazy"},
    "advice": {"grid", "source", "data", "metrics", "losses", "training", "training.settings"},
    "comparison": {
        *("grid", "source", "model", "engine", "data", "metrics", "pictures", "report", "training"),
        "training.settings",
    },
    "evaluation": {"grid", "source", "sink", "data", "metrics", "report"},
    "products": {"grid", "source", "sink", "segmentation", "pictures"},
    "cartography": {"grid", "source", "sink", "metrics", "pictures", "report"},
}
INTERFACE = {*MAY_IMPORT, ""}
"""What a user has: all of the rooms above, and the package itself, whose room has no name."""
MAY_IMPORT |= {
    "": INTERFACE,
    "demo": INTERFACE,
    "bench": INTERFACE,
    "cli": {*INTERFACE, "demo", "bench"},
    "__main__": {"cli"},
}


def room(name: str) -> str:
    """Room of a module by its full name: the longest one that the law knows."""
    parts = name.split(".")[1:]
    known = (".".join(parts[:n]) for n in range(len(parts), -1, -1))
    return next(one for one in known if one in MAY_IMPORT)


def dotted(module: Path) -> str:
    """Full name of a file."""
    parts = module.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of modules that a tree imports, those of modules taken from packages included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & NAMES
            yield from inside or {node.module or ""}


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


NAMES = {dotted(module) for module in MODULES}


def test_every_room_is_under_the_law() -> None:
    assert {name.split(".")[1] for name in NAMES if "." in name} <= {
        name.split(".")[0] for name in MAY_IMPORT
    }


@pytest.mark.parametrize("module", MODULES, ids=dotted)
def test_imports_point_one_way(module: Path) -> None:
    mine = room(dotted(module))
    used = {
        room(name)
        for name in imports(ast.parse(module.read_text()))
        if name.split(".")[0] == "tilesegm"
    }
    assert used <= MAY_IMPORT[mine] | FOUNDATIONS | {mine}


def test_no_modules_import_each_other_in_a_circle() -> None:
    needs = {
        dotted(module): {*imports(ast.parse(module.read_text()))} & NAMES - {dotted(module)}
        for module in MODULES
    }
    try:
        order = tuple(TopologicalSorter(needs).static_order())
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))
    assert len(order) == len(MODULES)


@pytest.mark.parametrize(
    "module",
    [
        module
        for module in MODULES
        if room(dotted(module)) in ("data", "engine", "grid", "source", "sink")
    ],
    ids=dotted,
)
def test_the_engine_and_data_know_no_framework(module: Path) -> None:
    names = {name.split(".")[0] for name in imports(ast.parse(module.read_text()))}
    assert not names & {"keras", "tensorflow", "torch", "jax"}


def test_of_models_the_engine_knows_the_description_alone() -> None:
    used = {
        name
        for module in MODULES
        if room(dotted(module)) in ("engine", "sink")
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


@pytest.mark.parametrize("before", ["pass", "importlib.util.find_spec('keras')"])
def test_keras_knows_our_classes_however_it_is_imported(before: str) -> None:
    """TensorFlow only asks whether Keras is there, and imports it later."""
    script = (
        f"import importlib.util, tilesegm; {before}\n"
        "import keras; print(keras.saving.get_registered_object('tilesegm>Bilinear'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "Bilinear" in done.stdout, done.stderr


def test_few_rooms_import_a_framework_with_their_modules() -> None:
    heavy = {
        room(dotted(module))
        for module in MODULES
        for name in at_import_time(module)
        if name.split(".")[0] in ("keras", "tensorflow")
    }
    assert heavy <= {"demo", "losses", "metrics.keras", "model", "networks", "training"}
