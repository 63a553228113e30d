"""The files that a run reads, and that they stay as they are until it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from tilesegm.errors import SourceError
from tilesegm.segmentation.options import Options
from tilesegm.sink.region_store import DurableStore
from tilesegm.sink.run_file import OtherWorkError
from tilesegm.source.area import Area
from tilesegm.source.base import Source
from tilesegm.source.file_states import FileStates

__all__ = ["Inputs"]

_NOTE = "inputs"


@dataclass(frozen=True)
class Inputs:
    """Files of the image and of the area of interest, with their states when the run began."""

    files: tuple[str, ...]
    content: bool
    """Whether their content is hashed."""
    states: FileStates

    @classmethod
    def of(cls, source: Source, area: Area | None, options: Options) -> Self:
        """Take the states of all files that are read while tiles are computed.

        Raises:
            SourceError: one cannot be read.
        """
        files = (*source.info.files, *(area.files if area else ()))
        return cls(files, options.hash_input, FileStates.of(files, content=options.hash_input))

    def add_to(self, fingerprint: dict[str, Any]) -> dict[str, Any]:
        """Let a fingerprint depend on the content of files, if that is hashed."""
        if not self.content:
            return fingerprint
        return fingerprint | {"content": {"sha256": self.states.content}}

    def check_resumed(self, staging: DurableStore) -> None:
        """Refuse to go on with the work of a run that read other files; else note what is read.

        Raises:
            OtherWorkError: files were changed or replaced since.
        """
        known = staging.notes.get(_NOTE)
        if known is None:
            staging.note(_NOTE, self.states.digest)
        elif known != self.states.digest:
            output = staging.place.removesuffix(".partial")
            raise OtherWorkError(
                f"a file of the image was written or replaced since the unfinished run on {output} "
                "began (its size, times or inode differ); compute all of it again with --overwrite"
            )

    def check_unchanged(self, staging: DurableStore | None = None) -> None:
        """Refuse the results of files that changed while they were read, and discard them.

        Args:
            staging: holds the results, if they are kept.

        Raises:
            SourceError: they did.
        """
        changed = FileStates.of(self.files, content=self.content).changed_since(self.states)
        if changed:
            if staging is not None:
                staging.discard()
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            raise SourceError(
                f"{changed[0]}{more} changed while it was read, so the result would mix old and "
                "new pixels: it is discarded; run the same command again when the file is complete"
            )
