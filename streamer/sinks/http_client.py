"""HTTP requests that end by a deadline, however slowly the server sends.

The timeout of a socket begins anew with each byte, so a server that drips bytes could hold a request for
minutes. Here a thread does the request, and the caller waits for that thread no longer than the deadline.
"""

import errno
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit

_LOOK_SECONDS: Final = 0.1
"""Seconds between two looks at whether the deadline was brought forward."""
_MOST_BYTES: Final = 65_536
"""Bytes of an answer that are read: InfluxDB's are short."""


class Answer(NamedTuple):
    """An answer of a server.

    Examples
    --------
    >>> Answer(200, {"content-type": "text/html"}, b"<p>Log    in</p>").words(8)
    '<p>Log i'
    """

    status: int
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes

    def words(self, most: int) -> str:
        """Return the first characters of the body, in one line."""
        text = "".join(each if each.isprintable() else " " for each in self.body.decode(errors="replace"))
        return " ".join(text.split())[:most]


class HttpClient:
    """Sends requests to one server.

    Parameters
    ----------
    url
        The server's address; its path goes before that of each request.
    headers
        Headers of every request.
    ca
        A file with the server's certificate authority; None: the usual authorities.
    seconds
        Seconds that a request may take in all.

    Examples
    --------
    >>> HttpClient("http://127.0.0.1:1", {}, None, 2.0).send("GET", "/ping")
    Traceback (most recent call last):
    ConnectionRefusedError: [Errno 111] Connection refused
    """

    def __init__(self, url: str, headers: Mapping[str, str], ca: str | None, seconds: float) -> None:
        self._parts = urlsplit(url)
        self._headers = headers
        self._seconds = seconds
        self._context = ssl.create_default_context(cafile=ca) if self._parts.scheme == "https" else None
        self._idle: list[HTTPConnection] = []
        self._end = float("inf")

    def end_within(self, seconds: float) -> None:
        """End each request within this time from now on: the process stops. A signal handler may call it."""
        self._end = min(self._end, time.monotonic() + seconds)

    @property
    def ending(self) -> bool:
        """Whether `end_within` was called."""
        return self._end != float("inf")

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop().close()

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "text/plain; charset=utf-8",
    ) -> Answer:
        """Send a request and return its answer, whatever its status.

        Raises
        ------
        TimeoutError
            There is no whole answer by the deadline, or the process has ended its requests.
        OSError, HTTPException
            There is no connection by the deadline, it fails, or the answer is no HTTP.
        """
        deadline = time.monotonic() + self._seconds
        if time.monotonic() >= self._end:
            raise TimeoutError
        target = self._parts.path.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        headers = {**self._headers, **({} if body is None else {"Content-Type": content_type})}
        exchange = _Exchange(self._idle.pop() if self._idle else None, self._connect)
        threading.Thread(
            target=exchange.run, args=(method, target, body, headers), name="influxdb", daemon=True
        ).start()
        # Short waits: a signal handler may bring the end forward in the midst of one.
        while not exchange.done.wait(min(_LOOK_SECONDS, max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= min(deadline, self._end):
                exchange.abandon()
                if exchange.connected:
                    raise TimeoutError
                raise ConnectionError(errno.ETIMEDOUT, "no connection in time")
        if isinstance(exchange.outcome, Exception):
            raise exchange.outcome
        if exchange.reusable:
            self._idle.append(exchange.connection)
        return exchange.outcome

    def _connect(self) -> HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._context is not None:
            return HTTPSConnection(host, port, timeout=self._seconds, context=self._context)
        return HTTPConnection(host, port, timeout=self._seconds)


class _Exchange:
    """One request and its answer, on a connection from before or a new one."""

    def __init__(self, idle: HTTPConnection | None, connect: Callable[[], HTTPConnection]) -> None:
        self.connection = idle or connect()
        self.done = threading.Event()
        self.outcome: Answer | Exception = TimeoutError()
        self.reusable = False
        self.connected = idle is not None
        self._from_before = idle is not None
        self._connect = connect
        self._abandoned = False

    def run(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> None:
        try:
            try:
                self.outcome = self._exchange(method, target, body, headers)
            except (ConnectionError, HTTPException):
                # The server may have closed a connection that was idle. A write done twice is one write.
                if not self._from_before or self._abandoned:
                    raise
                self.connection.close()
                self.connection = self._connect()
                self.outcome = self._exchange(method, target, body, headers)
        except Exception as error:  # noqa: BLE001 - raised again by `send`
            self.outcome = error
        finally:
            if self._abandoned or not self.reusable:
                self.connection.close()
            self.done.set()

    def abandon(self) -> None:
        """Break the connection, so that the thread ends too."""
        self._abandoned = True
        sock = self.connection.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _exchange(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        if self.connection.sock is None:
            self.connection.connect()
        self.connected = True
        self.connection.request(method, target, body, dict(headers))
        response = self.connection.getresponse()
        answer = Answer(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(_MOST_BYTES),
        )
        # A connection can be used again only once its answer was read to the end.
        self.reusable = response.isclosed() and self.connection.sock is not None
        return answer
