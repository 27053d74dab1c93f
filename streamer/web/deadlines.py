"""Calls to a server that end by a deadline, however slowly the server sends.

The timeouts of HTTP clients begin anew with each byte: at 2 s, a server that dripped a byte every half second
held a request for as long as it dripped, 30 s (influxdb-client 1.50, urllib3 2.8). Here a thread makes the
call, and the caller waits for it no longer than the deadline, then breaks the connection.
"""

import errno
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from typing import Any, Final, Generic, TypeVar

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

T = TypeVar("T")
_LOOK_SECONDS: Final = 0.1
"""Seconds between two looks at whether the deadline was brought forward."""


class Deadline:
    """Ends each call by a deadline.

    Parameters
    ----------
    seconds
        Seconds that a call may take in all.
    break_all
        Breaks the connections of a call, so that its thread ends; tells whether there was one.
    name
        Of the threads.

    Examples
    --------
    >>> Deadline(2.0, OpenConnections().break_all, "example").run(lambda: 7)
    7
    """

    def __init__(self, seconds: float, break_all: Callable[[], bool], name: str) -> None:
        self._seconds = seconds
        self._break_all = break_all
        self._name = name
        self._end = float("inf")

    def end_within(self, seconds: float) -> None:
        """End each call within this time from now on: the process stops. A signal handler may call it."""
        self._end = min(self._end, time.monotonic() + seconds)

    @property
    def ending(self) -> bool:
        """Whether `end_within` was called."""
        return self._end != float("inf")

    def run(self, call: Callable[[], T]) -> T:
        """Return the result of a call.

        Raises
        ------
        TimeoutError
            There is none by the deadline, or the process has ended its calls.
        ConnectionError
            There is no connection by the deadline.
        Exception
            The call's own.
        """
        deadline = time.monotonic() + self._seconds
        if time.monotonic() >= self._end:
            raise TimeoutError
        outcome = _Outcome(call)
        threading.Thread(target=outcome.run, name=self._name, daemon=True).start()
        # Short waits: a signal handler may bring the end forward in the midst of one.
        while not outcome.done.wait(min(_LOOK_SECONDS, max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= min(deadline, self._end):
                if self._break_all():
                    raise TimeoutError
                raise ConnectionError(errno.ETIMEDOUT, "no connection in time")
        if outcome.error is not None:
            raise outcome.error
        return outcome.result[0]


class _Outcome(Generic[T]):
    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self.done = threading.Event()
        self.result: list[T] = []
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.result.append(self._call())
        except Exception as error:  # noqa: BLE001 - raised again by `Deadline.run`
            self.error = error
        finally:
            self.done.set()


class OpenConnections:
    """The connections of a client, to be broken from another thread.

    Examples
    --------
    >>> OpenConnections().break_all()
    False
    """

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


def plain_error(error: Any) -> Exception:
    """Return Python's own error behind one of urllib3's.

    Examples
    --------
    >>> plain_error(HTTPError("no such thing"))
    HTTPException('HTTPError: no such thing')
    """
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
