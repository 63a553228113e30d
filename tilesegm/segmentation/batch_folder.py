"""Where the outputs of a batch and its manifest lie: a folder on a disk, or one in a store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from tilesegm.batch.manifest import MANIFEST, Manifest
from tilesegm.batch.stopping import stops_all
from tilesegm.batch.stored_manifest import StoredManifest
from tilesegm.errors import OutputError, SettingsError
from tilesegm.files import flush
from tilesegm.ownership import check_apart, check_unread_objects
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.outputs import check_inputs, named_inputs, output_paths
from tilesegm.sink.stored_file import StoredFile
from tilesegm.source.object_store import code_of, is_s3, s3_parts

__all__ = ["DiskFolder", "StoreFolder", "folder_of", "results_of"]

_Reads = Sequence[tuple[str, Any]]


@dataclass(frozen=True)
class DiskFolder:
    """A folder on a disk."""

    path: Path
    staging: str | None = None
    """Address of unfinished work in a store."""

    def manifest(self) -> Manifest:
        """Read what is known of the images whose outputs lie there."""
        return Manifest(self.path)

    def check(self, written: Sequence[tuple[str, Path | str]], reads: _Reads) -> None:
        """Refuse results that share a file, or are read; see `check_apart` and `check_inputs`.

        Args:
            written: what each result is made of, and the result.
            reads: what each input is, and what was passed for it.
        """
        check_apart(written)
        check_inputs([Path(place) for _, place in written], reads)

    def make(self) -> None:
        """Make the folder where there is none.

        Raises:
            OutputError: it cannot be made.
        """
        try:
            if not self.path.is_dir():
                self.path.mkdir()
                flush(self.path.parent)  # or finished maps could go with their folder
        except OSError as error:
            raise OutputError(f"folder {self.path} cannot be made: {error.strerror}") from error

    def stops(self, error: BaseException) -> bool:
        """Tell whether an error would meet all images that follow."""
        return stops_all(error, self.path) or _out_of_reach(self.staging, error)


@dataclass(frozen=True)
class StoreFolder:
    """A folder in a store, and one on a disk for what is not finished."""

    uri: str
    staging: Path

    def manifest(self) -> StoredManifest:
        """Read what is known of the images whose outputs lie there.

        Raises:
            OutputError: nothing can be written where maps are made before they are sent.
        """
        # The names of maps that are not sent are made alike.
        bucket, key = s3_parts(self.uri)
        code = code_of(f"{bucket}/{key}")
        name = f"{key.rpartition('/')[2] or bucket}.{code}.unsent"
        place = self.staging.absolute()
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise OutputError(
                f"folder {place}, where maps for {self.uri} are made before they are sent, "
                f"{'is not writable' if place.is_dir() else 'does not exist'}; name another one "
                "with --staging"
            )
        return StoredManifest(self.uri, place / name)

    def check(self, written: Sequence[tuple[str, Path | str]], reads: _Reads) -> None:
        """Refuse results that share an address, or are read; see `DiskFolder.check`."""
        check_apart(written)
        check_unread_objects([str(place) for _, place in written], named_inputs(reads))

    def make(self) -> None:
        """Refuse a store that takes nothing.

        Raises:
            OutputError: with what is wrong and how to mend it.
        """
        _check_taken(self.uri)

    def stops(self, error: BaseException) -> bool:
        """Tell whether an error would meet all images that follow, as the store is out of reach."""
        return stops_all(error, self.staging) or _out_of_reach(self.uri, error)


def folder_of(place: Path | str, options: Options) -> DiskFolder | StoreFolder:
    """Return the folder of a batch.

    Args:
        place: see `OutputNames.folder`.
        options: of all images.

    Raises:
        SettingsError: they are for outputs elsewhere.
    """
    staging = options.staging
    if isinstance(place, str):
        if options.update:
            raise SettingsError(
                f"update reads earlier maps on this machine, and {place} lies in a store; leave "
                "update out"
            )
        # With unfinished work in a store too, nothing on this disk has to last.
        local = gettempdir() if is_s3(str(staging)) else staging
        return StoreFolder(place, Path(local or "."))
    if staging is not None and not is_s3(str(staging)):
        raise SettingsError(
            f"staging {staging} is a folder, which outputs in a store (s3://...) take; unfinished "
            f"work of images in {place} lies there: leave staging out, or name a place in a store, "
            "s3://BUCKET/FOLDER"
        )
    return DiskFolder(place, None if staging is None else str(staging).rstrip("/"))


def _check_taken(folder: str) -> None:
    """Refuse a folder in a store that takes nothing; see `StoredFile.check_taken`."""
    StoredFile(f"{folder}/{MANIFEST}").check_taken()


def _out_of_reach(folder: str | None, error: BaseException) -> bool:
    """Tell whether a folder in a store, if there is one, takes nothing any more."""
    if folder is None or not isinstance(error, OutputError):
        return False
    try:
        _check_taken(folder)
    except OutputError:
        return True
    return False


def results_of(output: Path | str, options: Options) -> Iterable[Path | str]:
    """Return the places of all results of an image: files, or addresses in a store."""
    if isinstance(output, Path):
        return dict.fromkeys(output_paths(output, options).values())
    folder, _, name = output.rpartition("/")
    paths = dict.fromkeys(output_paths(Path(name), options).values())
    return [f"{folder}/{path.name}" for path in paths]
