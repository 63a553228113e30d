"""Zarr arrays (v2 and v3) and OME-Zarr multiscale images (NGFF 0.4 and 0.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import ZipStore

from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.source.axes import Axes
from tilesegm.source.base import Georeference, ImageInfo
from tilesegm.source.identity import Identity, address_identity, array_identity, folder_identity
from tilesegm.source.image import ImageSource, Loaded, check_image, take_bands
from tilesegm.source.missing import Missing
from tilesegm.source.options import SourceOptions
from tilesegm.source.remote import is_http, open_remote_zarr

__all__ = ["ZarrSource", "open_zarr"]

_MICROMETRES = {
    "angstrom": 1e-4,
    "nanometer": 1e-3,
    "micrometer": 1.0,
    "millimeter": 1e3,
    "centimeter": 1e4,
    "meter": 1e6,
}


class ZarrSource(ImageSource):
    """A Zarr array, or one level of an OME-Zarr image at time and depth 0.

    Axes are named by OME metadata, by dimension names (v3) or by xarray's ``_ARRAY_DIMENSIONS``;
    an array of three axes without names has its bands on the shorter one of the first and last.
    """

    def __init__(self, image: Any, options: SourceOptions) -> None:
        """Open a path or URL, or take an open array or group.

        Raises:
            SourceError: there is no Zarr array or OME-Zarr image, or it lacks what is asked for.
            SettingsError: its dtype cannot hold the nodata value asked for.
        """
        path = image if isinstance(image, str) else None
        uri = path or f"<zarr {getattr(image, 'path', '') or 'array'}>"
        node = image if path is None else open_zarr(path)
        try:
            level = _level(uri, node, options)
        except KeyError as error:
            raise SourceError(f"{uri}: OME-Zarr metadata name no {error}") from error
        array, axes = level.array, level.axes
        check_image(uri, array.shape, array.dtype)
        self._uri, self._array, self._axes, self._owned = uri, array, axes, path is not None
        bands = options.select(uri, axes.count)
        self._span = slice(min(bands) - 1, max(bands))
        picked = [n - min(bands) for n in bands]
        self._picked = None if picked == list(range(len(picked))) else picked
        dtype = array.dtype.newbyteorder("=")
        missing = Missing.from_options(uri, dtype, options, (_fill_value(array),) * len(bands))
        info = ImageInfo(
            uri=uri,
            kind=level.kind,
            height=axes.size[0],
            width=axes.size[1],
            bands=len(bands),
            dtype=dtype,
            block=axes.block(array.chunks),
            nodata=missing.nodata[0],
            masked=missing.possible,
            georeference=Georeference(pixel_size=level.pixel_size),
            band_names=tuple(level.channels[n - 1] for n in bands) if level.channels else (),
            identity=(
                *self._identity(path, array),
                ("level", str(options.level)),
                ("bands", str(bands)),
            ),
        )
        super().__init__(info, missing)

    def _identity(self, path: str | None, array: Any) -> Identity:
        if path and Path(path).is_dir():
            return folder_identity(Path(path))
        if path and Path(path).is_file():
            return address_identity(path)
        metadata = json.dumps(array.metadata.to_dict(), sort_keys=True, default=str)
        return (
            ("path", path or array.path),
            ("metadata", blake2b(metadata.encode(), digest_size=16).hexdigest()),
            *array_identity(*self._axes.size, self._take),
        )

    def load(self, window: Window) -> Loaded:
        """Return values of ``window``; see `ImageSource.load`."""
        return self._take(window), None

    def close(self) -> None:
        """Close the store if it was opened here."""
        if self._owned:
            self._array.store.close()

    def _take(self, window: Window) -> np.ndarray[Any, Any]:
        try:
            part = self._array[self._axes.index(window, self._span)]
        except Exception as error:
            # Codecs and stores raise what they like.
            raise SourceError(
                f"{self._uri}: the image cannot be read at {window}: cut short, "
                f"damaged or out of reach ({error})"
            ) from error
        values = self._axes.arrange(np.asarray(part))
        if self._picked is not None:
            return take_bands(values, self._picked)
        return np.ascontiguousarray(values, values.dtype.newbyteorder("="))


@dataclass(frozen=True)
class _Level:
    """One array of an image, and what its metadata say."""

    array: Any
    axes: Axes
    kind: str
    pixel_size: tuple[float, float] | None = None
    channels: tuple[str, ...] = ()


def open_zarr(path: str) -> Any:
    """Open the Zarr array or group at a path or URL for reading.

    Raises:
        SourceError: there is none.
    """
    try:
        if "://" in path:
            return open_remote_zarr(path)
        if not Path(path).exists():
            raise SourceError(f"{path}: no such folder; check the path")
        zipped = Path(path).is_file()
        return zarr.open(ZipStore(path, mode="r") if zipped else path, mode="r")
    except SourceError:
        raise
    except Exception as error:
        # Stores and codecs raise what they like.
        reason = " ".join(str(error).split()) or type(error).__name__
        hint = "; check the address" if is_http(path) else ""
        raise SourceError(
            f"{path}: no Zarr array or group can be opened ({reason}){hint}"
        ) from error


def _level(uri: str, node: Any, options: SourceOptions) -> _Level:
    version = f"Zarr v{node.metadata.zarr_format}"
    if isinstance(node, zarr.Group):
        attributes = dict(node.attrs)
        ome = attributes.get("ome", attributes)
        if isinstance(ome, Mapping) and ome.get("multiscales"):
            return _multiscale(uri, node, ome, options.level)
        names = ", ".join(sorted(name for name, _ in node.arrays())) or "none"
        raise SourceError(
            f"{uri}: a Zarr group without OME-Zarr metadata; pass one of its arrays: {names}"
        )
    if options.level:
        raise SettingsError(f"{uri}: level={options.level}, but a single array has level 0 alone")
    names = getattr(node.metadata, "dimension_names", None) or node.attrs.get("_ARRAY_DIMENSIONS")
    if names and all(names):
        return _Level(node, Axes.named(uri, node.shape, names), version)
    return _Level(node, Axes.guessed(uri, node.shape), version)


def _multiscale(uri: str, group: zarr.Group, ome: Mapping[str, Any], level: int) -> _Level:
    image = ome["multiscales"][0]
    levels = image["datasets"]
    if level >= len(levels):
        raise SourceError(
            f"{uri}: level={level} was asked for, but the image has {len(levels)} "
            f"level{'s' if len(levels) > 1 else ''}; choose from 0 to {len(levels) - 1}"
        )
    chosen = levels[level]
    array: Any = group[chosen["path"]]
    names = [axis["name"] for axis in image["axes"]]
    axes = Axes.named(uri, array.shape, names)
    channels = tuple(
        str(channel.get("label", f"band {n}"))
        for n, channel in enumerate(ome.get("omero", {}).get("channels", []), 1)
    )
    return _Level(
        array=array,
        axes=axes,
        kind=f"OME-Zarr {ome.get('version') or image.get('version', '')}".strip(),
        pixel_size=_pixel_size(image, chosen, axes),
        channels=channels if len(channels) == axes.count else (),
    )


def _pixel_size(
    image: Mapping[str, Any], level: Mapping[str, Any], axes: Axes
) -> tuple[float, float] | None:
    """Return height and width of a pixel in micrometres if the axes have units of length."""
    units = [
        _MICROMETRES.get(image["axes"][axis].get("unit", "")) for axis in (axes.rows, axes.cols)
    ]
    if None in units:
        return None
    size = [float(unit) for unit in units if unit]
    for step in (
        *level.get("coordinateTransformations", []),
        *image.get("coordinateTransformations", []),
    ):
        if step.get("type") == "scale":
            size = [size[0] * step["scale"][axes.rows], size[1] * step["scale"][axes.cols]]
    return size[0], size[1]


def _fill_value(array: Any) -> float | None:
    """Return CF's ``_FillValue``; Zarr's own fill value marks chunks that were never written."""
    value = array.attrs.get("_FillValue")
    return float(value) if isinstance(value, (int, float)) else None
