"""The proxy that stands for a network in the tests of faults."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.proxy import Proxy
from tests.support.waiting import PATIENCE_S


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Give a proxy before a server that sends everything back."""
    server = socket.create_server(("127.0.0.1", 0))

    def echo(client: socket.socket) -> None:
        with client:
            while found := client.recv(1_000):
                client.sendall(found)

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(client,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    made = Proxy(f"127.0.0.1:{server.getsockname()[1]}")
    yield made
    made.close()
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S)


def ended(client: socket.socket) -> bool:
    try:
        return not client.recv(10)
    except ConnectionResetError:
        return True


def test_bytes_pass_both_ways_and_those_held_pass_later(proxy: Proxy) -> None:
    with connected(proxy) as client:
        client.sendall(b"now")
        assert client.recv(10) == b"now"
        proxy.hold()
        client.sendall(b"later")
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(10)
        client.settimeout(PATIENCE_S)
        proxy.let_flow()
        assert client.recv(10) == b"later"


def test_a_cut_resets_what_is_open_and_lets_the_next_one_in(proxy: Proxy) -> None:
    with connected(proxy) as client:
        client.sendall(b"now")
        assert client.recv(10) == b"now"
        assert proxy.cut() == 1
        assert ended(client)
    with connected(proxy) as client:
        client.sendall(b"again")
        assert client.recv(10) == b"again"


def test_refused_connections_come_through_once_they_are_accepted_again(proxy: Proxy) -> None:
    with connected(proxy) as before:
        before.sendall(b"a")
        assert before.recv(10) == b"a"
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            connected(proxy)
        before.sendall(b"open connections go on")
        assert before.recv(100) == b"open connections go on"
        proxy.accept()
        with connected(proxy) as after:
            after.sendall(b"b")
            assert after.recv(10) == b"b"


def test_a_server_that_is_away_is_seen_as_an_end(proxy: Proxy) -> None:
    proxy.target = "127.0.0.1:1"
    # The end may come before the connection is there.
    with suppress(BrokenPipeError, ConnectionResetError), connected(proxy) as client:
        assert ended(client)
