"""STAC items and item collections: which asset of each is the image."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tilesegm.batch.entry import Entry
from tilesegm.batch.lists import beside
from tilesegm.errors import SettingsError, SourceError
from tilesegm.events import Noted, OnEvent
from tilesegm.inputs import read_json
from tilesegm.shown import line_of
from tilesegm.source.remote import is_http

__all__ = ["entries_of_items", "is_stac", "read_items"]

_LARGEST = 1 << 28
"""Bytes of a file of items; one of ten thousand items has some 100 MB."""
_SECONDS = 60
_RASTERS = ("image/tiff", "image/jp2", "application/vnd+zarr", "application/vnd.zarr")
"""How the media types of images begin."""
_SUFFIXES = (".tif", ".tiff", ".jp2", ".zarr")
_BESIDE = {"thumbnail", "overview", "metadata", "cloud", "cloud-shadow", "snow-ice", "data-mask"}
"""Roles of assets that are beside the image."""


def is_stac(image: Any) -> bool:
    """Tell whether something is an item or item collection of pystac."""
    pystac = sys.modules.get("pystac")
    return pystac is not None and isinstance(image, pystac.Item | pystac.ItemCollection)


def read_items(path: str) -> Any:
    """Read a STAC item or item collection from a file or web address.

    Raises:
        SettingsError: pystac is missing, or the file holds something else.
    """
    try:
        import pystac
    except ImportError as error:
        raise SettingsError(
            f'{path}: STAC items need pystac; run: pip install "tilesegm[stac]"'
        ) from error
    document = _read(path)
    kind = document.get("type") if isinstance(document, dict) else None
    try:
        if kind == "Feature" and "assets" in document:
            return pystac.Item.from_dict(document, href=path)
        if kind == "FeatureCollection" and any(
            "assets" in one for one in document.get("features", [])
        ):
            return pystac.ItemCollection.from_dict(document)
    except Exception as error:  # of whatever kind: pystac raises what the document's fault leads to
        raise SettingsError(f"{path} is no valid STAC ({line_of(error)})") from error
    what = (
        "a STAC catalog, which links to items" if kind in ("Catalog", "Collection") else "no STAC"
    )
    raise SettingsError(
        f"{path} is {what}; expected an image, a STAC item, or an item collection, as a search of "
        "a STAC API gives"
    )


def _read(path: str) -> Any:
    try:
        if not is_http(path):
            return read_json(Path(path), SettingsError, _LARGEST)
        with urlopen(path, timeout=_SECONDS) as answer:
            return json.loads(answer.read(_LARGEST))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({line_of(error)})") from None
    except ValueError as error:
        raise SettingsError(f"{path} is no JSON ({line_of(error)})") from error


def entries_of_items(
    items: Any, place: str, assets: Sequence[str], on_event: OnEvent
) -> list[Entry]:
    """Return the image of each item, called by the item's id.

    Args:
        items: a STAC item, or a collection of them.
        place: path of the file that holds them.
        assets: names of the assets that are the image; several are stacked as its bands. When not
            given, the one raster of each item.
        on_event: called with a note on the assets that are taken.

    Raises:
        SettingsError: no assets are named, and an item has several rasters or none.
    """
    several = [items] if hasattr(items, "assets") else list(items)
    taken: dict[str, int] = {}
    entries = []
    for item in several:
        names = list(assets) or [_only_raster(item, place)]
        lacking = [name for name in names if name not in item.assets]
        if lacking:
            there = ", ".join(item.assets) or "none"
            error = SourceError(
                f"item {item.id} of {place} has no asset {lacking[0]!r}; it has {there}"
            )
            entries.append(Entry(image=None, name=item.id, stem=item.id, error=error))
            continue
        paths = [_address(item, name, place) for name in names]
        taken[", ".join(names)] = taken.get(", ".join(names), 0) + 1
        image = paths[0] if len(paths) == 1 else paths
        entries.append(Entry(image=image, name=paths[0], stem=item.id))
    counts = "; ".join(f"asset {name} of {count}" for name, count in taken.items())
    on_event(Noted(f"{place}: {len(several)} STAC items; {counts or 'no asset'} is taken"))
    return entries


def _only_raster(item: Any, place: str) -> str:
    """Return the name of an item's only raster."""
    rasters = list(_rasters(item))
    if len(rasters) == 1:
        return rasters[0]
    there = ", ".join(rasters or item.assets) or "none"
    raise SettingsError(
        f"item {item.id} of {place} has {len(rasters)} assets that may be the image ({there}); "
        "--asset NAME says which one, and --asset red,green,blue stacks several as bands"
    )


def _rasters(item: Any) -> Iterator[str]:
    for name, asset in item.assets.items():
        kind = asset.media_type or ""
        path = asset.href.partition("?")[0].rstrip("/").lower()
        raster = kind.startswith(_RASTERS) if kind else path.endswith(_SUFFIXES)
        if raster and _BESIDE.isdisjoint(asset.roles or ()):
            yield name


def _address(item: Any, name: str, place: str) -> str:
    asset = item.assets[name]
    return asset.get_absolute_href() or beside(Path(place), asset.href)
