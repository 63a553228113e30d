"""Images behind a URL: what GDAL is told about the network, and whether the address answers."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from typing import IO, TypeVar
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tilesegm.errors import SourceError
from tilesegm.shown import harmless, without_secrets
from tilesegm.source.names import file_of

__all__ = [
    "FetchError",
    "is_http",
    "is_remote",
    "patiently",
    "probe",
    "remote_settings",
    "renewed",
    "seconds_of",
]

T = TypeVar("T")

_PAUSES = (0.5, 1.0)
"""Seconds before what failed is tried again."""
_STALLED = 30.0
"""Seconds after which what failed is not tried again: libraries have waited long enough."""
_TEMPORARY = (408, 416, 425, 429)
"""Answers that may be others a moment later, beside those from 500 on."""

_GDAL: dict[str, str | int | float] = {
    # Listing a folder of a bucket to look for side-car files takes longer than reading the image.
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_CONNECTTIMEOUT": 15,
    "GDAL_HTTP_TIMEOUT": 60,
    "GDAL_HTTP_MAX_RETRY": 3,
    "GDAL_HTTP_RETRY_DELAY": 0.5,
    "GDAL_HTTP_RETRY_CODES": "408,416,425,429,500,502,503,504",
}


class _Hiding(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Hide secrets of addresses in what libraries log."""
        record.msg, record.args = without_secrets(record.getMessage()), ()
        return True


_LIBRARIES = (
    *("rasterio._env", "rasterio._err", "fsspec", "fsspec.http"),
    *("botocore.auth", "botocore.endpoint", "botocore.hooks", "botocore.parsers"),
    *("botocore.credentials", "botocore.session", "botocore.utils", "botocore.httpsession"),
)
"""Loggers of libraries that tell addresses and headers of requests."""

for _library in _LIBRARIES:
    logging.getLogger(_library).addFilter(_Hiding())


class FetchError(SourceError):
    """A server did not give what was asked for; it may when asked again."""


def remote_settings() -> dict[str, str | int | float]:
    """Return GDAL's configuration for remote files: bounded waiting, few retries, no listing.

    Environment variables of the same names count in place of it.
    """
    return {name: os.environ.get(name, value) for name, value in _GDAL.items()}


_renewals = itertools.count(1)


def renewed(uri: str) -> str:
    """Return another name of a file behind http, under which GDAL has kept no broken answer.

    What stands behind ``#`` is not sent to servers; rasterio would leave it out of a plain address.
    """
    file = file_of(uri)
    page = uri.removesuffix(file)
    return f"{page}/vsicurl/{file}#{next(_renewals)}" if is_http(file) else uri


def patiently(call: Callable[[], T]) -> T:
    """Call again, after a pause, what failed for reasons that may pass.

    Raises:
        FetchError: it failed every time, or took so long that nothing is to be hoped for.
    """
    began = time.monotonic()
    for pause in _PAUSES:
        try:
            return call()
        except FetchError:
            if time.monotonic() - began > _STALLED:
                raise
        time.sleep(pause)
    return call()


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
    headers = patiently(lambda: _ask(url))
    size = headers.get("Content-Range", "").rpartition("/")[2] or headers.get("Content-Length", "")
    state = {
        "etag": headers.get("ETag", ""),
        "modified": headers.get("Last-Modified", ""),
        "size": size,
    }
    return tuple((name, value) for name, value in state.items() if value)


def _ask(url: str) -> HTTPMessage:
    """Return the headers of an answer, or an error of the kind that tells whether to ask again."""
    answers: list[HTTPMessage | Exception] = []

    def ask() -> None:
        try:
            with _OPENER.open(
                _request(url), timeout=seconds_of("GDAL_HTTP_CONNECTTIMEOUT")
            ) as reply:
                answers.append(reply.headers)
        except Exception as error:
            answers.append(error)

    # A server that sends a byte now and then satisfies the limit of each read for ever.
    asking = threading.Thread(target=ask, name="tilesegm-probe", daemon=True)
    asking.start()
    asking.join(seconds_of("GDAL_HTTP_CONNECTTIMEOUT"))
    answer = answers[0] if answers else TimeoutError("timed out")
    if isinstance(answer, HTTPError):
        answer.close()
        passing = answer.code >= 500 or answer.code in _TEMPORARY
        raise (FetchError if passing else SourceError)(
            f"{url}: the server answers {answer.code} {answer.reason}; check the address and access"
        ) from answer
    if isinstance(answer, OSError | HTTPException | ValueError):
        reason = getattr(answer, "reason", answer)
        raise FetchError(
            f"{url}: no answer ({reason}); check the address and network"
        ) from harmless(answer)
    if isinstance(answer, Exception):
        raise answer
    return answer


def seconds_of(name: str) -> float:
    """Return a limit that the environment may set, as GDAL takes it: mostly of time."""
    try:
        return float(remote_settings()[name])
    except ValueError:
        return float(_GDAL[name])


def _request(url: str) -> Request:
    """Ask for one byte, with name and password in a header, where servers look for them."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    request = Request(urlunsplit(parts._replace(netloc=host)), headers={"Range": "bytes=0-0"})
    if user:
        word = b64encode(unquote(user).encode()).decode()
        request.add_header("Authorization", f"Basic {word}")
    return request


class _Careful(HTTPRedirectHandler):
    """Does not send a password on to another host."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made is not None and urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            made.remove_header("Authorization")
        return made


_OPENER = build_opener(_Careful)
