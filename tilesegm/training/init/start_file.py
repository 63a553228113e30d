"""Writes a first file of settings for images and labels."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tilesegm.data.pattern import natural
from tilesegm.errors import OutputError, SettingsError
from tilesegm.files import write_file
from tilesegm.source.remote import is_remote
from tilesegm.training.init.scene_patterns import find_patterns
from tilesegm.training.init.start_choices import Choices, choose
from tilesegm.training.init.survey import ImageSurvey, LabelSurvey, survey_image, survey_labels
from tilesegm.training.settings.commented import commented_yaml

__all__ = ["write_start"]

_Scene = tuple[tuple[str, ...], str]
"""Files of an image and file of its labels."""


def write_start(
    images: Sequence[str],
    labels: Sequence[str],
    path: str | Path,
    *,
    attribute: str | None = None,
    stack: bool = False,
    overwrite: bool = False,
) -> Choices:
    """Write a commented file of settings that `load_config` reads and training takes.

    Args:
        images: files, or patterns with placeholders such as ``images/{name}.tif``.
        labels: one file an image in the same natural order; or one for all; or one pattern for
            each of the images.
        path: the file to write.
        attribute: attribute of vector files that holds the class.
        stack: whether all images are bands of one.
        overwrite: whether a file that is there may be replaced.

    Returns:
        The settings that were chosen and the reasons.

    Raises:
        SettingsError: images and labels do not fit together.
        SourceError: one cannot be read.
        OutputError: the file exists or cannot be written.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; give another name, or --overwrite to replace it")
    patterns = any("{" in one for one in (*images, *labels))
    if patterns:
        scenes, files = _expand(images, labels)
    else:
        files = _pair(images, labels, stack)
        scenes = _entries(files)
    surveys = [survey_image(image[0] if len(image) == 1 else image) for image, _ in files]
    _check_bands(files, surveys)
    surveyed = survey_labels(list(dict.fromkeys(label for _, label in files)), attribute)
    folder = Path(os.path.abspath(path.parent))
    choices = choose([_relative(scene, folder) for scene in scenes], surveys, surveyed)
    text = commented_yaml(choices.chosen, choices.remarks, _head(surveys, surveyed, choices.notes))
    write_file(path, text)
    return choices


def _expand(
    images: Sequence[str], labels: Sequence[str]
) -> tuple[list[dict[str, Any]], list[_Scene]]:
    """Take patterns as entries of the file, and find their files."""
    from tilesegm.data.find import find_scenes
    from tilesegm.data.settings import ClassSettings, DataSettings, LabelSettings, SceneSettings

    if len(images) != len(labels):
        raise SettingsError(
            f"{len(images)} patterns of images and {len(labels)} of labels were given; expected "
            "one of labels for each of images (quote them, so that the shell leaves them alone)"
        )
    pairs = list(zip(images, labels, strict=True))
    settings = DataSettings(
        scenes=tuple(SceneSettings(image, label) for image, label in pairs),
        labels=LabelSettings(classes=(ClassSettings("a", 0), ClassSettings("b", 1))),
    )
    files = [
        ((scene.image,) if isinstance(scene.image, str) else scene.image, scene.labels)
        for scene in find_scenes(settings, Path())
    ]
    return [{"image": image, "labels": label} for image, label in pairs], files


def _pair(images: Sequence[str], labels: Sequence[str], stack: bool) -> list[_Scene]:
    """Put images and labels together by natural order; labels may be one file for all."""
    for one in (*images, *labels):
        if not is_remote(one) and not Path(one).exists():
            raise SettingsError(f"there is no file {one}")
    ordered = sorted(images, key=natural)
    names: list[tuple[str, ...]] = [tuple(ordered)] if stack else [(image,) for image in ordered]
    given = sorted(labels, key=natural)
    if len(given) == 1:
        given = given * len(names)
    if len(given) != len(names):
        advice = "" if stack else "; give --stack when the images are bands of one"
        raise SettingsError(
            f"{len(names)} images and {len(given)} files of labels were given; expected one of "
            f"labels for each image, or one for all{advice}"
        )
    return list(zip(names, given, strict=True))


def _entries(files: Sequence[_Scene]) -> list[dict[str, Any]]:
    """Write scenes as one pattern where one finds exactly these files, else one by one."""
    single = all(len(image) == 1 for image, _ in files)
    if len(files) > 1 and single:
        columns = [[image[0] for image, _ in files], [label for _, label in files]]
        patterns = find_patterns(*columns)
        if patterns is not None:
            image, labels = patterns
            entry = {"image": image, "labels": labels}
            try:
                if set(_expand([image], [labels])[1]) == set(files):
                    return [entry]
            except SettingsError:
                pass
    return [
        {"image": image[0] if len(image) == 1 else list(image), "labels": label}
        for image, label in files
    ]


def _check_bands(files: Sequence[_Scene], surveys: Sequence[ImageSurvey]) -> None:
    for (image, _), survey in zip(files, surveys, strict=True):
        if survey.bands != surveys[0].bands:
            raise SettingsError(
                f"{image[0]} has {survey.bands} bands and {files[0][0][0]} has "
                f"{surveys[0].bands}; a network takes one number of bands"
            )


def _relative(scene: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write paths as they are seen from the file."""

    def one(path: str) -> str:
        return path if is_remote(path) else os.path.relpath(path, folder)

    return {
        key: one(value) if isinstance(value, str) else [one(path) for path in value]
        for key, value in scene.items()
    }


def _head(
    images: Sequence[ImageSurvey], labels: LabelSurvey, notes: Sequence[str]
) -> tuple[str, ...]:
    """Say what was found."""
    sizes = sorted({(image.width, image.height) for image in images})
    size = " to ".join(
        f"{width} x {height}" for width, height in dict.fromkeys((sizes[0], sizes[-1]))
    )
    first = images[0]
    systems = sorted({image.crs or "no coordinate reference system" for image in images})
    return (
        "Settings of a training run, written by `tilesegm train init`.",
        "Keys behind a # have their defaults. Paths are relative to this file.",
        "",
        f"Images: {len(images)} of {size} px, {first.bands} bands of {first.dtype}, "
        f"{', '.join(systems)}" + (", some pixels missing" if first.masked else ""),
        *textwrap.wrap("Bands: " + ", ".join(first.band_names), 97, break_on_hyphens=False),
        f"Labels: {labels.kind}, {len(labels.counts)} values",
        *(line for note in notes for line in textwrap.wrap(note, 97, break_on_hyphens=False)),
        "",
        "Train by: tilesegm train FILE (with --dry-run to see first what would happen)",
    )
