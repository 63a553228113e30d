"""Unfinished results in a store: any machine that sees it writes them, and goes on with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tilesegm.errors import OutputError
from tilesegm.grid.window import Window
from tilesegm.sink.fingerprint import plain
from tilesegm.sink.finished_region import FinishedRegion, is_count
from tilesegm.sink.layer import Layer
from tilesegm.sink.run_file import goes_on, parse_run, run_of, run_text
from tilesegm.sink.run_record import RunRecord
from tilesegm.sink.staged_layers import StagedLayers
from tilesegm.sink.staging import Staging
from tilesegm.sink.staging_prefix import HEAD, NOTES, REGIONS, StagingPrefix
from tilesegm.sink.stored_region import (
    StoredRegionWriter,
    StoredSite,
    fetch_region,
    find_region,
    seal_of,
)

__all__ = ["StoredStaging", "discard_staged"]

_FOUND = 32
"""Regions that are looked for at a time: each of them waits for the store alone."""
_WAITING = 1024
"""Regions that wait to be looked for, since each that does takes memory."""
_FETCHED = 4
"""Regions that are fetched at a time; all of their chunks are in memory."""
_TOGETHER = 64
"""Regions that are recorded together."""


def discard_staged(prefix: StagingPrefix, fingerprint: Mapping[str, Any]) -> None:
    """Remove the unfinished results of a run whose outputs are in place, and what a kill left.

    Those of another run stay.

    Raises:
        OutputError: the store does not remove them.
    """
    before = parse_run(prefix.head() or b"")
    if before is None or before.get("fingerprint") == plain(fingerprint):
        prefix.clear()


class StoredStaging(RunRecord):
    """Durable, resumable storage of a run's results in a store. Used from one thread at a time.

    Attributes:
        prefix: where it lies.
    """

    def __init__(
        self, prefix: StagingPrefix, size: tuple[int, int], layers: Sequence[Layer], chunk: int
    ) -> None:
        self.prefix = prefix
        writer = StoredRegionWriter(prefix, StagedLayers(Path(), size, layers, chunk))
        super().__init__(size, layers, chunk, writer)
        self._seal = ""

    @classmethod
    def open(
        cls,
        prefix: StagingPrefix,
        *,
        size: tuple[int, int],
        layers: Sequence[Layer],
        fingerprint: Mapping[str, Any],
        chunk: int = 1024,
        overwrite: bool = False,
    ) -> Self:
        """Begin a run, or go on with the one that was interrupted; see `Staging.open`.

        Raises:
            OtherWorkError: the unfinished run was a different one.
            OutputError: the store cannot be reached or written, or holds something else there.
        """
        staging = cls(prefix, size, layers, chunk)
        now = run_of(fingerprint, size, layers, chunk)
        head = prefix.head()
        before = None if head is None else parse_run(head)
        if before is None and prefix.leftovers() and not overwrite:
            staging.findings.append(
                f"{prefix.uri}/{HEAD} is damaged or missing, so it cannot be told what the "
                "unfinished work beside it belongs to; all of it is computed again"
            )
        if head is None or not goes_on(before, now, overwrite, prefix.uri):
            prefix.clear()
            head = run_text(now, overwrite).encode()
            prefix.put(HEAD, head)
        staging._seal = seal_of(head)
        staging._recall()
        return staging

    @property
    def place(self) -> str:
        """What it is called in messages."""
        return self.prefix.uri

    @property
    def site(self) -> StoredSite:
        """What other processes need to write regions here."""
        return StoredSite(
            uri=self.prefix.uri,
            size=self.size,
            layers=self.layers,
            chunk=self.chunk,
            seal=self._seal,
        )

    def note(self, key: str, value: Any) -> None:
        """Remember a small fact of the whole run, such as a choice that must not change later."""
        notes = {**self.notes, key: value}
        self.prefix.put(NOTES, json.dumps(notes).encode())
        self.notes[key] = value

    def record(self, regions: Sequence[FinishedRegion]) -> None:
        """Take up regions that are in the store already, whoever wrote them."""
        for region in regions:
            self._regions.add(region)

    def keep_only(self, windows: Mapping[int, Window], counts: Collection[str] = ()) -> None:
        """Forget finished regions that no run of these can have written; see `Staging`."""
        before = len(self._regions)
        for number in tuple(self._regions):
            region = self._regions[number]
            odd = not all(is_count(region.facts.get(name, 0)) for name in counts)
            if odd or region.window is None or region.window != windows.get(number):
                self._regions.forget(number)
        self._tell_lost(before - len(self._regions))

    def move_to(self, staging: Staging, report: Callable[[float], None]) -> None:
        """Copy what is finished into the folder of the same run, which has none of it or some.

        Regions whose bytes are not those of their digest are left out, with a finding there.

        Args:
            staging: the folder.
            report: called with the fraction done.

        Raises:
            OutputError: the store cannot be reached, or the disk is full.
        """
        for key, value in self.notes.items():
            if staging.notes.get(key) != value:
                staging.note(key, value)

        def move(number: int) -> FinishedRegion | None:
            region = self._regions[number]
            return region if staging.take(region, fetch_region(self.prefix, region)) else None

        lacking = [number for number, one in self._regions.items() if not staging.holds(one)]
        with ThreadPoolExecutor(_FETCHED, "tilesegm-fetch") as threads:
            for start in range(0, len(lacking), _TOGETHER):
                some = lacking[start : start + _TOGETHER]
                staging.record([region for region in threads.map(move, some) if region])
                report((start + len(some)) / len(lacking))
        lost = [number for number in lacking if not staging.holds(self._regions[number])]
        for number in lost:
            staging.forget(number)
        if lost:
            staging.findings.append(
                f"{self.place}: {len(lost)} of {len(self._regions)} finished regions did not read "
                "back as they were written; they are computed again"
            )

    def discard(self) -> None:
        """Remove all objects: their results are in place elsewhere, or unwanted."""
        self.prefix.clear()

    def abandon(self) -> None:
        """Remove all objects where there is no region, also none that a worker wrote untold."""
        with suppress(OutputError):  # what failed before is what the user has to know
            if not self.done and not self.prefix.names(REGIONS):
                self.discard()

    def close(self) -> None:
        """Nothing is held: the same run may go on from anywhere."""

    def _recall(self) -> None:
        """Take up what lies under the prefix."""
        try:
            self.notes.update(json.loads(self.prefix.read(NOTES) or b"{}"))
        except (ValueError, TypeError, RecursionError):
            self.findings.append(f"{self.place}/{NOTES} is damaged, and left out")
        names = self.prefix.names(REGIONS)
        with ThreadPoolExecutor(_FOUND, "tilesegm-find") as threads:
            for start in range(0, len(names), _WAITING):
                some = names[start : start + _WAITING]
                found = threads.map(lambda name: find_region(self.prefix, name), some)
                self.record([region for region in found if region is not None])
        self._tell_lost(len(names) - len(self._regions))

    def _tell_lost(self, lost: int) -> None:
        if lost:
            self.findings.append(
                f"{self.place}: {lost} finished regions are not of this run, or cannot be read; "
                f"{'it is' if lost == 1 else 'they are'} computed again"
            )
