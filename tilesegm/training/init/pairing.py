"""Pairs images with their labels by the names of files and folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.data.file_names import IMAGE_WORDS, LABEL_WORDS, composed, image_name, plain
from tilesegm.errors import SettingsError
from tilesegm.source.annotations.matching import listed_image
from tilesegm.source.annotations.opened import open_annotations
from tilesegm.source.vector.address import is_vector
from tilesegm.training.init.gather import listed
from tilesegm.training.init.roles import ROLES, role_of
from tilesegm.training.init.scene_patterns import common_start

__all__ = ["Pairing", "Scene", "common_folder", "lists_images", "pair"]


@dataclass(frozen=True)
class Scene:
    """Files of an image, those of its labels, and its role."""

    image: tuple[str, ...]
    labels: str
    """A file; or with ``objects`` a folder of one mask per object."""
    objects: bool = False
    role: str | None = None


@dataclass(frozen=True)
class Pairing:
    """Scenes, and what is to be said of files that are in none."""

    scenes: tuple[Scene, ...]
    notes: tuple[str, ...] = ()
    lists: tuple[Path, ...] = ()
    """Split lists that gave roles."""


_Key = tuple[Any, ...]
_Rule = Callable[[int, str], _Key]
"""Key of a file, of images (0) or labels (1)."""


def pair(images: Sequence[str], labels: Sequence[str]) -> Pairing:
    """Pair images with labels of the same name, beside which words such as ``mask`` may stand.

    Folders must agree too, but for words such as ``images``, where they tell files apart. Files
    whose names have nothing in common are paired in natural order where there are equally many.
    One file of labels that no name fits belongs to all images. One image takes a file of labels for
    each role where their names say so, such as ``train.gpkg`` and ``val.gpkg``. Annotations of many
    images, such as COCO, say themselves which images they are of.

    Args:
        images: files in natural order.
        labels: likewise.

    Raises:
        SettingsError: two files would belong to one, or numbers do not fit.
    """
    if labels and all(map(lists_images, labels)):
        return _by_listing(images, labels)
    if len(images) == 1 and (scenes := _by_roles(images[0], labels)):
        return Pairing(scenes)
    found = _by_names(images, labels) or _by_folders(images, labels)
    if found:
        return Pairing(tuple(found.values()), tuple(_left_out(images, labels, found)))
    if len(labels) == 1 and (is_vector(labels[0]) or len(images) > 1):
        return Pairing(tuple(Scene((image,), labels[0]) for image in images))
    if len(images) != len(labels):
        raise SettingsError(
            f"{len(images)} images and {len(labels)} files of labels were given, and no names fit "
            f"each other, such as {images[0]} and {labels[0]}; give labels the names of their "
            "images, or one file of labels for all; give --stack when the images are bands of one"
        )
    scenes = tuple(Scene((one,), other) for one, other in zip(images, labels, strict=True))
    if len(scenes) == 1:
        return Pairing(scenes)
    shown = listed(f"{Path(s.image[0]).name} with {Path(s.labels).name}" for s in scenes)
    note = f"names of images and labels do not fit, so they are paired in natural order: {shown}"
    return Pairing(scenes, (note,))


def _by_roles(image: str, labels: Sequence[str]) -> tuple[Scene, ...]:
    """Give one image the labels of several roles, where names tell a role for each."""
    roles = [role_of(path) for path in labels]
    several = len(set(roles)) == len(roles) > 1 and {"train", "validation"} <= set(roles)
    if not several or None in roles:
        return ()
    return tuple(Scene((image,), path, role=r) for path, r in zip(labels, roles, strict=True))


def common_folder(paths: Sequence[str]) -> Path:
    """Return the folder that holds all paths."""
    return Path(os.path.commonpath([os.path.abspath(Path(path).parent) for path in paths]))


def _by_names(images: Sequence[str], labels: Sequence[str]) -> dict[str, Scene]:
    """Pair by the strictest rule that pairs any file; the next one only for what it left."""
    columns = (images, labels)
    apart = [_folders(column, common_folder(column)) for column in columns]
    together = [_folders(column, common_folder((*images, *labels))) for column in columns]
    middles = [_middles(column) for column in columns]

    def exact(side: int, path: str) -> _Key:
        return (composed(Path(path).stem),)

    def named(side: int, path: str) -> _Key:
        return (_name_in_folder(path),)

    def middle(side: int, path: str) -> _Key:
        return (middles[side][path],)

    def inside(folders: Sequence[dict[str, _Key]], *keys: _Rule) -> tuple[_Rule, ...]:
        return tuple(
            lambda side, path, key=key: (folders[side][path], *key(side, path)) for key in keys
        )

    for rules in (
        inside(together, exact, named),
        inside(apart, exact, named),
        inside(apart, middle),
        (exact, named),
        (middle,),
    ):
        found: dict[str, Scene] = {}
        for rule in rules:
            taken = {scene.labels for scene in found.values()}
            found |= _match(
                [image for image in images if image not in found],
                [label for label in labels if label not in taken],
                rule,
            )
        if found:
            return {image: found[image] for image in images if image in found}
    return {}


def lists_images(path: str) -> bool:
    """Tell whether a file holds annotations of many images by their names."""
    file = open_annotations(Path(path))
    return file is not None and file.several


def _by_listing(images: Sequence[str], labels: Sequence[str]) -> Pairing:
    """Give each image the file of annotations that lists it, and the role of that file's name.

    Raises:
        SettingsError: two files list an image, or none lists any.
    """
    files = {path: open_annotations(Path(path)) for path in labels}
    roles = {path: role_of(path) for path in labels}
    parted = {"train", "validation"} <= set(roles.values())
    scenes, alone = [], []
    seen: dict[str, set[int]] = {path: set() for path in labels}
    for image in images:
        holders = {path: listed_image(file, image) for path, file in files.items() if file}
        found = [path for path, held in holders.items() if held is not None]
        if len(found) > 1:
            raise SettingsError(
                f"{len(found)} files of labels list the image {image}: {listed(found)}; name those "
                "that are meant by --labels"
            )
        if not found:
            alone.append(image)
            continue
        seen[found[0]].add(id(holders[found[0]]))
        role = (roles[found[0]] or "train") if parted else None
        scenes.append(Scene((image,), found[0], role=role))
    counts = {path: len(file.images) for path, file in files.items() if file}
    if not scenes:
        names = [each.image.name for file in files.values() if file for each in file.images]
        raise SettingsError(
            f"{listed(labels)} lists {sum(counts.values())} images, such as "
            f"{names[0] if names else 'none'}, and none of the {len(images)} that were given, such "
            f"as {images[0]}; give the folder of the images that were annotated"
        )
    notes = []
    if alone:
        notes.append(
            f"{len(alone)} of {len(images)} images are in no file of labels and are left out: "
            f"{listed(alone)}"
        )
    for path, number in counts.items():
        if missing := number - len(seen[path]):
            notes.append(f"{missing} of {number} images that {path} lists were not given")
    return Pairing(tuple(scenes), tuple(notes))


def _match(images: Sequence[str], labels: Sequence[str], rule: _Rule) -> dict[str, Scene]:
    """Pair files of the same key."""
    by_key: tuple[dict[_Key, list[str]], dict[_Key, list[str]]] = ({}, {})
    for side, column in enumerate((images, labels)):
        for path in column:
            by_key[side].setdefault(rule(side, path), []).append(path)
    shared = [key for key in by_key[0] if key in by_key[1]]
    for side, what, other in ((0, "images", "labels"), (1, "files of labels", "image")):
        for key in shared:
            several = by_key[side][key]
            if len(several) > 1:
                partner = by_key[1 - side][key][0]
                advice = "leave one of them in place"
                if not _same_stem(several):
                    meant = _glob_of(several[0], (images, labels)[side])
                    advice = f"name those that are meant, such as {'--labels ' * side}{meant!r}"
                raise SettingsError(
                    f"{len(several)} {what} have the name of {other} {partner}: {listed(several)}; "
                    f"{advice}"
                )
    return {by_key[0][key][0]: Scene((by_key[0][key][0],), by_key[1][key][0]) for key in shared}


def _by_folders(images: Sequence[str], labels: Sequence[str]) -> dict[str, Scene]:
    """Give each image the masks of its own folder, one per object."""
    kinds = [_folders(column, common_folder(column)) for column in (images, labels)]
    masks: dict[_Key, set[str]] = {}
    for label in labels:
        masks.setdefault(kinds[1][label], set()).add(str(Path(label).parent))
    owners = [kinds[0][image] for image in images]
    if len(owners) < 2 or len(set(owners)) < len(owners) or any(map(is_vector, labels)):
        return {}
    return {
        image: Scene((image,), next(iter(masks[key])), objects=True)
        for image, key in zip(images, owners, strict=True)
        if len(masks.get(key, ())) == 1
    }


def _left_out(
    images: Sequence[str], labels: Sequence[str], found: dict[str, Scene]
) -> Iterator[str]:
    """Name the files that are in no scene."""
    used = {scene.labels for scene in found.values()}
    alone = [image for image in images if image not in found]
    unused = [
        label for label in labels if label not in used and str(Path(label).parent) not in used
    ]
    if alone:
        yield (
            f"{len(alone)} of {len(images)} images have no labels and are left out: {listed(alone)}"
        )
    if unused:
        yield (
            f"{len(unused)} of {len(labels)} files of labels have no image and are left out: "
            f"{listed(unused)}"
        )


def _folders(paths: Sequence[str], root: Path) -> dict[str, _Key]:
    """Return the folders below one, without words such as ``images``, roles as one word."""
    words = (IMAGE_WORDS | LABEL_WORDS) - set(ROLES)
    above = tuple(ROLES[plain(part)] for part in root.parts if plain(part) in ROLES)
    return {
        path: above
        + tuple(
            ROLES.get(plain(part), composed(part))
            for part in Path(os.path.abspath(path)).relative_to(root).parts[:-1]
            if plain(part) not in words
        )
        for path in paths
    }


def _name_in_folder(path: str) -> str:
    """Return the name of an image without a role that its folders tell, as ``test/01_test.tif``."""
    name = image_name(Path(path).stem)
    first, _, last = name.rpartition("_")
    told = first and plain(last) in ROLES and plain(last) in map(plain, Path(path).parts[:-1])
    return image_name(first) if told else name


def _middles(paths: Sequence[str]) -> dict[str, str]:
    """Return what tells the names of a column apart, without what all begin and end with."""
    stems = {path: composed(Path(path).stem) for path in paths}
    first = common_start(list(stems.values())).rstrip("0123456789")
    rest = {path: stem[len(first) :] for path, stem in stems.items()}
    last = common_start([stem[::-1] for stem in rest.values()]).rstrip("0123456789")
    return {path: stem[: len(stem) - len(last)] for path, stem in rest.items()}


def _same_stem(paths: Sequence[str]) -> bool:
    return len({composed(Path(path).stem) for path in paths}) == 1


def _glob_of(path: str, column: Sequence[str]) -> str:
    """Write a glob of the files that are named as one is."""
    stem = composed(Path(path).stem)
    end = stem.rpartition(image_name(stem))[2] + Path(path).suffix
    root = os.path.relpath(common_folder(column))
    return f"{root}/**/*{end}"
