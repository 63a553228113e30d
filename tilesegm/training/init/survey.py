"""Looks at images and labels, to write settings for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from tilesegm.data.colour import pack_colours, write_colour
from tilesegm.data.labels.values import Census, count_values
from tilesegm.errors import SettingsError, SourceError
from tilesegm.source.hidden import find_hidden
from tilesegm.source.image import ImageSource
from tilesegm.source.open import open_source
from tilesegm.source.vector.address import VectorAddress, is_vector
from tilesegm.source.vector.layers import VectorLayer, read_layers
from tilesegm.source.vector.reading import Reading

__all__ = ["ImageSurvey", "LabelSurvey", "survey_image", "survey_labels"]

_MOST_VALUES = 64
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


@dataclass(frozen=True)
class LabelSurvey:
    """Values that labels hold."""

    kind: Literal["ids", "colours", "polygons"]
    counts: dict[int | str, int]
    """Pixels of each value, or millionths of the area of all polygons, in the order of values."""
    colours: dict[int | str, str]
    """``"#RRGGBB"`` of values that a palette gives one."""
    attribute: str | None = None
    """Attribute that holds the class of polygons."""
    census: Census = field(default_factory=Census)
    """All pixels of rasters, missing ones too."""
    readings: tuple[Reading, ...] = ()
    """What is to be told of vector files."""
    doubts: tuple[str, ...] = ()
    """What looks wrong about the values of polygons, in a line each."""


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
    )


def survey_labels(paths: Sequence[str], attribute: str | None = None) -> LabelSurvey:
    """Count the values of label files, which are read by strips.

    Args:
        paths: rasters of ids, masks of colours, or vector files.
        attribute: attribute of vector files that holds the class; when not given, the only one
            whose values repeat, or the only one that there is if it is text.

    Raises:
        SettingsError: the files do not look like labels, or are of different kinds.
        SourceError: a file cannot be read, or lacks the attribute.
    """
    vector = [is_vector(path) for path in paths]
    if all(vector):
        return _survey_polygons(paths, attribute)
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
        if len(census.counts) > _MOST_VALUES:
            raise SettingsError(
                f"labels hold more than {_MOST_VALUES} values by {path}; expected class ids or "
                "colours, saved without lossy compression"
            )
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
    if as_colours:
        return LabelSurvey("colours", named, {}, census=census)
    shown = {value: palette[value] for value in named if value in palette}
    grey = all(colour[1:3] == colour[3:5] == colour[5:7] for colour in shown.values())
    return LabelSurvey("ids", named, {} if grey else shown, census=census)


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


def _survey_polygons(paths: Sequence[str], attribute: str | None) -> LabelSurvey:
    areas: Counter[int | str] = Counter()
    readings = []
    polygons = 0
    for path in paths:
        address = VectorAddress.parse(path)
        attribute = attribute or _attribute(path, read_layers(address)[0])
        layers, reading = read_layers(address, attributes=[attribute])
        for layer in layers:
            values = layer.values(attribute)
            for value, area in zip(values, layer.areas.tolist(), strict=True):
                if value is not None:
                    areas[value] += area
                    polygons += 1
            unnamed = [
                (layer.name, feature)
                for feature, value in zip(layer.features.tolist(), values, strict=True)
                if value is None
            ]
            reading = reading.adding(f"polygons without a value of {attribute}", unnamed)
        readings.append(reading)
    if not areas:
        raise SettingsError(f"no polygon of {paths[0]} has a value of {attribute!r}")
    whole = sum(areas.values()) or 1.0
    ordered = sorted(areas, key=lambda value: (isinstance(value, str), value))
    millionths = {value: round(1e6 * areas[value] / whole) for value in ordered}
    doubts = (*_alike(ordered), *_each_its_own(attribute or "", len(areas), polygons))
    return LabelSurvey(
        "polygons", millionths, {}, attribute, readings=tuple(readings), doubts=doubts
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
