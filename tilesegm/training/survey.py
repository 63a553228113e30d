"""Looks at images and labels, to write settings for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SettingsError, SourceError

__all__ = ["ImageSurvey", "LabelSurvey", "survey_image", "survey_labels"]

_VECTOR = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".gml", ".kml", ".parquet")
_MOST_VALUES = 64
_STRIP_PIXELS = 1 << 22


@dataclass(frozen=True)
class ImageSurvey:
    """What one image is."""

    height: int
    width: int
    bands: int
    dtype: str
    crs: str | None
    """Name of its coordinate reference system."""
    band_names: tuple[str, ...]
    masked: bool
    """Whether pixels can be missing."""


@dataclass(frozen=True)
class LabelSurvey:
    """What labels hold."""

    kind: Literal["ids", "colours", "polygons"]
    counts: dict[int | str, int]
    """Pixels of each value (square metres or degrees of polygons count in thousandths), in the
    order of the values."""
    colours: dict[int | str, str]
    """``"#RRGGBB"`` of values that a palette gives one."""
    attribute: str | None = None
    """Attribute that holds the class of polygons."""


def survey_image(image: str | Sequence[str]) -> ImageSurvey:
    """Look at an image, or at files whose bands become one."""
    from rasterio.crs import CRS

    from tilesegm.source.open import open_source

    with open_source(image if isinstance(image, str) else list(image)) as source:
        info = source.info
    wkt = info.georeference.crs
    return ImageSurvey(
        info.height,
        info.width,
        info.bands,
        str(info.dtype),
        CRS.from_wkt(wkt).to_string() if wkt else None,
        info.band_names,
        info.masked,
    )


def survey_labels(paths: Sequence[str], attribute: str | None = None) -> LabelSurvey:
    """Count the values of label files, which are read by strips.

    Args:
        paths: rasters of ids, masks of colours, or vector files.
        attribute: attribute of vector files that holds the class; when not given, the only one
            whose values repeat.

    Raises:
        SettingsError: the files do not look like labels, or are of different kinds.
        SourceError: a file cannot be read.
    """
    vector = [Path(path).suffix.lower() in _VECTOR for path in paths]
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
    bands = {path: _bands(path) for path in paths}
    colours = max(bands.values()) >= 3
    counts: Counter[int] = Counter()
    palette: dict[int | str, str] = {}
    for path in paths:
        for values in _strips(path, as_colours=colours, palette=palette):
            found, number = np.unique(values, return_counts=True)
            counts.update(dict(zip(found.tolist(), number.tolist(), strict=True)))
            if len(counts) > _MOST_VALUES:
                raise SettingsError(
                    f"labels hold more than {_MOST_VALUES} values by {path}; expected class ids or "
                    "colours, saved without lossy compression"
                )
    if not counts:
        raise SettingsError(
            f"every pixel of {', '.join(paths[:3])} is missing; nothing is labelled"
        )
    ordered = sorted(counts)
    if colours:
        return LabelSurvey("colours", {f"#{value:06X}": counts[value] for value in ordered}, {})
    chosen: dict[int | str, str] = {value: palette[value] for value in ordered if value in palette}
    grey = all(colour[1:3] == colour[3:5] == colour[5:7] for colour in chosen.values())
    return LabelSurvey("ids", {value: counts[value] for value in ordered}, {} if grey else chosen)


def _bands(path: str) -> int:
    from tilesegm.source.open import open_source

    with open_source(path) as source:
        if source.info.bands not in (1, 3):
            raise SourceError(
                f"{path} has {source.info.bands} bands; labels have 1, or 3 of colour"
            )
        return source.info.bands


def _strips(
    path: str, *, as_colours: bool, palette: dict[int | str, str]
) -> Iterator[NDArray[np.int64]]:
    """Yield the values of a raster's present pixels; colours as 0xRRGGBB."""
    from tilesegm.grid.window import Window
    from tilesegm.source.open import open_source

    own = _palette(path)
    palette.update({value: f"#{colour:06X}" for value, colour in own.items()})
    with open_source(path) as source:
        info = source.info
        rows = max(1, _STRIP_PIXELS // info.width)
        for top in range(0, info.height, rows):
            pixels = source.read(Window(top, 0, min(rows, info.height - top), info.width))
            values = pixels.values
            if values.dtype.kind == "f" and not np.array_equal(values, np.round(values)):
                raise SettingsError(f"{path} holds fractions; expected whole ids or colours")
            values = values.astype(np.int64)
            if as_colours and info.bands == 3:
                merged = values @ np.array([1 << 16, 1 << 8, 1])
            elif as_colours:
                grey = values[..., 0] * 0x010101
                merged = np.vectorize(own.get, otypes=[np.int64])(values[..., 0]) if own else grey
            else:
                merged = values[..., 0]
            yield merged if pixels.valid is None else merged[pixels.valid]


def _palette(path: str) -> dict[int, int]:
    """Return the colours of a raster's palette as 0xRRGGBB."""
    import rasterio
    from rasterio.enums import ColorInterp
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(path) as raster:
            if raster.colorinterp[0] != ColorInterp.palette:
                return {}
            table: dict[int, tuple[int, ...]] = raster.colormap(1)
    except (RasterioError, ValueError):
        return {}
    return {value: (c[0] << 16) | (c[1] << 8) | c[2] for value, c in table.items()}


def _survey_polygons(paths: Sequence[str], attribute: str | None) -> LabelSurvey:
    try:
        import pyogrio.raw
        import shapely
    except ModuleNotFoundError:
        raise SettingsError(
            f"{paths[0]} is a vector file; reading it takes `pip install tilesegm[vector]`"
        ) from None
    areas: Counter[Any] = Counter()
    for path in paths:
        try:
            meta, _, shapes, columns = pyogrio.raw.read(path)
        except Exception as error:
            raise SourceError(f"{path} cannot be read as a vector file: {error}") from None
        fields = dict(zip(meta["fields"], columns, strict=True))
        attribute = attribute or _attribute(path, fields)
        if attribute not in fields:
            raise SettingsError(f"{path} has no attribute {attribute!r}; it has {_names(fields)}")
        for value, area in zip(
            fields[attribute], shapely.area(shapely.from_wkb(shapes)), strict=True
        ):
            if value is not None:
                areas[value if isinstance(value, str) else int(value)] += area
    if not areas:
        raise SettingsError(f"no polygon of {paths[0]} has a value of {attribute!r}")
    whole = sum(areas.values()) or 1.0
    parts = {value: round(1e6 * areas[value] / whole) for value in sorted(areas)}
    return LabelSurvey("polygons", parts, {}, attribute)


def _attribute(path: str, fields: dict[str, NDArray[Any]]) -> str:
    """Return the attribute that looks like a class: text before numbers, whose values repeat."""
    repeating = [
        name
        for name, values in fields.items()
        if values.dtype.kind in "OiuU" and len(set(values.tolist())) < max(2, len(values))
    ]
    texts = [name for name in repeating if fields[name].dtype.kind in "OU"]
    if len(texts or repeating) != 1:
        raise SettingsError(
            f"{path} does not tell which attribute holds the class; give --attribute, one of "
            f"{_names(fields)}"
        )
    return (texts or repeating)[0]


def _names(fields: dict[str, Any]) -> str:
    return ", ".join(fields) or "none"
