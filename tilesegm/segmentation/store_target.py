"""Outputs in an object store: made whole on the local disk, then moved there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tilesegm.errors import OutputError, SettingsError
from tilesegm.events import Noted, OnEvent, StageProgress, StageStarted
from tilesegm.files import make_folder, output_errors, remove
from tilesegm.ownership import check_local, check_unread_objects
from tilesegm.sink.check import STORED
from tilesegm.sink.provenance import OtherResultError
from tilesegm.sink.staging import has_unfinished
from tilesegm.sink.stored_file import StoredFile
from tilesegm.sink.stored_zarr import StoredZarr
from tilesegm.sink.tiff_check import file_beside
from tilesegm.source.object_store import code_of, is_s3, s3_parts, unopened_name

__all__ = ["StoreTarget"]


@dataclass(frozen=True)
class StoreTarget:
    """The address of a class map, and the folder in which it is made.

    Objects of a store cannot be changed, so the unfinished work that a kill leaves lies on a disk;
    a finished map that is still to be moved lies there too, and the next run moves it.
    """

    uri: str
    folder: Path

    @classmethod
    def of(cls, output: str | Path, staging: str | Path | None) -> Self | None:
        """Tell where an output is made; None where it is made where it stays.

        Args:
            output: path or address.
            staging: folder for unfinished work, None for the current one; or an address in a store
                for it, see `StagingPrefix`.

        Raises:
            SettingsError: a folder was named for an output on a disk.
            OutputError: the address names no GeoTIFF or Zarr.
        """
        uri = str(output)
        if not is_s3(uri):
            check_local(output)
            if staging is not None and not is_s3(str(staging)):
                raise SettingsError(
                    f"staging {staging} is a folder, which outputs in a store (s3://...) take; "
                    f"unfinished work of {output} lies beside it: leave staging out, or name a "
                    "place in a store, s3://BUCKET/FOLDER"
                )
            return None
        bucket, key = s3_parts(uri)
        if not bucket or not key.lower().endswith(STORED):
            raise OutputError(
                f"cannot tell the format of output {uri}; expected s3://BUCKET/NAME with a name "
                f"that ends in {', '.join(STORED)}, or s3://BUCKET/FOLDER/ for several images"
            )
        if why := unopened_name(uri):
            raise OutputError(f"output {uri}: {why}; give another one")
        # Another address is made in another folder, whatever its last name.
        code = code_of(f"{bucket}/{key}")
        name = f"{key.rpartition('/')[2]}.{code}.unsent"
        if is_s3(str(staging)):
            staging = tempfile.gettempdir()  # nothing is lost with it
        return cls(f"s3://{bucket}/{key}", Path(staging or ".").absolute() / name)

    @property
    def local(self) -> Path:
        """Path of the class map while it is made."""
        return self.folder / self.uri.rpartition("/")[2]

    @contextmanager
    def workplace(self) -> Iterator[None]:
        """Make the folder, and remove it at the end if nothing is left in it.

        Raises:
            OutputError: it cannot be made.
        """
        parent = self.folder.parent
        if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
            raise OutputError(
                f"folder {parent}, where {self.uri} is made before it is sent, "
                f"{'is not writable' if parent.is_dir() else 'does not exist'}; name another one "
                "with --staging"
            )
        with output_errors(self.folder):
            make_folder(self.folder)
        try:
            yield
        finally:
            with suppress(OSError):
                self.folder.rmdir()

    def check_unread(self, read: Iterable[tuple[str, str]]) -> None:
        """Refuse an output that is read, or lies in what is read.

        Raises:
            OutputError: it is.
        """
        check_unread_objects([self.uri], read)

    def addresses(self, paths: Mapping[str, Path]) -> dict[str, str]:
        """Return the address of each result by its name."""
        folder = self.uri.rpartition("/")[0]
        return {name: f"{folder}/{path.name}" for name, path in paths.items()}

    def fingerprints(self, paths: Mapping[str, Path]) -> dict[str, str | None]:
        """Return the fingerprint of each result in the store; None where there is none.

        Raises:
            OutputError: there is something else, or the store cannot be reached.
        """
        return {uri: _place(uri).check() for uri in self.addresses(paths).values()}

    def holds(self, before: Mapping[str, str | None], fingerprint: str, on_event: OnEvent) -> bool:
        """Tell whether the results in the store are those of a run.

        Args:
            before: what `fingerprints` found.
            fingerprint: of the run.
            on_event: called with a note on a result that is gone.

        Raises:
            OtherResultError: results of another run are there.
        """
        for uri, found in before.items():
            if found not in (None, fingerprint):
                raise OtherResultError(
                    f"output {uri} exists and is not the result of this image, model and settings; "
                    "replace it with --overwrite or give another name"
                )
        gone = [uri for uri, found in before.items() if found is None]
        if gone and len(gone) < len(before):
            on_event(Noted(f"{gone[0]} is gone; all results are made again"))
        return not gone and not has_unfinished(self.local)

    def check_taken(self) -> None:
        """Refuse a store that does not take results, before any work is done for them.

        Raises:
            OutputError: there is no such bucket, or objects may not be written or removed.
        """
        _place(self.uri).check_taken()

    def send(
        self,
        paths: Mapping[str, Path],
        before: Mapping[str, str | None],
        fingerprint: str,
        on_event: OnEvent,
    ) -> None:
        """Move finished results to the store, the class map last: where it is, the others are too.

        Args:
            paths: of the results by name.
            before: what `fingerprints` found when the run began.
            fingerprint: of the run.
            on_event: called with progress.

        Raises:
            OutputError: the store does not take them, or holds others since the run began; they
                stay on the disk.
        """
        on_event(StageStarted(f"sending {self.local.name} to {self.uri.rpartition('/')[0]}"))
        pairs = dict(zip(self.addresses(paths).values(), paths.values(), strict=True))
        total, sent = sum(map(_bytes, pairs.values())), 0

        def report(size: int) -> None:
            nonlocal sent
            sent += size
            on_event(StageProgress(sent / max(total, 1)))

        try:
            for uri, found in self.fingerprints(paths).items():
                if found not in (before[uri], fingerprint):
                    raise OutputError(f"{uri} appeared or changed while the run was at work")
            for uri, path in reversed(pairs.items()):
                _place(uri).put(path, fingerprint, report)
        except OutputError as error:
            raise OutputError(
                f"{error}; the finished map is kept in {self.folder}: run the same command again "
                "to send the rest"
            ) from error.__cause__
        for path in pairs.values():
            remove(path)
            remove(file_beside(path))


def _place(uri: str) -> StoredFile | StoredZarr:
    return StoredZarr(uri) if uri.lower().endswith(".zarr") else StoredFile(uri)


def _bytes(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())
