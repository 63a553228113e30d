"""The images of a batch, whatever names them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from glob import has_magic
from pathlib import Path
from typing import Any

from tilesegm.batch.entry import Entry
from tilesegm.batch.folders import has_pattern, images_of_folder, images_of_pattern
from tilesegm.batch.lists import paths_of_list
from tilesegm.batch.stac import entries_of_items, is_stac, read_items
from tilesegm.batch.stored_images import images_of_store
from tilesegm.batch.tables import rows_of_table
from tilesegm.errors import SettingsError
from tilesegm.events import Noted, OnEvent, ignore
from tilesegm.source.names import is_zarr
from tilesegm.source.object_store import is_s3
from tilesegm.source.open import opens_as_image
from tilesegm.source.remote import is_http, is_remote

__all__ = ["find_entries"]

_LISTS = (".txt", ".lst")
_TABLES = (".csv", ".tsv")
_ITEMS = (".json", ".geojson")


def find_entries(
    images: Iterable[Any] | Mapping[str, Any],
    on_event: OnEvent = ignore,
    assets: Sequence[str] = (),
) -> list[Entry]:
    """Return the images of a batch, in their order.

    Args:
        images: paths, addresses and arrays, where a folder on a disk or in a store stands for the
            images in it, a pattern for those that fit, a ``.txt`` for those in its lines, a
            ``.csv`` for those of its rows with their options, and STAC items for their assets; or a
            mapping of names to images.
        on_event: called with notes: what was taken, and what was left out.
        assets: see `entries_of_items`.

    Raises:
        SettingsError: a folder or pattern gives no image, or a list, table or item cannot be read.
    """
    if isinstance(images, Mapping):
        return [Entry(image=image, name=str(name)) for name, image in images.items()]
    entries: list[Entry] = []
    find = _Finding(on_event, assets)
    for number, image in enumerate(images):
        if isinstance(image, str | os.PathLike):
            found = find.of_path(os.fspath(image))
            entries += found if len(found) == 1 else _new_among(found, entries, on_event)
        elif is_stac(image):
            entries += entries_of_items(image, "the collection", assets, on_event)
        else:
            entries.append(Entry(image=image, name=f"image_{number}"))
    if assets and not find.items and not any(map(is_stac, images)):
        raise SettingsError(
            f"--asset {','.join(assets)} chooses assets of STAC items, and none are given"
        )
    return entries


def _new_among(found: list[Entry], entries: list[Entry], on_event: OnEvent) -> list[Entry]:
    """Leave out what a folder or list names that is there already, with the same options."""
    there = {entry.identity: entry for entry in entries}
    new = []
    for entry in found:
        twin = there.setdefault(entry.identity, entry)
        alike = replace(entry, origin="") == replace(twin, origin="")
        if twin is entry or not alike or not entry.paths:
            new.append(entry)
    if len(new) < len(found):
        on_event(Noted(f"{len(found) - len(new)} images are named more than once, and taken once"))
    return new


class _Finding:
    def __init__(self, on_event: OnEvent, assets: Sequence[str]) -> None:
        self._on_event, self._assets = on_event, assets
        self.items = 0

    def of_path(self, path: str, inside: str = "") -> list[Entry]:
        """Return the images that a path stands for.

        Args:
            path: of an image, or of what names images.
            inside: the line of the list or table that it stands in.
        """
        names = self._of_name(path, inside) or [path]
        return [Entry(image=n, name=n) if isinstance(n, str) else n for n in names]

    def _of_name(self, path: str, inside: str) -> Sequence[str | Entry]:
        """Return what a path stands for if it is no image itself."""
        if os.path.isdir(path):
            if is_zarr(path) or opens_as_image(path):
                return ()
            return images_of_folder(path, self._on_event)
        suffix = Path(path.partition("?")[0] if is_remote(path) else path).suffix.lower()
        if suffix in _ITEMS and (not is_remote(path) or is_http(path)):
            self.items += 1
            return entries_of_items(read_items(path), path, self._assets, self._on_event)
        if is_s3(path):
            if suffix in (*_LISTS, *_TABLES, *_ITEMS):
                raise SettingsError(
                    f"{path} is a list in a store, and lists are read from a disk; copy it: "
                    "addresses in it may be of a store"
                )
            return images_of_store(path, self._on_event)
        if is_remote(path):
            if not is_http(path) and (has_magic(path) or path.endswith("/")):
                raise SettingsError(
                    f"{path} names no image, and folders and patterns are looked up on a disk and "
                    "in s3:// alone; give addresses, or a list of them (.txt)"
                )
            return ()
        if has_pattern(path):
            return images_of_pattern(path, self._on_event)
        # GDAL reads grids of numbers as text too.
        if suffix not in (*_LISTS, *_TABLES) or (os.path.isfile(path) and opens_as_image(path)):
            return ()
        if inside:
            raise SettingsError(f"{inside} names another list, {path}; name images there")
        return self._of_list(Path(path)) if suffix in _LISTS else self._of_table(Path(path))

    def _of_list(self, path: Path) -> list[Entry]:
        lines = paths_of_list(path)
        return [entry for n, name in lines for entry in self.of_path(name, f"{path}, line {n}")]

    def _of_table(self, path: Path) -> list[Entry]:
        entries = []
        for row in rows_of_table(path):
            found = self.of_path(row.image, row.origin)
            if row.output is not None and len(found) != 1:
                raise SettingsError(
                    f"{row.origin}: {len(found)} images cannot share the output {row.output}; "
                    "give each a line, or leave its output out"
                )
            entries += [
                replace(one, output=row.output, changes=row.changes, origin=row.origin)
                for one in found
            ]
        return entries
