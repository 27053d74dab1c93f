"""Servers that answer as Slack, Teams, PagerDuty, a webhook and a mail server do, as the test tells them."""

from __future__ import annotations

import re
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any, Self

from tests.support.waiting import PATIENCE_S

# The body of a good answer, with its status.
USUAL = {
    "slack": (200, b"ok"),
    "teams": (202, b""),
    "pagerduty": (202, b'{"status":"success","message":"Event processed","dedup_key":"k"}'),
    "webhook": (204, b""),
}


@dataclass(frozen=True)
class Told:
    """One answer: a status after nothing else, or `hang`, `drip` and `reset`, which take no message."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    how: str = "answer"


@dataclass(frozen=True)
class Arrival:
    """A message that was answered well."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class WebService:
    """A service by HTTP; `judge` makes the answer to each request, by default the usual one."""

    def __init__(
        self,
        service: str,
        script: Iterable[Told | None] = (),
        judge: Callable[[], Told | None] = lambda: None,
        certificate: Path | None = None,
    ) -> None:
        self.script = deque(script)
        self.arrived: list[Arrival] = []
        self.requests = 0
        self.released = threading.Event()
        self._service, self._judge, outer = service, judge, self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with suppress(OSError):
                    outer._answer(self, body)

            def log_message(self, *_: object) -> None:
                """Leave the tests' output alone."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            scheme = "https"
        self.port: int = self._server.server_address[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}/{service}/SECRET"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        self.requests += 1
        told = (self.script.popleft() if self.script else self._judge()) or Told()
        if told.how == "reset":
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        if told.how == "hang":
            self.released.wait()
            return
        if told.how == "drip":
            while not self.released.wait(0.05):
                request.wfile.write(b"H")
            return
        status, content = (told.status, told.body) if told.status else USUAL[self._service]
        if status < 300 and not told.body:
            self.arrived.append(Arrival(request.path, dict(request.headers), body))
        request.send_response(status)
        for name, value in told.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


def moods(seed: int) -> Callable[[], Told | None]:
    """Return a judge that mostly takes a message, and else fails in one of the ways of a real service."""
    rng = Random(seed)

    def judge() -> Told | None:
        later = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
        failures = [
            Told(429, {"Retry-After": "1"}),
            Told(429, {"Retry-After": later}),
            Told(503),
            Told(how="hang"),
            Told(how="reset"),
        ]
        return rng.choice(failures) if rng.random() < 0.02 else None

    return judge


class MailService:
    """A mail server; `judge` gives the code of the answer to a message: 250, 451, 550, or 0 to hang."""

    def __init__(self, script: Iterable[int] = (), judge: Callable[[], int] = lambda: 250) -> None:
        self.script = deque(script)
        self.arrived: list[Arrival] = []
        self.released = threading.Event()
        outer = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    outer._talk(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        self._judge = judge
        self.port: int = self._server.server_address[1]
        self.url = f"smtp://127.0.0.1:{self.port}/?from=alerts@shop.example&to=a@shop.example,b@shop.example"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _talk(self, session: Any) -> None:
        session.wfile.write(b"220 mail.example\r\n")
        while line := session.rfile.readline():
            word = line[:4].upper()
            if word == b"QUIT":
                session.wfile.write(b"221 bye\r\n")
                return
            if word == b"DATA":
                session.wfile.write(b"354 go on\r\n")
                body = b""
                while (part := session.rfile.readline()) not in (b".\r\n", b""):
                    body += part
                code = self.script.popleft() if self.script else self._judge()
                if not code:
                    self.released.wait()
                    return
                if code == 250:
                    self.arrived.append(Arrival("", {}, body))
                session.wfile.write(f"{code} said\r\n".encode())
            else:
                session.wfile.write(b"250 fine\r\n")


_MARK = re.compile(rb"\ba-(\d+)\.(\d+)\b")


def marked(number: int, revision: int) -> str:
    """Return a sentence by which `marks` knows an alert in a message of any service."""
    return f"Alert a-{number}.{revision} of the test."


def marks(arrival: Arrival) -> set[tuple[int, int]]:
    """Return number and revision of each alert that a message tells of."""
    return {(int(number), int(revision)) for number, revision in _MARK.findall(arrival.body)}


def self_signed(folder: Path, address: str = "127.0.0.1") -> Path:
    """Return a file with a certificate that nobody trusts, and its key; ``certificate.pem`` is beside it."""
    openssl = shutil.which("openssl")
    assert openssl is not None
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    names = ["-addext", f"subjectAltName=IP:{address},DNS:localhost"]
    subprocess.run(
        [*command, *names, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    both = folder / "both.pem"
    both.write_text(key.read_text() + certificate.read_text())
    return both
