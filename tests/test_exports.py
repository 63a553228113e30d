"""``__all__`` says what a module offers, no more and no less."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import tilesegm

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
