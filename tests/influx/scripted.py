"""A server that answers writes as it is told, and keeps what it acknowledged."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Answer:
    """One answer, with InfluxDB's headers unless it is `foreign`.

    `how` is `answer`, a status after `delay` seconds; `reset`; `hang`, which takes the lines and never says
    so; or `drip`, whose headers come byte by byte, without an end.
    """

    status: int = 204
    body: str = '{"code":"invalid","message":"as told"}'
    headers: dict[str, str] = field(default_factory=dict)
    how: str = "answer"
    delay: float = 0.0
    foreign: bool = False


NAMES = {"X-Influxdb-Build": "OSS", "X-Influxdb-Version": "v2.7.11"}
"""The headers of each answer of a real InfluxDB 2."""


class ScriptedServer:
    """Answers writes by script; after the script by `judge`, which takes everything by default.

    Parameters
    ----------
    script
        The first answers, in order.
    judge
        Makes the answer from a request's lines.
    on_query
        Makes the answer to a query in InfluxQL; by default it finds each point that was taken.
    names_itself
        Whether answers have InfluxDB's headers; behind some proxies, and with a version 3, they don't.
    """

    def __init__(
        self,
        script: Iterable[Answer] = (),
        judge: Callable[[list[str]], Answer] = lambda _lines: Answer(),
        on_query: Callable[[str], Answer] | None = None,
        names_itself: bool = True,
    ) -> None:
        self.script = deque(script)
        self.judge = judge
        self._on_query = on_query or self._found
        self.names_itself = names_itself
        self.lines: list[str] = []
        """What was acknowledged, in order."""
        self.sizes: list[int] = []
        """Lines of each request."""
        self.released = threading.Event()
        outer = self

        class Request(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if urlsplit(self.path).path == "/query":
                    outer._send(self, outer._on_query(parse_qs(body)["q"][0]))
                else:
                    outer._answer(self, body.split("\n") if body else [])

            def do_GET(self) -> None:
                outer._send(self, Answer())

            def log_message(self, *_: object) -> None:
                """Leave the tests' output alone."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler, lines: list[str]) -> None:
        self.sizes.append(len(lines))
        answer = self.script.popleft() if self.script else self.judge(lines)
        if answer.how == "reset":
            # Closing with unsent data thrown away is what makes the kernel send a reset.
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()
            return
        if answer.how == "hang":
            self.lines += lines
            self.released.wait()
            return
        if answer.how == "drip":
            with suppress(OSError):
                request.wfile.write(b"HTTP/1.1 204 No Content\r\nX-Influxdb-Version: ")
                while not self.released.wait(0.05):
                    request.wfile.write(b"1")
            return
        self.released.wait(answer.delay)
        if answer.status == 204:
            self.lines += lines
        with suppress(OSError):  # the client may have gone
            self._send(request, answer)

    def _found(self, query: str) -> Answer:
        """Return the points of the one time that a query asks for."""
        time = query.rpartition(" ")[2]
        rows = [[int(time), line.split('"')[1]] for line in self.lines if line.endswith(f" {time}")]
        return Answer(
            200, json.dumps({"results": [{"series": [{"columns": ["time", "mark"], "values": rows}]}]})
        )

    def _send(self, request: BaseHTTPRequestHandler, answer: Answer) -> None:
        request.send_response(answer.status)
        named = NAMES if self.names_itself and not answer.foreign else {}
        for name, value in (named | answer.headers).items():
            request.send_header(name, value)
        body = b"" if answer.status == 204 else answer.body.encode()
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
