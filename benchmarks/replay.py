"""Replay against its floor, which only reads and decodes the same event log; then the models' share."""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from benchmarks import model_costs
from benchmarks.figures import Figure, medians
from benchmarks.load import events
from retail_anomaly.core import codec
from retail_anomaly.replay import replay


def figures(*, records: int, repeat: int) -> Iterator[Figure]:
    """Measure logs of a tenth, a third and the whole of the length: the rate must not depend on it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        log = Path(folder) / "events.jsonl"
        write_log(log, 1_000)
        replay(log)  # warms up: the first replay imports
        for count in (records // 10, records // 3, records):
            lines = write_log(log, count)
            runs = medians(
                repeat,
                floor=partial(_rate, decode_only, log, lines),
                full=partial(_rate, _replayed, log, lines),
            )
            yield Figure(
                "replay", "all that is on by default; floor: decoding alone", "events/s",
                runs["full"]["rate"], runs["floor"]["rate"], lines, "events",
            )  # fmt: skip
    yield from model_costs.figures(repeat=repeat)


def _rate(timed: Callable[[Path], float], log: Path, lines: int) -> dict[str, float]:
    return {"rate": lines / timed(log)}


def _replayed(log: Path) -> float:
    started = time.perf_counter()
    replay(log)
    return time.perf_counter() - started


class _LogLine(msgspec.Struct):
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
    read = msgspec.json.Decoder(_LogLine).decode
    started = time.perf_counter()
    with path.open("rb") as log:
        for raw in log:
            line = read(raw)
            codec.decode(line.topic, bytes(line.value))
    return time.perf_counter() - started
