"""``tilesegm info``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tilesegm.cli.shared import AsJson, At, Bands, Level, Nodata, Trust, Unscale
from tilesegm.cli.terminal import PlainConsole
from tilesegm.errors import ModelError, SourceError
from tilesegm.source.words import parse_at, parse_bands

if TYPE_CHECKING:
    from tilesegm.source.base import ImageInfo, Source

__all__ = ["info"]

_NETWORKS = (".keras", ".h5", ".hdf5")
_COUNTED = 2**24
"""Pixels up to which the values of a raster are counted."""
_LABELS = 32
"""Values up to which a raster looks like labels."""


def info(
    path: Annotated[
        str, typer.Argument(help="Path or URL of an image, or a model bundle.", show_default=False)
    ],
    bands: Bands = None,
    nodata: Nodata = None,
    level: Level = 0,
    at: At = None,
    unscale: Unscale = False,
    as_json: AsJson = False,
    trust: Trust = False,
) -> None:
    """Describe an image or a model bundle, without loading a network.

    Example: tilesegm info city.tif
    """
    from tilesegm.model.open import read_spec

    spec = read_spec(path) if Path(path).is_dir() else None
    try:
        if spec is None:
            choices = {"bands": parse_bands(bands), "nodata": nodata, "level": level}
            facts = _about_image(path, **choices, at=parse_at(at), unscale=unscale)
        else:
            facts = _about_model(spec)
    except SourceError as error:
        raise _refuse_network(Path(path)) or error from None
    if as_json:
        typer.echo(json.dumps(facts))
        return
    table = Table(show_header=False)
    for name, value in facts.items():
        if value not in (None, "", [], {}):
            table.add_row(name.replace("_", " "), _text(value))
    PlainConsole().print(table)


def _refuse_network(path: Path) -> ModelError | None:
    """Return the refusal of a network that is no bundle: only loading tells about it."""
    if path.suffix.lower() not in _NETWORKS and not (path / "saved_model.pb").is_file():
        return None
    return ModelError(
        f"{path} is no image, and of networks info describes bundles; tilesegm plan IMAGE --model "
        f"{path} loads any other and says how it would be used"
    )


def _about_image(path: str, **choices: Any) -> dict[str, Any]:
    from tilesegm.sink.provenance import read_map_facts
    from tilesegm.source.hidden import find_hidden
    from tilesegm.source.margin_share import find_margin_share
    from tilesegm.source.open import open_source

    def levels(level: int) -> Source:
        return open_source(path, **choices | {"level": choices["level"] + level})

    with open_source(path, **choices) as source:
        image, hidden = source.info, find_hidden(source)
        facts = read_map_facts(path)
        # A finished map has no background to skip; one class may well fill its border.
        margin = None if facts.classes else find_margin_share(source, levels)
        values = _about_values(source)
    place = image.georeference
    return {
        "image": image.uri,
        "kind": image.kind,
        "height": image.height,
        "width": image.width,
        "bands": image.bands,
        "band_names": list(image.band_names),
        "steps": {step.axis: step.count for step in image.steps},
        "at": {step.axis: step.index for step in image.steps},
        "dtype": str(image.dtype),
        "block": list(image.block),
        "nodata": None if image.nodata is None else str(image.nodata),
        "missing_pixels_possible": image.masked,
        "hidden": [one.text for one in hidden],
        "hidden_pixels": {one.reason: one.pixels for one in hidden},
        "margin": margin and f"{margin.fact}; `tilesegm predict --skip background` leaves it out",
        "values": values,
        "classes": [f"{n} {info.name}" for n, info in enumerate(facts.classes)],
        "decision": facts.decision,
        "crs": _crs_name(place.crs or place.gcp_crs),
        "transform": place.transform and list(place.transform),
        "ground_control_points": len(place.gcps) or None,
        "rpc": bool(place.rpcs) or None,
        "resolution": _resolution(image),
        "read_at": facts.resolution,
        "pixel_size_micrometres": place.pixel_size and list(place.pixel_size),
        "scale": sorted({scale for scale, _ in image.scaling}),
        "offset": sorted({offset for _, offset in image.scaling}),
        "notes": list(image.notes),
        "bytes": image.pixels * image.bands * image.dtype.itemsize,
    }


def _resolution(image: ImageInfo) -> str | None:
    """Return the size of a pixel in the middle of an image, on the ground."""
    from tilesegm.source.scaled import resolution_of

    found = resolution_of(image)
    return None if found is None else str(found)


def _about_values(source: Source) -> str | None:
    """Say what the values of a small raster of one band would mean as labels."""
    from tilesegm.data.labels.values import count_values, explain

    info = source.info
    if info.bands != 1 or info.dtype.kind not in "iu" or info.pixels > _COUNTED:
        return None
    counts = count_values(source).counts
    return explain(counts) if len(counts) <= _LABELS else None


def _about_model(spec: Any) -> dict[str, Any]:
    from tilesegm.model.operating_point import rule_text

    names, point = [info.name for info in spec.classes], spec.operating_point
    return {
        "model": spec.name,
        "bands": spec.bands,
        "classes": names,
        "stride": spec.stride,
        "receptive_field_radius": spec.radius,
        "not_exact_because": list(spec.inexact),
        "scores": "probabilities" if spec.probabilities else "logits",
        "resolution": None if spec.resolution is None else str(spec.resolution),
        "tile": spec.tile and list(spec.tile),
        "decision": "argmax" if point is None else rule_text(point.rule, names) or "argmax",
        "chosen_for": point and point.measure,
        "held_out_before": dict(point.before) if point else {},
        "held_out_after": dict(point.after) if point else {},
        "held_out_cross_fitted": dict(point.cross_fitted) if point else {},
    }


def _crs_name(wkt: str | None) -> str | None:
    if wkt is None:
        return None
    from rasterio.crs import CRS

    crs = CRS.from_wkt(wkt)
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else wkt.split('"')[1] if '"' in wkt else wkt


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_number(number)}" for name, number in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}"
