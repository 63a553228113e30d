"""One image of a batch: what opens it, what it is called, and what differs for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tilesegm.errors import TilesegmError
from tilesegm.shown import without_secrets
from tilesegm.source.names import file_of, stem_of
from tilesegm.source.remote import is_remote

__all__ = ["Entry", "is_there"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One image of a batch."""

    image: Any
    """What `open_source` takes."""
    name: str
    """What it is called: its path, its key, or its place."""
    stem: str | None = None
    """What its output is named after; the name of its file when not given."""
    output: str | None = None
    """Name of its output, where a table gives one."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Options` that differ for this image."""
    error: TilesegmError | None = None
    """Why there is no such image, if that is known already."""
    origin: str = ""
    """Where the options stand, such as ``fields.csv, line 3``."""

    @property
    def short(self) -> str:
        """What its output is named after: a name without folders, unlike some ids of items."""
        stem = stem_of(self.name) if self.stem is None else self.stem
        return stem.replace("/", "_").replace("\\", "_")

    @property
    def paths(self) -> list[str]:
        """Paths and addresses of its files; none of an array."""
        parts = self.image if isinstance(self.image, list | tuple) else [self.image]
        return [os.fspath(part) for part in parts if isinstance(part, str | os.PathLike)]

    @property
    def identity(self) -> str:
        """What it is known by in the runs of a batch: a full path, or an address."""
        return ";".join(map(_identity, self.paths)) or self.name

    @property
    def is_file(self) -> bool:
        """Whether it has a path or an address, by which it is the same image in a later run."""
        return bool(self.paths)

    def may_follow(self, other: object) -> bool:
        """Tell whether it may take the output of an image that a manifest names.

        It may if it is that image, or that is no more where it was: the images were moved.
        """
        if other == self.identity:
            return True
        return isinstance(other, str) and os.path.isabs(file_of(other)) and not is_there(other)

    @property
    def parents(self) -> tuple[str, ...]:
        """Names of the folders that it lies in, the nearest first."""
        path = self.identity.partition("?")[0].partition(";")[0]
        return tuple(part for part in (p.name for p in Path(file_of(path)).parents) if part)

    @property
    def suffix(self) -> str:
        """Suffix of its file without the dot."""
        return Path(file_of(self.name.partition("?")[0])).suffix.removeprefix(".")


def is_there(identity: str) -> bool:
    """Tell whether an image that is known by a path still lies there; addresses count as such."""
    return all("://" in one or os.path.exists(file_of(one)) for one in identity.split(";"))


def _identity(text: str) -> str:
    if is_remote(text) or "://" in text:
        return without_secrets(text)
    file = file_of(text)
    return text.removesuffix(file) + os.path.abspath(file)
