"""Gathers the files that words of the command line name: files, folders, globs and split lists."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tilesegm.data.file_names import LABEL_WORDS, composed, find_path, image_name, is_shown, plain
from tilesegm.data.pattern import natural
from tilesegm.errors import SettingsError
from tilesegm.source.annotations.opened import is_annotation_file
from tilesegm.source.names import is_zarr
from tilesegm.source.remote import is_remote
from tilesegm.source.vector.address import is_vector
from tilesegm.training.init.roles import role_of_stem

__all__ = ["Gathered", "gather", "listed"]

_RASTERS = frozenset({
    ".asc", ".bil", ".bip", ".bmp", ".bsq", ".btf", ".dat", ".ecw", ".gif", ".hdr", ".img", ".j2k",
    ".jp2", ".jpeg", ".jpg", ".nc", ".ndpi", ".ntf", ".pbm", ".pgm", ".png", ".ppm", ".scn", ".sid",
    ".svs", ".tif", ".tiff", ".vrt", ".webp", ".zarr",
})  # fmt: skip
_PARTS = (
    ".aux.xml", ".bjw", ".bpw", ".cpg", ".dbf", ".gfw", ".gpkg-shm", ".gpkg-wal", ".jgw", ".msk",
    ".ovr", ".pgw", ".prj", ".qix", ".qmd", ".qml", ".qpj", ".sbn", ".sbx", ".shp.xml", ".shx",
    ".sld", ".tfw", ".tifw", ".wld",
)  # fmt: skip
"""Files that stand beside an image or a shapefile and belong to it."""
_LISTS = frozenset((".txt", ".lst"))
_CITY_KINDS = re.compile(
    r"_gt(Fine|Coarse)_(color|instanceIds|instanceTrainIds|labelIds|polygons)$"
)
_SHOWN = 5


@dataclass(frozen=True)
class Gathered:
    """Files that belong to images or labels, in natural order."""

    files: tuple[str, ...]
    lists: tuple[Path, ...] = ()
    """Split lists among them."""
    others: tuple[str, ...] = ()
    """Files that are neither images nor lists."""
    folders: tuple[Path, ...] = ()
    """Folders that were given as a whole."""

    def without(self, files: Iterable[str]) -> Gathered:
        """Return the files but for some, such as labels that stand in a folder of images."""
        out = {os.path.abspath(file) for file in files}
        return replace(
            self, files=tuple(one for one in self.files if os.path.abspath(one) not in out)
        )

    def without_other_labels(self) -> Gathered:
        """Move what is known for labels in whole folders of images to the other files.

        Once the labels are named, further ones, such as masks of the field of view, are no images.
        """
        images, labels = self.halves() if self.folders else (self, Gathered(()))
        if not images.files or not labels.files:
            return self
        return replace(self, files=images.files, others=(*self.others, *labels.files))

    def halves(self) -> tuple[Gathered, Gathered]:
        """Tell images from labels where both stand in the same folders.

        Labels stand in a folder such as ``masks``, or are named by their image as ``a_mask`` and
        ``a``, beside it or in another folder. Files of annotation tools are labels anywhere, and so
        are vector files that have the name of an image.
        """
        times = Counter(map(_image, self.files))
        labels = [
            file
            for file in self.files
            if _in_folder_of_labels(file, self.folders)
            or (times[_image(file)] > 1 and _named_as_labels(Path(file).stem))
            or (
                is_vector(file)
                and (
                    role_of_stem(Path(file).stem)
                    or times[_image(file)] > 1
                    or is_annotation_file(file)
                )
            )
        ]
        rest = [file for file in self.files if file not in set(labels)]
        images = [file for file in rest if not is_vector(file)]
        others = (*self.others, *(file for file in rest if is_vector(file)))
        return Gathered(tuple(images), self.lists, others), Gathered(tuple(labels))


def gather(words: Sequence[str], *, vectors: bool = False) -> Gathered:
    """Return the files that words name.

    Args:
        words: files, URLs, folders, globs such as ``images/*.png``, and for images split lists.
        vectors: whether vector files count among the files of a folder.

    Raises:
        SettingsError: there is no such file, or a folder holds none.
    """
    files: list[str] = []
    lists: list[Path] = []
    others: list[Path] = []
    folders: list[Path] = []
    for word in words:
        if is_remote(word):
            files.append(word)
            continue
        for path in _paths(word):
            whole = path.is_dir() and not _is_file(path)
            inside = sorted(_walk(path), key=lambda one: natural(str(one))) if whole else [path]
            if whole:
                folders.append(path)
            for one in inside:
                if not is_shown(one.name) or one.name.lower().endswith(_PARTS):
                    continue
                if one.suffix.lower() in _LISTS:
                    (others if whole else lists).append(one)
                elif whole and not _is_data(one, vectors):
                    others.append(one)
                else:
                    files.append(str(one))
    beside = _beside_classes(files, folders)
    others += map(Path, sorted(beside, key=natural))
    names = tuple(sorted((file for file in files if file not in beside), key=natural))
    if not names and not lists:
        raise SettingsError(
            f"{listed(words)} holds no {'labels' if vectors else 'images'}; expected files such as "
            f"{'.tif, .png or .gpkg' if vectors else '.tif, .png or .jpg'}"
        )
    return Gathered(names, tuple(lists), tuple(map(str, others)), tuple(folders))


def listed(names: Iterable[object]) -> str:
    """Name the first few."""
    every = [str(name) for name in names]
    more = len(every) - _SHOWN
    return ", ".join(every[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _paths(word: str) -> list[Path]:
    """Return the path of a word, or those that fit it as a glob."""
    there = find_path(Path(word))
    if there is not None:
        return [there]
    found = sorted(glob.glob(word, recursive=True), key=natural) if glob.has_magic(word) else []
    if not found:
        raise SettingsError(f"there is no file {word}")
    return [Path(path) for path in found]


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of its folders, stores of several files as one."""
    for path in folder.iterdir():
        if not is_shown(path.name):
            continue
        if path.is_dir() and not _is_file(path):
            yield from _walk(path)
        else:
            yield path


def _is_file(folder: Path) -> bool:
    """Tell a folder that is one image or one vector file."""
    return folder.is_file() or is_zarr(str(folder)) or folder.suffix.lower() == ".gdb"


def _is_data(path: Path, vectors: bool) -> bool:
    suffix = path.suffix.lower()
    if suffix in _RASTERS or not vectors:
        return suffix in _RASTERS
    return is_annotation_file(path) if suffix in (".json", ".xml") else is_vector(path)


def _beside_classes(files: Sequence[str], folders: Sequence[Path]) -> frozenset[str]:
    """Return pictures of objects and colours that stand beside the class ids of the same images.

    Pascal VOC has ``SegmentationObject``, and Cityscapes a file of each kind in one folder.
    """
    if not folders:
        return frozenset()
    parents = {plain(Path(file).parent.name) for file in files}
    beside = {
        file
        for file in files
        if plain(Path(file).parent.name) == "segmentationobject" and "segmentationclass" in parents
    }
    stems = {Path(file).stem for file in files}
    for file in files:
        stem = Path(file).stem
        if (kind := _CITY_KINDS.search(stem)) is None:
            continue
        better = ("labelTrainIds",) if kind[2] == "labelIds" else ("labelTrainIds", "labelIds")
        if any(f"{stem[: kind.start(2)]}{other}" in stems for other in better):
            beside.add(file)
    return frozenset(beside)


def _image(path: str) -> str:
    return image_name(Path(path).stem)


def _in_folder_of_labels(file: str, roots: Sequence[Path]) -> bool:
    path = Path(file)
    root = next((root for root in roots if path.is_relative_to(root)), path.parent)
    return any(plain(part) in LABEL_WORDS for part in path.relative_to(root).parts[:-1])


def _named_as_labels(stem: str) -> bool:
    name = image_name(stem)
    around = composed(stem).replace(name, " ", 1)
    return any(plain(word) in LABEL_WORDS for word in re.split(r"[-_. ]+", around))
