"""How GDAL is called: its settings, its errors, and what it knows of an image's place."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path, PurePath
from threading import RLock
from typing import Any

import rasterio
from affine import Affine
from rasterio._path import _parse_path
from rasterio.enums import ColorInterp, Resampling
from rasterio.env import env_ctx_if_needed, set_gdal_config
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.session import AWSSession, DummySession, Session
from rasterio.vrt import WarpedVRT
from tifffile import COMPRESSION

from tilesegm.errors import SourceError
from tilesegm.inputs import check_expansion, check_input
from tilesegm.shown import harmless
from tilesegm.source.base import Georeference, ImageInfo
from tilesegm.source.decoded import decoded_bytes
from tilesegm.source.drivers import DRIVERS
from tilesegm.source.mosaic import check_beside, check_links, check_mosaic_text
from tilesegm.source.names import file_of
from tilesegm.source.object_store import find_session, gdal_endpoint, is_s3, unopened_name
from tilesegm.source.options import Nodata
from tilesegm.source.remote import FetchError, is_http, is_remote, remote_settings
from tilesegm.source.vector.address import is_vector
from tilesegm.trust import HOW_TO_TRUST, trusted

__all__ = [
    "Gdal",
    "forget_if_changed",
    "georeference_of",
    "open_dataset",
    "open_quietly",
    "warp_dataset",
    "without_place",
    "without_warnings",
]

_PLANE = "EPSG:3857"
"""Stands for the system of coordinates that no file names; from itself to itself nothing moves."""

_QUIET = RLock()
"""Filters of warnings belong to the process: two threads that set them would undo each other's."""

_STATES: dict[str, tuple[tuple[str, str], ...]] = {}
"""Of each remote file, what its server told when it was opened: GDAL keeps parts of it as long as
the process lives, under its name alone."""

_THREADED = (".tif", ".tiff", ".btf", ".tf8", ".jp2", ".j2k")
"""Local formats that GDAL decodes by several threads. Never remote files, nor mosaics that may lead
to some: GDAL 3.10 then drops the errors of its threads and returns zeros."""


class Gdal:
    """Settings for one image, good in any thread."""

    def __init__(self, uri: str, cache_bytes: int) -> None:
        """Take the address of the image and the bound of GDAL's block cache."""
        self._uri = uri
        self._cache_bytes = cache_bytes
        self._settings = _settings(uri)

    @contextmanager
    def calls(self, trouble: str) -> Iterator[None]:
        """Run GDAL within these settings, and turn its errors to ours.

        Args:
            trouble: what an error means for the image, such as "cannot be opened".

        Raises:
            SourceError: GDAL raised an error; a `FetchError` if the image is remote.
        """
        try:
            # GDAL has one cache per process, by default 5 % of the machine's memory. Through Env
            # the bound would end with this read, and lift another thread's bound with it.
            set_gdal_config("GDAL_CACHEMAX", self._cache_bytes)
            with rasterio.Env(_session(file_of(self._uri)), **self._settings):
                yield
        except SourceError:
            raise
        except (RasterioError, ValueError) as error:
            kind = FetchError if is_remote(file_of(self._uri)) else SourceError
            raise kind(_explain(self._uri, trouble, error)) from harmless(error)


def open_dataset(uri: str, level: int) -> Any:
    """Open one level of a raster; 0 is the full resolution.

    Raises:
        SourceError: the image has fewer overviews.
        RasterioError: GDAL cannot open it.
    """
    dataset = open_quietly(uri)
    if not level:
        return dataset
    levels = len(dataset.overviews(1)) if dataset.count else 0
    dataset.close()
    if level > levels:
        raise SourceError(
            f"{uri}: level={level} was asked for, but the image has {levels} overviews; "
            f"choose from 0 to {levels}"
        )
    return open_quietly(uri, OVERVIEW_LEVEL=level - 1)


def open_quietly(uri: str, **options: Any) -> Any:
    """Open without a warning about a missing georeference, which a photo never has.

    This is where everything that GDAL reads is opened, so this is where it is looked at first.

    Raises:
        SourceError: it is no file, GDAL knows no object of its name, it leads to others elsewhere,
            or unpacks to far more than it holds.
        RasterioError: GDAL cannot open it.
    """
    file = file_of(uri)
    if not is_remote(file):
        check_input(file, SourceError)
    elif is_s3(file) and (why := unopened_name(file)):
        raise SourceError(f"{uri}: {why}; copy it to another one")
    local = os.path.isfile(file)
    if local and not trusted():
        check_links(Path(file))
        check_beside(Path(file))
    with without_place():
        if trusted() or not (local or os.path.isdir(file)):
            # What users spell for GDAL themselves (s3://, /vsizip/, NETCDF:) they mean.
            dataset = rasterio.open(uri, sharing=False, **options)
        else:
            # rasterio.open takes one driver at most.
            with env_ctx_if_needed():
                dataset = DatasetReader(
                    _parse_path(uri), driver=list(DRIVERS), sharing=False, **options
                )
    try:
        if not trusted():
            _check_opened(uri, dataset, local)
    except BaseException:
        dataset.close()
        raise
    return dataset


def _check_opened(uri: str, dataset: Any, local: bool) -> None:
    """Refuse what only an open dataset tells.

    Raises:
        SourceError: its format, mosaic or overviews lead elsewhere, or a block is far too large.
    """
    if dataset.driver not in DRIVERS:
        raise SourceError(
            f"{uri}: of format {dataset.driver}, which may lead to other files or addresses; "
            f"{HOW_TO_TRUST}"
        )
    if dataset.driver == "VRT" and not local:
        check_mosaic_text(uri, dataset.tags(ns="xml:VRT").get("xml:VRT", ""), None)
    overviews = dataset.tags(ns="OVERVIEWS").get("OVERVIEW_FILE", "")
    if re.search(r"[/:\\]", overviews.removeprefix(":::BASE:::")):
        raise SourceError(f"{uri}: its overviews lead to {overviews!r:.100}; {HOW_TO_TRUST}")
    if local:
        stored = sum(os.path.getsize(file) for file in dataset.files if os.path.isfile(file))
        unpacked = decoded_bytes(file_of(uri), dataset)
        check_expansion(f"{uri}: what is decoded at once", unpacked, stored, SourceError)


def forget_if_changed(uri: str, state: tuple[tuple[str, str], ...]) -> None:
    """Let GDAL forget a remote file that is not as it was when this process opened it last.

    Args:
        uri: of the file.
        state: what the server or store tells of it; nothing where it tells nothing.
    """
    if state and _STATES.setdefault(uri, state) != state:
        _STATES[uri] = state
        # What may not be kept is dropped when it is closed. Pixels are never read so: GDAL 3.10
        # then gives zeros in place of what does not arrive.
        dropping = {"CPL_VSIL_CURL_NON_CACHED": "/vsicurl/:/vsis3/"}
        with suppress(RasterioError, SourceError), rasterio.Env(**_settings(uri), **dropping):
            open_quietly(uri).close()


@contextmanager
def without_place() -> Iterator[None]:
    """Let rasterio work on what has no georeference without a word."""
    with without_warnings(NotGeoreferencedWarning):
        yield


@contextmanager
def without_warnings(*categories: type[Warning]) -> Iterator[None]:
    """Ignore warnings of some categories.

    One thread at a time: also rasterio's own functions set filters of warnings.
    """
    with _QUIET, warnings.catch_warnings():
        for category in categories:
            warnings.simplefilter("ignore", category)
        yield


def warp_dataset(dataset: Any, grid: ImageInfo, nodata: Nodata | None = None) -> Any:
    """Lay a dataset on the grid of an image by nearest neighbour; ids stay what they are.

    Pixels beyond the dataset hold its nodata value, or are hidden by alpha where it has none or
    where another one counts.

    Args:
        dataset: open and with a georeference; a coordinate system that one of the two does not
            tell is taken to be that of the other.
        grid: the image, with a transform.
        nodata: that counts in place of the dataset's own.
    """
    there = dataset.crs or grid.georeference.crs or _PLANE
    alpha = any(c == ColorInterp.alpha for c in dataset.colorinterp)
    return WarpedVRT(
        dataset,
        src_crs=there,
        crs=grid.georeference.crs or there,
        transform=Affine(*(grid.georeference.transform or ())),
        height=grid.height,
        width=grid.width,
        resampling=Resampling.nearest,
        add_alpha=not alpha and (dataset.nodata is None or nodata is not None),
        **({} if nodata is None else {"src_nodata": None, "nodata": None}),
    )


def georeference_of(dataset: Any) -> Georeference:
    """Return what an open dataset says of its place."""
    points, points_crs = dataset.gcps
    identity = dataset.transform.is_identity
    return Georeference(
        crs=dataset.crs.to_wkt() if dataset.crs else None,
        transform=None if identity else tuple(dataset.transform)[:6],
        gcps=tuple((p.row, p.col, p.x, p.y, p.z or 0.0) for p in points),
        gcp_crs=points_crs.to_wkt() if points_crs else None,
        rpcs=tuple(sorted(dataset.tags(ns="RPC").items())),
    )


def _session(file: str) -> Session | None:
    """Return what gives keys of a store to GDAL; None leaves it to rasterio.

    Where the environment holds keys, rasterio makes a session of boto3 at each call, which takes
    longer than many a read, also of a file on a disk.
    """
    if not is_s3(file):
        return None if is_remote(file) and not is_http(file) else DummySession()
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= os.environ.keys()
    return AWSSession(find_session()) if keys and find_spec("boto3") else None


def _settings(uri: str) -> dict[str, Any]:
    settings: dict[str, Any] = {
        # A JPEG that is cut short is a warning and grey pixels otherwise.
        "GDAL_ERROR_ON_LIBJPEG_WARNING": "TRUE",
        # Decodes a PNG whole, and leaves the buffer unwritten without a word when it is cut short.
        "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
        # Whatever the environment says: a mosaic of Python code runs where it is trusted alone.
        "GDAL_VRT_ENABLE_PYTHON": "YES" if trusted() else "NO",
    }
    if is_remote(file_of(uri)):
        store = gdal_endpoint() if is_s3(file_of(uri)) else {}
        return settings | remote_settings() | store
    if uri.lower().endswith(_THREADED):
        settings["GDAL_NUM_THREADS"] = "ALL_CPUS"
    return settings


def _explain(uri: str, trouble: str, error: Exception) -> str:
    """Say in one line what GDAL complains about."""
    reason = " ".join(str(error.__cause__ or error).split())
    codec = re.search(r"missing codec (?:of code )?(\S+?)\.?$", reason)
    if codec:
        names = {str(member.value): member.name for member in COMPRESSION}
        name = names.get(codec[1], codec[1])
        return (
            f"{uri}: this GDAL has no codec {name}; install rasterio from conda-forge, "
            "or convert the image with a GDAL that has it: gdal_translate -co COMPRESS=DEFLATE"
        )
    if "not recognized as being in a supported file format" in reason:
        return f"{uri}: not an image that GDAL {rasterio.__gdal_version__} can read{_instead(uri)}"
    return f"{uri}: the image {trouble} ({reason})"


def _instead(uri: str) -> str:
    """Say what a file that is no image seems to be, and where it belongs."""
    if os.path.isdir(uri):
        return "; it is a folder: give one of the files in it"
    suffix = PurePath(uri.partition("|")[0]).suffix.lower()
    if is_vector(uri) and suffix not in (".csv", ".json", ".zip"):
        return "; it seems to hold polygons, which are given as labels or area of interest"
    if suffix in (".keras", ".h5", ".pb"):
        return "; it seems to be a network, which is given as model"
    if suffix in (".yaml", ".yml"):
        return "; it seems to be settings, which `tilesegm train` takes"
    return ""
