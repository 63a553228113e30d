"""Images behind a URL: what GDAL is told about the network, and whether the address answers."""

from __future__ import annotations

from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tilesegm.errors import SourceError

__all__ = ["GDAL_REMOTE", "is_http", "is_remote", "open_remote_zarr", "probe"]

_SECONDS = 15

GDAL_REMOTE: dict[str, str | int | float] = {
    # Listing a folder of a bucket to look for side-car files takes longer than reading the image.
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_CONNECTTIMEOUT": _SECONDS,
    "GDAL_HTTP_TIMEOUT": 60,
    "GDAL_HTTP_MAX_RETRY": 3,
    "GDAL_HTTP_RETRY_DELAY": 0.5,
}
"""GDAL's configuration for remote files: bounded waiting, few retries, no listing of folders."""


def is_http(uri: str) -> bool:
    """Tell whether ``uri`` is a web address."""
    return uri.startswith(("http://", "https://"))


def is_remote(uri: str) -> bool:
    """Tell whether ``uri`` leads to a web server or an object store."""
    remote = (
        "s3://",
        "gs://",
        "gcs://",
        "az://",
        "abfs://",
        "/vsicurl",
        "/vsis3",
        "/vsigs",
        "/vsiaz",
    )
    return is_http(uri) or uri.startswith(remote)


def probe(url: str) -> tuple[tuple[str, str], ...]:
    """Ask a web server for the first byte of ``url``.

    A GET of one byte is answered where HEAD is refused, as by addresses signed for GET alone.

    Returns:
        The entity tag, time of change and size, as far as the server tells them.

    Raises:
        SourceError: nothing is served there.
    """
    request = Request(url, headers={"Range": "bytes=0-0"})
    try:
        with urlopen(request, timeout=_SECONDS) as reply:
            headers = reply.headers
    except HTTPError as error:
        error.close()
        raise SourceError(
            f"{url}: the server answers {error.code} {error.reason}; check the address and access"
        ) from error
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise SourceError(f"{url}: no answer ({reason}); check the address and network") from error
    size = headers.get("Content-Range", "").rpartition("/")[2] or headers.get("Content-Length", "")
    state = {
        "etag": headers.get("ETag", ""),
        "modified": headers.get("Last-Modified", ""),
        "size": size,
    }
    return tuple((name, value) for name, value in state.items() if value)


def open_remote_zarr(url: str) -> Any:
    """Open the Zarr array or group at ``url`` for reading.

    Raises:
        SourceError: the packages for remote files are missing, or nothing is served there.
    """
    import zarr

    try:
        import fsspec  # noqa: F401
    except ImportError as error:
        raise SourceError(
            f'{url}: Zarr over the network needs fsspec; run: pip install "tilesegm[remote]"'
        ) from error
    if not is_http(url):
        return zarr.open(url, mode="r")
    _find_metadata(url)
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_SECONDS, sock_read=60)
    return zarr.open(url, mode="r", storage_options={"client_kwargs": {"timeout": timeout}})


def _find_metadata(url: str) -> None:
    """Refuse an address without Zarr metadata, which zarr would call an absent group."""
    absent: SourceError | None = None
    for document in ("zarr.json", ".zarray", ".zgroup"):
        try:
            probe(f"{url.rstrip('/')}/{document}")
        except SourceError as error:
            if not isinstance(error.__cause__, HTTPError):
                raise
            absent = absent or error
        else:
            return
    if absent:
        raise absent
