"""Zarr stores behind a URL."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.error import HTTPError

from tilesegm.errors import SourceError
from tilesegm.source.names import DOCUMENTS
from tilesegm.source.object_store import ask, is_s3, open_store, store_errors
from tilesegm.source.remote import is_http, probe, seconds_of

__all__ = ["open_remote_zarr"]


def open_remote_zarr(url: str) -> Any:
    """Open the Zarr array or group at ``url`` for reading.

    Raises:
        SourceError: the packages for remote files are missing, or nothing is served there.
    """
    import zarr

    if is_s3(url):
        return _open_in_store(url)
    try:
        import fsspec  # noqa: F401
    except ImportError as error:
        raise SourceError(
            f'{url}: Zarr over the network needs fsspec; run: pip install "tilesegm[remote]"'
        ) from error
    if not is_http(url):
        return zarr.open(url, mode="r")
    _find_metadata(url)
    from aiohttp import ClientTimeout
    from zarr.storage import FsspecStore

    address, _, signature = url.partition("?")
    limits = ClientTimeout(
        total=seconds_of("GDAL_HTTP_TIMEOUT"), sock_connect=seconds_of("GDAL_HTTP_CONNECTTIMEOUT")
    )
    files = _signed_files()(
        signature, asynchronous=True, encoded=bool(signature), client_kwargs={"timeout": limits}
    )
    return zarr.open(FsspecStore(files, read_only=True, path=address.rstrip("/")), mode="r")


def _open_in_store(url: str) -> Any:
    import zarr

    store = open_store(url)
    import obstore
    from zarr.storage import ObjectStore

    with store_errors(url, SourceError):
        if not any(_holds(obstore, store, url, document) for document in DOCUMENTS):
            raise SourceError(
                f"{url}: there is no Zarr ({', '.join(DOCUMENTS)}); check the address"
            )
        return zarr.open(ObjectStore(store, read_only=True), mode="r")


def _holds(obstore: Any, store: Any, url: str, name: str) -> bool:
    try:
        ask(url, lambda: obstore.head(store, name))
    except FileNotFoundError:
        return False
    return True


@cache
def _signed_files() -> Any:
    """Return files behind http as fsspec has them, each with the signature of their store."""
    from fsspec.implementations.http import HTTPFileSystem
    from yarl import URL

    class Signed(HTTPFileSystem):  # type: ignore[misc]
        def __init__(self, signature: str, **settings: Any) -> None:
            super().__init__(**settings)
            self._signature = signature

        def encode_url(self, url: str) -> Any:
            signed = f"{url}?{self._signature}" if self._signature else url
            return URL(signed, encoded=self.encoded)

    return Signed


def _find_metadata(url: str) -> None:
    """Refuse an address without Zarr metadata, which zarr would call an absent group."""
    absent: SourceError | None = None
    store, mark, signature = url.partition("?")
    for document in DOCUMENTS:
        try:
            probe(f"{store.rstrip('/')}/{document}{mark}{signature}")
        except SourceError as error:
            if not isinstance(error.__cause__, HTTPError):
                raise
            absent = absent or error
        else:
            return
    if absent:
        raise absent
