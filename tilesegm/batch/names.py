"""Names of the outputs of a batch: one each, whatever the images are called.

Outputs on a disk are a `Path`, and those in a store a text, their address.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self

from tilesegm.batch.entry import Entry, is_there
from tilesegm.errors import OutputError, SettingsError
from tilesegm.ownership import check_local, place_key
from tilesegm.sink.check import STORED, SUFFIXES
from tilesegm.source.object_store import is_s3, place_of, s3_parts, unopened_name

__all__ = ["OutputNames"]

_NAME = "{name}"
_USUAL = "{name}_classes.tif"


@dataclass(frozen=True)
class OutputNames:
    """The folder of a batch, and how files in it are named."""

    folder: Path | str
    """Its path, or its address in a store, without a slash at the end."""
    pattern: str
    """Name of a file, in which ``{name}`` stands for that of the image."""

    @classmethod
    def of(cls, output: str | Path) -> Self:
        """Read ``maps``, or ``maps/{name}.zarr``, or such an address in a store.

        Raises:
            SettingsError: ``{name}`` is in a folder's name, or the suffix is none of an output.
            OutputError: it is an address that no folder of maps can have.
        """
        folder = place_of(output)
        if isinstance(folder, Path):
            check_local(output)
            above, last = str(folder.parent), folder.name
        else:
            folder = folder.rstrip("/")
            above, _, last = folder.rpartition("/")
            if why := unopened_name(folder):
                raise OutputError(f"output {folder}: {why}; give another one")
        if _NAME not in str(folder):
            return cls(_checked(folder), _USUAL)
        if last.count(_NAME) != 1 or _NAME in above:
            raise SettingsError(
                f"output {folder}: {_NAME} stands for the name of each image, once, in the last "
                f"part of the path; give a name such as {Path('maps', _USUAL)}"
            )
        suffixes = SUFFIXES if isinstance(folder, Path) else STORED
        if Path(last).suffix.lower() not in suffixes:
            raise SettingsError(
                f"cannot tell the format of output {folder}; expected a name that ends in "
                f"{', '.join(suffixes)}"
            )
        return cls(_checked(above) if isinstance(folder, str) else folder.parent, last)

    @property
    def suffix(self) -> str:
        """Suffix of the outputs."""
        return Path(self.pattern).suffix

    def path(self, name: str) -> Path | str:
        """Return the output of an image that goes by a name."""
        if isinstance(self.folder, str):
            name = name.replace("#", "_")  # GDAL opens no such object
        return self._at(self.pattern.replace(_NAME, name))

    def _at(self, file: str) -> Path | str:
        return f"{self.folder}/{file}" if isinstance(self.folder, str) else self.folder / file

    def name(self, entries: Sequence[Entry], known: Mapping[str, str]) -> list[Path | str]:
        """Give each image an output of its own.

        Outputs are named after their images. Where several would get one name, also where the file
        system tells no upper from lower case, those of the images have the folder in which they
        lie before their names, as many as it takes, or their suffix behind.

        Args:
            entries: the images.
            known: name of the output that an image had in an earlier run, by its identity: it
                stays the same whatever images came since.

        Raises:
            SettingsError: a table names an output that cannot be.
        """
        paths: list[Path | str | None] = [self._settled(entry, known) for entry in entries]
        taken = {place_key(path) for path in paths if path is not None}
        own = {entry.identity for entry in entries}
        # Images whose maps are in a store may lie on the disk of another machine.
        stored = isinstance(self.folder, str)
        others = (
            name
            for image, name in known.items()
            if image not in own and (stored or is_there(image))
        )
        taken |= {place_key(self._at(name)) for name in others}
        groups: dict[Path | str, list[int]] = {}
        namesakes: dict[Path | str, set[str]] = {}
        for number, entry in enumerate(entries):
            key = place_key(self.path(entry.short))
            if entry.output is None:
                namesakes.setdefault(key, set()).add(entry.identity)
            if paths[number] is None:
                groups.setdefault(key, []).append(number)
        # Those without a namesake first: the others keep clear of them.
        for key, numbers in sorted(groups.items(), key=lambda group: len(group[1])):
            names = [entries[number].short for number in numbers]
            if key in taken or len(namesakes[key]) > 1:
                names = self._apart([entries[number] for number in numbers], taken)
            for number, name in zip(numbers, names, strict=True):
                paths[number] = self.path(name)
                taken.add(place_key(self.path(name)))
        return [path for path in paths if path is not None]

    def _settled(self, entry: Entry, known: Mapping[str, str]) -> Path | str | None:
        """Return the output that a table or an earlier run gave to an image."""
        if entry.output is not None:
            name = entry.output
            if name != os.path.basename(name) or name in ("", ".", ".."):
                raise SettingsError(
                    f"{entry.origin}: output {name!r} is no name of a file in {self.folder}; leave "
                    "folders out"
                )
            ends = name.lower().endswith(SUFFIXES)
            if ends and isinstance(self.folder, str) and not name.lower().endswith(STORED):
                raise SettingsError(
                    f"{entry.origin}: output {name!r} cannot be written to a store; expected a "
                    f"name that ends in {', '.join(STORED)}"
                )
            return self._at(name if ends else name + self.suffix)
        before = known.get(entry.identity)
        head, _, tail = self.pattern.partition(_NAME)
        fits = before and before.startswith(head) and before.endswith(tail)
        return self._at(before) if before and fits else None

    def _apart(self, entries: list[Entry], taken: set[Path | str]) -> list[str]:
        """Return names that differ from each other, but for one image, and from those taken."""
        deepest = max(len(entry.parents) for entry in entries)
        different = len({entry.identity for entry in entries})
        together = different > 1 and len({entry.parents for entry in entries}) == 1
        ways = [] if together else [(n, False) for n in range(1, deepest + 1)]
        ways += [(n, True) for n in range(deepest + 1)]
        for folders, suffix in ways:
            names = [_called(entry, folders, suffix) for entry in entries]
            keys = {place_key(self.path(name)) for name in names}
            if len(keys) == different and not keys & taken:
                return names
        return self._numbered(entries, taken)

    def _numbered(self, entries: list[Entry], taken: set[Path | str]) -> list[str]:
        used, names = set(taken), dict[str, str]()
        for entry in entries:
            if entry.identity not in names:
                tries = (entry.short if n == 1 else f"{entry.short}_{n}" for n in count(1))
                name = next(name for name in tries if place_key(self.path(name)) not in used)
                names[entry.identity] = name
                used.add(place_key(self.path(name)))
        return [names[entry.identity] for entry in entries]


def _checked(folder: Path | str) -> Path | str:
    """Return a folder that may hold maps, in the usual spelling.

    Raises:
        OutputError: it is an address that says something else.
    """
    if isinstance(folder, Path):
        return folder
    bucket, key = s3_parts(f"{folder}/") if is_s3(f"{folder}/") else ("", "")
    if not bucket or key.lower().endswith(STORED):
        raise OutputError(
            f"output {folder} is no folder of maps; several images go to s3://BUCKET/FOLDER/ or to "
            f"names such as s3://BUCKET/FOLDER/{_USUAL}, and a name that ends in "
            f"{', '.join(STORED)} is that of one map"
        )
    return f"s3://{bucket}/{key}" if key else f"s3://{bucket}"


def _called(entry: Entry, folders: int, suffix: bool) -> str:
    """Name an image with so many folders before it, and its suffix behind."""
    behind = [entry.suffix] if suffix and entry.suffix else []
    return "_".join((*reversed(entry.parents[:folders]), entry.short, *behind))
