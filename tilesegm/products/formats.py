"""Files of polygons: which suffix gives which format, and how each is written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tilesegm.errors import OutputError, SettingsError
from tilesegm.ownership import carries, check_place
from tilesegm.products.coco import write_coco
from tilesegm.products.pixel_geojson import write_pixel_geojson
from tilesegm.products.polygon_table import PolygonTable, placed
from tilesegm.shown import line_of
from tilesegm.source.base import Georeference, ImageInfo
from tilesegm.source.gdal import without_warnings
from tilesegm.version import __version__

__all__ = ["MARK", "Format", "format_of"]

MARK = "made by tilesegm"
"""What tells our files of polygons from others."""

_SAID = f"{MARK} {__version__}"

Writer = Callable[[PolygonTable, Path], None]


@dataclass(frozen=True)
class Format:
    """A format of polygons."""

    name: str
    write: Writer
    members: tuple[str, ...] = ()
    """Suffixes of the files beside the main one."""
    nodes: bool = False
    """Whether borders are moved in writing, so that both of their sides need the same vertices."""
    note: str = ""
    of_map: bool = False
    """Whether coordinates count pixels of the map wherever it lies."""

    def pixel_notes(self, info: ImageInfo) -> list[str]:
        """Say whose pixels coordinates count, where the map has others than its image."""
        if info.original is None or (info.georeference.transform and not self.of_map):
            return []
        image = "{} x {} pixels of the image".format(*info.original)
        own = f"{info.height} x {info.width} pixels of the map"
        if not self.of_map:
            return [f"coordinates count the {image}, not the {own}"]
        return [
            f"coordinates count the {own}, not the {image}; "
            "`tilesegm predict --grid image` writes a map of those"
        ]

    def is_ours(self, path: Path) -> bool:
        """Tell whether a file of this format is of tilesegm."""
        if path.suffix.lower() == ".gpkg":
            return _package_is_ours(path)
        if path.suffix.lower() == ".shp":
            path = path.with_suffix(".shp.xml")
        return carries(path, MARK.encode())

    def check_place(self, path: Path) -> None:
        """Refuse a place where something stands that is not ours.

        Raises:
            OutputError: there is.
        """
        for each in (path, *(path.with_suffix(suffix) for suffix in self.members)):
            check_place(each)
            if each.exists() and not self.is_ours(path):
                raise OutputError(
                    f"output {each} exists and is not of tilesegm, which replaces its own files "
                    "only; move it away or give another name"
                )


def format_of(output: Path, place: Georeference) -> Format:
    """Choose the format of a file by its suffix, for polygons of a map that lies at a place.

    Raises:
        SettingsError: the suffix is that of none.
    """
    suffix = output.suffix.lower()
    crs = place.crs if place.transform else None
    simple = {".gpkg": "GPKG", ".fgb": "FlatGeobuf"}
    if suffix in simple:
        return Format(simple[suffix], _by_gdal(simple[suffix], crs))
    if suffix == ".shp":
        members = (".shx", ".dbf", ".cpg", ".shp.xml", *((".prj",) if crs else ()))
        return Format("ESRI Shapefile", _shapefile(crs), members)
    if suffix in (".parquet", ".geoparquet"):
        return Format("GeoParquet", _parquet)
    if suffix == ".geojson" and crs:
        note = "coordinates are degrees of longitude and latitude (WGS 84), as RFC 7946 asks"
        return Format("GeoJSON", _geojson(place), nodes=True, note=note)
    if suffix == ".geojson":
        note = "the map has no coordinate system, so coordinates are pixels, as QuPath reads them"
        return Format("GeoJSON", partial(write_pixel_geojson, said=_SAID), note=note)
    if suffix == ".json":
        note = "COCO counts in pixels of the map; .geojson and .gpkg keep its coordinate system"
        return Format(
            "COCO", partial(write_coco, said=_SAID), note=note if crs else "", of_map=True
        )
    raise SettingsError(
        f"output {output} cannot hold polygons; expected a name that ends in .gpkg, .fgb, "
        ".geojson, .parquet, .shp or .json (COCO)"
    )


def _package_is_ours(path: Path) -> bool:
    try:
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as file:
            rows = file.execute("SELECT metadata FROM gpkg_metadata").fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        return False
    return any(MARK in str(row[0]) for row in rows)


_TYPES = {"i": "int64", "f": "float64", "O": "string"}


def _batches(table: PolygonTable, *, box: bool) -> tuple[Any, Iterator[Any]]:
    """Return the schema and the batches of a table as Arrow has them."""
    import pyarrow
    import shapely

    fields = [pyarrow.field("id", "int64"), pyarrow.field("class", "string")]
    fields += [
        pyarrow.field(name, _TYPES[values.dtype.kind])
        for name, values in table.attributes.items()
        if name != "id"
    ]
    sides = ("xmin", "ymin", "xmax", "ymax") if box else ()
    fields += [pyarrow.field(name, "float64") for name in sides]
    kind = {"ARROW:extension:name": "geoarrow.wkb"}
    schema = pyarrow.schema([*fields, pyarrow.field("geometry", pyarrow.binary(), metadata=kind)])

    def rows() -> Iterator[Any]:
        for batch in table.batches():
            shapes = placed(batch.shapes, table.info)
            corners = dict(zip(sides, shapely.bounds(shapes).T, strict=False))
            columns = {**batch.columns, **corners, "geometry": shapely.to_wkb(shapes)}
            arrays = [
                pyarrow.array(columns[field.name], field.type, from_pandas=True) for field in schema
            ]
            yield pyarrow.record_batch(arrays, schema=schema)

    return schema, rows()


def _write_by_gdal(
    table: PolygonTable, path: Path, driver: str, crs: str | None, options: Mapping[str, str]
) -> None:
    import pyarrow
    import pyogrio

    schema, rows = _batches(table, box=driver != "GeoJSON")
    package = {"TILESEGM": _SAID} if driver == "GPKG" else None
    with without_warnings(RuntimeWarning, UserWarning):
        pyogrio.write_arrow(
            pyarrow.RecordBatchReader.from_batches(schema, rows),
            str(path),
            layer=path.stem,
            driver=driver,
            geometry_name="geometry",
            geometry_type="Polygon",
            crs=crs,
            dataset_metadata=package,
            layer_options=options,
        )


def _by_gdal(driver: str, crs: str | None) -> Writer:
    options = {"DESCRIPTION": _SAID}

    def write(table: PolygonTable, path: Path) -> None:
        _write_by_gdal(table, path, driver, crs, options)

    return write


def _shapefile(crs: str | None) -> Writer:
    def write(table: PolygonTable, path: Path) -> None:
        _write_by_gdal(table, path, "ESRI Shapefile", crs, {"ENCODING": "UTF-8"})
        text = f"<metadata><dataIdInfo><idPurp>{_SAID}</idPurp></dataIdInfo></metadata>\n"
        path.with_suffix(".shp.xml").write_text(text, encoding="utf-8")

    return write


def _geojson(place: Georeference) -> Writer:
    """Write RFC 7946, with so many decimals that no vertex moves by a hundredth of a pixel."""
    from tilesegm.source.projection import in_degrees, parse_crs

    crs = parse_crs(str(place.crs))
    assert place.transform is not None
    side = min(abs(v) for v in place.transform[:2] + place.transform[3:5] if v)
    if not in_degrees(place.crs):
        metres = float(crs.linear_units_factor[1]) if crs is not None and crs.is_projected else 1.0
        side *= metres / 111_320
    decimals = int(np.clip(np.ceil(-np.log10(side / 100)), 7, 12))
    options = {"RFC7946": "YES", "COORDINATE_PRECISION": str(decimals), "WRITE_BBOX": "YES"}

    def write(table: PolygonTable, path: Path) -> None:
        _write_by_gdal(table, path, "GeoJSON", place.crs, {**options, "DESCRIPTION": _SAID})

    return write


def _parquet(table: PolygonTable, path: Path) -> None:
    """Write GeoParquet 1.1."""
    import pyarrow.parquet
    from rasterio.crs import CRS

    place = table.info.georeference
    crs = CRS.from_wkt(place.crs).to_dict(projjson=True) if place.crs and place.transform else None
    column = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
        "crs": crs,
        "orientation": "counterclockwise",
    }
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    schema, rows = _batches(table, box=True)
    schema = schema.with_metadata({"geo": json.dumps(geo), "description": _SAID})
    try:
        with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as file:
            for batch in rows:
                file.write_batch(batch.replace_schema_metadata(schema.metadata))
    except pyarrow.ArrowException as error:
        raise OSError(line_of(error)) from error
