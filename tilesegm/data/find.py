"""Finds the files of scenes that settings describe by patterns."""

from __future__ import annotations

import glob
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from tilesegm.data.file_names import find_path
from tilesegm.data.pattern import Pattern, natural
from tilesegm.data.settings import INSTANCES, DataSettings, SceneSettings
from tilesegm.errors import SettingsError, SourceError
from tilesegm.shown import without_secrets
from tilesegm.source.names import file_of, stem_of
from tilesegm.source.remote import is_remote
from tilesegm.source.vector.address import VectorAddress, is_vector

__all__ = ["SceneFiles", "find_scenes"]


@dataclass(frozen=True)
class SceneFiles:
    """Where one scene lies, placeholders resolved."""

    name: str
    """Unique among scenes: values of the image's placeholders, or the image's name."""
    image: str | tuple[str, ...]
    labels: str
    """File, or ``"instances"``."""
    instances: str | None
    """File, or pattern with ``*`` of one mask per object."""
    area: str | None
    group: str
    """What belongs together; the scene's name where settings say nothing."""
    role: str | None
    others: tuple[SceneFiles, ...] = ()
    """The same image with the labels of other roles; those of this one have the role ``role``."""
    weights: str | None = None
    """Raster of the weights of pixels."""
    weight: float = 1.0
    """How often a pixel is drawn, compared with those of other scenes."""

    @property
    def by_role(self) -> tuple[SceneFiles, ...]:
        """Itself and the others."""
        return (self, *self.others)


def find_scenes(settings: DataSettings, folder: Path) -> tuple[SceneFiles, ...]:
    """Find all scenes.

    Args:
        settings: with patterns.
        folder: what relative paths start from, that of the settings file.

    Returns:
        Scenes in the order of settings, those of one pattern in natural order; an image whose
        scenes have a role each is one scene.

    Raises:
        SourceError: a pattern finds nothing, or an image lacks one of its files.
        SettingsError: an image is found twice.
    """
    by_image: dict[str | tuple[str, ...], list[SceneFiles]] = {}
    for scene in settings.scenes:
        for files in _find(scene, folder):
            by_image.setdefault(_real(files.image), []).append(files)
    scenes = [_of_image(several) for several in by_image.values()]
    names = Counter(files.name for files in scenes)
    return tuple(files if names[files.name] == 1 else _rename(files, folder) for files in scenes)


def _find(scene: SceneSettings, folder: Path) -> list[SceneFiles]:
    first = scene.images[0]
    pattern = Pattern(first)
    if not pattern.names:
        return [_resolve(scene, first, {}, folder)]
    values = pattern.find(folder)
    if not values:
        raise SourceError(
            f"image {first!r} fits no file in {folder}; check the path and its placeholders"
        )
    values.sort(key=lambda each: [natural(text) for text in each.values()])
    return [_resolve(scene, first, each, folder) for each in values]


def _real(image: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """Return the one name of an image that links or ``..`` give several."""
    if isinstance(image, tuple):
        return tuple(map(os.path.realpath, image))
    return image if is_remote(image) else os.path.realpath(image)


def _of_image(several: list[SceneFiles]) -> SceneFiles:
    """Make one scene of those of one image, which may be one of each role.

    Raises:
        SettingsError: two have one role, or one has none.
    """
    first, *others = several
    roles = [files.role for files in several]
    if len(set(roles)) < len(roles) or (others and None in roles):
        shown = first.image if isinstance(first.image, str) else first.image[0]
        stated = ", ".join(role or "none" for role in roles)
        advice = (
            f", or in one of each role, and the roles are {stated}: give each scene another one of "
            "train, validation and test, and join files of one role"
            if any(roles)
            else ""
        )
        raise SettingsError(
            f"image {shown} is found {len(several)} times; each may stand in one scene of "
            f"data.scenes{advice}"
        )
    return replace(first, others=tuple(others))


def _resolve(scene: SceneSettings, first: str, values: dict[str, str], folder: Path) -> SceneFiles:
    def fill(text: str | None, what: str) -> str | None:
        return None if text is None else _locate(Pattern(text).fill(values), what, folder)

    image = tuple(_locate(Pattern(text).fill(values), "image", folder) for text in scene.images)
    name = "/".join(values.values()) if values else stem_of(Pattern(first).fill({}))
    group = None if scene.group is None else Pattern(scene.group).fill(values)
    labels = scene.labels if scene.labels == INSTANCES else fill(scene.labels, "labels")
    assert labels is not None
    return SceneFiles(
        name=name,
        image=image[0] if len(image) == 1 else image,
        labels=labels,
        instances=fill(scene.instances, "instances"),
        area=fill(scene.area, "area"),
        group=name if group is None else group,
        role=scene.role,
        weights=fill(scene.weights, "weights"),
        weight=1.0 if scene.weight is None else float(scene.weight),
    )


def _locate(path: str, what: str, folder: Path) -> str:
    """Return the full path of what must exist."""
    if is_remote(path):
        return path
    file = str(VectorAddress.parse(path).path) if is_vector(path) else file_of(path)
    full = folder / file  # of a layer or a page
    there = find_path(full)
    if there is None and what == "instances" and glob.has_magic(full.name):
        inside = find_path(full.parent)
        there = inside / full.name if inside is not None and inside.is_dir() else None
    if there is None:
        raise SourceError(f"{what} {full}: no such file; check the path or its pattern")
    if is_vector(path):
        return f"{there}{VectorAddress.parse(path).stated}"
    return f"{path.removesuffix(file)}{there}"


def _rename(files: SceneFiles, folder: Path) -> SceneFiles:
    """Call a scene by its path where its shorter name is taken."""
    first = Path(files.image if isinstance(files.image, str) else files.image[0])
    near = first.relative_to(folder) if first.is_relative_to(folder) else first
    return replace(files, name=without_secrets(near.as_posix()))
