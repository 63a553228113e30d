"""``__all__`` says what a module offers, no more and no less, and what is offered fits together."""

from __future__ import annotations

import ast
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


def public_members(value: Any) -> Iterator[Any]:
    """A function, or a class with its public methods and properties: all that has annotations."""
    if not inspect.isclass(value):
        if inspect.isfunction(value):
            yield value
        return
    yield value
    for name, member in vars(value).items():
        if not name.startswith("_"):
            inner = (getattr(member, key, None) for key in ("fget", "__func__", "func"))
            yield from filter(inspect.isfunction, (member, *inner))


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


def test_types_of_public_signatures_are_public() -> None:
    offered = {name: getattr(tilesegm, name) for name in tilesegm.__all__}
    public = [value for value in offered.values() if inspect.isclass(value)]
    missing = {
        f"{kind.__module__}.{kind.__qualname__}, in the signature of {name}"
        for name, value in offered.items()
        for member in public_members(value)
        for hint in get_type_hints(member).values()
        for kind in types_in(hint)
        if kind.__module__.split(".")[0] == "tilesegm" and kind not in public
    }
    assert not missing
