"""Results on their way to a finished file: what was written survives a kill or a power cut.

A staging folder lies beside the output and holds

    run.json          what the run depends on (its fingerprint), its size, chunk and layers
    journal           one line for each finished region, with a digest of the region's chunks,
                      written after the chunks are safe
    lock              held by the run that writes
    LAYER/PLANE/LEVEL Zarr v2 arrays; level 0 is the result, the others its overviews

A region whose chunks are not those of its digest is not finished: it is computed again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from tilesegm.files import flush_all, flush_new, output_errors, write_file
from tilesegm.grid.window import Window
from tilesegm.sink.chunk_digest import digest_of
from tilesegm.sink.finished_region import FinishedRegion, is_count, sum_up
from tilesegm.sink.journal import Journal
from tilesegm.sink.layer import Layer
from tilesegm.sink.region_writer import RegionWriter
from tilesegm.sink.run_file import goes_on, read_run, run_of, run_text
from tilesegm.sink.run_record import RunRecord
from tilesegm.sink.staged_array import StagedArray, StagedDamageError
from tilesegm.sink.staged_layers import StagedLayers
from tilesegm.sink.staging_folder import StagingFolder
from tilesegm.sink.staging_site import StagingSite, seal_of

__all__ = ["Staging", "has_unfinished", "staging_folder"]

_READERS = 8
"""Regions that are read at a time to prove them: on a shared disk each of them mostly waits."""
_WAITING = 1024
"""Regions that wait to be read, since each that does takes memory."""


def staging_folder(output: Path) -> Path:
    """Folder beside ``output`` that holds its unfinished results."""
    return output.with_name(output.name + ".partial")


def has_unfinished(output: Path) -> bool:
    """Tell whether there is a run on ``output`` to go on with, or one at work."""
    return StagingFolder(staging_folder(output)).head.exists()


class Staging(RunRecord):
    """Durable, resumable storage of a run's results. Used from one thread at a time.

    Attributes:
        folder: the staging folder.
    """

    def __init__(
        self, folder: Path, size: tuple[int, int], layers: Sequence[Layer], chunk: int = 1024
    ) -> None:
        self.folder = folder
        self._stored = StagedLayers(folder, size, layers, chunk)
        super().__init__(size, layers, chunk, RegionWriter(folder, self._stored))
        self._overviews: dict[str, bytes] = {}
        self._claim = StagingFolder(folder, [layer.name for layer in layers])

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        size: tuple[int, int],
        layers: Sequence[Layer],
        fingerprint: Mapping[str, Any],
        chunk: int = 1024,
        overwrite: bool = False,
    ) -> Self:
        """Begin a run, or go on with the one that was interrupted in this folder.

        Args:
            folder: see `staging_folder`.
            size: height and width of the image.
            layers: results to store.
            fingerprint: names and values, or groups of them, that differ when results would.
            chunk: side of the unit that is written.
            overwrite: discard unfinished results in the folder, unless they were begun with it
                for the same run.

        Raises:
            ResumeError: another run writes here, or the unfinished run was a different one.
            OutputError: the folder cannot be written, or is none of a run.
        """
        staging = cls(Path(folder), size, layers, chunk)
        with output_errors(staging.folder):
            staging._claim.claim()
            try:
                staging._begin(fingerprint, overwrite)
            except BaseException:
                staging._claim.release()
                raise
        return staging

    @property
    def place(self) -> str:
        """What it is called in messages."""
        return str(self.folder)

    @property
    def site(self) -> StagingSite:
        """What other processes need to write regions here."""
        return StagingSite(
            folder=self.folder.absolute(),
            size=self.size,
            layers=self.layers,
            chunk=self.chunk,
            seal=seal_of(self.folder),
        )

    def levels(self, layer: str, plane: int = 0) -> tuple[StagedArray, ...]:
        """Arrays of a plane: the result and its overviews."""
        return self._stored.levels(layer, plane)

    def record(self, regions: Sequence[FinishedRegion]) -> None:
        """Declare regions finished whose chunks are safe already, wherever they were written.

        Raises:
            OutputError: the disk is full or gone; none of them counts as finished.
        """
        with output_errors(self.folder):
            self._journal.append(*(region.entry() for region in regions))
        for region in regions:
            self._regions.add(region)

    def forget(self, region: int) -> None:
        """Let the region of a number count as unfinished, so that it is computed again."""
        if region in self._regions:
            self._regions.forget(region)

    def holds(self, region: FinishedRegion) -> bool:
        """Tell whether a region is finished here, of just these facts and chunks."""
        return self._regions.get(region.number) == region

    def take(self, region: FinishedRegion, chunks: Mapping[str, bytes]) -> bool:
        """Write the chunks of a region that was finished elsewhere; `record` it afterwards.

        May be called from several threads.

        Args:
            region: with its window.
            chunks: bytes of each chunk by its path in the folder.

        Returns:
            Whether they are the chunks that its digest tells of; others are not written.

        Raises:
            OutputError: the disk is full or gone.
        """
        window = region.window
        if window is None or set(chunks) != set(self._stored.places(window)):
            return False
        digests = {place: digest_of(data) for place, data in chunks.items()}
        if region.digest != sum_up(region.facts, digests):
            return False
        with output_errors(self.folder):
            flush_all(self.folder / place for place in self._stored.take(chunks.items()))
        return True

    def note(self, key: str, value: Any) -> None:
        """Remember a small fact of the whole run, such as a choice that must not change later."""
        with output_errors(self.folder):
            self._journal.append({"note": key, "value": value})
        self.notes[key] = value

    def keep_only(self, windows: Mapping[int, Window], counts: Collection[str] = ()) -> None:
        """Forget finished regions that no run of these can have written.

        Args:
            windows: window of each region that the run has, by its number.
            counts: facts of a region that are counts; those that are not there are 0.

        Raises:
            OutputError: chunks cannot be read.
        """
        before, proven = len(self._regions), 0
        with output_errors(self.folder):
            for number in tuple(self._regions):
                region, window = self._regions[number], windows.get(number)
                odd = not all(is_count(region.facts.get(name, 0)) for name in counts)
                if odd or window is None or region.window not in (None, window):
                    self._regions.forget(number)
                elif region.window is None:
                    proven += self._prove(region, window)
        self._tell_damage(before)
        if proven:
            self.findings.append(
                f"{self.folder} is of a version that kept no digests: the {proven} regions that it "
                "finished are taken as they are, since they can be decoded and their overviews "
                "follow from their pixels; --overwrite computes them again"
            )

    def check(self) -> None:
        """Read all that is staged, and forget the regions that are not as they were written.

        Raises:
            StagedDamageError: some are not; a run that goes on computes them again.
        """
        with output_errors(self.folder):
            before, told = len(self._regions), len(self.findings)
            self._forget_damaged()
            self._tell_damage(before)
            if restored := self._stored.restore_descriptions():
                self.findings.append(
                    f"{self.folder}: {restored} descriptions of arrays did not read back as they "
                    "were written; they are written again"
                )
            if not self._stored.is_whole(self._overviews):
                self._overviews = {}
                self.findings.append(
                    f"{self.folder}: overviews did not read back as they were written; they are "
                    "made again"
                )
        if self.findings[told:]:
            raise StagedDamageError("; ".join(self.findings[told:]))

    def complete_overviews(self) -> None:
        """Make the overviews that `write` left for the end.

        Raises:
            OutputError: the disk is full or gone.
            StagedDamageError: what they are made of is damaged.
        """
        with output_errors(self.folder):
            self._overviews = self._stored.complete_overviews()

    def discard(self) -> None:
        """Remove the folder, and close: its results are in place elsewhere, or unwanted."""
        self._journal.close()
        self._claim.remove()

    def abandon(self) -> None:
        """Remove the folder, and close, where no region is finished."""
        if not self.done:
            self.discard()

    def close(self) -> None:
        """Let go of the folder; the same run may go on later."""
        self._journal.close()
        self._claim.release()

    def _begin(self, fingerprint: Mapping[str, Any], overwrite: bool) -> None:
        head = self._claim.head
        now = run_of(fingerprint, self.size, self.layers, self.chunk)
        before = read_run(head)
        if before is None and self._claim.leftovers() and not overwrite:
            self.findings.append(
                f"{head} is damaged or missing, so it cannot be told what the unfinished work "
                "beside it belongs to; all of it is computed again"
            )
        if not goes_on(before, now, overwrite, self.place):
            self._claim.clear()
            write_file(head, run_text(now, overwrite))
        self._journal = Journal(self.folder / "journal")
        flush_new([*self._stored.create(), self.folder / "journal"], self.folder)
        self._recall()

    def _recall(self) -> None:
        """Take up what the journal says, as far as the chunks prove it."""
        invalid = 0
        for entry in self._journal.entries:
            region = FinishedRegion.parse(entry)
            if region is not None:
                self._regions.add(region)
            elif isinstance(entry.get("note"), str) and "value" in entry:
                self.notes[entry["note"]] = entry["value"]
            else:
                invalid += 1
        if self._journal.damaged or invalid:
            self.findings.append(
                f"{self.folder / 'journal'} is damaged: the last {self._journal.damaged} bytes and "
                f"{invalid} lines before cannot be read; regions that only they name are computed "
                "again"
            )
        before = len(self._regions)
        self._forget_damaged()
        self._tell_damage(before)

    def _forget_damaged(self) -> None:
        numbers = tuple(self._regions)
        with ThreadPoolExecutor(_READERS, "tilesegm-check") as threads:
            for start in range(0, len(numbers), _WAITING):
                some = numbers[start : start + _WAITING]
                for number, whole in zip(some, threads.map(self._is_whole, some), strict=True):
                    if not whole:
                        self._regions.forget(number)

    def _is_whole(self, number: int) -> bool:
        """Tell whether the chunks of a region are those of its digest, if it tells which."""
        region = self._regions[number]
        window = region.window
        return not window or region.digest == self._stored.sum_up(region.facts, window)

    def _prove(self, region: FinishedRegion, window: Window) -> bool:
        """Take a region without a digest as it is, if its overviews follow from its pixels."""
        whole = self._stored.is_plausible(window)
        digest = self._stored.sum_up(region.facts, window) if whole else None
        if digest is None:
            self._regions.forget(region.number)
            return False
        self._regions.add(dataclasses.replace(region, window=window, digest=digest))
        return True

    def _tell_damage(self, before: int) -> None:
        """Say how many regions were forgotten, of as many as there were."""
        if lost := before - len(self._regions):
            self.findings.append(
                f"{self.folder}: {lost} of {before} finished regions did not read back as they "
                f"were written; {'it is' if lost == 1 else 'they are'} computed again"
            )
