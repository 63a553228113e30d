"""Writes scenes as entries of ``data.scenes``: by patterns where these find the same files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tilesegm.data.file_names import composed
from tilesegm.data.find import find_scenes
from tilesegm.data.pattern import escape
from tilesegm.data.settings import (
    INSTANCES,
    ClassSettings,
    DataSettings,
    LabelSettings,
    SceneSettings,
)
from tilesegm.errors import InputError
from tilesegm.source.remote import is_remote
from tilesegm.training.init.pairing import Scene
from tilesegm.training.init.scene_patterns import find_patterns

__all__ = ["make_entries", "relative_to", "scenes_of_patterns"]

Entry = dict[str, Any]


def make_entries(scenes: Sequence[Scene]) -> list[Entry]:
    """Return entries that find exactly these scenes, one per role where patterns do."""
    entries = []
    for role in dict.fromkeys(scene.role for scene in scenes):
        of_role = [scene for scene in scenes if scene.role == role]
        several = len(of_role) > 1 and all(len(scene.image) == 1 for scene in of_role)
        whole = _by_pattern(of_role) if several else None
        entries += [whole] if whole else [_entry(scene) for scene in of_role]
    return entries


def scenes_of_patterns(pairs: Sequence[tuple[str, str]]) -> tuple[list[Entry], list[Scene]]:
    """Take patterns of images and labels as entries, and find their files.

    Labels whose last part holds ``*`` are masks, one per object.

    Raises:
        InputError: a pattern cannot be read or finds nothing.
    """
    entries: list[Entry] = []
    for image, labels in pairs:
        objects = "*" in Path(labels).name
        entries.append(
            {"image": image, "labels": INSTANCES, "instances": labels}
            if objects
            else {"image": image, "labels": labels}
        )
    return entries, _find(entries)


def relative_to(folder: Path, entry: Entry) -> Entry:
    """Write relative paths as they are seen from a folder; absolute ones stay as they are."""

    def one(path: str) -> str:
        return path if is_remote(path) or os.path.isabs(path) else os.path.relpath(path, folder)

    return {
        key: value
        if key == "role" or value == INSTANCES
        else one(value)
        if isinstance(value, str)
        else [one(path) for path in value]
        for key, value in entry.items()
    }


def _entry(scene: Scene) -> Entry:
    files = [escape(path) for path in scene.image]
    entry: Entry = {"image": files[0] if len(files) == 1 else files}
    if scene.objects:
        entry |= {"labels": INSTANCES, "instances": f"{escape(scene.labels)}/*"}
    else:
        entry["labels"] = escape(scene.labels)
    return entry | ({"role": scene.role} if scene.role else {})


def _by_pattern(scenes: Sequence[Scene]) -> Entry | None:
    """Return one entry that finds exactly these scenes, if there is one."""
    columns = ([s.image[0] for s in scenes], [s.labels for s in scenes])
    patterns = find_patterns(*([composed(path) for path in column] for column in columns))
    if patterns is None:
        return None
    image, labels = patterns
    entry: Entry = (
        {"image": image, "labels": INSTANCES, "instances": f"{labels}/*"}
        if scenes[0].objects
        else {"image": image, "labels": labels}
    )
    try:
        found = _find([entry])
    except InputError:
        return None
    same = {(s.image, s.labels) for s in found} == {(s.image, s.labels) for s in scenes}
    return entry | ({"role": scenes[0].role} if scenes[0].role else {}) if same else None


def _find(entries: Sequence[Entry]) -> list[Scene]:
    settings = DataSettings(
        scenes=tuple(SceneSettings(**entry) for entry in entries),
        labels=LabelSettings(classes=(ClassSettings("a", 0), ClassSettings("b", 1))),
    )
    return [
        Scene(
            (files.image,) if isinstance(files.image, str) else files.image,
            files.labels if files.instances is None else os.path.dirname(files.instances),
            objects=files.instances is not None,
        )
        for found in find_scenes(settings, Path())
        for files in found.by_role
    ]
