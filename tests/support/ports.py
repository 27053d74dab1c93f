"""Free ports of the loopback interface, for servers that tests start."""

from __future__ import annotations

import contextlib
import random
import socket

# Below the kernel's range for outgoing connections: none of those can take a stopped broker's port.
PORTS = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Return so many ports that nobody listens on at this moment."""
    found: list[int] = []
    # Not the seeded generator: two runs with one seed would want the same ports.
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError(
        f"no {count} free ports between {PORTS.start} and {PORTS.stop}: end the programs that listen there"
    )
