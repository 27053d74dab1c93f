"""A broker for the benchmarks: the one you name, or else a real Kafka that is started for them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kafka import KafkaServer


@contextmanager
def broker(properties: dict[str, str] | None = None) -> Iterator[str]:
    """Yield a broker's address: ``BENCH_BROKER``, or that of a Kafka that ends with the block."""
    if named := os.environ.get("BENCH_BROKER"):
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="bench-kafka-") as folder:
        server = KafkaServer(Path(folder), properties).start()
        try:
            yield server.address
        finally:
            server.stop()
