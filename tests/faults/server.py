"""A web server on loopback that misbehaves as it is told, and asks for passwords or signatures."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.source.server import RangeHandler, running

__all__ = ["Manners", "serving"]


@dataclass
class Manners:
    """How the server behaves; changed while it runs."""

    fault: str = ""
    """What goes wrong: see `_Handler`."""
    times: float = float("inf")
    """Requests that go wrong before all is well."""
    after: int = 0
    """Requests that go well before."""
    user: str = ""
    """``name:password`` that is asked for."""
    signature: str = ""
    """Value of the parameter ``sig`` that is asked for."""
    elsewhere: str = ""
    """Address that redirects lead to."""
    seen: list[dict[str, str]] = field(default_factory=list)
    """Path and headers of each request."""


class _Handler(RangeHandler):
    def __init__(self, *args: Any, manners: Manners, **settings: Any) -> None:
        self._manners = manners
        super().__init__(*args, **settings)

    def _answer(self, with_body: bool) -> None:
        manners, address = self._manners, urlsplit(self.path)
        manners.seen.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
        if manners.user:
            word = base64.b64encode(manners.user.encode()).decode()
            if self.headers.get("Authorization") != f"Basic {word}":
                self._refuse(401, [("WWW-Authenticate", 'Basic realm="images"')])
                return
        if manners.signature and parse_qs(address.query).get("sig") != [manners.signature]:
            self._refuse(403)
            return
        there = Path(self.translate_path(self.path)).is_file()
        if there and manners.fault and manners.times > 0 and len(manners.seen) > manners.after:
            manners.times -= 1
            fault: Callable[[bool], None] = getattr(self, f"_{manners.fault}")
            fault(with_body)
            return
        super()._answer(with_body)

    def _refuse(self, code: int, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(code)
        for name, value in headers or []:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _unavailable(self, with_body: bool) -> None:
        self._refuse(503)

    def _unsatisfiable(self, with_body: bool) -> None:
        self._refuse(416)

    def _redirect(self, with_body: bool) -> None:
        self._refuse(302, [("Location", self._manners.elsewhere + self.path)])

    def _silent(self, with_body: bool) -> None:
        time.sleep(30)
        self.close_connection = True

    def _reset(self, with_body: bool) -> None:
        self.close_connection = True
        self.connection.close()

    def _part(self) -> tuple[bytes, int, int]:
        """Return the body that is asked for, where it starts, and the size of the file."""
        data = Path(self.translate_path(self.path)).read_bytes()
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        start = int(first)
        return data[start : int(last or len(data) - 1) + 1], start, len(data)

    def _send(self, body: bytes, start: int, size: int, length: int, with_body: bool) -> None:
        self.send_response(206 if "Range" in self.headers else 200)
        if "Range" in self.headers:
            self.send_header("Content-Range", f"bytes {start}-{start + length - 1}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _dropped(self, with_body: bool) -> None:
        """End the connection in the middle of the body."""
        body, start, size = self._part()
        self._send(body[: len(body) // 2], start, size, len(body), with_body)
        self.close_connection = True

    def _short(self, with_body: bool) -> None:
        """Send fewer bytes than asked for, and say so."""
        body, start, size = self._part()
        half = body[: max(len(body) // 2, 1)]
        self._send(half, start, size, len(half), with_body)

    def _shifted(self, with_body: bool) -> None:
        """Send other bytes than asked for, and say so."""
        _, start, size = self._part()
        data = Path(self.translate_path(self.path)).read_bytes()
        first = min(start + 64, size - 1)
        body = data[first : first + 16384]
        self._send(body, first, size, len(body), with_body)

    def _long(self, with_body: bool) -> None:
        """Announce more bytes than come."""
        body, start, size = self._part()
        self._send(body, start, size, len(body) + 1000, with_body)
        self.close_connection = True

    def _whole(self, with_body: bool) -> None:
        """Send the whole file whatever was asked for."""
        data = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if with_body:
            self.wfile.write(data)

    def _drip(self, with_body: bool) -> None:
        """Send a byte now and then."""
        body, start, size = self._part()
        self._send(b"", start, size, len(body), with_body)
        for place in range(len(body) if with_body else 0):
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()
            time.sleep(0.1)

    def _dripping_head(self, with_body: bool) -> None:
        """Send a header now and then."""
        self.connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(300):
            self.connection.sendall(f"X-{number}: a\r\n".encode())
            time.sleep(0.1)
        self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    sent = requests = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about clients that leave."""


@contextmanager
def serving(folder: Path, manners: Manners | None = None) -> Iterator[tuple[str, Manners]]:
    """Serve a folder; give the address, without ``http://``, and how the server behaves."""
    manners = manners or Manners()
    server = _Server(("127.0.0.1", 0), partial(_Handler, directory=str(folder), manners=manners))
    with running(server) as host:
        yield host, manners
