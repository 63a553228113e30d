"""The prefix in a store under which the unfinished results of a run lie as objects.

    run.json            what the run depends on, as in a staging folder
    notes.json          facts of the whole run
    regions/NUMBER.zip  a finished region

An object appears whole or not at all, so a region needs no journal: its object is its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any, Self, TypeVar

from tilesegm.errors import OutputError, SettingsError
from tilesegm.source.object_store import ask, code_of, is_s3, open_store, s3_parts, store_errors

__all__ = ["StagingPrefix"]

T = TypeVar("T")

HEAD, NOTES, REGIONS = "run.json", "notes.json", "regions"
_NAMES = {HEAD, NOTES, REGIONS}
_AT_ONCE = 1000
"""Objects that are removed at a time."""


class StagingPrefix:
    """A prefix that the runs on one output write under.

    Nothing keeps two of them apart: both write the same objects, so that only work is lost.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @classmethod
    def of(cls, staging: str | Path | None, output: str | Path) -> Self | None:
        """Return where the unfinished results of an output lie in a store; None: on a disk.

        Args:
            staging: address or folder that was given for them.
            output: path or address of the class map.

        Raises:
            SettingsError: the address names no bucket.
        """
        if staging is None or not is_s3(str(staging)):
            return None
        bucket, key = s3_parts(str(staging))
        if not bucket:
            raise SettingsError(f"staging {staging}: expected s3://BUCKET or s3://BUCKET/FOLDER")
        place = str(output) if is_s3(str(output)) else str(Path(output).absolute())
        # Outputs of one name that lie in different places have unfinished results of their own.
        code = code_of(place)
        folder = f"s3://{bucket}/{key}".rstrip("/")
        return cls(f"{folder}/{Path(place).name}.{code}.partial")

    def head(self) -> bytes | None:
        """Return the object that says what the run depends on; None where there is none.

        Raises:
            OutputError: something else lies there, or the store cannot be reached.
        """
        self.leftovers()
        return self.read(HEAD)

    def leftovers(self) -> bool:
        """Tell whether a run left something.

        Raises:
            OutputError: there is something that no run wrote.
        """
        import obstore

        found: Any = self._ask(lambda: obstore.list_with_delimiter(self._store))
        names = [one["path"] for one in found["objects"]] + list(found["common_prefixes"])
        names = sorted(name.strip("/").rpartition("/")[2] for name in names)
        for name in names:
            if name not in _NAMES:
                raise OutputError(
                    f"{self.uri} is needed for unfinished results but holds other objects "
                    f"({name}); move them away, or name another place with --staging"
                )
        return bool(names)

    def put(self, name: str, data: bytes, attributes: Mapping[str, str] | None = None) -> None:
        """Write an object.

        Raises:
            OutputError: the store does not take it.
        """
        import obstore

        known = dict(attributes) if attributes else None
        self._ask(lambda: obstore.put(self._store, name, data, attributes=known))

    def read(self, name: str) -> bytes | None:
        """Return the bytes of an object; None where there is none.

        Raises:
            OutputError: the store cannot be reached.
        """
        import obstore

        with store_errors(self.uri, OutputError), suppress(FileNotFoundError):
            return ask(self.uri, lambda: bytes(obstore.get(self._store, name).bytes()))
        return None

    def attributes(self, name: str) -> Mapping[str, str]:
        """Return what was written with an object.

        Raises:
            OutputError: the store cannot be reached.
        """
        import obstore

        head: Any = {"head": True}
        with store_errors(self.uri, OutputError), suppress(FileNotFoundError):
            return dict(
                ask(self.uri, lambda: obstore.get(self._store, name, options=head)).attributes
            )
        return {}

    def names(self, folder: str | None = None) -> list[str]:
        """Return the names of all objects, or of those in a folder, sorted.

        Raises:
            OutputError: the store cannot be reached.
        """
        import obstore

        def listed() -> list[str]:
            pages: Iterator[Any] = chain.from_iterable(obstore.list(self._store, prefix=folder))
            return sorted(one["path"] for one in pages)

        return self._ask(listed)

    def clear(self) -> None:
        """Remove all that runs write.

        The head goes first: what is left of the rest after a kill is no run to go on with.

        Raises:
            OutputError: the store does not remove it.
        """
        import obstore

        names = sorted(self.names(), key=lambda name: name != HEAD)
        batches = [names[:1], *(names[n : n + _AT_ONCE] for n in range(1, len(names), _AT_ONCE))]
        for batch in filter(None, batches):
            self._ask(partial(obstore.delete, self._store, batch))

    def _ask(self, call: Callable[[], T]) -> T:
        with store_errors(self.uri, OutputError):
            return ask(self.uri, call)

    @cached_property
    def _store(self) -> Any:
        return open_store(self.uri, OutputError)
