"""Object stores that speak S3: how they are reached, and what is said when they are not.

Credentials, region and endpoint are those of the usual environment (``AWS_*``, profiles, roles of a
machine), found by boto3. They stay in its hands and in those of the client: none is shown or kept.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from glob import has_magic
from pathlib import Path
from typing import Any, TypeVar

from tilesegm.errors import SourceError, TilesegmError
from tilesegm.ownership import state_of
from tilesegm.shown import harmless
from tilesegm.source.remote import FetchError, is_http, patiently, probe, seconds_of

__all__ = [
    "ask",
    "code_of",
    "find_session",
    "gdal_endpoint",
    "is_s3",
    "open_store",
    "place_of",
    "probe_remote",
    "s3_parts",
    "store_errors",
    "unopened_name",
]

T = TypeVar("T")

_SCHEME = "s3://"
_ABSENT = "no such object or bucket; check the address and AWS_ENDPOINT_URL"
_LONGEST = 300
"""Characters that are shown of what a store says."""


def is_s3(uri: str) -> bool:
    """Tell whether ``uri`` is an address in an object store that speaks S3."""
    return uri.startswith(_SCHEME)


def place_of(text: str | Path) -> Path | str:
    """Return an address in such a store as it is, and anything else as a path."""
    return str(text) if is_s3(str(text)) else Path(text)


def s3_parts(uri: str) -> tuple[str, str]:
    """Return bucket and key of an address, without a slash at the end."""
    bucket, _, key = uri.removeprefix(_SCHEME).partition("/")
    return bucket, key.strip("/")


def unopened_name(uri: str) -> str:
    """Return why GDAL opens no object of this name; an empty text where it does."""
    key = s3_parts(uri)[1]
    if "#" in key or (key and {"", ".", ".."} & set(key.split("/"))):
        return "GDAL opens no object with '#' or an empty folder in its name"
    return ""


def code_of(place: str) -> str:
    """Return what tells places of one last name apart in names of unfinished work."""
    return hashlib.sha256(place.encode()).hexdigest()[:8]


def open_store(uri: str, error: type[TilesegmError] = SourceError) -> Any:
    """Return what reads and writes the objects under an address, an ``obstore.store.S3Store``.

    Waiting is limited by the same variables as for images behind http.

    Args:
        uri: of a bucket, an object that is a folder to readers, or a prefix.
        error: raised where packages or credentials are missing.
    """
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
        from obstore.store import S3Store
    except ImportError as missing:
        raise error(
            f'{uri}: S3 needs obstore and boto3; run: pip install "tilesegm[remote]"'
        ) from missing
    bucket, prefix = s3_parts(uri)
    with store_errors(uri, error):
        session = find_session()
        public = _flag("AWS_NO_SIGN_REQUEST", "YES", "TRUE", "ON", "1")
        if not public and session.get_credentials() is None:
            raise error(
                f"{uri}: no credentials are found; set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or AWS_NO_SIGN_REQUEST=YES for public data"
            )
        endpoint = _endpoint()
        access: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
        if public:
            access["skip_signature"] = True
        else:
            access["credential_provider"] = Boto3CredentialProvider(session)
        return S3Store(
            bucket,
            prefix=prefix or None,
            region=session.region_name or "us-east-1",
            client_options={
                "allow_http": bool(endpoint) and str(endpoint).startswith("http://"),
                "connect_timeout": timedelta(seconds=seconds_of("GDAL_HTTP_CONNECTTIMEOUT")),
                "timeout": timedelta(seconds=seconds_of("GDAL_HTTP_TIMEOUT")),
            },
            retry_config={
                "max_retries": int(seconds_of("GDAL_HTTP_MAX_RETRY")),
                "backoff": {"init_backoff": timedelta(seconds=seconds_of("GDAL_HTTP_RETRY_DELAY"))},
            },
            **access,
        )


def find_session() -> Any:
    """Return the session of boto3 that finds credentials: a new one once what tells them changes.

    Making one takes longer than many a request.
    """
    known = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    files = (
        known.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        known.get("AWS_CONFIG_FILE", "~/.aws/config"),
    )
    paths = [Path(os.path.expanduser(file)) for file in files]
    return _made_session((*sorted(known.items()), *((path, state_of(path)) for path in paths)))


@lru_cache(maxsize=4)
def _made_session(known: tuple[Any, ...]) -> Any:
    import boto3

    return boto3.Session()


def ask(uri: str, call: Callable[[], T]) -> T:
    """Call a store, again after a pause where it may answer then.

    Args:
        uri: what is said in an error.
        call: what is asked; it may be done twice.

    Raises:
        FileNotFoundError: there is no such object.
        SourceError: the store does not do it.
    """

    def once() -> T:
        try:
            return call()
        except (TilesegmError, FileNotFoundError):
            raise
        except Exception as error:
            # Clients of stores raise errors of many kinds.
            raise _explained(uri, error) from harmless(error)

    return patiently(once)


@contextmanager
def store_errors(uri: str, kind: type[TilesegmError]) -> Iterator[None]:
    """Turn what boto3 and obstore raise, and what `ask` does, into errors of one kind.

    Args:
        uri: the object or its folder.
        kind: of the error that is raised.
    """
    try:
        yield
    except SourceError as error:
        raise (error if kind is SourceError else kind(str(error))) from error.__cause__
    except TilesegmError:
        raise
    except Exception as error:
        said = _explained(uri, error)
        raise (said if kind is SourceError else kind(str(said))) from harmless(error)


def _explained(uri: str, error: Exception) -> SourceError:
    """Say in one line what to do; a `FetchError` where the store may answer later."""
    # Behind the first line stands the whole conversation.
    said = " ".join(str(error).partition("\n\nDebug source")[0].split())[:_LONGEST]
    advice = _advice(error)
    if advice is None:
        return FetchError(
            f"{uri}: the store does not answer as it should; check AWS_ENDPOINT_URL and the "
            f"network ({said})"
        )
    if advice == _ABSENT and (uri.endswith("/") or has_magic(uri)):
        advice += "; folders and patterns of a store are taken by predict, folders by areas too"
    return SourceError(f"{uri}: {advice} ({said})")


def _advice(error: Exception) -> str | None:
    """Return what mends an error, unless waiting may."""
    name = type(error).__name__
    if name == "ProfileNotFound":
        return "check AWS_PROFILE and ~/.aws/config"
    # Of a list of objects only the text tells that there is no bucket.
    absent = name == "NotFoundError" or "<Code>NoSuchBucket</Code>" in str(error)
    if absent or isinstance(error, FileNotFoundError):
        return _ABSENT
    # What a list of objects meets has no kind of its own, and only the text tells.
    denied = any(f"status code: {code}" in str(error) for code in (401, 403))
    if denied or name in ("PermissionDeniedError", "UnauthenticatedError"):
        return "the store denies access; check the credentials (AWS_*) and what they may do"
    if "Could not parse path" in str(error):
        return "no object of this name can be read; copy it to one without empty folders"
    return None


def probe_remote(uri: str) -> tuple[tuple[str, str], ...]:
    """Return what a server or store tells of a file: entity tag, time and size.

    Nothing is known of addresses elsewhere, nor of S3 where its packages are not installed.

    Raises:
        SourceError: there is no such file, or it cannot be reached.
    """
    if is_http(uri):
        return probe(uri)
    try:
        import obstore
    except ImportError:
        return ()
    if not is_s3(uri):
        return ()
    bucket, key = s3_parts(uri)
    store = open_store(f"{_SCHEME}{bucket}")
    with store_errors(uri, SourceError):
        found = ask(uri, lambda: obstore.head(store, key))
    return (
        ("etag", found["e_tag"] or ""),
        ("modified", found["last_modified"].isoformat()),
        ("size", str(found["size"])),
    )


def gdal_endpoint() -> dict[str, str]:
    """Return what GDAL is told of the store: its own variables know no URL of an endpoint."""
    url = _endpoint()
    if not url:
        return {}
    scheme, _, host = url.rstrip("/").rpartition("://")
    told = {
        "AWS_S3_ENDPOINT": host,
        "AWS_HTTPS": "NO" if scheme == "http" else "YES",
        # Names of buckets become names of hosts at Amazon's alone.
        "AWS_VIRTUAL_HOSTING": "FALSE",
    }
    return {name: os.environ.get(name, value) for name, value in told.items()}


def _endpoint() -> str | None:
    """Return the address of the store that the environment or the profile tells; None: Amazon's."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if os.environ.get(name):
            return os.environ[name]
    host = os.environ.get("AWS_S3_ENDPOINT")  # of GDAL
    if host and "://" not in host:
        insecure = _flag("AWS_HTTPS", "NO", "FALSE", "OFF", "0")
        return f"http{'' if insecure else 's'}://{host}"
    return host or _endpoint_of_profile()


def _endpoint_of_profile() -> str | None:
    try:
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError:
        return None
    try:
        session = Session()
        profile = session.get_scoped_config()
        services = session.full_config.get("services", {}).get(profile.get("services"), {})
    except BotoCoreError:
        return None  # who opens the store says what is wrong with a profile
    found = services.get("s3", {}).get("endpoint_url") or profile.get("endpoint_url")
    return str(found) if found else None


def _flag(name: str, *words: str) -> bool:
    return os.environ.get(name, "").upper() in words
