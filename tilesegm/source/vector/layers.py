"""Reads the polygons of vector files, for labels, areas and `train init`: the one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.source.annotations.annotated import AnnotationFile
from tilesegm.source.annotations.matching import of_image
from tilesegm.source.annotations.opened import open_annotations
from tilesegm.source.base import ImageInfo
from tilesegm.source.projection import in_degrees
from tilesegm.source.reach import Reach
from tilesegm.source.vector.address import PIXELS, VectorAddress
from tilesegm.source.vector.calls import vector_calls
from tilesegm.source.vector.degrees import refuse_no_degrees, without_no_degrees
from tilesegm.source.vector.features import (
    ANNOTATED,
    Features,
    annotated_features,
    load_all,
    load_near,
)
from tilesegm.source.vector.layer import VectorLayer
from tilesegm.source.vector.listing import ListedLayer, find_column, list_layers
from tilesegm.source.vector.reading import OUTSIDE, Findings, Reading
from tilesegm.source.vector.shapes import repaired, usable_shapes

__all__ = ["VectorLayer", "read_layers"]

Within = Callable[[str | None], Sequence[Reach]]


def read_layers(
    address: VectorAddress,
    *,
    attributes: Sequence[str] | None = None,
    within: Within | None = None,
    image: ImageInfo | None = None,
    thin: bool = False,
) -> tuple[tuple[VectorLayer, ...], Reading]:
    """Read the polygons of all layers that have any; shapes of other types are left out.

    Args:
        address: of the file; a layer that it states is read alone.
        attributes: to read along with the polygons; all when None. Layers that lack one are left
            out.
        within: gives boxes in a coordinate system; polygons that touch none are left out.
        image: whose shapes are read of annotations of many images; those of all when None.
        thin: whether lines and points are read too.

    Returns:
        The layers, and what is to be told of them.

    Raises:
        SourceError: a package is missing, the file cannot be read, or it lacks the layer, an
            attribute, any polygon, or the image.
    """
    annotations = open_annotations(address.path)
    if annotations is not None:
        with vector_calls(address.path):
            return _read_annotations(address, annotations, attributes, within, image, thin)
    others: dict[str, str] = {}
    names: dict[str, None] = {}
    parts: list[_Part] = []
    with vector_calls(address.path):
        for entry in list_layers(address):
            if entry.unfit and not (thin and entry.kind):
                others[entry.name] = entry.unfit
                continue
            info = entry.info()
            names |= dict.fromkeys(map(str, info["fields"]))
            lacking = [name for name in attributes or () if not find_column(name, info["fields"])]
            # Without features GeoJSON tells no attribute either.
            if lacking and info["features"]:
                others[entry.name] = f"has no attribute {lacking[0]!r}"
                continue
            parts.append(_read(address, entry, info, attributes, within, thin))
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
        pixels=(
            "as QuPath counts them"
            if address.crs is None and any(layer.crs == PIXELS for layer in layers)
            else ""
        ),
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
    thin: bool,
) -> _Part:
    import shapely

    columns = None
    if attributes is not None:
        found = (find_column(attribute, info["fields"]) for attribute in attributes)
        columns = tuple(dict.fromkeys(each[0] for each in found if each))
    crs = info["crs"]
    reaches = None if within is None else within(crs)
    near = None
    if reaches is not None and crs != PIXELS and info["capabilities"]["fast_spatial_filter"]:
        near = load_near(entry, columns, reaches)
    features = load_all(entry, columns) if near is None else near
    count = len(features.numbers) if near is None else info["features"]
    layer, usable, findings = _usable(entry.name, crs, features, reaches, thin)
    if within is None and in_degrees(crs) and len(layer.polygons):
        refuse_no_degrees(address.path, tuple(shapely.total_bounds(layer.polygons)))
    return _Part(
        layer=layer,
        features=count,
        polygons=usable if near is None else count,
        findings=findings,
    )


def _usable(
    name: str,
    crs: str | None,
    features: Features,
    reaches: Sequence[Reach] | None,
    thin: bool,
) -> tuple[VectorLayer, int, Findings]:
    """Leave out what cannot be drawn or lies elsewhere, and mend what is invalid.

    Returns:
        The layer, how many shapes of all places can be drawn, and what was done to which.
    """
    import shapely

    findings: Findings = {}

    def report(text: str, which: NDArray[np.bool_]) -> None:
        if which.any():
            known = findings.get(text, frozenset())
            findings[text] = known | {(name, n) for n in features.numbers[which].tolist()}

    shapes, done = features.shapes
    for text, which in done:
        report(text, which)
    shapes = usable_shapes(shapes, report, thin=thin)
    if in_degrees(crs):
        shapes = without_no_degrees(shapes, report)
    kept = ~shapely.is_missing(shapes)
    usable = int(kept.sum())
    if reaches is not None:
        near = np.any([reach.touched_by(shapes) for reach in reaches], axis=0)
        if crs == PIXELS:  # of one image, unlike shapes on the ground, of which many are elsewhere
            report(OUTSIDE, kept & ~near)
        kept &= near
    features, shapes = features.take(kept), shapes[kept]
    shapes = repaired(shapes, report)
    kept = ~shapely.is_missing(shapes)
    features, shapes = features.take(kept), shapes[kept]
    layer = VectorLayer(
        name=name,
        crs=crs,
        polygons=shapes,
        features=features.numbers,
        attributes=features.columns,
    )
    return layer, usable if reaches is not None else len(shapes), findings


def _read_annotations(
    address: VectorAddress,
    file: AnnotationFile,
    attributes: Sequence[str] | None,
    within: Within | None,
    image: ImageInfo | None,
    thin: bool,
) -> tuple[tuple[VectorLayer], Reading]:
    """Read the shapes of an image, or of all, as one layer in pixels."""
    for attribute in attributes or ():
        if attribute not in ANNOTATED:
            raise SourceError(
                f"{address.path} has no attribute {attribute!r}; it has {', '.join(ANNOTATED)}"
            )
    if address.layer not in (None, file.tool):
        raise SourceError(f"{address.path} has no layer {address.layer!r}, but {file.tool}")
    images = file.images
    if image is not None:
        images = (of_image(file, str(address.path), image, address.scale),)
    features = annotated_features(images)
    reaches = None if within is None else within(PIXELS)
    layer, usable, done = _usable(file.tool, PIXELS, features, reaches, thin)
    found = [each.findings for each in images] + ([file.findings] if image is None else [])
    findings: Findings = {}
    for which in found:
        for text, numbers in which.items():
            known = findings.get(text, frozenset())
            findings[text] = known | {(file.tool, number) for number in numbers}
    reading = Reading(
        file=str(address.path), layers=(file.tool,), empty=not usable, findings={**findings, **done}
    )
    return (layer,), reading


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
