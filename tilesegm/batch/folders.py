"""Folders and patterns in place of images: the images they stand for, and what is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from glob import has_magic
from pathlib import Path

from tilesegm.counted import counted
from tilesegm.errors import SettingsError
from tilesegm.events import Noted, OnEvent, ignore
from tilesegm.model.bundle import is_bundle
from tilesegm.ownership import carries
from tilesegm.source.names import is_zarr

__all__ = [
    "IMAGE_SUFFIXES",
    "MAP_MARK",
    "has_pattern",
    "images_of_folder",
    "images_of_pattern",
    "is_named_as_result",
]

IMAGE_SUFFIXES = (
    ".tif", ".tiff", ".btf", ".tf8", ".png", ".jpg", ".jpeg", ".jp2", ".j2k", ".webp", ".bmp",
    ".gif", ".img", ".vrt", ".svs", ".ndpi", ".scn",
)  # fmt: skip
_RESULTS = ("_classes", "_classes_confidence", "_classes_scores")
"""What the names of results add to the name of their image."""
MAP_MARK = b"TILESEGM_VERSION"
"""What maps that tilesegm wrote hold near their start."""


def has_pattern(path: str) -> bool:
    """Tell whether a path that does not exist holds ``*``, ``?`` or ``[``, as patterns do."""
    return has_magic(path) and not os.path.lexists(path)


def images_of_folder(folder: str, on_event: OnEvent = ignore) -> list[str]:
    """Return the images in a folder, sorted by name; those in folders within it are counted.

    Args:
        folder: its path.
        on_event: called with a note: how many images it holds, and what else.

    Raises:
        SettingsError: it holds no image.
    """
    found = _Found.among(_shown(Path(folder)), Path(folder))
    if not found.images and is_bundle(Path(folder)):
        raise SettingsError(f"{folder} is a bundle of a network and no image; --model takes it")
    if not found.images and found.below:
        raise SettingsError(
            f"folder {folder} itself holds no image, and {found.deeper}; give "
            f"'{Path(folder, '**')}' to take them"
        )
    if not found.images:
        raise SettingsError(
            f"folder {folder} holds no image, but {len(found.others)} other files{found.named}; "
            "give a folder of images, or their paths"
        )
    text = f"folder {folder}: {counted(len(found.images), 'image')}{found.left}"
    if found.below:
        text += f"; {found.deeper}, left out ('{Path(folder, '**')}' takes them too)"
    on_event(Noted(text))
    return found.images


def images_of_pattern(pattern: str, on_event: OnEvent = ignore) -> list[str]:
    """Return the images that fit a pattern, sorted by path.

    ``*``, ``?`` and ``[...]`` stand for parts of one name, ``**`` for any number of folders, and
    at the end for all files in them. Folders that fit stand for the images in them. Where the
    last step names a suffix, every file with it is taken; known suffixes of images otherwise.

    Args:
        pattern: with ``*``, ``?`` or ``[``.
        on_event: called with a note: how many images fit, and what is left out.

    Raises:
        SettingsError: no image fits.
    """
    path = Path(pattern)
    start, steps = Path(path.anchor), path.parts[1 if path.anchor else 0 :]
    last = "" if steps[-1] == "**" else steps[-1]
    suffix = Path(last).suffix
    entries = sorted(dict.fromkeys(_fitting(start, list(steps))))
    folders = [one for one in entries if _is_folder(one)]
    files = [one for one in entries if one not in set(folders)]
    found = _Found.among(files, any_suffix=bool(suffix) and not has_magic(suffix))
    for folder in folders if last else ():
        inside = _Found.among(_shown(folder))
        found.images += inside.images
        found.others += inside.others
    if not found.images:
        raise SettingsError(
            f"no image fits {pattern!r}"
            + (f", but {len(found.others)} other files{found.named}" if found.others else "")
            + "; check the pattern, and from which folder it starts"
        )
    on_event(Noted(f"{pattern}: {counted(len(found.images), 'image')}{found.left}"))
    return sorted(found.images)


@dataclass
class _Found:
    """Images among files, and what is none."""

    images: list[str]
    others: list[Path]
    below: int = 0
    """Images in folders within."""
    folders: set[Path] = field(default_factory=set)
    """Those folders."""

    @classmethod
    def among(
        cls, entries: list[Path], folder: Path | None = None, *, any_suffix: bool = False
    ) -> _Found:
        """Look at entries.

        Args:
            entries: files, Zarr stores and folders.
            folder: count images in the folders within it too.
            any_suffix: whether files of any suffix are images.
        """
        beside = {path.with_suffix("") for path in entries}
        found: list[Path] = []
        others: list[Path] = []
        for path in entries:
            known = any_suffix or path.suffix.lower() in IMAGE_SUFFIXES
            image = (known and not path.is_dir()) or (path.is_dir() and is_zarr(str(path)))
            (found if image and not _is_result(path, beside) else others).append(path)
        self = cls([str(path) for path in found], others)
        for within in [path for path in others if _is_folder(path)] if folder else ():
            deeper = [
                path
                for path in _fitting(within, ["**"])
                if path.suffix.lower() in IMAGE_SUFFIXES and not _is_result(path, set())
            ]
            if deeper:
                self.others.remove(within)
            self.below += len(deeper)
            self.folders |= {path.parent for path in deeper}
        return self

    @property
    def deeper(self) -> str:
        return f"folders within it hold {self.below} images (in {len(self.folders)} folders)"

    @property
    def left(self) -> str:
        if not self.others:
            return ""
        return f"; {len(self.others)} other files are left out{self.named}"

    @property
    def named(self) -> str:
        shown = ", ".join(path.name for path in self.others[:5])
        return f" ({shown}{' ...' if len(self.others) > 5 else ''})" if self.others else ""


def _is_result(path: Path, beside: set[Path]) -> bool:
    """Tell whether a file is what a run made of an image: by its name beside that, or its mark."""
    return is_named_as_result(path, beside) or carries(
        path / "zarr.json" if path.is_dir() else path, MAP_MARK
    )


def is_named_as_result(path: Path, beside: set[Path]) -> bool:
    """Tell whether a name is that of a result of one of the images beside it.

    Args:
        path: that has the name.
        beside: paths of the images without their suffixes.
    """
    bare = path.with_suffix("")
    return any(bare.with_name(bare.name.removesuffix(end)) in beside - {bare} for end in _RESULTS)


def _is_folder(path: Path) -> bool:
    """Tell whether a path leads to a folder that is neither a store nor unfinished results."""
    return path.is_dir() and path.suffix != ".partial" and not is_zarr(str(path))


def _shown(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _fitting(at: Path, steps: list[str], seen: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Follow the steps of a pattern through every folder that fits."""
    if not steps:
        yield at
        return
    step, rest = steps[0], steps[1:]
    if step == "**":
        yield from _fitting(at, rest or ["*"])
        here = os.path.realpath(at)
        for folder in _shown(at) if at.is_dir() else ():
            # Links may lead back.
            if _is_folder(folder) and os.path.realpath(folder) not in {*seen, here}:
                yield from _fitting(folder, steps, seen | {here})
    elif not has_magic(step):
        if os.path.lexists(at / step):
            yield from _fitting(at / step, rest)
    elif at.is_dir():
        for entry in sorted(at.iterdir()):
            hidden = entry.name.startswith(".") and not step.startswith(".")
            if fnmatch(entry.name, step) and not hidden and (not rest or entry.is_dir()):
                yield from _fitting(entry, rest)
