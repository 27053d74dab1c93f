"""Producers of other makes: each sends batches of records, by the compression of each.

A program that is not Python reads a batch from a file. A record is a line of JSON: `topic`, `key` and `value`
in base64 or null, `timestamp`. Each gets headers.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import IN_CI
from tests.kafka import Record, produce
from tests.kafka.jars import find_jars, find_java
from tests.support.waiting import PATIENCE_S

HERE = Path(__file__).parent
HEADERS = (("trace-id", b"\x00\xff"), ("empty", b""))
Batches = Mapping[str, Sequence[Record]]
Send = Callable[[str, Batches, Path], None]


def librdkafka(address: str, batches: Batches, _folder: Path) -> None:
    """Send with confluent-kafka, as the simulator does."""
    for compression, records in batches.items():
        with_headers = [Record(r.topic, r.value, r.key, r.timestamp, headers=HEADERS) for r in records]
        produce(address, with_headers, **{"compression.type": compression})


def java(address: str, batches: Batches, folder: Path) -> None:
    """Send with Kafka's own client."""
    command = [find_java(), "-cp", f"{find_jars()}/*", str(HERE / "JavaProducer.java")]
    _run([*command, address, *described(batches, folder)])


def aiokafka(address: str, batches: Batches, _folder: Path) -> None:
    """Send with aiokafka."""
    package: Any = importlib.import_module("aiokafka")  # it has no types

    async def send(kind: str | None, records: Sequence[Record]) -> None:
        async with package.AIOKafkaProducer(bootstrap_servers=address, compression_type=kind) as producer:
            for r in records:
                await producer.send(r.topic, r.value, r.key, timestamp_ms=r.timestamp, headers=list(HEADERS))

    for compression, records in batches.items():
        asyncio.run(send(None if compression == "none" else compression, records))


def kafka_python(address: str, batches: Batches, _folder: Path) -> None:
    """Send with kafka-python-ng."""
    package: Any = importlib.import_module("kafka")  # it has no types
    for compression, records in batches.items():
        kind = None if compression == "none" else compression
        producer = package.KafkaProducer(bootstrap_servers=address, compression_type=kind)
        for r in records:
            producer.send(r.topic, r.value, r.key, timestamp_ms=r.timestamp, headers=list(HEADERS))
        producer.flush(PATIENCE_S)
        producer.close()


def franz_go(address: str, batches: Batches, folder: Path) -> None:
    """Send with franz-go."""
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not Path(go).exists():
        _lack("no Go on this machine")
    for name in ("producer.go", "go.mod", "go.sum"):
        shutil.copy(HERE / "franz_go" / name, folder)
    try:
        _run([go, "run", ".", address, *described(batches, folder)], cwd=folder)
    except AssertionError as error:
        if "dial tcp" in str(error) or "no such host" in str(error):
            _lack("the Go modules can't be had")
        raise


def _lack(reason: str) -> None:
    if IN_CI:
        pytest.fail(f"CI must have each client: {reason}", pytrace=False)
    pytest.skip(reason)


def described(batches: Batches, folder: Path) -> list[str]:
    """Write each batch to a file; return arguments for a client: a compression, its file, and so on."""

    def text(raw: bytes | None) -> str | None:
        return None if raw is None else base64.b64encode(raw).decode()

    arguments = []
    for compression, records in batches.items():
        file = folder / f"{compression}.jsonl"
        rows = [
            {"topic": r.topic, "key": text(r.key), "value": text(r.value), "timestamp": r.timestamp}
            for r in records
        ]
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        arguments += [compression, str(file)]
    return arguments


def _run(command: Sequence[str], cwd: Path | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"GOFLAGS": "-mod=mod"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]


CLIENTS: dict[str, tuple[Send, tuple[str, ...]]] = {
    "librdkafka": (librdkafka, ("none", "gzip", "snappy", "lz4", "zstd")),
    "java": (java, ("none", "gzip", "snappy", "lz4", "zstd")),
    "aiokafka": (aiokafka, ("none", "gzip")),
    "kafka-python-ng": (kafka_python, ("none", "gzip")),
    "franz-go": (franz_go, ("none", "gzip", "snappy", "lz4", "zstd")),
}
