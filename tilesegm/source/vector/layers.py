"""Reads the polygons of vector files, for labels, areas and `train init`: the one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.source.projection import in_degrees
from tilesegm.source.reach import Reach
from tilesegm.source.vector.address import VectorAddress
from tilesegm.source.vector.calls import vector_calls
from tilesegm.source.vector.degrees import refuse_no_degrees, without_no_degrees
from tilesegm.source.vector.features import load_all, load_near
from tilesegm.source.vector.listing import ListedLayer, find_column, list_layers
from tilesegm.source.vector.reading import Findings, Reading
from tilesegm.source.vector.shapes import repaired
from tilesegm.source.vector.values import plain_values

__all__ = ["VectorLayer", "read_layers"]

Within = Callable[[str | None], Sequence[Reach]]


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
        if not len(self.polygons):
            return ()
        column, path = find_column(attribute, self.attributes) or (attribute, ())
        return plain_values(self.attributes[column], path)


def read_layers(
    address: VectorAddress,
    *,
    attributes: Sequence[str] | None = None,
    within: Within | None = None,
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
    others: dict[str, str] = {}
    names: dict[str, None] = {}
    parts: list[_Part] = []
    with vector_calls(address.path):
        for entry in list_layers(address):
            if entry.unfit:
                others[entry.name] = entry.unfit
                continue
            info = entry.info()
            names |= dict.fromkeys(map(str, info["fields"]))
            lacking = [name for name in attributes or () if not find_column(name, info["fields"])]
            # Without features GeoJSON tells no attribute either.
            if lacking and info["features"]:
                others[entry.name] = f"has no attribute {lacking[0]!r}"
                continue
            parts.append(_read(address, entry, info, attributes, within))
    if not parts:
        _refuse(address, others, tuple(names), attributes or ())
    findings: Findings = {}
    for part in parts:
        for text, features in part.findings.items():
            findings[text] = findings.get(text, frozenset()) | features
    empty = not any(part.features for part in parts)
    if not any(part.polygons for part in parts) and (within is None or not empty):
        told = [f"{text}: {len(which)}" for text, which in findings.items()]
        told += [f"layer {name} {why}" for name, why in others.items()]
        raise SourceError(
            f"{address.path} holds no polygon: {'; '.join(told) or 'it has no features'}"
        )
    layers = tuple(part.layer for part in parts)
    reading = Reading(
        file=str(address.path),
        layers=tuple(layer.name for layer in layers),
        others=others,
        empty=empty,
        without_crs=any(layer.crs is None for layer in layers),
        findings=findings,
    )
    return layers, reading


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A layer that was read."""

    layer: VectorLayer
    features: int
    """In the whole of the layer."""
    polygons: int
    """Likewise, as far as is known."""
    findings: Findings


def _read(
    address: VectorAddress,
    entry: ListedLayer,
    info: dict[str, Any],
    attributes: Sequence[str] | None,
    within: Within | None,
) -> _Part:
    import shapely

    columns = None
    if attributes is not None:
        found = (find_column(attribute, info["fields"]) for attribute in attributes)
        columns = tuple(dict.fromkeys(each[0] for each in found if each))
    crs = info["crs"]
    reaches = None if within is None else within(crs)
    near = None
    if reaches is not None and info["capabilities"]["fast_spatial_filter"]:
        near = load_near(entry, columns, reaches)
    features = load_all(entry, columns) if near is None else near
    count = len(features.numbers) if near is None else info["features"]
    findings: Findings = {}

    def report(text: str, which: NDArray[np.bool_]) -> None:
        if which.any():
            known = findings.get(text, frozenset())
            findings[text] = known | {(entry.name, n) for n in features.numbers[which].tolist()}

    shapes, done = features.shapes
    for text, which in done:
        report(text, which)
    if in_degrees(crs):
        shapes = without_no_degrees(shapes, report)
        if within is None and len(shapes):
            refuse_no_degrees(address.path, tuple(shapely.total_bounds(shapes)))
    kept = ~shapely.is_missing(shapes)
    polygons = int(kept.sum()) if near is None else count
    if reaches is not None:
        kept &= np.any([reach.touched_by(shapes) for reach in reaches], axis=0)
    features, shapes = features.take(kept), shapes[kept]
    shapes = repaired(shapes, report)
    kept = ~shapely.is_missing(shapes)
    features, shapes = features.take(kept), shapes[kept]
    polygons = len(shapes) if within is None else polygons
    layer = VectorLayer(
        name=entry.name,
        crs=crs,
        polygons=shapes,
        features=features.numbers,
        attributes=features.columns,
    )
    return _Part(layer=layer, features=count, polygons=polygons, findings=findings)


def _refuse(
    address: VectorAddress,
    others: Mapping[str, str],
    names: Sequence[str],
    attributes: Sequence[str],
) -> NoReturn:
    """Say why no layer can be read."""
    for attribute in attributes:
        if names and not find_column(attribute, names):
            raise SourceError(
                f"{address.path} has no attribute {attribute!r}; it has {', '.join(names)}"
            )
    told = "; ".join(f"layer {name} {why}" for name, why in others.items()) or "it has no layer"
    if any("attribute" in why for why in others.values()):
        raise SourceError(f"{address.path}: no layer has every attribute: {told}")
    raise SourceError(f"{address.path} holds no polygon: {told}")
