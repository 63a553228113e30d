"""A finished result of a store as files on disk, for as long as something looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tilesegm.errors import InputError, OutputError
from tilesegm.files import output_errors
from tilesegm.sink.tiff_check import file_beside
from tilesegm.source.object_store import ask, open_store, store_errors

__all__ = ["fetched"]

_PIECE = 8 << 20
_LAYERS = ("", "_confidence", "_scores")
"""What the names of a run's results add to the name of the class map."""


@contextmanager
def fetched(uri: str) -> Iterator[Path]:
    """Give a copy of a GeoTIFF, with the results and names beside it, or of a Zarr.

    It lies in the temporary folder, which ``TMPDIR`` selects.

    Raises:
        InputError: there is no such result.
        OutputError: it cannot be fetched, or the disk is full.
    """
    uri = uri.rstrip("/")
    folder, _, name = uri.rpartition("/")
    with TemporaryDirectory(prefix="tilesegm-") as made:
        with store_errors(uri, OutputError):
            store = open_store(folder, OutputError)
            keys = ask(uri, lambda: _names(store, Path(name)))
            if not keys:
                raise InputError(f"{uri}: no such result; check the address")
            for key in keys:
                path = Path(made, key)
                path.parent.mkdir(parents=True, exist_ok=True)
                _fetch(store, folder, key, path)
        yield Path(made, name)


def _names(store: Any, name: Path) -> list[str]:
    import obstore

    if name.suffix.lower() == ".zarr":
        return [one["path"] for one in chain.from_iterable(obstore.list(store, prefix=str(name)))]
    files = [name.with_name(f"{name.stem}{layer}{name.suffix}") for layer in _LAYERS]
    return [
        str(path) for file in files for path in (file, file_beside(file)) if _is_there(store, path)
    ]


def _is_there(store: Any, path: Path) -> bool:
    import obstore

    try:
        obstore.head(store, str(path))
    except FileNotFoundError:
        return False
    return True


def _fetch(store: Any, folder: str, key: str, path: Path) -> None:
    import obstore

    def copy() -> None:
        with path.open("wb") as file:
            for piece in obstore.get(store, key).stream(min_chunk_size=_PIECE):
                with output_errors(path):
                    file.write(piece)

    ask(f"{folder}/{key}", copy)
