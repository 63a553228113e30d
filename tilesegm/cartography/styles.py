"""Styles of a class map for other programs: QGIS reads one beside the map, MapLibre shows one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.warp import calculate_default_transform, reproject

from tilesegm.cartography.class_map import ShownMap
from tilesegm.cartography.scene import Scene, read_scene
from tilesegm.classes import ClassInfo
from tilesegm.errors import SourceError
from tilesegm.events import Noted, OnEvent, ignore
from tilesegm.files import check_file, write_file
from tilesegm.ownership import check_place
from tilesegm.pictures.png import PNG_MARK, encode_png
from tilesegm.shown import line_of
from tilesegm.source.projection import DEGREES, project
from tilesegm.version import __version__

__all__ = ["maplibre_style", "qgis_style", "style_paths", "write_styles"]

_QGIS_MARK = b"<!-- tilesegm "
_MAPLIBRE_MARK = b'"generator": "tilesegm '
_SIDE = 2048
"""Pixels along the longer side of the picture that MapLibre shows: fit for any graphics card."""
_MERCATOR = "EPSG:3857"
_GONE = -1


def style_paths(class_map: str | Path) -> dict[str, Path]:
    """Name the files of styles beside a map: ``qgis``, ``maplibre``, and the picture of the last.

    QGIS applies ``MAP.qml`` whenever it opens ``MAP.tif``.
    """
    path = Path(str(class_map).rstrip("/"))
    names = {"qgis": ".qml", "maplibre": ".style.json", "picture": ".style.png"}
    return {name: path.with_name(path.stem + suffix) for name, suffix in names.items()}


def write_styles(shown: ShownMap, on_event: OnEvent = ignore) -> list[Path]:
    """Write styles with names and colours of classes beside a map.

    That of MapLibre holds a picture of the map in Web Mercator; a map that lies nowhere has none.

    Args:
        shown: the map.
        on_event: called with progress and notes.

    Returns:
        The files.

    Raises:
        SourceError: the map cannot be read, or is no class map.
        OutputError: a file cannot be written, or stands in the place of somebody else's.
    """
    paths = style_paths(shown.path)
    marks = {"qgis": _QGIS_MARK, "maplibre": _MAPLIBRE_MARK, "picture": PNG_MARK}
    for name, path in paths.items():
        check_file(path)
        check_place(path, marks[name])
    scene = read_scene(shown, _SIDE, None, on_event)
    for note in shown.notes:
        on_event(Noted(f"{shown.info.uri}: {note}"))
    seen = dict(zip(scene.values, scene.classes, strict=True))
    classes = dict(sorted({**seen, **(shown.known if shown.named else {})}.items()))
    write_file(paths["qgis"], qgis_style(classes), _QGIS_MARK)
    place = shown.place
    if place.transform is None or place.crs is None:
        on_event(
            Noted(
                f"{shown.info.uri} does not tell where it lies, so there is no style for MapLibre"
            )
        )
        return [paths["qgis"]]
    rgba, corners = _in_mercator(scene)
    write_file(paths["picture"], encode_png(rgba), PNG_MARK)
    style = maplibre_style(paths["picture"].name, corners, classes)
    write_file(paths["maplibre"], style, _MAPLIBRE_MARK)
    return list(paths.values())


def qgis_style(classes: Mapping[int, ClassInfo]) -> str:
    """Return the style file of a paletted raster layer, as QGIS writes it.

    Args:
        classes: names and colours by id.
    """
    root = Element("qgis", version="3.28.0", styleCategories="AllStyleCategories")
    pipe = SubElement(root, "pipe")
    provider = SubElement(pipe, "provider")
    SubElement(
        provider,
        "resampling",
        enabled="false",
        maxOversampling="2",
        zoomedInResamplingMethod="nearestNeighbour",
        zoomedOutResamplingMethod="nearestNeighbour",
    )
    renderer = SubElement(
        pipe,
        "rasterrenderer",
        type="paletted",
        band="1",
        opacity="1",
        alphaBand="-1",
        nodataColor="",
    )
    SubElement(renderer, "rasterTransparency")
    palette = SubElement(renderer, "colorPalette")
    for number, info in classes.items():
        SubElement(
            palette,
            "paletteEntry",
            value=str(number),
            color=_hex(info),
            label=_of_xml(info.name),
            alpha="255",
        )
    SubElement(pipe, "rasterresampler", maxOversampling="2")
    SubElement(root, "blendMode").text = "0"
    indent(root)
    head = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    mark = f"{_QGIS_MARK.decode()}{__version__} -->\n"
    return f"{head}{mark}{tostring(root, 'unicode')}\n"


def maplibre_style(
    picture: str, corners: Iterable[tuple[float, float]], classes: Mapping[int, ClassInfo]
) -> str:
    """Return a style of MapLibre GL, specification 8, whose one layer is a picture.

    Args:
        picture: address of the picture, seen from the style.
        corners: longitude and latitude of its corners, clockwise from the upper left.
        classes: names and colours by id, which are told as metadata.
    """
    style = {
        "version": 8,
        "name": picture.removesuffix(".style.png"),
        "metadata": {
            "generator": f"tilesegm {__version__}",
            "classes": [
                {"id": number, "name": info.name, "color": _hex(info)}
                for number, info in classes.items()
            ],
        },
        "sources": {
            "classes": {"type": "image", "url": picture, "coordinates": [list(c) for c in corners]}
        },
        "layers": [
            {
                "id": "classes",
                "type": "raster",
                "source": "classes",
                "paint": {"raster-resampling": "nearest", "raster-fade-duration": 0},
            }
        ],
    }
    return json.dumps(style, ensure_ascii=False, indent=1) + "\n"


def _in_mercator(scene: Scene) -> tuple[NDArray[np.uint8], list[tuple[float, float]]]:
    """Lay the classes of a scene on the grid of Web Mercator, in which MapLibre draws.

    Returns:
        ``(H, W, 4)``, transparent where there is no class, and its corners in degrees.
    """
    place, info = scene.shown.place, scene.shown.info
    rows, cols = scene.ids.shape
    assert place.transform is not None, "such maps are left out before"
    dot = Affine(*place.transform) @ Affine.scale(info.width / cols, info.height / rows)
    x, y = np.array([dot @ corner for corner in _corners(rows, cols)]).T
    try:
        grid, width, height = calculate_default_transform(
            place.crs, _MERCATOR, cols, rows, x.min(), y.min(), x.max(), y.max()
        )
        ids = np.full((height, width), _GONE, np.int32)
        reproject(
            scene.ids,
            ids,
            src_transform=dot,
            src_crs=place.crs,
            dst_transform=grid,
            dst_crs=_MERCATOR,
            src_nodata=_GONE,
            dst_nodata=_GONE,
            init_dest_nodata=True,
            resampling=Resampling.nearest,
        )
    except RasterioError as error:
        raise SourceError(
            f"{info.uri} cannot be laid on Web Mercator, which MapLibre needs: {line_of(error)}"
        ) from error
    table = np.array([*((*info.colour, 255) for info in scene.classes), (0, 0, 0, 0)], np.uint8)
    edges = np.array([grid @ corner for corner in _corners(height, width)])
    corners = project(_MERCATOR, DEGREES, edges)
    return table[ids], [(float(lon), float(lat)) for lon, lat in corners]


def _corners(height: int, width: int) -> list[tuple[int, int]]:
    """Return column and row of the corners of a picture, clockwise from the upper left."""
    return [(0, 0), (width, 0), (width, height), (0, height)]


def _hex(info: ClassInfo) -> str:
    return "#{:02x}{:02x}{:02x}".format(*info.colour)


def _of_xml(text: str) -> str:
    """Leave out what no XML file may hold."""
    return "".join(c for c in text if c >= " " or c in "\t")
