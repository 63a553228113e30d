"""Where results go: staged durably while a run lasts, finished as GeoTIFF or OME-Zarr."""

from tilesegm.sink.check import SUFFIXES, check_output, check_space
from tilesegm.sink.estimate import OutputBytes, estimate_bytes
from tilesegm.sink.geotiff import TiffOptions, finish_geotiff
from tilesegm.sink.layer import Layer
from tilesegm.sink.ome_zarr import finish_zarr
from tilesegm.sink.provenance import MapFacts, read_map_facts
from tilesegm.sink.staging import Staging, staging_folder

__all__ = [
    "SUFFIXES",
    "Layer",
    "MapFacts",
    "OutputBytes",
    "Staging",
    "TiffOptions",
    "check_output",
    "check_space",
    "estimate_bytes",
    "finish_geotiff",
    "finish_zarr",
    "read_map_facts",
    "staging_folder",
]
