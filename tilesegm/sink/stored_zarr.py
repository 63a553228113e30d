"""A finished OME-Zarr as objects of a store.

OUT.zarr.partial      there while objects are being stored: whose they are
OUT.zarr/.../c/...    chunks and shards first
OUT.zarr/.../zarr.json
OUT.zarr/zarr.json    last: without it there is no Zarr
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tilesegm.errors import OutputError
from tilesegm.sink.stored_file import MARK, put_file, tag_of
from tilesegm.source.object_store import ask, open_store, store_errors

__all__ = ["StoredZarr"]

_DOCUMENT = "zarr.json"
_AT_ONCE = 8
_ROUND = 256
"""Objects that are looked at together: what waits in memory is their names."""


class StoredZarr:
    """The place of an OME-Zarr in a store."""

    def __init__(self, uri: str) -> None:
        folder, _, name = uri.rpartition("/")
        self._uri = uri
        self._marker = f"{name}.partial"
        self._beside = open_store(folder, OutputError)
        self._store = open_store(uri, OutputError)

    def check(self) -> str | None:
        """Return the fingerprint of what is there, None where nothing is or it is not finished.

        Raises:
            OutputError: it is none of tilesegm, or the store cannot be reached.
        """
        with store_errors(self._uri, OutputError):
            document = self._read(self._store, _DOCUMENT)
            if document is None and self._read(self._beside, self._marker) is None:
                for name in self._there():
                    raise self._strange(f"holds {name}")
                return None
            for name in self._there():
                if not _is_of_zarr(name):
                    raise self._strange(f"holds {name}")
            return None if document is None else self._fingerprint(document)

    def check_taken(self) -> None:
        """Store the mark of unfinished objects and remove it, where none is there.

        Raises:
            OutputError: the store does not take it.
        """
        import obstore

        with store_errors(self._uri, OutputError):
            if self._read(self._beside, self._marker) is None:
                ask(self._uri, lambda: obstore.put(self._beside, self._marker, b"{}"))
                ask(self._uri, lambda: obstore.delete(self._beside, self._marker))

    def put(self, store: Path, fingerprint: str, report: Callable[[int], None]) -> None:
        """Store a finished Zarr; objects that are there already are not sent again.

        Args:
            store: its folder.
            fingerprint: of its run.
            report: called with the bytes that were stored.

        Raises:
            OutputError: it cannot be stored; what is there then is no Zarr to any reader, and the
                next run goes on with it.
        """
        import obstore

        with store_errors(self._uri, OutputError):
            mark = json.dumps({MARK: fingerprint}).encode()
            ask(self._uri, lambda: obstore.put(self._beside, self._marker, mark))
            with suppress(FileNotFoundError):
                ask(self._uri, lambda: obstore.delete(self._store, _DOCUMENT))
            names = sorted(
                path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()
            )
            there = self._there()
            documents = [name for name in names if name.endswith(_DOCUMENT)]
            chunks = [name for name in names if not name.endswith(_DOCUMENT)]
            self._send(store, chunks, there, report)
            if stale := sorted(there.keys() - set(names)):
                ask(self._uri, lambda: obstore.delete(self._store, stale))
            root = documents.pop(documents.index(_DOCUMENT))
            self._send(store, documents, there, report)
            self._count(store, {*chunks, *documents})
            self._send(store, [root], {}, report)
            ask(self._uri, lambda: obstore.delete(self._beside, self._marker))

    def _send(
        self,
        store: Path,
        names: Iterable[str],
        there: dict[str, tuple[int, str]],
        report: Callable[[int], None],
    ) -> None:
        def send(name: str) -> int:
            path = store / name
            size = path.stat().st_size
            if name not in there or there[name] != (size, tag_of(path)):
                put_file(self._store, self._uri, name, path)
            return size

        waiting = iter(names)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while batch := list(islice(waiting, _ROUND)):
                for size in pool.map(send, batch):
                    report(size)

    def _count(self, store: Path, names: set[str]) -> None:
        """Refuse to finish what is not whole in the store.

        Raises:
            OutputError: objects are missing or of another size.
        """
        there = self._there()
        wrong = [
            name
            for name in sorted(names | there.keys())
            if name not in names or there.get(name, (None,))[0] != (store / name).stat().st_size
        ]
        if wrong:
            raise OutputError(
                f"{self._uri}: {len(wrong)} objects ({wrong[0]} ...) are not in the store as they "
                "were sent"
            )

    def _there(self) -> dict[str, tuple[int, str]]:
        """Return size and entity tag of each object of the Zarr."""
        import obstore

        def listed() -> dict[str, tuple[int, str]]:
            return {
                one["path"]: (one["size"], (one["e_tag"] or "").strip('"'))
                for one in chain.from_iterable(obstore.list(self._store))
            }

        return ask(self._uri, listed)

    def _fingerprint(self, document: bytes) -> str:
        try:
            own = json.loads(document)["attributes"]["tilesegm"]
            return str(own["tags"]["TILESEGM_FINGERPRINT"])
        except (ValueError, LookupError, TypeError, RecursionError):
            raise self._strange("is not the result of tilesegm") from None

    def _strange(self, what: str) -> OutputError:
        return OutputError(
            f"output {self._uri} {what}, which tilesegm did not write and would remove; move it "
            "away or give another name"
        )

    def _read(self, store: Any, name: str) -> bytes | None:
        import obstore

        try:
            return ask(self._uri, lambda: bytes(obstore.get(store, name).bytes()))
        except FileNotFoundError:
            return None


def _is_of_zarr(name: str) -> bool:
    """Tell the names of documents and chunks from others."""
    *folders, last = name.split("/")
    return last == _DOCUMENT or "c" in (*folders, last)
