"""``__all__`` says what a module offers, no more and no less, and what is offered fits together."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import tilesegm
from tilesegm.grid.tiling import Tiling
from tilesegm.grid.window import Window

ROOT = Path(tilesegm.__file__).parent
MODULES = [
    path
    for path in sorted(ROOT.rglob("*.py"))
    if path.name != "__main__.py" and path.stat().st_size
]


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def public_names(tree: ast.Module) -> set[str]:
    """Functions and classes that a module defines and does not hide by an underscore."""
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_exports(path: Path) -> None:
    tree = ast.parse(path.read_text())
    module = importlib.import_module(dotted(path))
    exported = module.__all__
    assert len(exported) == len(set(exported))
    assert all(hasattr(module, name) for name in exported)
    if "cli" not in path.parts:  # commands are handed over when they are defined
        assert public_names(tree) <= set(exported)


def types_in(hint: Any) -> Iterator[type]:
    """Types that an annotation names, those inside of others included."""
    if isinstance(hint, list):  # arguments of a callable
        for part in hint:
            yield from types_in(part)
        return
    origin = get_origin(hint) or hint
    if inspect.isclass(origin):
        yield origin
    for part in get_args(hint):
        yield from types_in(part)


def test_types_inside_of_annotations_are_found() -> None:
    hint = Callable[[dict[str, Window | None]], tuple[Tiling, ...]]
    assert {Window, Tiling} <= set(types_in(hint))


def needed_types(functions: list[Any]) -> set[type]:
    """Types that functions give back, and those that a caller has to make, to the last field."""
    hints = [get_type_hints(function) for function in functions]
    given = {kind for hint in hints for kind in types_in(hint.pop("return"))}
    made: set[type] = set()
    waiting = [kind for hint in hints for value in hint.values() for kind in types_in(value)]
    while waiting:
        kind = waiting.pop()
        made.add(kind)
        if dataclasses.is_dataclass(kind) and kind not in given:
            waiting += [inner for hint in get_type_hints(kind).values() for inner in types_in(hint)]
    return {kind for kind in given | made if kind.__module__.split(".")[0] == "tilesegm"}


def test_the_types_that_public_functions_need_are_public_and_no_others() -> None:
    offered = [getattr(tilesegm, name) for name in tilesegm.__all__]
    classes = {value for value in offered if inspect.isclass(value)}
    needed = needed_types([value for value in offered if inspect.isfunction(value)])
    # Beside them: what to catch, and what a source of one's own is made of.
    extending = {tilesegm.TilesegmError, tilesegm.Georeference, tilesegm.ImageInfo}
    extending |= {tilesegm.Pixels, tilesegm.Window}
    assert classes == needed | extending
