"""Split lists, such as ``train.txt`` and VOC's ``ImageSets/Segmentation/val.txt``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tilesegm.data.file_names import composed, find_path, plain
from tilesegm.errors import SettingsError
from tilesegm.inputs import read_text
from tilesegm.training.init.gather import listed
from tilesegm.training.init.pairing import Pairing, Scene, common_folder
from tilesegm.training.init.roles import ROLES, role_of_stem

__all__ = ["files_of_lists", "find_lists", "with_roles"]

_LARGEST = 1 << 26
"""Bytes of a list: some million names."""

_FOLDERS = (".", "ImageSets/Segmentation", "ImageSets", "splits", "split", "lists")
_ABOVE = 3
"""Folders above the images in which lists may stand."""
_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True)
class _List:
    """Names of a list, and the role that its own name gives them."""

    path: Path
    role: str
    names: tuple[str, ...]


def find_lists(images: Sequence[str]) -> tuple[Path, ...]:
    """Return the split lists that stand beside images, or above them."""
    folder = common_folder(images)
    for above in (folder, *folder.parents[:_ABOVE]):
        for inside in _FOLDERS:
            here = above / inside
            found = sorted(here.glob("*.txt")) if here.is_dir() else []
            lists = tuple(path for path in found if plain(path.stem) in ROLES)
            if lists:
                return lists
    return ()


def files_of_lists(paths: Sequence[Path]) -> tuple[list[str], list[str]]:
    """Return the images that lists name, and the labels where lines name these too.

    Raises:
        SettingsError: a list cannot be read, or names what is not there.
    """
    images, labels = [], []
    for path in paths:
        for line in _lines(path):
            first, second = _columns(line)
            images.append(_locate(first, path))
            if second is not None:
                labels.append(_locate(second, path))
    return list(dict.fromkeys(images)), list(dict.fromkeys(labels))


def with_roles(pairing: Pairing, lists: Sequence[Path], images: Sequence[str]) -> Pairing:
    """Give scenes the role of the list that names them, or of the folder that they stand in.

    Args:
        pairing: of images and labels.
        lists: lists that the user gave; without them those that stand beside the images are taken.
        images: all images, in scenes or not.

    Raises:
        SettingsError: lists that were given name none of the images, or lists of several roles
            name one image.
    """
    if any(scene.role for scene in pairing.scenes):
        told = _counted(pairing.scenes)
        notes = [f"roles by the names of labels: {told}"]
        if lists:
            notes.append(f"{listed(lists)} left out, for the labels of the image tell their roles")
        return replace(pairing, notes=(*pairing.notes, *notes))
    given, lists = bool(lists), lists or find_lists(images)
    scenes = list(pairing.scenes)
    notes = list(pairing.notes)
    read = [_List(path, _role(path), tuple(_lines(path))) for path in lists]
    places = _places(scenes)
    owners: dict[int, _List] = {}
    for each in read:
        absent = []
        for line in each.names:
            number = _find(_columns(line)[0], places)
            if number is None:
                absent.append(_columns(line)[0])
                continue
            other = owners.setdefault(number, each)
            if other.role != each.role:
                raise SettingsError(
                    f"{scenes[number].image[0]} stands in {other.path} and in {each.path}; an "
                    "image has one role, so take it out of one of them"
                )
        if absent and len(absent) < len(each.names):
            notes.append(f"{len(absent)} names of {each.path} have no scene: {listed(absent)}")
    if given and not owners:
        raise SettingsError(
            f"{listed(lists)} names none of the images, such as {scenes[0].image[0]}"
        )
    used = tuple(dict.fromkeys(owner.path for owner in owners.values()))
    if owners:
        roles = {owner.role for owner in owners.values()}
        if "train" in roles:
            alone = [s.image[0] for n, s in enumerate(scenes) if n not in owners]
            if alone:
                notes.append(
                    f"{len(alone)} scenes stand in no list and are left out: {listed(alone)}"
                )
        scenes = [
            replace(scene, role=owners[n].role if n in owners else None)
            for n, scene in enumerate(scenes)
            if n in owners or "train" not in roles
        ]
        by = f"by {listed(used)}"
    else:
        scenes = [replace(scene, role=_role_of_folder(scene)) for scene in scenes]
        by = "by the folders"
    scenes, told = _settled(scenes)
    if told:
        notes.append(f"roles {by}: {told}")
    return replace(pairing, scenes=tuple(scenes), notes=tuple(notes), lists=used)


def _settled(scenes: list[Scene]) -> tuple[list[Scene], str]:
    """Keep roles that hold something out: of `train` alone a part is still to be held out."""
    roles = {scene.role for scene in scenes}
    if "validation" in roles:
        scenes = [replace(scene, role=scene.role or "train") for scene in scenes]
        if not any(scene.role == "train" for scene in scenes):
            return [replace(scene, role=None) for scene in scenes], ""
    else:
        scenes = [replace(s, role=s.role if s.role == "test" else None) for s in scenes]
        if all(scene.role == "test" for scene in scenes):
            scenes = [replace(scene, role=None) for scene in scenes]
    return scenes, _counted(scenes)


def _counted(scenes: Sequence[Scene]) -> str:
    counts = {role: sum(s.role == role for s in scenes) for role in ("train", "validation", "test")}
    return ", ".join(f"{count} {role}" for role, count in counts.items() if count)


def _role(path: Path) -> str:
    role = role_of_stem(path.stem)
    if role is None:
        raise SettingsError(
            f"{path}: a list gives its role by its name; call it train.txt, val.txt or test.txt"
        )
    return role


def _role_of_folder(scene: Scene) -> str | None:
    for path in (scene.image[0], scene.labels):
        for part in reversed(Path(path).parts[:-1]):
            if plain(part) in ROLES:
                return ROLES[plain(part)]
    return None


def _lines(path: Path) -> list[str]:
    try:
        text = read_text(path, SettingsError, _LARGEST).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = 1 + error.object.count(b"\n", 0, error.start)
        raise SettingsError(
            f"{path}, line {line}, is no text in UTF-8 but of another encoding, such as GBK or "
            "Latin-1; save it as UTF-8"
        ) from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read as a list of images: {error}") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _columns(line: str) -> tuple[str, str | None]:
    """Return the image of a line, and its labels where the line names these too."""
    match = re.fullmatch(r"(.+\.\w+)[\s,;]+(.+\.\w+)", line)
    return (match[1].rstrip(" ,;"), match[2]) if match else (line, None)


def _places(scenes: Sequence[Scene]) -> dict[str, list[tuple[tuple[str, ...], int]]]:
    """Return the numbers of scenes by the name of their image without its suffix."""
    places: dict[str, list[tuple[tuple[str, ...], int]]] = {}
    for number, scene in enumerate(scenes):
        path = Path(composed(scene.image[0]))
        parts = path.with_suffix("").parts
        places.setdefault(parts[-1], []).append((parts, number))
    return places


def _find(name: str, places: dict[str, list[tuple[tuple[str, ...], int]]]) -> int | None:
    """Return the number of the scene whose path ends with a name."""
    path = Path(composed(name.replace("\\", "/")))
    for parts in (path.with_suffix("").parts, path.parts):
        candidates = places.get(parts[-1], []) if parts else []
        fits = [n for whole, n in candidates if whole[-len(parts) :] == parts]
        if len(fits) == 1 or (not fits and len(candidates) == 1):
            return fits[0] if fits else candidates[0][1]
    return None


def _locate(name: str, source: Path) -> str:
    """Return the path of what a line names, seen from here or from the folder of its list."""
    name = name.replace("\\", "/")
    for folder in (Path(), source.parent, *source.resolve().parents[1 : _ABOVE + 1]):
        there = find_path(folder / name)
        if there is not None and there.is_file():
            return str(there)
    for above in source.resolve().parents[: _ABOVE + 1]:
        for inside in ("JPEGImages", "images", "image", "img", "imgs"):
            for suffix in _SUFFIXES:
                there = find_path(above / inside / f"{name}{suffix}")
                if there is not None:
                    return str(there)
    raise SettingsError(
        f"{source} names {name}, and there is no such file; give the folder of the images too"
    )
