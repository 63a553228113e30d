"""Results on their way to a finished file: what was written survives a kill or a power cut.

A staging folder lies beside the output and holds

    run.json          what the run depends on (its fingerprint), its size, chunk and layers
    journal           one line for each finished region, written after the region's chunks are safe
    lock              held by the run that writes
    LAYER/PLANE/LEVEL Zarr v2 arrays; level 0 is the result, the others its overviews
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from collections.abc import KeysView, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import filelock
import numpy as np
from numpy.typing import NDArray

from tilesegm.closing import Closing
from tilesegm.errors import OutputError, ResumeError
from tilesegm.files import flush_all, flush_new, output_errors, write_file
from tilesegm.grid.window import Window
from tilesegm.sink.fingerprint import differences, plain
from tilesegm.sink.journal import Journal
from tilesegm.sink.layer import Layer
from tilesegm.sink.pyramid import STREAMED, halve, level_chunk, level_sizes
from tilesegm.sink.staged_array import StagedArray

__all__ = ["Staging", "staging_folder"]

_FORMAT = 1
_DRAFT = re.compile(r"run\.json\.draft|\.run\.\d*draft\.json")
"""What a run leaves that was killed before it began."""


def staging_folder(output: Path) -> Path:
    """Folder beside ``output`` that holds its unfinished results."""
    return output.with_name(output.name + ".partial")


class Staging(Closing):
    """Durable, resumable storage of a run's results. Used from one thread at a time.

    Attributes:
        folder: the staging folder.
        size: height and width of the image.
        layers: rasters that are stored.
        chunk: side of the unit that is written; windows start and end on its multiples.
        facts: what was noted of each finished region, by its number.
        notes: facts of the whole run, see `note`.
    """

    def __init__(
        self, folder: Path, size: tuple[int, int], layers: Sequence[Layer], chunk: int = 1024
    ) -> None:
        if chunk < 1 << STREAMED or chunk % (1 << STREAMED):
            raise ValueError(f"chunk must be a multiple of {1 << STREAMED}; received {chunk}")
        self.folder = folder
        self.size = size
        self.layers = tuple(layers)
        self.chunk = chunk
        self._arrays = {layer.name: self._pyramids(layer) for layer in self.layers}
        self.facts: dict[int, dict[str, Any]] = {}
        self.notes: dict[str, Any] = {}
        self._dirty: set[Path] = set()
        self._lock = filelock.FileLock(folder / "lock", blocking=False)

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
            overwrite: discard unfinished results in the folder.

        Raises:
            ResumeError: another run writes here, or the unfinished run was a different one.
            OutputError: the folder cannot be written.
        """
        staging = cls(Path(folder), size, layers, chunk)
        with output_errors(staging.folder):
            staging._acquire()
            try:
                shutil.rmtree(_trash(staging.folder), ignore_errors=True)
                staging._begin(plain(fingerprint), overwrite)
            except BaseException:
                staging._lock.release()
                raise
        return staging

    @property
    def done(self) -> KeysView[int]:
        """Numbers of the regions whose results are safe; a view that grows with them."""
        return self.facts.keys()

    def levels(self, layer: str, plane: int = 0) -> tuple[StagedArray, ...]:
        """Arrays of a plane: the result and its overviews."""
        return self._arrays[layer][plane]

    def write(self, layer: str, window: Window, values: NDArray[Any]) -> None:
        """Write finished pixels and their overviews.

        Args:
            layer: name of the layer.
            window: starts on a multiple of the chunk, ends on one or on the image's edge.
            values: ``(h, w)``, or ``(planes, h, w)``, of the layer's dtype.

        Raises:
            OutputError: the disk is full or gone.
            ValueError: the window does not hold whole chunks, or the values do not fill it.
        """
        described = next(entry for entry in self.layers if entry.name == layer)
        planes = values if values.ndim == 3 else values[np.newaxis]
        self._check(described, window, planes)
        with output_errors(self.folder):
            for arrays, plane in zip(self._arrays[layer], planes, strict=True):
                self._dirty.update(arrays[0].write(window.row, window.col, plane))
                for level, array in enumerate(arrays[1 : 1 + STREAMED], 1):
                    plane = halve(plane, described)
                    row, col = window.row >> level, window.col >> level
                    self._dirty.update(array.write(row, col, plane))

    def commit(self, region: int, facts: Mapping[str, Any] | None = None) -> None:
        """Declare a region finished: all that was written since the last commit is safe after this.

        Args:
            region: its number.
            facts: small facts to keep with it.

        Raises:
            OutputError: the disk is full or gone; the region does not count as finished.
        """
        with output_errors(self.folder):
            flush_all(self._dirty)
            self._append({"region": region, "facts": dict(facts or {})})
        self._dirty.clear()

    def note(self, key: str, value: Any) -> None:
        """Remember a small fact of the whole run, such as a choice that must not change later."""
        with output_errors(self.folder):
            self._append({"note": key, "value": value})

    def complete_overviews(self) -> None:
        """Make the overviews that `write` left for the end."""
        with output_errors(self.folder):
            for layer in self.layers:
                for arrays in self._arrays[layer.name]:
                    for below, above in itertools.pairwise(arrays[STREAMED:]):
                        _fill_overview(below, above, layer)

    def discard(self) -> None:
        """Close and remove the folder: its results are in place elsewhere, or unwanted."""
        self.close()
        _remove(self.folder)

    def close(self) -> None:
        """Let go of the folder; the same run may go on later."""
        self._journal.close()
        self._lock.release()

    def _append(self, entry: dict[str, Any]) -> None:
        self._journal.append(entry)
        self._remember(self._journal.entries[-1])

    def _remember(self, entry: dict[str, Any]) -> None:
        if "region" in entry:
            self.facts[entry["region"]] = entry["facts"]
        else:
            self.notes[entry["note"]] = entry["value"]

    def _pyramids(self, layer: Layer) -> tuple[tuple[StagedArray, ...], ...]:
        return tuple(
            tuple(
                StagedArray(
                    self.folder / layer.name / str(plane) / str(level),
                    size,
                    level_chunk(self.chunk, level),
                    layer.dtype,
                    layer.fill,
                )
                for level, size in enumerate(level_sizes(*self.size))
            )
            for plane in range(layer.planes)
        )

    def _check(self, layer: Layer, window: Window, planes: NDArray[Any]) -> None:
        height, width = self.size
        ends = (window.stop_row, height), (window.stop_col, width)
        if (
            window.row % self.chunk
            or window.col % self.chunk
            or any(stop > edge or (stop % self.chunk and stop != edge) for stop, edge in ends)
        ):
            raise ValueError(
                f"{window} does not hold whole chunks of {self.chunk} in an image of {self.size}"
            )
        expected = (layer.planes, window.height, window.width)
        if planes.shape != expected or planes.dtype != layer.dtype:
            raise ValueError(
                f"{layer.name} takes {expected} {layer.dtype} values for {window}; "
                f"received {planes.shape} {planes.dtype}"
            )

    def _acquire(self) -> None:
        self.folder.mkdir(exist_ok=True)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise ResumeError(
                f"another run is writing {_output_name(self.folder)}; wait for it or stop it first"
            ) from None

    def _begin(self, fingerprint: dict[str, Any], overwrite: bool) -> None:
        head = self.folder / "run.json"
        strangers = [
            file.name
            for file in self.folder.iterdir()
            if file.name != "lock" and not _DRAFT.fullmatch(file.name)
        ]
        if not head.exists() and strangers:
            raise OutputError(
                f"{self.folder} is needed for unfinished results but holds other files "
                f"({sorted(strangers)[0]}); move it away"
            )
        if head.exists() and overwrite:
            self._lock.release()
            _remove(self.folder)
            self._acquire()
        run = {
            "format": _FORMAT,
            "fingerprint": fingerprint,
            "size": list(self.size),
            "chunk": self.chunk,
            "layers": {layer.name: str(layer) for layer in self.layers},
        }
        if head.exists():
            self._compare(json.loads(head.read_text()), run)
        else:
            write_file(head, json.dumps(run, indent=1))
        heads = [
            array.create()
            for pyramids in self._arrays.values()
            for arrays in pyramids
            for array in arrays
        ]
        flush_new(heads, self.folder)
        self._journal = Journal(self.folder / "journal")
        for entry in self._journal.entries:
            self._remember(entry)

    def _compare(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        if before.get("format") == _FORMAT:
            old, new = before.pop("fingerprint"), now["fingerprint"]
            rest = {key: value for key, value in now.items() if key != "fingerprint"}
            changes = (*differences(old, new), *differences(before, rest))
        else:
            changes = differences({"format": before.get("format")}, {"format": _FORMAT})
        if changes:
            raise ResumeError(
                f"an unfinished run on {_output_name(self.folder)} differs from this one "
                f"({'; '.join(changes)}); repeat it as it was to go on, or discard it with "
                "--overwrite"
            )


def _fill_overview(below: StagedArray, above: StagedArray, layer: Layer) -> None:
    whole = Window(0, 0, *below.shape)
    for part in above.windows():
        twice = Window(2 * part.row, 2 * part.col, 2 * part.height, 2 * part.width)
        values = below.read(twice.intersect(whole) or whole)
        for _ in above.write(part.row, part.col, halve(values, layer)):
            pass


def _trash(folder: Path) -> Path:
    return folder.with_name(folder.name + ".trash")


def _remove(folder: Path) -> None:
    # Renamed first: a folder that is removed half could be taken for a run to go on with.
    trash = _trash(folder)
    shutil.rmtree(trash, ignore_errors=True)
    with suppress(FileNotFoundError):
        os.replace(folder, trash)
    shutil.rmtree(trash, ignore_errors=True)


def _output_name(folder: Path) -> str:
    return str(folder).removesuffix(".partial")
