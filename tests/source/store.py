"""An S3 server on loopback, and a proxy before it that is slow, cuts connections and says no."""

from __future__ import annotations

import itertools
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.request import urlopen

from tests.source.server import running

__all__ = ["BUCKET", "FAULTS", "KEY", "SECRET", "Line", "Store", "serving_store"]

BUCKET = "maps"
KEY, SECRET = "AKIATESTTESTTEST", "s3cr3tOfTheStore"
FAULTS = ("slow_down", "failure", "reset", "cut")


@dataclass
class Line:
    """What happens between client and server; changed while it is used."""

    every: int = 0
    """Of as many requests one goes wrong, by each fault in turn; 0: none."""
    faults: tuple[str, ...] = FAULTS
    delay: float = 0.0
    """Seconds before each request is passed on."""
    broken_puts: int | None = None
    """Number of objects that are taken before none is any more."""
    seen: list[str] = field(default_factory=list)
    """Method and path of each request."""
    heads: list[str] = field(default_factory=list)
    """Headers of each request, as text."""
    sent: int = 0
    """Bytes of the answers."""
    _turn: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self, method: str, path: str) -> str:
        with self._lock:
            self.seen.append(f"{method} {path}")
            if method in ("PUT", "POST") and self.broken_puts is not None:
                self.broken_puts -= 1
                if self.broken_puts < 0:
                    return "denied"
            if self.every and len(self.seen) % self.every == 0:
                return self.faults[next(self._turn) % len(self.faults)]
        return ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    line: Line
    port: int

    def _pass(self) -> None:
        body = self._body()
        fault = self.line.next_fault(self.command, self.path)
        self.line.heads.append(str(self.headers))
        time.sleep(self.line.delay)
        if fault in ("slow_down", "failure", "denied"):
            code, name = {
                "slow_down": (503, "SlowDown"),
                "failure": (500, "InternalError"),
                "denied": (403, "AccessDenied"),
            }[fault]
            text = f"<Error><Code>{name}</Code><Message>{name}</Message></Error>".encode()
            self._answer(code, {"Content-Type": "application/xml"}, text, len(text))
            return
        if fault == "reset":
            # Closed with a wait of 0 seconds, a connection is reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        there = HTTPConnection("127.0.0.1", self.port)
        headers = {name: value for name, value in self.headers.items() if name != "Expect"}
        there.request(self.command, self.path, body, headers)
        reply = there.getresponse()
        data = reply.read()
        there.close()
        kept = {n: v for n, v in reply.getheaders() if n.lower() not in ("connection", "date")}
        size = int(kept.pop("Content-Length", len(data)))
        kept.pop("Transfer-Encoding", None)
        if fault == "cut":
            data = data[: len(data) // 2]
            self.close_connection = True
        self._answer(reply.status, kept, data, size)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815

    def _body(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        return b""

    def _answer(self, code: int, headers: dict[str, str], data: bytes, size: int) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command != "HEAD" and data:
            with suppress(OSError):  # the client has heard enough
                self.wfile.write(data)
                self.line.sent += len(data)

    def log_message(self, *args: Any) -> None:
        """Stay quiet."""


@dataclass(frozen=True)
class Store:
    """A running server, whose address and credentials are in the environment."""

    line: Line
    client: Any
    """A client of boto3 that passes the proxy by."""

    def clear(self) -> None:
        """Remove all objects, and let the line behave."""
        vars(self.line).update(vars(Line()))
        for name in self.names():
            self.client.delete_object(Bucket=BUCKET, Key=name)

    def names(self, under: str = "") -> list[str]:
        """Keys of objects, sorted."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=under)
        return sorted(one["Key"] for page in pages for one in page.get("Contents", ()))

    def put(self, path: Path, key: str) -> None:
        """Store a file, or the files of a folder."""
        files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
        for file in files:
            name = key if path.is_file() else f"{key}/{file.relative_to(path).as_posix()}"
            self.client.put_object(Bucket=BUCKET, Key=name, Body=file.read_bytes())

    def get(self, key: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return data

    def copy(self, key: str, folder: Path) -> Path:
        """Fetch an object, or the objects of a folder, and return where it lies."""
        for name in self.names(key):
            path = folder / Path(key).name / name.removeprefix(key).lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.get(name))
        return folder / Path(key).name


@contextmanager
def serving_store() -> Iterator[Store]:
    """Serve an empty bucket behind a proxy until the end of the block."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    line = Line()
    _, port = server.get_host_and_port()
    handler = type("Handler", (_Handler,), {"line": line, "port": port})
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    proxy.daemon_threads = True
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )
    # Objects stay as long as the process, whichever server took them.
    urlopen(f"http://127.0.0.1:{port}/moto-api/reset", data=b"").close()
    client.create_bucket(Bucket=BUCKET)
    try:
        with running(proxy) as host:
            environment = {
                "AWS_ENDPOINT_URL": f"http://{host}",
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_DEFAULT_REGION": "us-east-1",
                "GDAL_HTTP_RETRY_DELAY": "0.05",
                "GDAL_HTTP_TIMEOUT": "5",
            }
            other = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
            with mock.patch.dict(os.environ, other | environment, clear=True):
                yield Store(line, client)
    finally:
        client.close()
        server.stop()
