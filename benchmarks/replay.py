"""Replay against its floor: reading and decoding the same event log, nothing else."""

import time
from pathlib import Path

import msgspec

from benchmarks.load import events
from retail_anomaly import codec


class _Line(msgspec.Struct):
    topic: str
    value: msgspec.Raw


def write_log(path: Path, count: int) -> int:
    """Write the load as an event log and return its number of lines."""
    lines = 0
    with path.open("wb") as log:
        for event in events(count):
            topic = codec.topic_of(event).encode()
            log.write(b'{"topic": "' + topic + b'", "value": ' + codec.encode(event) + b"}\n")
            lines += 1
    return lines


def decode_only(path: Path) -> float:
    """Return the seconds that decoding alone takes."""
    read = msgspec.json.Decoder(_Line).decode
    started = time.perf_counter()
    with path.open("rb") as log:
        for raw in log:
            line = read(raw)
            codec.decode(line.topic, bytes(line.value))
    return time.perf_counter() - started
