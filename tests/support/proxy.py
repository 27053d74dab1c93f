"""A network that fails: a TCP proxy that holds bytes back, cuts connections and refuses new ones."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

from tests.support.ports import free_ports

_CHUNK = 1 << 16


class Proxy:
    """Forwards what comes to `address` to `target`, both ways.

    Parameters
    ----------
    target
        `host:port` behind the proxy; None until somebody sets it.
    host
        The address of this machine that it listens on.
    """

    def __init__(self, target: str | None = None, host: str = "127.0.0.1") -> None:
        self.target = target
        self._host = host
        (self.port,) = free_ports(1)
        self.address = f"{host}:{self.port}"
        self._flows = threading.Event()
        self._flows.set()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.accept()

    def hold(self) -> None:
        """Let no byte through, in either direction; the connections stay open."""
        self._flows.clear()

    def let_flow(self) -> None:
        """Let the bytes that were held through, and those that come."""
        self._flows.set()

    def cut(self) -> int:
        """Reset every connection; return how many there were."""
        with self._lock:
            for one in self._sockets:
                _reset(one)
            return len(self._sockets) // 2

    def refuse(self) -> None:
        """Refuse new connections; those that are open go on."""
        if self._listener is not None:
            # A thread that waits in accept() keeps the port open: this wakes it.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def accept(self) -> None:
        """Accept connections again."""
        if self._listener is None:
            self._listener = socket.create_server((self._host, self.port), backlog=64)
            threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse and cut everything."""
        self.refuse()
        self.let_flow()
        self.cut()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._flows.wait()
        try:
            host, _, port = (self.target or "127.0.0.1:0").rpartition(":")
            server = socket.create_connection((host, int(port)), timeout=5)
        except OSError:  # as the server refuses it
            _reset(client)
            client.close()
            return
        server.settimeout(None)
        pair = {client, server}
        with self._lock:
            self._sockets |= pair
        back = threading.Thread(target=self._forward, args=(server, client), daemon=True)
        back.start()
        self._forward(client, server)
        back.join()
        with self._lock:
            self._sockets -= pair
        for one in pair:
            one.close()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while chunk := source.recv(_CHUNK):
                self._flows.wait()
                sink.sendall(chunk)
        # None of the protocols behind it closes one direction alone.
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _reset(one: socket.socket) -> None:
    """Let the peer see a reset, and a thread that reads the socket see its end."""
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RDWR)
