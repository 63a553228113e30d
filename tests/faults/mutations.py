"""Changes of valid documents, one field at a time, the same for the same seed."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

__all__ = ["DELETE", "VALUES", "mutations"]

DELETE = object()


def nested(depth: int) -> Any:
    made: Any = 1
    for _ in range(depth):
        made = [made]
    return made


VALUES: tuple[Any, ...] = (
    DELETE, None, True, False, 0, 1, -1, 2**31, -(2**63), 10**30, 10**400, 1.5, -0.0, 1e308,
    float("nan"), float("inf"), float("-inf"), "", "x", "0", "1e999", "../../etc/passwd",
    "/etc/passwd", "/dev/zero", "file:///etc/passwd", "a\0b", "\ud800", "🌍\n[/bold]\x1b[31m",
    "x" * 100_000, [], {}, [[]], [0], [-1, -1], [None], ["x"], {"": None}, {"x": {"y": []}},
    nested(90), [1] * 1000, [0, 0, 0], ["", "", ""],
)  # fmt: skip
"""What each field is replaced by."""


def mutations(document: Any, seed: int = 0, most: int | None = None) -> Iterator[tuple[str, Any]]:
    """Yield a name and a changed copy, for all fields and values, or for ``most`` of them."""
    paths = list(_paths(document))
    chosen = [(path, value) for path in paths for value in range(len(VALUES))]
    if most is not None and most < len(chosen):
        chosen = random.Random(seed).sample(chosen, most)
    for path, number in chosen:
        value = VALUES[number]
        name = (
            f"{'.'.join(map(str, path)) or 'all'} = {'deleted' if value is DELETE else value!r:.40}"
        )
        yield name, _changed(document, path, value)


def _paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(node, dict):
        for key in node:
            yield from _paths(node[key], (*path, key))
    elif isinstance(node, list):
        for number in range(min(len(node), 3)):
            yield from _paths(node[number], (*path, number))


def _changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return {} if value is DELETE else value
    changed = copy.deepcopy(document)
    node = changed
    for part in path[:-1]:
        node = node[part]
    if value is DELETE:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return changed
