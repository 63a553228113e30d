"""A run so small that one takes milliseconds, and has all that a large one has.

An image of 200 x 150 pixels in chunks of 64 gives four regions of three chunks, three planes of
scores beside class map and confidence, two streamed overviews and one that is made at the end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.images import GEO, blobs, write
from tilesegm.engine import plan
from tilesegm.errors import TilesegmError
from tilesegm.events import Event, Noted, OnEvent, PixelsDone
from tilesegm.grid.tiling import Tiling
from tilesegm.segmentation import staged_run
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.segment import segment
from tilesegm.sink import pyramid

__all__ = ["Outcome", "TinyRun", "tiny"]

REGIONS = 4
OPTIONS = Options(confidence="top", scores="uint8", network_outputs="logits")


@contextmanager
def tiny() -> Iterator[None]:
    """Make chunks and the smallest overview small, and flush nothing: no power goes here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(plan, "CHUNK", 64)
        patch.setattr(staged_run, "CHUNK", 64)
        patch.setattr(pyramid, "SMALLEST", 32)
        yield


def network(pixels: np.ndarray) -> np.ndarray:
    """Score each of three bands by its own value."""
    return pixels


@dataclass
class Outcome:
    """What came of a run."""

    error: BaseException | None
    notes: list[str] = field(default_factory=list)
    computed: int = 0
    """Pixels that were computed."""
    files: dict[str, bytes] = field(default_factory=dict)
    """All that lies in the folder of the outputs afterwards."""

    def against(self, expected: dict[str, bytes]) -> str:
        """Name the kind of outcome: right, clear error, or what is wrong."""
        if isinstance(self.error, TilesegmError):
            return "clear error" if "\n" not in str(self.error) else "several lines"
        if self.error is not None:
            return f"traceback: {type(self.error).__name__}: {self.error}"
        if self.files == expected:
            return "right"
        names = sorted(self.files.keys() ^ expected.keys())
        return f"WRONG: {names or [n for n in expected if self.files[n] != expected[n]]}"


class TinyRun:
    """Runs on one image, each in a folder of its own.

    Args:
        base: folder for the image and the runs.
        output: name of the output.
    """

    def __init__(self, base: Path, output: str = "out.tif") -> None:
        self.image = base / "image.tif"
        if not self.image.exists():
            write(self.image, blobs(200, 150), **GEO)
        self.folder = base / "run"
        self.output = self.folder / output
        self.staging = self.folder / f"{output}.partial"

    def start(self, *, overwrite: bool = False) -> Outcome:
        """Run to the end or to an error."""
        events: list[Event] = []
        error: BaseException | None = None
        try:
            self.run(events.append, overwrite)
        except Exception as raised:
            error = raised
        notes = [event.text for event in events if isinstance(event, Noted)]
        computed = sum(event.pixels for event in events if isinstance(event, PixelsDone))
        return Outcome(error, notes, computed, self.contents())

    def run(self, on_event: OnEvent, overwrite: bool = False) -> None:
        """Segment the image."""
        tiling = Tiling(tile=48, overlap=16)
        segment(
            self.image,
            network,
            self.output,
            tiling=tiling,
            options=OPTIONS,
            overwrite=overwrite,
            on_event=on_event,
        )

    def contents(self) -> dict[str, bytes]:
        """Everything beside the image."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }

    def expected(self) -> dict[str, bytes]:
        """Run undisturbed, and return what is there afterwards."""
        self.clear()
        outcome = self.start()
        assert outcome.error is None, outcome
        self.clear()
        return outcome.files

    def clear(self) -> None:
        """Begin with an empty folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

    def interrupted(self, regions: int = REGIONS) -> dict[str, bytes]:
        """Stop a run after some regions, and return its staging folder."""
        self.clear()

        def stop(*arguments: Any, **more: Any) -> None:
            raise KeyboardInterrupt

        done = 0

        def count(event: Event) -> None:
            nonlocal done
            done += isinstance(event, PixelsDone)
            if done == regions < REGIONS:
                stop()

        with pytest.MonkeyPatch.context() as patch:
            # All regions and deep overviews, and no file of them.
            patch.setattr("tilesegm.sink.geotiff._copy", stop)
            with pytest.raises(KeyboardInterrupt):
                self.run(count)
        return self.contents()

    def restore(self, files: dict[str, bytes]) -> None:
        """Put a staging folder back."""
        self.clear()
        for name, data in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
