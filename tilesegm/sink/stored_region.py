"""A finished region as one object of a store: a ZIP of its chunks, with its line of the journal.

Workers need no disk that they share with anything: what they see is the store.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tilesegm.errors import OutputError
from tilesegm.grid.window import Window
from tilesegm.sink.chunk_digest import digest_of
from tilesegm.sink.finished_region import FinishedRegion, sum_up
from tilesegm.sink.layer import Layer
from tilesegm.sink.region_writer import around
from tilesegm.sink.staged_layers import StagedLayers
from tilesegm.sink.staging_prefix import HEAD, REGIONS, StagingPrefix

__all__ = ["StoredRegionWriter", "StoredSite", "fetch_region", "find_region", "seal_of"]

_ENTRY = "tilesegm-region"
"""Name of the metadata of an object that hold the line of the region."""


class StoredRegionWriter:
    """Writes regions as objects. Used from one thread at a time.

    Args:
        prefix: where they go.
        layers: what makes chunks of pixels; its folder is not looked at.
    """

    def __init__(self, prefix: StagingPrefix, layers: StagedLayers) -> None:
        self._prefix, self._layers = prefix, layers
        self._chunks: dict[str, bytes] = {}
        self._windows: list[Window] = []

    def write(self, layer: str, window: Window, values: NDArray[Any]) -> None:
        """Take finished pixels and make their overviews; see `StagedLayers.encode`.

        Raises:
            ValueError: the window does not hold whole chunks, or the values do not fill it.
        """
        self._chunks.update(self._layers.encode(layer, window, values))
        self._windows.append(window)

    def finish(self, region: int, facts: Mapping[str, Any] | None = None) -> FinishedRegion:
        """Store what was written since the last region, and return it as its line names it.

        Args:
            region: its number.
            facts: small facts to keep with it.

        Raises:
            OutputError: the store does not take it; the region does not count as finished.
        """
        facts = dict(facts or {})
        digests = {place: digest_of(data) for place, data in self._chunks.items()}
        finished = FinishedRegion(region, facts, around(self._windows), sum_up(facts, digests))
        line = json.dumps(finished.entry(), sort_keys=True, separators=(",", ":"))
        self._prefix.put(_name(region), _pack(self._chunks), {_ENTRY: line})
        self._chunks.clear()
        self._windows.clear()
        return finished


@dataclass(frozen=True, kw_only=True)
class StoredSite:
    """A prefix that a run writes under. Small, and can be sent to other machines.

    They find credentials and endpoint in an environment of their own.
    """

    uri: str
    size: tuple[int, int]
    """Height and width of the image."""
    layers: tuple[Layer, ...]
    chunk: int
    seal: str
    """What `seal_of` makes of the object that says whose the prefix is."""

    def writer(self) -> StoredRegionWriter:
        """Return what writes regions there."""
        layers = StagedLayers(Path(), self.size, self.layers, self.chunk)
        return StoredRegionWriter(self._prefix, layers)

    def check(self) -> None:
        """Refuse to write where the store is not in sight, or the prefix is another run's by now.

        Raises:
            OutputError: it is so.
        """
        head = self._prefix.read(HEAD)
        if head is None:
            raise OutputError(
                f"{self.uri}: the unfinished results are gone, as another run ended them; run the "
                "same command again"
            )
        if seal_of(head) != self.seal:
            raise OutputError(f"{self.uri} belongs to another run by now")

    @cached_property
    def _prefix(self) -> StagingPrefix:
        return StagingPrefix(self.uri)


def seal_of(head: bytes) -> str:
    """Return a digest of what says whose a prefix is."""
    return hashlib.sha256(head).hexdigest()


def find_region(prefix: StagingPrefix, name: str) -> FinishedRegion | None:
    """Return the region that an object holds, by its metadata; None where it is none.

    Raises:
        OutputError: the store cannot be reached.
    """
    try:
        entry = json.loads(prefix.attributes(name).get(_ENTRY, ""))
    except (ValueError, RecursionError):
        return None
    region = FinishedRegion.parse(entry) if isinstance(entry, dict) else None
    return region if region is not None and _name(region.number) == name else None


def fetch_region(prefix: StagingPrefix, region: FinishedRegion) -> dict[str, bytes]:
    """Return the chunks of a region by their paths; none where they cannot be read.

    Raises:
        OutputError: the store cannot be reached.
    """
    data = prefix.read(_name(region.number))
    try:
        with zipfile.ZipFile(BytesIO(data or b"")) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError):
        return {}


def _name(region: int) -> str:
    return f"{REGIONS}/{region}.zip"


def _pack(chunks: Mapping[str, bytes]) -> bytes:
    """Put chunks, which are compressed already, into a ZIP of always the same bytes."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for place, data in sorted(chunks.items()):
            archive.writestr(zipfile.ZipInfo(place), data)
    return target.getvalue()
