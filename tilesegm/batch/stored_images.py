"""Folders and patterns of a store in place of images: the images they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from functools import lru_cache
from glob import has_magic
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from tilesegm.batch.folders import IMAGE_SUFFIXES, MAP_MARK, is_named_as_result
from tilesegm.errors import SettingsError, SourceError
from tilesegm.events import Noted, OnEvent, ignore
from tilesegm.sink.stored_file import MARK
from tilesegm.source.names import DOCUMENTS, is_zarr
from tilesegm.source.object_store import ask, open_store, s3_parts
from tilesegm.source.remote import FetchError

__all__ = ["images_of_store"]

_START = 8192
"""Bytes of an object in which the mark of a map is looked for."""
_AT_ONCE = 16


def images_of_store(address: str, on_event: OnEvent = ignore) -> list[str]:
    """Return the images of a folder or pattern of a store; none where it is that of an object.

    The rules are those of `images_of_folder` and `images_of_pattern`, but that images in folders
    within a folder are not counted, and that a folder is told by a slash at the end or by a
    name without a suffix.

    Args:
        address: ``s3://BUCKET/FOLDER/``, or a pattern such as ``s3://BUCKET/FOLDER/*.tif``.
        on_event: called with a note: how many images there are, and what is left out.

    Raises:
        SettingsError: no image is there.
        SourceError: the store cannot be reached.
    """
    bucket, key = s3_parts(address)
    pattern, slash = has_magic(key), address.endswith("/") or not key
    if is_zarr(address) or not (pattern or slash or not PurePosixPath(key).suffix):
        return []
    if not (pattern or slash) and find_spec("obstore") is None:
        return []  # GDAL opens objects without it, and knows whether it is one
    objects = _Objects(bucket)
    if not slash and objects.holds(key):
        return []
    images, others, within = objects.of_pattern(key) if pattern else objects.of_folder(key)
    if key in images:
        return []  # a Zarr
    below = f"{objects.address(key)}/**".replace("//**", "/**")
    if not images and within:
        raise SettingsError(
            f"{address} itself holds no image, but {len(within)} folders ({_names(within)}); give "
            f"'{below}' to take the images in them"
        )
    if not images:
        holds = f"but {len(others)} other objects ({_names(others)})" if others else "nor others"
        raise SettingsError(
            f"{address} stands for no objects that are images, {holds}; give a folder of images or "
            "a pattern such as 's3://BUCKET/FOLDER/*.tif', or their addresses in a list (.txt)"
        )
    text = f"{address}: {len(images)} images"
    text += f"; {len(others)} other objects are left out ({_names(others)})" if others else ""
    if within:
        text += f"; {len(within)} folders within it are not looked into ('{below}' does)"
    on_event(Noted(text))
    return [objects.address(image) for image in sorted(images)]


class _Objects:
    """What a bucket holds."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._store = open_store(self.address(""))
        self.inside = lru_cache(maxsize=None)(self._inside)

    def address(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}".rstrip("/")

    def holds(self, key: str) -> bool:
        """Tell whether there is an object of this name."""
        import obstore

        try:
            ask(self.address(key), lambda: obstore.head(self._store, key))
        except FileNotFoundError:
            return False
        return True

    def of_folder(self, key: str) -> tuple[set[str], list[str], list[str]]:
        """Return the images in a folder, other objects, and the folders within it."""
        files, folders = self.inside(key)
        if self._holds_zarr(key):
            return {key}, [], []
        shown = [one for one in (*files, *folders) if not _name(one).startswith(".")]
        images, others = self._sorted(shown, any_suffix=False)
        within = [one for one in others if self._is_folder(one)]
        return images, [one for one in others if one not in within], within

    def of_pattern(self, key: str) -> tuple[set[str], list[str], list[str]]:
        """Return the images that fit a pattern, and other objects that do."""
        steps = key.split("/")
        last = "" if steps[-1] == "**" else steps[-1]
        suffix = PurePosixPath(last).suffix
        fitting = list(dict.fromkeys(self._fitting("", steps)))
        any_suffix = bool(suffix) and not has_magic(suffix)
        images, others = self._sorted(fitting, any_suffix)
        for folder in [one for one in others if self._is_folder(one)]:
            others.remove(folder)
            if last:
                more, left, _ = self.of_folder(folder)
                images, others = images | more, others + left
        return images, others, []

    def _sorted(self, entries: list[str], any_suffix: bool) -> tuple[set[str], list[str]]:
        """Part images from what is none, maps of tilesegm among it."""
        beside = {Path(entry).with_suffix("") for entry in entries}

        def is_image(entry: str) -> bool:
            known = any_suffix or PurePosixPath(entry).suffix.lower() in IMAGE_SUFFIXES
            image = self._is_zarr(entry) or (known and not self._is_folder(entry))
            return image and not is_named_as_result(Path(entry), beside) and not self._is_map(entry)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(is_image, entries))
        images = {entry for entry, image in zip(entries, found, strict=True) if image}
        return images, [entry for entry in entries if entry not in images]

    def _fitting(self, folder: str, steps: list[str]) -> Iterator[str]:
        """Follow the steps of a pattern through every folder that fits."""
        step, rest = steps[0], steps[1:]
        if step == "**":
            yield from self._fitting(folder, rest or ["*"])
            for one in self.inside(folder)[1]:
                if not _name(one).startswith(".") and self._is_folder(one):
                    yield from self._fitting(one, steps)
        elif rest and not has_magic(step):
            yield from self._fitting(_below(folder, step), rest)
        else:
            files, folders = self.inside(folder)
            for one in folders if rest else (*files, *folders):
                hidden = _name(one).startswith(".") and not step.startswith(".")
                if fnmatchcase(_name(one), step) and not hidden:
                    yield from self._fitting(one, rest) if rest else (one,)

    def _is_folder(self, key: str) -> bool:
        """Tell whether something is a folder that is neither a Zarr nor unfinished results."""
        there = key in self.inside(_above(key))[1]
        return there and not key.endswith(".partial") and not self._is_zarr(key)

    def _is_zarr(self, key: str) -> bool:
        return key in self.inside(_above(key))[1] and self._holds_zarr(key)

    def _holds_zarr(self, folder: str) -> bool:
        files = () if is_zarr(folder) else self.inside(folder)[0]
        return is_zarr(folder) or any(_below(folder, name) in files for name in DOCUMENTS)

    def _is_map(self, key: str) -> bool:
        """Tell whether tilesegm wrote an object or Zarr, by what it says of itself."""
        import obstore

        zarr = self._is_zarr(key)
        files = self.inside(key if zarr else _above(key))[0]
        name = _below(key, "zarr.json") if zarr else key
        if not files.get(name):
            return False
        start: Any = {"range": (0, _START)}
        try:
            found = ask(self.address(name), lambda: obstore.get(self._store, name, options=start))
        except FetchError:
            raise
        except (SourceError, FileNotFoundError):
            return False  # denied, archived or gone by now: a failed image, and not all of them
        return MARK in found.attributes or MAP_MARK in bytes(found.bytes())

    def _inside(self, folder: str) -> tuple[dict[str, int], list[str]]:
        """Return the objects of a folder with their sizes, and the folders within it."""
        import obstore

        def listed() -> Any:
            return obstore.list_with_delimiter(self._store, folder or None)

        found = ask(self.address(folder), listed)
        files = {one["path"]: one["size"] for one in found["objects"]}
        return files, list(found["common_prefixes"])


def _above(key: str) -> str:
    return key.rpartition("/")[0]


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _names(keys: list[str]) -> str:
    return ", ".join(map(_name, keys[:5])) + (" ..." if len(keys) > 5 else "")
