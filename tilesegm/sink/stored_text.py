"""A text that is an object of a store: read whole, and replaced whole unless others did."""

from __future__ import annotations

from typing import Any

from tilesegm.errors import OutputError
from tilesegm.source.object_store import ask, open_store, store_errors

__all__ = ["StoredText"]


class StoredText:
    """The place of a text in a store, which other machines may write too.

    Attributes:
        uri: its address.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        folder, _, self._name = uri.rpartition("/")
        self._store = open_store(folder, OutputError)
        self._seen: str | None = None
        """Entity tag of what was read or stored last; None where nothing was there."""

    def read(self) -> bytes | None:
        """Return what is there, None where nothing is.

        Raises:
            OutputError: the store cannot be reached.
        """
        import obstore

        with store_errors(self.uri, OutputError):
            try:
                found = ask(self.uri, lambda: _whole(obstore.get(self._store, self._name)))
            except FileNotFoundError:
                self._seen = None
                return None
        self._seen = found[1]
        return found[0]

    def replace(self, data: bytes) -> bool:
        """Store a text in the place of what was read or stored last.

        Stores that know no conditions store it in any case.

        Returns:
            False where something else is there by now, which stays: read it.

        Raises:
            OutputError: the store does not take it.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        def put() -> str | None:
            mode: Any = "create" if self._seen is None else {"e_tag": self._seen}
            whole: dict[str, Any] = {"use_multipart": False}  # parts know no conditions
            try:
                done = obstore.put(self._store, self._name, data, mode=mode, **whole)
            except (AlreadyExistsError, PreconditionError):
                return None
            except BaseError as error:
                if "NotImplemented" not in str(error):
                    raise
                done = obstore.put(self._store, self._name, data, **whole)
            return done["e_tag"] or ""

        with store_errors(self.uri, OutputError):
            tag = ask(self.uri, put)
        if tag is not None:
            self._seen = tag
        return tag is not None


def _whole(found: Any) -> tuple[bytes, str | None]:
    return bytes(found.bytes()), found.meta["e_tag"]
