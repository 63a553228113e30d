"""Checks values against a JSON schema; knows the few keywords that the schema of settings uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (Mapping,),
    "array": (list, tuple),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
ANNOTATIONS = {"$schema", "$defs", "title", "description", "default"}


def violations(value: Any, node: Any, root: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield where a value leaves its schema."""
    if node is True:
        return
    for keyword, wanted in node.items():
        match keyword:
            case "$ref":
                yield from violations(value, root["$defs"][wanted.rpartition("/")[2]], root, path)
            case "anyOf":
                all_of_them = [list(violations(value, kind, root, path)) for kind in wanted]
                if all(all_of_them):
                    yield from all_of_them[0]
            case "const":
                if value != wanted:
                    yield f"{path} is not {wanted}"
            case "enum":
                if value not in wanted:
                    yield f"{path} is none of {wanted}"
            case "type":
                is_bool = isinstance(value, bool) and wanted != "boolean"
                if is_bool or not isinstance(value, TYPES[wanted]):
                    yield f"{path} is no {wanted}"
            case "required":
                if isinstance(value, Mapping):
                    yield from (f"{path}.{key} is missing" for key in wanted if key not in value)
            case "properties":
                if isinstance(value, Mapping):
                    for key in value.keys() & wanted.keys():
                        yield from violations(value[key], wanted[key], root, f"{path}.{key}")
            case "additionalProperties":
                if isinstance(value, Mapping):
                    for key in value.keys() - node.get("properties", {}).keys():
                        if wanted is False:
                            yield f"{path}.{key} is unknown"
                        else:
                            yield from violations(value[key], wanted, root, f"{path}.{key}")
            case "items":
                if isinstance(value, list | tuple):
                    for number, each in enumerate(value):
                        yield from violations(each, wanted, root, f"{path}[{number}]")
            case _:
                assert keyword in ANNOTATIONS, f"{keyword} is not checked"
