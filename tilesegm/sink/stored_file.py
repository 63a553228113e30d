"""A finished GeoTIFF as an object of a store.

An object appears whole, when its last part has arrived, so it needs no other sign that it is
finished. It carries the fingerprint of its run, by which the same run finds it and others know that
tilesegm may replace it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tilesegm.errors import OutputError
from tilesegm.sink.tiff_check import file_beside
from tilesegm.source.object_store import ask, open_store, store_errors

__all__ = ["MARK", "StoredFile", "put_file", "tag_of"]

MARK = "tilesegm-fingerprint"
"""Name of the metadata of an object that tells of which run it is."""

_PART = 8 << 20
"""Bytes that are sent at once: a line of 5 Mbit/s sends four of them in a minute."""
_PARTS = 9000
"""Parts of an object; stores take 10 000."""
_TOGETHER = 4


class StoredFile:
    """The place of a GeoTIFF in a store, with the class names that GDAL keeps beside it."""

    def __init__(self, uri: str) -> None:
        self._folder, _, self._name = uri.rpartition("/")
        self._uri = uri
        self._store = open_store(self._folder, OutputError)

    def check(self) -> str | None:
        """Return the fingerprint of what is there, None where nothing is.

        Raises:
            OutputError: it is none of tilesegm, or the store cannot be reached.
        """
        self._mark(self._beside)
        return self._mark(self._name)

    def check_taken(self) -> None:
        """Store a mark beside the place and remove it.

        Raises:
            OutputError: the store does not take it, or another's object has its name.
        """
        import obstore

        mark = f"{self._name}.partial"
        self._mark(mark)
        with store_errors(self._uri, OutputError):
            known = {MARK: "none"}
            ask(self._uri, lambda: obstore.put(self._store, mark, b"", attributes=known))
            ask(self._uri, lambda: obstore.delete(self._store, mark))

    def put(self, path: Path, fingerprint: str, report: Callable[[int], None]) -> None:
        """Store a finished file and what lies beside it.

        Args:
            path: of the file.
            fingerprint: of its run.
            report: called with the bytes that were stored.

        Raises:
            OutputError: it cannot be stored; what was there before stays as it was.
        """
        import obstore

        with store_errors(self._uri, OutputError):
            beside = file_beside(path)
            if beside.exists():
                put_file(self._store, self._folder, self._beside, beside, fingerprint)
            elif self._mark(self._beside) is not None:
                ask(self._uri, lambda: obstore.delete(self._store, self._beside))
            put_file(self._store, self._folder, self._name, path, fingerprint)
        report(path.stat().st_size)

    @property
    def _beside(self) -> str:
        return file_beside(Path(self._name)).name

    def _mark(self, name: str) -> str | None:
        import obstore

        with store_errors(self._uri, OutputError), suppress(FileNotFoundError):
            head: Any = {"head": True}
            found = ask(self._uri, lambda: obstore.get(self._store, name, options=head)).attributes
            if MARK not in found:
                uri = f"{self._folder}/{name}"
                raise OutputError(
                    f"output {uri} exists and is not the result of tilesegm, which replaces its "
                    "own objects only; move it away or give another name"
                )
            return str(found[MARK])
        return None


def put_file(
    store: Any, folder: str, name: str, path: Path, fingerprint: str | None = None
) -> None:
    """Store a file as one object, in parts where it is large.

    Each request is signed with the digest of its bytes, which the store compares with what arrives.

    Args:
        store: see `open_store`.
        folder: its address.
        name: of the object in it.
        path: of the file.
        fingerprint: that the object tells.

    Raises:
        OutputError: the store holds another number of bytes afterwards.
    """
    import obstore

    size = path.stat().st_size

    def put() -> None:
        obstore.put(
            store,
            name,
            path if size > _PART else path.read_bytes(),
            attributes={MARK: fingerprint} if fingerprint else None,
            chunk_size=_part(size),
            max_concurrency=_TOGETHER,
        )

    uri = f"{folder}/{name}"
    ask(uri, put)
    stored = ask(uri, lambda: obstore.head(store, name))["size"] if size > _PART else size
    if stored != size:
        raise OutputError(f"{uri} has {stored} bytes in place of {size}")


def tag_of(path: Path) -> str:
    """Return the entity tag of a file that `put_file` stored, as stores make it of MD5 digests.

    Stores that encrypt with keys of their own make others.
    """
    size, parts = path.stat().st_size, []
    with path.open("rb") as file:
        while data := file.read(_part(size)):
            parts.append(hashlib.md5(data, usedforsecurity=False))
    if size <= _PART:
        return parts[0].hexdigest() if parts else hashlib.md5(usedforsecurity=False).hexdigest()
    whole = hashlib.md5(b"".join(part.digest() for part in parts), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(parts)}"


def _part(size: int) -> int:
    return max(_PART, -(-size // _PARTS))
