"""Replay against its floor, which is reading and decoding alone; and in two processes against one."""

import time
from pathlib import Path

import msgspec
import pandas as pd

from benchmarks.load import events
from retail_anomaly import codec
from retail_anomaly.replay import replay


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


def write_tables(folder: Path, log: Path) -> None:
    """Write a log's events as one Parquet file a topic."""
    values: dict[str, list[dict[str, object]]] = {}
    with log.open("rb") as lines:
        for line in map(msgspec.json.decode, lines):
            values.setdefault(line["topic"], []).append(line["value"])
    folder.mkdir()
    for topic, rows in values.items():
        pd.DataFrame(rows).to_parquet(folder / f"{topic}.parquet")


def side_by_side(folder: Path, count: int, repeat: int) -> dict[str, dict[int, list[float]]]:
    """Return the seconds of replays by kind of input and number of jobs, in turn."""
    log, tables = folder / "events.jsonl", folder / "tables"
    write_log(log, count)
    write_tables(tables, log)
    runs: dict[str, dict[int, list[float]]] = {
        "JSON lines": {1: [], 2: []},
        "Parquet": {1: [], 2: []},
    }
    for _ in range(repeat):
        for (kind, seconds), source in zip(runs.items(), (log, tables), strict=True):
            alerts = set()
            for jobs in seconds:
                result = replay(source, jobs=jobs)
                seconds[jobs].append(result.seconds)
                alerts.add(tuple(zip(result.alerts["alert_id"], result.alerts["revision"], strict=True)))
            assert len(alerts) == 1, f"{kind}: other alerts with other jobs"
    return runs
