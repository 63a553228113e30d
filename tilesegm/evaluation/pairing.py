"""Pairs of maps and their truth by the names of their images."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tilesegm.data.file_names import image_name
from tilesegm.data.pattern import natural
from tilesegm.errors import SettingsError
from tilesegm.evaluation.inputs import MapPair
from tilesegm.shown import without_secrets
from tilesegm.source.annotations.matching import listed_image
from tilesegm.source.annotations.opened import is_annotation_file, open_annotations
from tilesegm.source.names import is_zarr
from tilesegm.source.vector.address import is_vector

__all__ = [
    "FolderPairs",
    "is_folder_of_maps",
    "lists_images",
    "match_folders",
    "name_in",
    "pair_folders",
    "short_names",
    "stem_of",
]

_MAPS = (".tif", ".tiff", ".png", ".zarr", ".bmp", ".gif", ".jp2", ".img", ".vrt")
_TRUTHS = (*_MAPS, ".jpg", ".jpeg")

_MANIFEST = "manifest.jsonl"
"""What `segment_many` writes beside the maps."""

_EXTRAS = ("_confidence", "_scores")
"""What `segment` adds to the name of a map for the results beside it."""


@dataclass(frozen=True)
class FolderPairs:
    """The maps of a folder with their truths in another one, and what has no partner."""

    pairs: tuple[MapPair, ...]
    notes: tuple[str, ...]
    """What was left out, with its number and names."""


def pair_folders(predictions: str | Path, truths: str | Path) -> list[MapPair]:
    """Pair the maps of a folder with the files of the same images in another one.

    Args:
        predictions: folder of class maps.
        truths: folder of their truth; further files do no harm.

    Returns:
        The pairs, sorted by name.

    Raises:
        SettingsError: the first folder holds no maps, a map has no truth or several, or two maps
            have the same one.
    """
    return list(match_folders(predictions, truths).pairs)


def match_folders(predictions: str | Path, truths: str | Path) -> FolderPairs:
    """Pair the maps of a folder as `pair_folders` does, and tell what was left out.

    A truth belongs to a map if it has the same name, whatever the suffix; else if it has the name
    of the map's image, ``a`` for ``a_classes.tif``; else if only words such as ``mask`` or
    ``label`` stand beside the image's name, as in ``a_mask.png``. A file of annotations
    that lists images, such as COCO, is the truth of the maps of these; one of a single image goes
    before the photo beside it. Truths may lie in folders of a folder that holds nothing else.
    """
    predictions, truths = Path(predictions), Path(truths)
    if not is_folder_of_maps(predictions):
        raise SettingsError(
            f"{predictions} is no folder of maps; expected .tif, .png or .zarr in it"
        )
    if not is_folder_of_maps(truths) and not lists_images(truths):
        raise SettingsError(f"{predictions} is a folder and {truths} is none; give two folders")
    maps, others = _maps(predictions)
    if not maps:
        raise SettingsError(
            f"folder {predictions} holds no maps; expected .tif, .png or .zarr files"
        )
    if lists_images(truths):
        return _of_listing(maps, others, predictions, truths)
    files = _sorted(truths)
    if all(path.is_dir() and is_folder_of_maps(path) for path in files):
        # A folder for each part and site, as the ground truth of Cityscapes has.
        files = [path for folder in _folders_below(truths) for path in _sorted(folder)]
    annotated = {stem_of(path.name): path for path in files if is_annotation_file(path)}
    candidates = [
        path
        for path in files
        if annotated.get(stem_of(path.name)) == path
        or (
            stem_of(path.name) not in annotated
            and (path.suffix.lower() in _TRUTHS or (is_vector(path) and path.suffix != ".json"))
        )
    ]
    found = {path: _truth_of(path, candidates) for path in maps}
    missing = [path.name for path, truth in found.items() if truth is None]
    if missing:
        image = image_name(stem_of(missing[0]))
        raise SettingsError(
            f"{truths} holds no {missing[0]} nor another file of image {image!r}; "
            f"{len(missing)} of {len(maps)} maps have no truth: {_listed(missing)}; name truths "
            "as the images, or take these maps away"
        )
    owners: dict[Path, Path] = {}
    for path, truth in found.items():
        assert truth is not None
        if truth in owners:
            raise SettingsError(
                f"{owners[truth].name} and {path.name} would both be compared with {truth}; "
                "leave one map of each image in the folder"
            )
        owners[truth] = path
    unused = [path.name for path in candidates if path not in owners]
    return FolderPairs(
        tuple(MapPair(str(path), str(truth)) for path, truth in found.items()),
        tuple(
            f"{len(names)} files of {folder} {why}: {_listed(names)}"
            for names, folder, why in (
                (others, predictions, "are no maps"),
                (unused, truths, "belong to no map"),
            )
            if names
        ),
    )


def _of_listing(
    maps: Sequence[Path], others: Sequence[str], predictions: Path, truth: Path
) -> FolderPairs:
    """Pair maps with the file of annotations that lists their images; others are left out."""
    known = [path for path in maps if name_in(truth, path) is not None]
    alone = [path.name for path in maps if path not in known]
    if not known:
        raise SettingsError(
            f"{truth} lists none of the images that the {len(maps)} maps of {predictions} are "
            f"named by, such as {image_name(stem_of(maps[0].name))!r}; name maps as their images"
        )
    return FolderPairs(
        tuple(MapPair(str(path), str(truth)) for path in known),
        tuple(
            f"{len(names)} files of {predictions} {why}: {_listed(names)}"
            for names, why in ((others, "are no maps"), (alone, f"are in no image of {truth}"))
            if names
        ),
    )


def name_in(truth: Path, path: Path) -> str | None:
    """Return the name by which a file of annotations lists the image of a map; None if it does not.

    The name is that of the map, or what is left of it without words such as ``classes``.
    """
    file = open_annotations(truth)
    assert file is not None
    stem = stem_of(path.name)
    names = (str(path.with_name(f"{name}.tif")) for name in (stem, image_name(stem)))
    return next((name for name in names if listed_image(file, name) is not None), None)


def lists_images(path: Path) -> bool:
    """Tell whether a file holds annotations of many images by their names."""
    file = open_annotations(path)
    return file is not None and file.several


def is_folder_of_maps(path: str | Path) -> bool:
    """Tell whether a path is a folder, and not a Zarr store, which is a map itself."""
    return Path(path).is_dir() and not is_zarr(str(path))


def short_names(paths: Sequence[str]) -> list[str]:
    """Leave out the folders of each path whose name no other path has, and secrets of URLs."""
    paths = [without_secrets(path) for path in paths]
    names = [Path(path).name for path in paths]
    return [
        name if names.count(name) == 1 else path for name, path in zip(names, paths, strict=True)
    ]


def _maps(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the maps of a folder, without the results that stand beside them, and other names."""
    files = _sorted(folder)
    stems = {path.stem for path in files}
    maps = [
        path
        for path in files
        if path.suffix.lower() in _MAPS
        and not any(path.stem.removesuffix(end) in stems - {path.stem} for end in _EXTRAS)
    ]
    beside = tuple(f"{path.name}." for path in maps)
    others = [
        p.name
        for p in files
        if p not in maps and not p.name.startswith(beside) and p.name != _MANIFEST
    ]
    return maps, others


def _truth_of(path: Path, truths: Sequence[Path]) -> Path | None:
    """Return the truth of a map, the closest name first.

    Raises:
        SettingsError: several are as close.
    """
    same = [truth for truth in truths if truth.name == path.name]
    stem, image = stem_of(path.name), image_name(stem_of(path.name))
    levels = (
        same,
        [truth for truth in truths if stem_of(truth.name) == stem],
        [truth for truth in truths if stem_of(truth.name) == image],
        [truth for truth in truths if image_name(stem_of(truth.name)) == image],
    )
    for level in levels:
        if len(level) > 1:
            raise SettingsError(
                f"{path} may belong to {level[0].name} or {level[1].name} of {level[0].parent}; "
                "leave one truth of each image in the folder"
            )
        if level:
            return level[0]
    return None


def stem_of(name: str) -> str:
    """Return the name of a file without its suffix, or both of ``a.ome.tif``."""
    return re.sub(r"(\.ome)?\.[^.]+$", "", name, flags=re.I)


def _sorted(folder: Path) -> list[Path]:
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(visible, key=lambda path: natural(path.name))


def _folders_below(folder: Path) -> list[Path]:
    """Return the folders below one, at any depth, but Zarr stores and those behind links."""
    found = []
    for parent, names, _ in os.walk(folder):
        inner = (Path(parent, name) for name in names if not name.startswith("."))
        maps = [path for path in inner if is_folder_of_maps(path) and not path.is_symlink()]
        names[:] = [path.name for path in maps]
        found += maps
    return sorted(found, key=lambda path: natural(str(path)))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
