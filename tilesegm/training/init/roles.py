"""Roles that the names of files and folders tell."""

from __future__ import annotations

import re
from pathlib import Path

from tilesegm.data.file_names import plain
from tilesegm.source.vector.address import VectorAddress, is_vector

__all__ = ["ROLES", "role_of", "role_of_stem"]

ROLES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Roles by the names of folders, lists and labels."""


def role_of_stem(stem: str) -> str | None:
    """Return the role that a word of a name tells, such as ``val`` of ``city_val``."""
    words = map(plain, re.split(r"[-_. ]+", stem))
    return next((ROLES[word] for word in words if word in ROLES), None)


def role_of(path: str) -> str | None:
    """Return the role that the name of a file tells, or the nearest of its folders that does."""
    place = VectorAddress.parse(path).path if is_vector(path) else Path(path)
    folders = (ROLES.get(plain(part)) for part in reversed(place.parts[:-1]))
    return role_of_stem(place.stem) or next(filter(None, folders), None)
