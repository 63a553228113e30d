"""Zarr arrays (v2 and v3) and OME-Zarr multiscale images (NGFF 0.4 and 0.5)."""

from __future__ import annotations

import json
import math
import os
import zipfile
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import ZipStore

from tilesegm.errors import SourceError, TilesegmError
from tilesegm.grid.window import Window
from tilesegm.inputs import check_expansion, check_input, check_tree
from tilesegm.shown import harmless, line_of
from tilesegm.source.attributes import fill_value, scaling
from tilesegm.source.base import ImageInfo, scaling_of_bands
from tilesegm.source.identity import (
    Identity,
    address_identity,
    array_identity,
    folder_identity,
    steps_identity,
)
from tilesegm.source.image import ImageSource, Loaded, check_image, take_bands
from tilesegm.source.missing import Missing
from tilesegm.source.names import is_zarr
from tilesegm.source.options import SourceOptions
from tilesegm.source.remote import FetchError, is_http, is_remote, patiently
from tilesegm.source.remote_zarr import open_remote_zarr
from tilesegm.source.zarr_image import ZarrImage, find_image

__all__ = ["ZarrSource", "open_zarr"]


class ZarrSource(ImageSource):
    """A Zarr array, or one level of an OME-Zarr image at one time and depth.

    Axes are named by OME metadata, by dimension names (v3) or by xarray's ``_ARRAY_DIMENSIONS``;
    an array of three axes without names has its bands on the shorter one of the first and last.
    """

    def __init__(self, store: Any, options: SourceOptions) -> None:
        """Open a path or URL, or take an open array or group.

        Raises:
            SourceError: there is no Zarr array or OME-Zarr image, or it lacks what is asked for.
            SettingsError: its dtype cannot hold the nodata value asked for.
        """
        path = store if isinstance(store, str) else None
        uri = path or f"<zarr {getattr(store, 'path', '') or 'array'}>"
        if path is not None:
            check_input(path, SourceError)
        folder = Path(path) if path and Path(path).is_dir() else None
        files = check_tree(folder, SourceError) if folder else []
        node = store if path is None else open_zarr(path)
        self._uri, self._owned = uri, path is not None
        try:
            image = find_image(uri, node, _parent(path, node), options)
            if path is not None:
                # What is stored elsewhere is not known, so no chunk may be large there.
                stored = sum(
                    map(os.path.getsize, files or ([path] if Path(path).is_file() else []))
                )
                _check_chunks(uri, image.array, stored)
            info, missing = self._describe(uri, image, options)
            beside = self._identity(path, image.array) if folder is None else ()
        except TilesegmError:
            raise
        except KeyError as error:
            raise SourceError(f"{uri}: OME-Zarr metadata name no {error}") from error
        except Exception as error:
            # Metadata of any type may stand anywhere, and stores raise what they like.
            raise SourceError(
                f"{uri}: its metadata cannot be understood ({type(error).__name__}: "
                f"{line_of(error)})"
            ) from error
        if folder is not None:
            beside = folder_identity(folder, files)
        super().__init__(replace(info, identity=(*beside, *info.identity)), missing)

    def _describe(
        self, uri: str, image: ZarrImage, options: SourceOptions
    ) -> tuple[ImageInfo, Missing]:
        array, axes = image.array, image.axes
        check_image(uri, array.shape, array.dtype)
        self._array, self._axes = array, axes
        self._palette = image.palette
        bands = options.select(uri, axes.count)
        self._span = slice(min(bands) - 1, max(bands))
        picked = [n - min(bands) for n in bands]
        self._picked = None if picked == list(range(len(picked))) else picked
        dtype = array.dtype.newbyteorder("=")
        missing = Missing.from_options(uri, dtype, options, (_nodata(array),) * len(bands))
        info = ImageInfo(
            uri=uri,
            kind=image.kind,
            height=axes.size[0],
            width=axes.size[1],
            bands=len(bands),
            dtype=dtype,
            block=axes.block(array.chunks),
            nodata=missing.nodata[0],
            masked=missing.possible,
            georeference=image.place,
            band_names=tuple(image.channels[n - 1] for n in bands) if image.channels else (),
            identity=(
                ("level", str(options.level)),
                ("bands", str(bands)),
                *steps_identity(image.steps),
            ),
            steps=image.steps,
            files=_files(uri if self._owned else None, array),
            scaling=scaling_of_bands([scaling(array.attrs)] * len(bands)),
            notes=image.notes,
        )
        return info, missing

    def _identity(self, path: str | None, array: Any) -> Identity:
        if path and Path(path).is_file():
            return address_identity(path)
        metadata = json.dumps(array.metadata.to_dict(), sort_keys=True, default=str)
        return (
            ("path", path or array.path),
            ("metadata", blake2b(metadata.encode(), digest_size=16).hexdigest()),
            *array_identity(*self._axes.size, self._take),
        )

    @property
    def palette(self) -> NDArray[np.uint8] | None:
        """Colours of ids, as OME metadata of labels tell them."""
        return self._palette

    def load(self, window: Window) -> Loaded:
        """Return values of ``window``; see `ImageSource.load`."""
        return self._take(window), None

    def close(self) -> None:
        """Close the store if it was opened here."""
        if self._owned:
            self._array.store.close()

    def _take(self, window: Window) -> np.ndarray[Any, Any]:
        return patiently(lambda: self._fetch(window))

    def _fetch(self, window: Window) -> np.ndarray[Any, Any]:
        try:
            part = self._array[self._axes.index(window, self._span)]
        except Exception as error:
            # Codecs and stores raise what they like.
            raise (FetchError if is_remote(self._uri) else SourceError)(
                f"{self._uri}: the image cannot be read at {window}: cut short, "
                f"damaged or out of reach ({line_of(error)})"
            ) from harmless(error)
        values = self._axes.arrange(np.asarray(part))
        if self._picked is not None:
            return take_bands(values, self._picked)
        return np.ascontiguousarray(values, values.dtype.newbyteorder("="))


def _check_chunks(uri: str, array: Any, stored: int) -> None:
    """Refuse chunks, or an index of a shard, far larger than all that is stored."""
    chunk = math.prod(array.chunks) * array.dtype.itemsize
    check_expansion(f"{uri}: a chunk of {array.chunks} pixels", chunk, stored, SourceError)
    if array.shards:
        index = 16 * math.prod(-(-a // b) for a, b in zip(array.shards, array.chunks, strict=True))
        check_expansion(f"{uri}: the index of a shard", index, stored, SourceError)


def _files(path: str | None, array: Any) -> tuple[str, ...]:
    """Return where an array lies on disk; nothing where it lies elsewhere."""
    place = path or getattr(array.store, "root", None)
    return (str(place),) if place and Path(place).exists() else ()


def open_zarr(path: str) -> Any:
    """Open the Zarr array or group at a path or URL for reading.

    Raises:
        SourceError: there is none.
    """
    return patiently(lambda: _open_zarr(path))


def _open_zarr(path: str) -> Any:
    try:
        if "://" in path:
            return open_remote_zarr(path)
        if not Path(path).exists():
            raise SourceError(f"{path}: no such folder; check the path")
        check_input(path, SourceError)
        zipped = Path(path).is_file()
        if zipped:
            _check_zip(path)
        return zarr.open(ZipStore(path, mode="r") if zipped else path, mode="r")
    except SourceError:
        raise
    except Exception as error:
        # Stores and codecs raise what they like.
        hint = "; check the address" if is_http(path) else ""
        raise (FetchError if is_remote(path) else SourceError)(
            f"{path}: no Zarr array or group can be opened ({line_of(error)}){hint}"
        ) from harmless(error)


def _check_zip(path: str) -> None:
    """Refuse an archive with a file that unpacks to far more than all of it."""
    with zipfile.ZipFile(path) as archive:
        largest = max((one.file_size for one in archive.infolist()), default=0)
    check_expansion(path, largest, os.path.getsize(path), SourceError)


def _parent(path: str | None, node: Any) -> zarr.Group | None:
    """Return the group that holds a node: arrays of coordinates lie there."""
    folder, _, name = (node.path or (path or "").rstrip("/")).rpartition("/")
    if not name or (path and "?" in path):
        return None
    try:
        if node.path:
            found: Any = zarr.open(node.store, path=folder, mode="r")
        else:
            found = open_zarr(folder) if folder and is_zarr(folder) else None
    except Exception:  # the folder is no part of the store
        return None
    return found if isinstance(found, zarr.Group) else None


def _nodata(array: Any) -> float | None:
    """Return the value of missing pixels.

    Zarr's own fill value marks chunks that were never written. Only xarray and GDAL make it the
    nodata value, in v2, where the names of dimensions show their hand.
    """
    value = fill_value(array.attrs)
    if value is None and array.metadata.zarr_format == 2 and "_ARRAY_DIMENSIONS" in array.attrs:
        return fill_value({"_FillValue": array.metadata.fill_value})
    return value
