"""A server that answers writes as it is told, and keeps what it acknowledged."""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Answer:
    """One answer: a status after `delay` seconds, or `reset`, or `hang`, which takes the lines and never says so."""

    status: int = 204
    body: str = '{"code":"invalid","message":"as told"}'
    headers: dict[str, str] = field(default_factory=dict)
    how: str = "answer"
    delay: float = 0.0


class ScriptedServer:
    """Answers writes by script; after the script by `judge`, which takes everything by default.

    Parameters
    ----------
    script
        The first answers, in order.
    judge
        Makes the answer from a request's lines.
    """

    def __init__(
        self,
        script: Iterable[Answer] = (),
        judge: Callable[[list[str]], Answer] = lambda _lines: Answer(),
    ) -> None:
        self.script = deque(script)
        self.judge = judge
        self.lines: list[str] = []
        """What was acknowledged, in order."""
        self.sizes: list[int] = []
        """Lines of each request."""
        self.released = threading.Event()
        outer = self

        class Request(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer._answer(self, body.split("\n") if body else [])

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
        self.released.wait(answer.delay)
        if answer.status == 204:
            self.lines += lines
        request.send_response(answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        body = b"" if answer.status == 204 else answer.body.encode()
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
