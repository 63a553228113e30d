"""Where a run keeps its unfinished results, for other processes that write there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tilesegm.errors import OutputError
from tilesegm.sink.layer import Layer
from tilesegm.sink.region_writer import RegionWriter
from tilesegm.sink.staged_layers import StagedLayers

__all__ = ["StagingSite", "seal_of"]


@dataclass(frozen=True, kw_only=True)
class StagingSite:
    """A staging folder that a run holds open. Small, and can be sent to other machines."""

    folder: Path
    """Absolute."""
    size: tuple[int, int]
    """Height and width of the image."""
    layers: tuple[Layer, ...]
    chunk: int
    seal: str
    """What `seal_of` makes of the file that says whose the folder is."""

    def writer(self) -> RegionWriter:
        """Return what writes regions there."""
        stored = StagedLayers(self.folder, self.size, self.layers, self.chunk)
        return RegionWriter(self.folder, stored)

    def check(self) -> None:
        """Refuse to write where the folder is not in sight, or belongs to another run by now.

        Raises:
            OutputError: it is so.
        """
        try:
            seal = seal_of(self.folder)
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be reached ({error.strerror}); results must lie on a disk "
                "that all workers have under the same path, or in a store (--staging "
                "s3://BUCKET/FOLDER)"
            ) from error
        if seal != self.seal:
            raise OutputError(f"{self.folder} belongs to another run by now")


def seal_of(folder: Path) -> str:
    """Return a digest of what says whose a staging folder is.

    Raises:
        OSError: it cannot be read.
    """
    return hashlib.sha256((folder / "run.json").read_bytes()).hexdigest()
