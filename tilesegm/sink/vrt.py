"""A staged layer as one raster that GDAL opens: a GDAL virtual dataset (VRT).

It lists our overviews, so that the COG driver copies them instead of making its own, and says
all that the finished file shall say. Nothing is said that the image did not say.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from tilesegm.sink.layer import Layer
from tilesegm.sink.provenance import MapFacts
from tilesegm.sink.staged_array import StagedArray
from tilesegm.sink.staging import Staging
from tilesegm.sink.tiff_seal import BLANK, DIGEST_TAG
from tilesegm.source.base import Georeference

__all__ = ["layer_vrt"]

_TYPES = {"u1": "Byte", "u2": "UInt16", "f2": "Float32", "f4": "Float32"}


def layer_vrt(staging: Staging, layer: Layer, facts: MapFacts) -> str:
    """Describe a layer as VRT.

    Args:
        staging: holds the layer's pixels and overviews.
        layer: one of uint8, uint16, float16 or float32.
        facts: what the file says about its pixels.

    Returns:
        The text of a ``.vrt`` file.
    """
    height, width = staging.size
    root = Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height))
    _add_georeference(root, facts.georeference)
    _add_metadata(root, _tags(layer, facts))
    for plane in range(layer.planes):
        band = SubElement(
            root, "VRTRasterBand", dataType=_TYPES[layer.dtype.str[1:]], band=str(plane + 1)
        )
        if layer.overview == "mode":
            _add_classes(band, layer, facts)
        else:
            _text(band, "ColorInterp", "Gray" if layer.planes == 1 else "Undefined")
        named = layer.planes > 1 and len(facts.classes) == layer.planes
        _text(band, "Description", facts.classes[plane].name if named else layer.name)
        if layer.nodata is not None:
            _text(band, "NoDataValue", _number(layer.nodata))
        if (layer.scale, layer.offset) != (1.0, 0.0):
            _text(band, "Offset", _number(layer.offset))
            _text(band, "Scale", _number(layer.scale))
        first, *overviews = staging.levels(layer.name, plane)
        _add_source(band, first)
        for array in overviews:
            _add_file(SubElement(band, "Overview"), array)
    return tostring(root, encoding="unicode")


def _number(value: float) -> str:
    return repr(int(value)) if float(value).is_integer() else repr(float(value))


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _tags(layer: Layer, facts: MapFacts) -> dict[str, str]:
    tags = facts.raster_tags() | {"LAYER": layer.name, DIGEST_TAG: BLANK}
    if facts.georeference.pixel_size is not None:
        rows, cols = (repr(1e4 / size) for size in facts.georeference.pixel_size)
        # 3: the resolution counts pixels per centimetre
        tags |= {
            "TIFFTAG_XRESOLUTION": cols,
            "TIFFTAG_YRESOLUTION": rows,
            "TIFFTAG_RESOLUTIONUNIT": "3",
        }
    return tags


def _add_metadata(root: Element, items: dict[str, str], domain: str = "") -> None:
    metadata = SubElement(root, "Metadata", {"domain": domain} if domain else {})
    for key, value in items.items():
        SubElement(metadata, "MDI", key=key).text = value


def _add_georeference(root: Element, georeference: Georeference) -> None:
    # Without an axis mapping GDAL takes x before y, as the transform does.
    if georeference.crs is not None:
        _text(root, "SRS", georeference.crs)
    if georeference.transform is not None:
        a, b, c, d, e, f = georeference.transform
        _text(root, "GeoTransform", ", ".join(repr(float(v)) for v in (c, a, b, f, d, e)))
    if georeference.gcps:
        projection = {"Projection": georeference.gcp_crs} if georeference.gcp_crs else {}
        points = SubElement(root, "GCPList", projection)
        for number, (row, col, x, y, z) in enumerate(georeference.gcps, 1):
            place = {"Pixel": col, "Line": row, "X": x, "Y": y, "Z": z}
            texts = {key: repr(float(value)) for key, value in place.items()}
            SubElement(points, "GCP", {"Id": str(number)} | texts)
    if georeference.rpcs:
        _add_metadata(root, dict(georeference.rpcs), "RPC")


def _add_classes(band: Element, layer: Layer, facts: MapFacts) -> None:
    if not facts.classes:
        _text(band, "ColorInterp", "Gray")
        return
    _text(band, "ColorInterp", "Palette")
    table = SubElement(band, "ColorTable")
    for info in facts.classes:
        red, green, blue = (str(part) for part in info.colour)
        SubElement(table, "Entry", c1=red, c2=green, c3=blue, c4="255")
    names = SubElement(band, "CategoryNames")
    for info in facts.classes:
        _text(names, "Category", info.name)


def _add_file(parent: Element, array: StagedArray) -> None:
    SubElement(parent, "SourceFilename", relativeToVRT="0").text = str(array.folder.absolute())
    _text(parent, "SourceBand", "1")


def _add_source(band: Element, array: StagedArray) -> None:
    source = SubElement(band, "SimpleSource")
    _add_file(source, array)
    height, width = (str(side) for side in array.shape)
    chunk = str(array.chunk)
    # With these GDAL need not open a source to know it.
    SubElement(
        source,
        "SourceProperties",
        RasterXSize=width,
        RasterYSize=height,
        DataType=_TYPES[array.dtype.str[1:]],
        BlockXSize=chunk,
        BlockYSize=chunk,
    )
    for name in ("SrcRect", "DstRect"):
        SubElement(source, name, xOff="0", yOff="0", xSize=width, ySize=height)
