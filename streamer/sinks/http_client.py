"""Requests through influxdb-client that end by a deadline, however slowly the server sends.

The client's own timeout begins anew with each byte: at 2 s, a server that dripped a byte every half second
held a request for as long as it dripped, 30 s (influxdb-client 1.50, urllib3 2.8). Here a thread makes the
request, and the caller waits for it no longer than the deadline, then breaks the connection.
"""

import errno
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException
from typing import Any, Final, NamedTuple

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

_LOOK_SECONDS: Final = 0.1
"""Seconds between two looks at whether the deadline was brought forward."""
_FORM: Final = "application/x-www-form-urlencoded"


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
    """Sends requests to one server, through influxdb-client.

    Parameters
    ----------
    url
        The server's address; its path goes before that of each request.
    token
        Of InfluxDB.
    ca
        A file with the server's certificate authority; None: the usual authorities.
    seconds
        Seconds that a request may take in all.

    Examples
    --------
    >>> HttpClient("http://127.0.0.1:1", "t", None, 2.0).send("GET", "/ping")
    Traceback (most recent call last):
    ConnectionRefusedError: [Errno 111] Connection refused
    """

    def __init__(self, url: str, token: str, ca: str | None, seconds: float) -> None:
        self._client = InfluxDBClient(url.rstrip("/"), token, timeout=int(seconds * 1_000), ssl_ca_cert=ca)
        self._seconds = seconds
        self._open = _OpenConnections()
        pools = self._client.api_client.rest_client.pool_manager
        pools.pool_classes_by_scheme = self._open.pools()
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
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return its answer, whatever its status.

        Parameters
        ----------
        method, path, query
            Of the request.
        body
            Lines, or the fields of a form.

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
        exchange = _Exchange(self._client, idle=self._open.any)
        threading.Thread(
            target=exchange.run, args=(method, path, query, body), name="influxdb", daemon=True
        ).start()
        # Short waits: a signal handler may bring the end forward in the midst of one.
        while not exchange.done.wait(min(_LOOK_SECONDS, max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= min(deadline, self._end):
                if self._open.break_all():
                    raise TimeoutError
                raise ConnectionError(errno.ETIMEDOUT, "no connection in time")
        if isinstance(exchange.outcome, Exception):
            raise exchange.outcome
        return exchange.outcome


class _OpenConnections:
    """The connections of a client, to be broken from another thread."""

    def __init__(self) -> None:
        self._connected: set[HTTPConnection] = set()

    def pools(self) -> dict[str, type[HTTPConnectionPool]]:
        """Return classes of pools whose connections are noted here."""
        connected = self._connected

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                connected.add(self)

            def close(self) -> None:
                connected.discard(self)
                super().close()

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                connected.add(self)

            def close(self) -> None:
                connected.discard(self)
                super().close()

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        return {"http": PlainPool, "https": SecurePool}

    @property
    def any(self) -> bool:
        """Whether there is a connection."""
        return bool(self._connected)

    def break_all(self) -> bool:
        """Break the connections, so that their threads end; tell whether there was one."""
        broken = list(self._connected)
        self._connected.clear()
        for connection in broken:
            sock = connection.sock
            if sock is not None:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        return bool(broken)


class _Exchange:
    """One request and its answer."""

    def __init__(self, client: InfluxDBClient, *, idle: bool) -> None:
        self._from_before = idle
        self._client = client.api_client
        self._headers = {"Authorization": f"Token {client.token}", "Accept": "application/json"}
        self.done = threading.Event()
        self.outcome: Answer | Exception = TimeoutError()

    def run(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | Mapping[str, str] | None,
    ) -> None:
        try:
            try:
                self.outcome = self._exchange(method, path, query, body)
            except ConnectionError:
                # The server may have closed a connection that was idle. A write done twice is one write.
                if not self._from_before:
                    raise
                self.outcome = self._exchange(method, path, query, body)
        except Exception as error:  # noqa: BLE001 - raised again by `send`
            self.outcome = error
        finally:
            self.done.set()

    def _exchange(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | Mapping[str, str] | None,
    ) -> Answer:
        form = body if isinstance(body, Mapping) else None
        kind = "text/plain; charset=utf-8" if form is None else _FORM
        try:
            answer = self._client.request(
                method,
                f"{self._client.configuration.host}{path}",
                query_params=list((query or {}).items()),
                headers={**self._headers, **({} if body is None else {"Content-Type": kind})},
                post_params=None if form is None else list(form.items()),
                body=None if form is not None else body,
            )
        except ApiException as error:
            if error.response is None:  # no answer, but a certificate that is not trusted
                raise _plain(error.__context__) from None
            answer = error.response
        except HTTPError as error:
            raise _plain(error) from None
        except UnicodeDecodeError:
            raise HTTPException("the answer is no UTF-8") from None
        headers = {name.lower(): value for name, value in answer.getheaders().items()}
        return Answer(answer.status, headers, (answer.data or "").encode())


def _plain(error: Any) -> Exception:
    """Return Python's own error behind one of urllib3's."""
    if isinstance(error, ReadTimeoutError):
        return TimeoutError()
    if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
        return ConnectionError(errno.ETIMEDOUT, "no connection in time")
    inner, passed = error, set[int]()  # urllib3's errors name each other
    while inner is not None and id(inner) not in passed:
        passed.add(id(inner))
        if isinstance(inner, OSError | HTTPException) and not isinstance(inner, HTTPError):
            return inner
        parts = [each for each in getattr(inner, "args", ()) if isinstance(each, Exception)]
        inner = inner.__cause__ or inner.__context__ or next(iter(parts), None)
    return HTTPException(f"{type(error).__name__}: {error}")
