"""Replay in two processes that share the stores, against one."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pandas as pd

from benchmarks.figures import Figure, medians
from benchmarks.replay import write_log
from retail_anomaly.replay import replay


def figures(*, records: int, repeat: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        log, tables = Path(name) / "events.jsonl", Path(name) / "tables"
        lines = write_log(log, records)
        _write_tables(tables, log)
        for kind, source in (("JSON lines", log), ("Parquet", tables)):
            runs = medians(repeat, one=partial(_rate, source, 1), two=partial(_rate, source, 2))
            if runs["one"]["alerts"] != runs["two"]["alerts"]:
                raise RuntimeError(f"{kind}: other alerts with other jobs")
            yield Figure(
                "jobs", f"{kind} of {lines:,} events, two jobs; floor: one", "events/s",
                runs["two"]["rate"], runs["one"]["rate"],
            )  # fmt: skip


def _rate(source: Path, jobs: int) -> dict[str, float]:
    result = replay(source, jobs=jobs)
    raised = zip(result.alerts["alert_id"], result.alerts["revision"], strict=True)
    return {"rate": sum(result.events.values()) / result.seconds, "alerts": hash(tuple(raised))}


def _write_tables(folder: Path, log: Path) -> None:
    """Write a log's events as one Parquet file a topic."""
    values: dict[str, list[dict[str, object]]] = {}
    with log.open("rb") as lines:
        for line in map(msgspec.json.decode, lines):
            values.setdefault(line["topic"], []).append(line["value"])
    folder.mkdir()
    for topic, rows in values.items():
        pd.DataFrame(rows).to_parquet(folder / f"{topic}.parquet")
