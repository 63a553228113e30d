"""Looks at labels, to write settings for them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tilesegm.data.colour import pack_colours, write_colour
from tilesegm.data.labels.values import Census, count_values
from tilesegm.errors import SettingsError, SourceError
from tilesegm.source.image import ImageSource
from tilesegm.source.open import open_source
from tilesegm.source.vector.address import is_vector
from tilesegm.training.init.class_names import find_class_names
from tilesegm.training.init.label_survey import LabelSurvey
from tilesegm.training.init.polygon_survey import survey_polygons

__all__ = ["survey_labels"]

_MOST_VALUES = 64
_MOST_COLOURS = 2**16
_FREQUENT, _APART, _NEARLY_ALL = 2e-3, 48.0, 0.75
"""Of a colour that is a class in a mask with smoothed edges: the least fraction of all pixels, and
the distance from others; and the fraction of pixels that must have such a colour exactly."""


def survey_labels(
    paths: Sequence[str],
    attribute: str | None = None,
    buffer: float | str | None = None,
    *,
    placed: bool = True,
) -> LabelSurvey:
    """Count the values of label files, which are read by strips.

    Args:
        paths: rasters of ids, masks of colours, or vector files.
        attribute: attribute of vector files that holds the class; when not given, the only one
            whose values repeat, or the only one that there is if it is text.
        buffer: around points and lines that are drawn; without it they are left out.
        placed: whether images say where they lie on the ground.

    Raises:
        SettingsError: the files do not look like labels, or are of different kinds.
        SourceError: a file cannot be read, or lacks the attribute.
    """
    vector = [is_vector(path) for path in paths]
    if all(vector):
        return survey_polygons(paths, attribute, buffer, placed)
    if any(vector):
        raise SettingsError(
            f"labels are of different kinds: {paths[0]} and {paths[vector.index(not vector[0])]}; "
            "give rasters or vector files"
        )
    if attribute is not None:
        raise SettingsError(f"attribute {attribute!r} was given, but {paths[0]} is a raster")
    return _survey_rasters(paths)


def _survey_rasters(paths: Sequence[str]) -> LabelSurvey:
    as_colours = max(_bands(path) for path in paths) == 3
    census = Census()
    palette: dict[int | str, str] = {}
    for path in paths:
        census += _census(path, as_colours, palette)
        if len(census.counts) > _MOST_COLOURS:
            break
    snapped = 0.0
    if len(census.counts) > _MOST_VALUES:
        census, snapped = _without_blends(paths, census, as_colours)
        as_colours = True
    if not census.counts:
        raise SettingsError(
            f"every pixel of {paths[0]} is missing"
            + (f", for it holds nodata {census.nodata:g}" if census.by_nodata else "")
            + "; nothing is labelled"
        )
    named: dict[int | str, int] = {
        write_colour(number) if as_colours else number: census.counts[number]
        for number in sorted(census.counts)
    }
    known = find_class_names(paths, [*named])
    if as_colours:
        return LabelSurvey("colours", named, {}, census=census, names=known, snapped=snapped)
    shown = {value: palette[value] for value in named if value in palette}
    grey = all(colour[1:3] == colour[3:5] == colour[5:7] for colour in shown.values())
    return LabelSurvey("ids", named, {} if grey else shown, census=census, names=known)


def _without_blends(paths: Sequence[str], census: Census, as_colours: bool) -> tuple[Census, float]:
    """Take the frequent colours of masks whose edges were smoothed, or that were compressed.

    Returns:
        The census of these colours, and the fraction of pixels that have another one.

    Raises:
        SettingsError: no few colours make up nearly all pixels.
    """
    counts = census.counts
    if not as_colours and min(counts) >= 0 and max(counts) < 256:
        counts = Counter({value * 0x010101: times for value, times in counts.items()})
        as_colours = True
    whole = counts.total()
    frequent: dict[int, tuple[int, ...]] = {}
    if as_colours:
        for value, times in counts.most_common(_MOST_COLOURS):
            if times < _FREQUENT * whole or len(frequent) == _MOST_VALUES:
                break
            point = (value >> 16, value >> 8 & 255, value & 255)
            if all(math.dist(point, other) > _APART for other in frequent.values()):
                frequent[value] = point
    kept = Counter({value: counts[value] for value in frequent})
    if len(frequent) < 2 or kept.total() < _NEARLY_ALL * whole:
        raise SettingsError(
            f"labels hold more than {_MOST_VALUES} values by {paths[-1]}; expected class ids or "
            "colours, saved without lossy compression"
        )
    return replace(census, counts=kept), 1 - kept.total() / whole


def _bands(path: str) -> int:
    with open_source(path) as source:
        if source.info.bands not in (1, 3):
            raise SourceError(
                f"{path} has {source.info.bands} bands; labels have 1, or 3 of colour"
            )
        return source.info.bands


def _census(path: str, as_colours: bool, palette: dict[int | str, str]) -> Census:
    """Count ids or packed colours, and note the file's palette."""
    with open_source(path) as source:
        if as_colours and source.info.dtype != np.uint8:
            raise SettingsError(f"{path} holds {source.info.dtype}; masks of colours are 8-bit")
        table = source.palette if isinstance(source, ImageSource) else None
        if table is not None:
            palette.update(enumerate(map(write_colour, pack_colours(table).tolist())))
        if not as_colours:
            census = count_values(source)
        elif source.info.bands == 3:
            census = count_values(source, pack_colours)
        else:
            greys = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1)
            colours = pack_colours(greys if table is None else table)
            census = count_values(source, lambda values: colours[values[..., 0]])
    if not all(isinstance(value, int) for value in census.counts):
        raise SettingsError(f"{path} holds fractions; expected whole ids or colours")
    return census
