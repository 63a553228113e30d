"""Formats that GDAL may read: those that hold their pixels, and mosaics that were looked into."""

from __future__ import annotations

__all__ = ["DRIVERS"]

DRIVERS = (
    *("GTiff", "VRT", "PNG", "JPEG", "JPEGXL", "GIF", "BIGGIF", "BMP", "WEBP", "AVIF", "HEIF"),
    *("PNM", "JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID", "HFA", "ENVI", "EHdr", "AAIGrid"),
    *("SRTMHGT", "DTED", "NITF", "GRIB", "netCDF", "HDF5", "HDF5Image", "GPKG", "MBTiles"),
)
"""GDAL's names. Left out are services (WMS, WMTS, STAC ...), indexes of tiles, and whatever else is
a text that names further files."""
