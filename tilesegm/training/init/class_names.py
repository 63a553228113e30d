"""Names of classes that files beside the labels tell, or a well-known layout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tilesegm.data.colour import is_colour
from tilesegm.errors import SettingsError
from tilesegm.inputs import read_text

__all__ = ["ClassNames", "find_class_names"]

_LARGEST = 1 << 20
_ABOVE = 3
"""Folders above the labels in which names may stand."""
_FILES = (
    *("labelmap.txt", "class_names.txt", "classes.txt", "labels.txt", "class_dict.csv"),
    *("classes.csv", "classes.json"),
)
_CITYSCAPES = re.compile(r"_gt(?:Fine|Coarse)_label(Train)?Ids$")
_CITY_CLASSES = (
    *((7, "road"), (8, "sidewalk"), (11, "building"), (12, "wall"), (13, "fence"), (17, "pole")),
    *((19, "traffic light"), (20, "traffic sign"), (21, "vegetation"), (22, "terrain")),
    *((23, "sky"), (24, "person"), (25, "rider"), (26, "car"), (27, "truck"), (28, "bus")),
    *((31, "train"), (32, "motorcycle"), (33, "bicycle")),
)
"""Ids of Cityscapes that its benchmark scores, in the order of its training ids; the others are
void there."""


@dataclass(frozen=True)
class ClassNames:
    """What values of labels are called."""

    names: Mapping[int | str, str] = field(default_factory=dict)
    void: frozenset[int | str] = frozenset()
    """Values that stand for no class."""
    source: str = ""
    """File or layout that tells."""


def find_class_names(labels: Sequence[str], values: Sequence[int | str]) -> ClassNames:
    """Return names for all values of labels, or none.

    Args:
        labels: files of labels.
        values: ids or colours that they hold, those without a label left out.
    """
    stems = [_CITYSCAPES.search(Path(path).stem) for path in labels]
    if labels and all(stems):
        training = bool(stems[0] and stems[0][1])
        known: dict[int | str, str] = {
            n if training else value: name for n, (value, name) in enumerate(_CITY_CLASSES)
        }
        void = frozenset(value for value in values if value not in known)
        if len(values) - len(void) > 1:
            return ClassNames(known, void, "Cityscapes")
    for file in _candidates(labels):
        names = _read(file)
        # A list of names counts from 0; `_background_` of LabelMe is one of them.
        if names and all(value in names for value in values):
            return ClassNames(names, source=str(file))
    return ClassNames()


def _candidates(labels: Sequence[str]) -> Iterator[Path]:
    if not labels:
        return
    folder = Path(labels[0]).absolute().parent
    for above in (folder, *list(folder.parents)[:_ABOVE]):
        for name in _FILES:
            if (above / name).is_file():
                yield above / name


def _read(file: Path) -> dict[int | str, str]:
    """Return names by id and by colour; empty where the file is of another form."""
    try:
        text = read_text(file, SettingsError, _LARGEST).removeprefix("\ufeff")
        if file.suffix == ".json":
            return dict(_of_json(json.loads(text)))
    except (OSError, RecursionError, SettingsError, ValueError):
        return {}
    lines = [line.strip() for line in text.splitlines()]
    return dict(_of_lines([line for line in lines if line and not line.startswith("#")]))


def _of_lines(lines: Sequence[str]) -> Iterator[tuple[int | str, str]]:
    """Read ``name``, ``name:r,g,b::`` as CVAT writes it, or ``name,r,g,b``, a line each."""
    number = 0
    for line in lines:
        match = re.match(r"(.+?)\s*[:,;]\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)", line)
        name = match[1] if match else line
        if name.lower() in ("name", "__ignore__") or line.lower().startswith("name,"):
            continue
        if match and max(map(int, match.groups()[1:])) < 256:
            red, green, blue = map(int, match.groups()[1:])
            yield f"#{red:02X}{green:02X}{blue:02X}", name
        yield number, name
        number += 1


def _of_json(content: Any) -> Iterator[tuple[int | str, str]]:
    """Read objects with a name and a colour or an id, wherever in the file they stand."""
    if isinstance(content, Mapping):
        name = content.get("name") or content.get("title")
        if isinstance(name, str):
            for key in ("color", "colour", "hex"):
                value = content.get(key)
                if is_colour(value):
                    yield str(value).upper(), name.strip()
            number = content.get("id")
            if isinstance(number, int):
                yield number, name.strip()
        content = list(content.values())
    for each in content if isinstance(content, list) else ():
        yield from _of_json(each)
