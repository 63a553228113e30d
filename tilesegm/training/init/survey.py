"""Looks at images and labels, to write settings for them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from tilesegm.data.colour import pack_colours, write_colour
from tilesegm.data.labels.values import Census, count_values
from tilesegm.errors import SettingsError, SourceError
from tilesegm.source.annotations.opened import open_annotations
from tilesegm.source.hidden import find_hidden
from tilesegm.source.image import ImageSource
from tilesegm.source.open import open_source
from tilesegm.source.vector.address import PIXELS, VectorAddress, is_vector
from tilesegm.source.vector.buffer import Buffer
from tilesegm.source.vector.features import annotated_attribute
from tilesegm.source.vector.layers import VectorLayer, read_layers
from tilesegm.source.vector.pixels import in_pixels, may_count_pixels
from tilesegm.source.vector.reading import Reading
from tilesegm.training.init.class_names import ClassNames, find_class_names

__all__ = ["ImageSurvey", "LabelSurvey", "survey_image", "survey_labels"]

_MOST_VALUES = 64
_MOST_COLOURS = 2**16
_FREQUENT, _APART, _NEARLY_ALL = 2e-3, 48.0, 0.75
"""Of a colour that is a class in a mask with smoothed edges: the least fraction of all pixels, and
the distance from others; and the fraction of pixels that must have such a colour exactly."""
_THIN = ("points left out", "lines left out")
_QUPATH = "classification"
"""Attribute in which QuPath writes the class, beside others of text."""
_LOOKED_AT = 2**20
"""Pixels of an image up to which all of them are looked at, and samples of larger ones."""


@dataclass(frozen=True)
class ImageSurvey:
    """Facts about one image."""

    height: int
    width: int
    bands: int
    dtype: str
    crs: str | None
    """Name of its coordinate reference system."""
    band_names: tuple[str, ...]
    masked: bool
    """Whether pixels can be missing."""
    hidden: tuple[str, ...] = ()
    """What tags of the file hide, how many pixels, and which settings read them."""
    placed: bool = True
    """Whether it says where it lies on the ground."""


@dataclass(frozen=True)
class LabelSurvey:
    """Values that labels hold."""

    kind: Literal["ids", "colours", "polygons"]
    counts: dict[int | str, int]
    """Pixels of each value, or millionths of the area of all polygons, in the order of values."""
    colours: dict[int | str, str]
    """``"#RRGGBB"`` of values that a palette, or the classification of polygons, gives one."""
    attribute: str | None = None
    """Attribute that holds the class of polygons."""
    census: Census = field(default_factory=Census)
    """All pixels of rasters, missing ones too."""
    readings: tuple[Reading, ...] = ()
    """What is to be told of vector files."""
    doubts: tuple[str, ...] = ()
    """What looks wrong about the values of polygons, in a line each."""
    complete: bool = False
    """Whether polygons come from a tool in which all else is background by custom."""
    names: ClassNames = field(default_factory=ClassNames)
    """Names that files beside the labels tell."""
    snapped: float = 0.0
    """Fraction of pixels whose colour lies between those of ``counts``."""


def survey_image(image: str | Sequence[str]) -> ImageSurvey:
    """Look at an image, or at files whose bands become one."""
    from rasterio.crs import CRS

    with open_source(image if isinstance(image, str) else list(image)) as source:
        info = source.info
        hidden = tuple(
            f"{info.uri}: {found.settings_text}"
            for found in find_hidden(source, _LOOKED_AT)
            if found.pixels or found.doubtful
        )
    wkt = info.georeference.crs
    return ImageSurvey(
        info.height,
        info.width,
        info.bands,
        str(info.dtype),
        CRS.from_wkt(wkt).to_string() if wkt else None,
        info.band_names,
        info.masked,
        hidden,
        info.georeference.transform is not None,
    )


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
        return _survey_polygons(paths, attribute, buffer, placed)
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


def _survey_polygons(
    paths: Sequence[str], attribute: str | None, buffer: float | str | None, placed: bool
) -> LabelSurvey:
    drawn = None if buffer is None else Buffer.parse(buffer)
    areas: Counter[int | str] = Counter()
    colours: dict[int | str, str] = {}
    readings = []
    polygons = 0
    for path in paths:
        address = VectorAddress.parse(path)
        if not placed and not in_pixels(address) and may_count_pixels(address):
            address = replace(address, crs=PIXELS)
        thin = drawn is not None
        attribute = (
            attribute
            or annotated_attribute(address.path)
            or _attribute(path, read_layers(address, thin=thin)[0])
        )
        layers, reading = read_layers(address, attributes=[attribute], thin=thin)
        for layer in layers:
            values = layer.values(attribute)
            for value, area in zip(values, layer.areas_with(drawn).tolist(), strict=True):
                if value is not None:
                    areas[value] += area
                    polygons += 1
            for value, colour in zip(values, layer.colours(attribute), strict=True):
                if value is not None and colour is not None:
                    colours.setdefault(value, "#{:02X}{:02X}{:02X}".format(*colour))
            unnamed = [
                (layer.name, feature)
                for feature, value in zip(layer.features.tolist(), values, strict=True)
                if value is None
            ]
            reading = reading.adding(f"polygons without a value of {attribute}", unnamed)
        readings.append(reading)
    left = {text for each in readings for text in each.findings if text in _THIN}
    advice = "--buffer 3 draws points and lines 3 pixels wide to each side" if left else ""
    if not areas:
        told = "; ".join(filter(None, [*sorted(left), advice]))
        raise SettingsError(
            f"no polygon of {paths[0]} has a value of {attribute!r}"
            + (f" ({told})" if told else "")
        )
    whole = sum(areas.values()) or 1.0
    ordered = sorted(areas, key=lambda value: (isinstance(value, str), value))
    millionths = {value: round(1e6 * areas[value] / whole) for value in ordered}
    doubts = (
        *_alike(ordered),
        *_each_its_own(attribute or "", len(areas), polygons),
        *_without_shapes(paths, [*areas]),
        *filter(None, [advice]),
    )
    return LabelSurvey(
        "polygons",
        millionths,
        colours if len(set(colours.values())) == len(colours) else {},
        attribute,
        readings=tuple(readings),
        doubts=doubts,
        complete=all(annotated_attribute(VectorAddress.parse(path).path) for path in paths),
    )


def _alike(values: Sequence[int | str]) -> Iterator[str]:
    """Name values that spaces and capitals alone tell apart."""
    groups: dict[str, list[str]] = {}
    for value in values:
        if isinstance(value, str):
            groups.setdefault(" ".join(value.casefold().split()), []).append(repr(value))
    for group in groups.values():
        if len(group) > 1:
            yield (
                f"{' and '.join(group)} are classes of their own; where they are one, give it both "
                f"(value: [{', '.join(group)}])"
            )


def _without_shapes(paths: Sequence[str], values: Sequence[int | str]) -> Iterator[str]:
    """Name labels that annotation files list and no shape has, which make no class."""
    files = [open_annotations(Path(VectorAddress.parse(path).path)) for path in paths]
    listed = dict.fromkeys(label for file in files if file is not None for label in file.labels)
    absent = [repr(label) for label in listed if label not in values]
    if absent:
        some = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        yield (
            f"no shape has {some}, which the file lists: no class is made of them; add them to "
            "data.labels.classes if later files have such shapes"
        )


def _each_its_own(attribute: str, values: int, polygons: int) -> Iterator[str]:
    """Doubt an attribute that tells polygons apart, such as a number or a remark."""
    if values == polygons > 2:
        yield (
            f"each of {polygons} polygons has a value of its own in {attribute}, and makes a class "
            "of its own: take another --attribute if this is none"
        )


def _attribute(path: str, layers: Sequence[VectorLayer]) -> str:
    """Return the attribute that looks like a class: text before numbers, whose values repeat.

    The only one that there is may also be text whose values do not.
    """
    shared = [
        name for name in layers[0].attributes if all(name in each.attributes for each in layers)
    ]
    if _QUPATH in shared and {"objectType", "isLocked"} & set(shared):
        return _QUPATH
    repeating, texts = [], []
    for name in shared:
        values = [value for layer in layers for value in layer.values(name)]
        kinds = {layer.attributes[name].dtype.kind for layer in layers}
        if kinds <= set("OiuU") and len(set(values)) < max(2, len(values)):
            repeating.append(name)
            texts += [name] if kinds <= set("OU") else []
    if not repeating and len(shared) == 1 and kinds <= set("OU"):
        return shared[0]
    if len(texts or repeating) != 1:
        names = dict.fromkeys(name for layer in layers for name in layer.attributes)
        raise SettingsError(
            f"{path} does not tell which attribute holds the class; give --attribute, one of "
            f"{', '.join(names) or 'none'}"
        )
    return (texts or repeating)[0]
