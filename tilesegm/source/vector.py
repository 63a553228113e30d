"""Reads the polygons of vector files: the one place that does, for labels, areas and `train init`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from tilesegm.errors import SourceError, TilesegmError
from tilesegm.source.footprint import Reach
from tilesegm.source.gdal import without_warnings
from tilesegm.source.projection import in_degrees, parse_crs
from tilesegm.source.vector_address import PIXELS, VectorAddress
from tilesegm.source.vector_reading import Reading
from tilesegm.source.vector_shapes import flat_shapes, repaired
from tilesegm.source.vector_values import plain_values

__all__ = [
    "Extent",
    "VectorLayer",
    "layer_extents",
    "read_layers",
    "refuse_no_degrees",
    "vector_calls",
]

Extent = tuple[float, float, float, float]
"""Left, bottom, right and top."""

_FLAT = ("Polygon", "Surface", "Collection", "Unknown", "TIN", "Triangle")
"""Parts of the names of geometry types that may be polygons."""
_MOST_DEGREES = (720.0, 90.001)


@dataclass(frozen=True, kw_only=True, eq=False)  # arrays have no truth value
class VectorLayer:
    """Valid polygons of one layer of a vector file, in the coordinate system of the layer."""

    name: str
    crs: str | None
    """Name or WKT of the coordinate system, or ``pixels``; None where none is known."""
    polygons: NDArray[Any]
    """``(n,)`` flat shapely polygons and multipolygons."""
    features: NDArray[np.int64]
    """``(n,)`` their numbers in the file."""
    attributes: Mapping[str, NDArray[Any]]
    """As they were read, one value per polygon."""

    @property
    def areas(self) -> NDArray[np.float64]:
        """Area of each polygon, in squares of the coordinate system's unit."""
        import shapely

        areas: NDArray[np.float64] = shapely.area(self.polygons)
        return areas

    def values(self, attribute: str) -> tuple[int | str | None, ...]:
        """Return an attribute as settings write it; None where a polygon has none."""
        column, path = _column(attribute, self.attributes) or (attribute, ())
        return plain_values(self.attributes[column], path)


@dataclass(frozen=True, eq=False)
class _Raw:
    """Features of a layer as pyogrio gives them."""

    crs: str | None
    features: NDArray[np.int64]
    encoded: NDArray[Any]
    columns: Mapping[str, NDArray[Any]]

    def take(self, which: NDArray[Any]) -> _Raw:
        columns = {name: values[which] for name, values in self.columns.items()}
        return _Raw(self.crs, self.features[which], self.encoded[which], columns)


@dataclass(frozen=True)
class _Listed:
    """A layer of a file, by what GDAL opens."""

    dataset: str
    name: str
    kind: str | None
    """Type of its geometries; None for a table."""


def read_layers(
    address: VectorAddress,
    *,
    attributes: Sequence[str] | None = None,
    within: Callable[[str | None], Sequence[Reach]] | None = None,
) -> tuple[tuple[VectorLayer, ...], Reading]:
    """Read the polygons of all layers that have any; shapes of other types are left out.

    Args:
        address: of the file; a layer that it states is read alone.
        attributes: to read along with the polygons; all when None. Layers that lack one are left
            out.
        within: gives boxes in a coordinate system; polygons that touch none are left out.

    Returns:
        The layers, and what is to be told of them.

    Raises:
        SourceError: a package is missing, the file cannot be read, or it lacks the layer, an
            attribute or any polygon.
    """
    with vector_calls(address.path):
        listed = _list(address)
        others: dict[str, str] = {}
        layers, findings, features, polygons = [], {}, 0, 0
        fields: dict[str, None] = {}
        for entry in listed:
            if entry.kind is None or not any(word in entry.kind for word in _FLAT):
                others[entry.name] = _holds(entry.kind)
                continue
            info = _info(entry)
            fields |= dict.fromkeys(info["fields"])
            lacking = [a for a in attributes or () if not _column(a, info["fields"])]
            if lacking:
                others[entry.name] = f"has no attribute {lacking[0]!r}"
                continue
            layer, found, count, usable = _read(address, entry, info, attributes, within)
            layers.append(layer)
            findings |= found
            features, polygons = features + count, polygons + usable
        if not layers:
            _refuse(address, others, fields, attributes or ())
    reading = Reading(
        file=str(address.path),
        layers=tuple(layer.name for layer in layers),
        others=others,
        empty=not features,
        without_crs=any(layer.crs is None for layer in layers),
        findings=findings,
    )
    if not polygons and (features or within is None):
        told = [f"{text}: {len(which)}" for text, which in findings.items()]
        told += [f"layer {name} {why}" for name, why in others.items()]
        raise SourceError(
            f"{address.path} holds no polygon: {'; '.join(told) or 'it has no features'}"
        )
    return tuple(layers), reading


@contextmanager
def vector_calls(path: Path) -> Iterator[None]:
    """Turn what libraries raise about vectors to one error, and silence their warnings.

    Raises:
        SourceError: a package is missing, or a library raised an error.
    """
    try:
        import pyogrio  # noqa: F401
        import shapely
    except ImportError as error:
        raise SourceError(
            f'polygons such as {path} need two more packages: pip install "tilesegm[vector]"'
        ) from error
    try:
        with without_warnings(RuntimeWarning, UserWarning):
            yield
    except TilesegmError:
        raise
    except (
        ArithmeticError,
        CPLE_BaseError,
        LookupError,
        OSError,
        RasterioError,
        RuntimeError,
        ValueError,
        shapely.errors.ShapelyError,
    ) as error:
        raise SourceError(f"{path} cannot be read: {_reason(path, error)}") from error


def layer_extents(address: VectorAddress) -> list[tuple[str | None, Extent]]:
    """Return the coordinate system and the extent of each layer that has features."""
    extents = []
    with vector_calls(address.path):
        for entry in _list(address):
            if entry.kind is None:
                continue
            info = _info(entry, force_total_bounds=True)
            bounds = info["total_bounds"]
            if bounds is not None and np.isfinite(bounds).all():
                extents.append((_crs(address.crs, info["crs"]), tuple(map(float, bounds))))
    return extents


def refuse_no_degrees(path: Path, extent: Extent) -> None:
    """Refuse coordinates that are said to be degrees and cannot be.

    Raises:
        SourceError: they reach far beyond the poles, or around the Earth and more.
    """
    if _beyond(np.array([extent])).any():
        raise SourceError(
            f"{path}: coordinates from {extent[0]:g}, {extent[1]:g} to {extent[2]:g}, "
            f"{extent[3]:g} are no degrees; state the coordinate system that they have: "
            f"{path}|crs=EPSG:CODE"
        )


def _beyond(extents: NDArray[np.float64]) -> NDArray[np.bool_]:
    x, y = _MOST_DEGREES
    beyond: NDArray[np.bool_] = (np.abs(extents[:, [0, 2]]) > x).any(axis=1)
    return beyond | (np.abs(extents[:, [1, 3]]) > y).any(axis=1)


def _list(address: VectorAddress) -> list[_Listed]:
    import pyogrio

    listed = [
        _Listed(dataset, str(name), kind)
        for dataset in address.datasets()
        for name, kind in pyogrio.list_layers(dataset)
    ]
    if address.layer is None:
        return listed
    chosen = [entry for entry in listed if entry.name == address.layer]
    if not chosen:
        names = ", ".join(entry.name for entry in listed) or "none"
        raise SourceError(
            f"{address.path} cannot be read: it has no layer {address.layer!r}, but {names}"
        )
    return chosen


def _info(entry: _Listed, **options: Any) -> dict[str, Any]:
    import pyogrio

    info: dict[str, Any] = pyogrio.read_info(entry.dataset, layer=entry.name, **options)
    return info


def _read(
    address: VectorAddress,
    entry: _Listed,
    info: dict[str, Any],
    attributes: Sequence[str] | None,
    within: Callable[[str | None], Sequence[Reach]] | None,
) -> tuple[VectorLayer, dict[str, frozenset[tuple[str, int]]], int, int]:
    """Read a layer: its polygons, what was done to features, how many it has, and polygons."""
    import shapely

    columns = None
    if attributes is not None:
        found = (_column(attribute, info["fields"]) for attribute in attributes)
        columns = tuple(dict.fromkeys(each[0] for each in found if each))
    crs = _crs(address.crs, info["crs"])
    reaches = None if within is None else within(crs)
    indexed = reaches is not None and info["capabilities"]["fast_spatial_filter"]
    raw = _load_boxes(entry, columns, reaches or ()) if indexed else None
    whole = raw is None
    if raw is None:
        raw = _load(entry.dataset, entry.name, columns, _stamp(entry.dataset))
    count = len(raw.features) if whole else info["features"]
    findings: dict[str, frozenset[tuple[str, int]]] = {}

    def report(text: str, which: NDArray[np.bool_]) -> None:
        if which.any():
            numbers = raw.features[which].tolist()
            known = findings.get(text, frozenset())
            findings[text] = known | {(entry.name, number) for number in numbers}

    shapes = flat_shapes(raw.encoded, report)
    if in_degrees(crs):
        shapes = _check_degrees(shapes, report)
        if within is None and len(shapes):
            refuse_no_degrees(address.path, tuple(shapely.total_bounds(shapes)))
    raw, shapes = _kept(raw, shapes)
    usable = len(shapes) if whole else count
    if reaches is not None:
        near = np.any([reach.touched_by(shapes) for reach in reaches], axis=0)
        raw, shapes = raw.take(near), shapes[near]
    raw, shapes = _kept(raw, repaired(shapes, report))
    layer = VectorLayer(
        name=entry.name, crs=crs, polygons=shapes, features=raw.features, attributes=raw.columns
    )
    return layer, findings, count, usable


def _kept(raw: _Raw, shapes: NDArray[Any]) -> tuple[_Raw, NDArray[Any]]:
    import shapely

    there = ~shapely.is_missing(shapes)
    return raw.take(there), shapes[there]


def _check_degrees(shapes: NDArray[Any], report: Any) -> NDArray[Any]:
    """Leave out polygons that lie beyond the poles, unless all do."""
    import shapely

    beyond = _beyond(shapely.bounds(shapes).reshape(-1, 4))
    if beyond.sum() == (~shapely.is_missing(shapes)).sum():
        return shapes
    report("polygons whose coordinates are no degrees left out", beyond)
    shapes[beyond] = None
    return shapes


@lru_cache(maxsize=4)
def _load(dataset: str, layer: str, columns: tuple[str, ...] | None, stamp: Any) -> _Raw:
    """Read all of a layer, once for many images, until the file changes."""
    return _load_box(_Listed(dataset, layer, None), columns, None)


def _load_boxes(
    entry: _Listed, columns: tuple[str, ...] | None, reaches: Sequence[Reach]
) -> _Raw | None:
    """Read what touches boxes by the index of the file; None where it cannot be used."""
    try:
        parts = [_load_box(entry, columns, reach) for reach in reaches]
    except RuntimeError:
        # TensorFlow brings an SQLite along that knows no index, and whoever is loaded later gets it.
        return None
    filled = [part for part in parts if len(part.features)] or parts[:1]
    return filled[0] if len(filled) == 1 else _joined(filled)


def _load_box(entry: _Listed, columns: tuple[str, ...] | None, reach: Reach | None) -> _Raw:
    import pyogrio

    meta, features, encoded, values = pyogrio.raw.read(
        entry.dataset,
        layer=entry.name,
        columns=columns,
        bbox=None if reach is None else reach.bounds,
        return_fids=True,
    )
    if encoded is None:
        encoded = np.full(len(features), None)
    fields = dict(zip(meta["fields"], values, strict=True))
    return _Raw(meta["crs"], np.asarray(features, np.int64), encoded, fields)


def _joined(parts: Sequence[_Raw]) -> _Raw:
    """Join what boxes have; a feature that lies in several counts once."""
    features, first = np.unique(
        np.concatenate([part.features for part in parts]), return_index=True
    )
    encoded = np.concatenate([part.encoded for part in parts])
    columns = {
        name: np.concatenate([part.columns[name] for part in parts])[first]
        for name in parts[0].columns
    }
    return _Raw(parts[0].crs, features, encoded[first], columns)


def _stamp(dataset: str) -> tuple[int, int] | None:
    path = Path(dataset.partition("{")[2].partition("}")[0] or dataset)
    if not path.exists():
        return None
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def _crs(stated: str | None, known: str | None) -> str | None:
    if stated is not None:
        if stated != PIXELS:
            parse_crs(stated)
        return stated
    return None if known is None or parse_crs(known) is None else known


def _column(attribute: str, fields: Any) -> tuple[str, tuple[str, ...]] | None:
    """Return the column of an attribute, and the keys that lead to it in JSON objects."""
    if attribute in fields:
        return attribute, ()
    column, *path = attribute.split(".")
    return (column, tuple(path)) if path and column in fields else None


def _holds(kind: str | None) -> str:
    if kind is None:
        return "is a table without geometries"
    return f"holds {'lines' if 'Line' in kind or 'Curve' in kind else 'points'}"


def _refuse(
    address: VectorAddress,
    others: Mapping[str, str],
    fields: Mapping[str, None],
    attributes: Sequence[str],
) -> None:
    for attribute in attributes:
        if fields and not _column(attribute, fields):
            names = ", ".join(fields) or "none"
            raise SourceError(f"{address.path} has no attribute {attribute!r}; it has {names}")
    if fields or any(why.startswith("has no attribute") for why in others.values()):
        told = "; ".join(f"{name} {why}" for name, why in others.items())
        raise SourceError(f"{address.path}: no layer has all attributes: {told}")
    told = "; ".join(f"layer {name} {why}" for name, why in others.items()) or "has no layer"
    raise SourceError(f"{address.path} holds no polygon: {told}; draw polygons")


def _reason(path: Path, error: Exception) -> str:
    """Say in one line what a library complains about, and what helps."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if "not recognized as being in a supported file format" not in reason:
        return reason.removeprefix(f"{path}: ")
    if path.suffix.lower() in (".parquet", ".geoparquet"):
        import pyogrio

        if "Parquet" not in pyogrio.list_drivers():
            return (
                "this pyogrio reads no Parquet; convert the file to GeoPackage, or install pyogrio "
                "from conda-forge"
            )
    return "it is no vector file that GDAL knows, or damaged; save it again, as GeoPackage for one"
