"""Writes a first file of settings for images and labels."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tilesegm.counted import counted
from tilesegm.data.file_names import find_path
from tilesegm.data.scene_notes import scene_notes
from tilesegm.errors import OutputError, SettingsError
from tilesegm.events import Noted, OnEvent, ignore
from tilesegm.files import write_file
from tilesegm.ownership import carries, check_place, check_unread, free_name, state_of
from tilesegm.shown import without_secrets
from tilesegm.source.vector.reading import CUT_OFF, OUTSIDE, tell, tell_bare
from tilesegm.training.init.entries import make_entries, relative_to, scenes_of_patterns
from tilesegm.training.init.gather import Gathered, gather, listed
from tilesegm.training.init.hold_out import are_slices, hold_outs
from tilesegm.training.init.image_survey import ImageSurvey, survey_image
from tilesegm.training.init.label_survey import LabelSurvey
from tilesegm.training.init.lists import files_of_lists, with_roles
from tilesegm.training.init.objects import survey_objects
from tilesegm.training.init.pairing import Scene, pair
from tilesegm.training.init.sizes import check_annotated_sizes
from tilesegm.training.init.start_choices import Choices, choose
from tilesegm.training.init.survey import survey_labels
from tilesegm.training.init.trial import first_that_works, open_as_training
from tilesegm.training.settings.commented import commented_yaml

__all__ = ["write_start"]

_MARK = b"Settings of a training run, written by `tilesegm train init`."


def write_start(
    images: Sequence[str],
    labels: Sequence[str],
    path: str | Path,
    *,
    attribute: str | None = None,
    buffer: str | None = None,
    stack: bool = False,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> Choices:
    """Write a commented file of settings that `load_config` reads and training takes.

    Args:
        images: files, folders, globs, split lists (``train.txt``), or patterns with placeholders
            such as ``images/{name}.tif``.
        labels: files, folders or globs with the names of images; or one file for all; or one
            pattern for each of the images; none where they stand in the folders of the images.
        path: the file to write.
        attribute: attribute of vector files that holds the class.
        buffer: around points and lines of vector files that are drawn, such as ``3`` or ``2.5m``.
        stack: whether all images are bands of one.
        overwrite: whether a file that is there may be replaced.
        on_event: called with progress, and with notes on what is left out or assumed.

    Returns:
        The settings that were chosen and the reasons.

    Raises:
        SettingsError: images and labels do not fit together, or training could not use them.
        SourceError: one cannot be read.
        OutputError: the file exists or cannot be written.
    """
    path = Path(path)
    check_place(path)
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; give another name, or --overwrite to replace it")
    before = state_of(path)
    folder = Path(os.path.abspath(path.parent))
    entries, scenes, notes, others = _find(images, labels, stack)
    check_unread([path], _read(scenes))
    files = list(dict.fromkeys(scene.image for scene in scenes))
    names = [image[0] for image in files]
    _check_names(names)
    surveys = [survey_image(image[0] if len(image) == 1 else image) for image in files]
    if any(scene.objects for scene in scenes):
        surveyed = survey_objects([(scene.image[0], scene.labels) for scene in scenes])
    else:
        check_annotated_sizes(scenes)
        paths = list(dict.fromkeys(s.labels for s in scenes))
        placed = any(survey.placed for survey in surveys)
        surveyed = survey_labels(paths, attribute, buffer, placed=placed)
    roles = any(scene.role == "validation" for scene in scenes)
    places = len(files) < len(scenes)
    ways = list(hold_outs(surveys, roles=roles, places=places, slices=are_slices(names, surveys)))
    entries = [relative_to(folder, entry) for entry in entries]
    choices = choose(entries, surveys, surveyed, ways[0], buffer)
    left = [other for other in others if os.path.abspath(other) != surveyed.names.source]
    if left:
        notes = (f"{len(left)} other files are left out: {listed(left)}", *notes)
    notes = (*notes, *choices.notes)
    for note in notes:
        on_event(Noted(note))
    if assumed := choices.remarks.get(("data", "labels", "background")):
        on_event(Noted(assumed))
    with open_as_training(choices.chosen, folder) as opened:
        way = first_that_works(opened, ways, on_event)
        outside = tell(reading.only(OUTSIDE, CUT_OFF) for reading in opened.readings)
        missed = (*outside, *tell_bare(opened.readings))
        for note in (*missed, *scene_notes(opened)):
            on_event(Noted(note))
        notes = (*notes, *missed)
    if way is not ways[0]:
        choices = choose(entries, surveys, surveyed, way, buffer)
    text = commented_yaml(choices.chosen, choices.remarks, _head(surveys, surveyed, notes))
    if os.path.lexists(path) and (state_of(path) != before or not carries(path, _MARK)):
        kept = free_name(path, "old")
        path.rename(kept)
        on_event(Noted(f"{path} was not written by tilesegm; it is kept as {kept}"))
    write_file(path, text, _MARK)
    if without_secrets(text) != text:
        on_event(
            Noted(
                f"{path} holds a password or signature of an address, without which the image "
                "cannot be opened; ${NAME} in its place is taken from the environment"
            )
        )
    return choices


def _read(scenes: Sequence[Scene]) -> list[tuple[str, str]]:
    images = [("an image", path) for scene in scenes for path in scene.image]
    return [*images, *(("a file of labels", scene.labels) for scene in scenes)]


def _find(
    images: Sequence[str], labels: Sequence[str], stack: bool
) -> tuple[list[dict[str, Any]], Sequence[Scene], tuple[str, ...], Sequence[str]]:
    """Return entries of ``data.scenes``, the scenes that they stand for, notes, and other files."""
    if _are_patterns(images) or _are_patterns(labels):
        if len(images) != len(labels):
            raise SettingsError(
                f"{len(images)} patterns of images and {len(labels)} of labels were given; "
                "expected one of labels for each of images (quote them, so that the shell leaves "
                "them alone)"
            )
        return *scenes_of_patterns(list(zip(images, labels, strict=True))), (), ()
    given = gather(images)
    lists = given.lists
    if not given.files:
        of_lists, second = files_of_lists(lists)
        given, labels = gather(of_lists), labels or second
    together = list(labels) == list(images) and bool(given.folders)
    if labels and not together:
        truths = gather(labels, vectors=True)
        apart = given.without(truths.files)
        given = (apart if apart.files else given).without_other_labels()
    else:
        given, truths = gather(images, vectors=True).halves()
        if not truths.files or not given.files:
            raise SettingsError(
                f"{listed(images)}: no file is known for labels by its folder or name, such as "
                "masks/1.png or 1_mask.png; give the labels by --labels"
            )
    if stack:
        if len(truths.files) != 1:
            raise SettingsError(
                f"{len(given.files)} images are bands of one with --stack, and "
                f"{len(truths.files)} files of labels were given; expected one"
            )
        scenes: Sequence[Scene] = [Scene(given.files, truths.files[0])]
        return make_entries(scenes), scenes, (), _others(given, truths)
    pairing = with_roles(pair(given.files, truths.files), lists, given.files)
    own = [scene.labels for scene in pairing.scenes if scene.image == (scene.labels,)]
    same = (f"{len(own)} images are given as their own labels: {listed(own)}",) if own else ()
    others = _others(given, truths, lists=pairing.lists)
    return make_entries(pairing.scenes), pairing.scenes, (*pairing.notes, *same), others


def _are_patterns(paths: Sequence[str]) -> bool:
    """Tell patterns from names that hold braces themselves."""
    return any("{" in path and find_path(Path(path)) is None for path in paths)


def _others(*gathered: Gathered, lists: Sequence[Path] = ()) -> list[str]:
    """Return the files that are neither images nor labels nor lists that gave roles."""
    used = {os.path.abspath(path) for path in lists}
    every = dict.fromkeys(other for each in gathered for other in each.others)
    return [other for other in every if os.path.abspath(other) not in used]


def _check_names(paths: Sequence[str]) -> None:
    """Refuse names that a text file cannot hold."""
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError:
            raise SettingsError(
                f"{path.encode(errors='replace').decode()}: the name is no text in UTF-8; rename "
                "the file (convmv does so for whole folders)"
            ) from None


def _head(
    images: Sequence[ImageSurvey], labels: LabelSurvey, notes: Sequence[str]
) -> tuple[str, ...]:
    """Say what was found."""
    sizes = sorted({(image.height, image.width) for image in images})
    size = " to ".join(
        f"{height} x {width}" for height, width in dict.fromkeys((sizes[0], sizes[-1]))
    )
    first = images[0]
    bands = f"Bands: {', '.join(first.band_names)}" if first.band_names else ""
    systems = sorted({image.crs or "no coordinate reference system" for image in images})
    return (
        _MARK.decode(),
        "Keys behind a # have their defaults. Paths are relative to this file.",
        "",
        f"Images: {len(images)} of {size} px, {counted(first.bands, 'band')} of {first.dtype}, "
        f"{', '.join(systems)}" + (", some pixels missing" if first.masked else ""),
        *textwrap.wrap(bands, 97, break_on_hyphens=False),
        f"Labels: {labels.kind}, {counted(len(labels.counts), 'value')}",
        *(line for note in notes for line in textwrap.wrap(note, 97, break_on_hyphens=False)),
        "",
        "Train by: tilesegm train FILE (with --dry-run to see first what would happen)",
    )
