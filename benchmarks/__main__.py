"""Run the benchmarks, print a table and write the figures as JSON."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import latency, memory, recovery, replay, throughput
from benchmarks.kafka import broker

PARTS = ("replay", "jobs", "throughput", "latency", "memory", "recovery")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; by default all")
    parser.add_argument("--records", type=int, default=300_000, help="backlog and log length")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, the median counts")
    parser.add_argument("--seconds", type=int, default=30, help="length of a latency run")
    parser.add_argument("--entries", type=int, default=1_000_000, help="remembered sales at a recovery")
    parser.add_argument("--output", type=Path, default=Path("out/bench.json"))
    options = parser.parse_args()
    parts = options.parts or PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    figures: dict[str, Any] = {}
    if "replay" in parts:
        figures["replay"] = _replay(options.records, options.repeat)
    if "jobs" in parts:
        figures["jobs"] = _jobs(options.records, options.repeat)
    if "memory" in parts:
        figures["memory"] = [memory.measure(*size) for size in memory.SIZES]
    if {"throughput", "latency", "recovery"} & set(parts):
        with broker() as address:
            if "throughput" in parts:
                figures["throughput"] = _throughput(address, options.records, options.repeat)
            if "latency" in parts:
                figures["latency"] = _latency(address, options.seconds)
            if "recovery" in parts:
                figures["recovery"] = recovery.measure(address, options.entries)
    _show(figures)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(figures, indent=2) + "\n")
    Console().print(f"All figures: {options.output}")
    return 0


def _replay(records: int, repeat: int) -> dict[str, Any]:
    from retail_anomaly.replay import replay as run_replay

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        log = Path(folder) / "events.jsonl"
        lines = replay.write_log(log, records)
        floor, full = [], []
        for _ in range(repeat):
            floor.append(lines / replay.decode_only(log))
            started = time.perf_counter()
            run_replay(log)
            full.append(lines / (time.perf_counter() - started))
    return {"decode_per_second": _median(floor), "replay_per_second": _median(full)}


def _jobs(records: int, repeat: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return {
            kind: {f"{jobs} jobs": _median(seconds) for jobs, seconds in runs.items()}
            for kind, runs in replay.side_by_side(Path(folder), records, repeat).items()
        }


def _throughput(address: str, records: int, repeat: int) -> dict[str, Any]:
    count = throughput.produce_backlog(address, records)
    runs: dict[str, list[dict[str, Any]]] = {"decode": [], "rules": []}
    for _ in range(repeat):
        # In turn, so that a change of the machine's speed meets both.
        for mode, results in runs.items():
            results.append(throughput.measure(address, mode, count))
    return {
        mode: {name: _median([result[name] for result in results]) for name in results[0]}
        for mode, results in runs.items()
    }


def _latency(address: str, seconds: int) -> dict[str, Any]:
    return {
        name: latency.measure(address, per_second=500, seconds=seconds, four_topics=four_topics)
        for name, four_topics in (("four topics live", True), ("three topics silent", False))
    }


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _show(figures: dict[str, Any]) -> None:
    table = Table("what", "floor", "measured", "of the floor")
    if found := figures.get("replay"):
        floor, full = found["decode_per_second"], found["replay_per_second"]
        table.add_row("replay, events/s", f"{floor:,.0f}", f"{full:,.0f}", f"{full / floor:.0%}")
    for kind, found in figures.get("jobs", {}).items():
        one, two = found["1 jobs"], found["2 jobs"]
        table.add_row(
            f"replay of {kind} in s, 1 and 2 jobs", f"{one:.1f}", f"{two:.1f}", f"{one / two:.2f} x"
        )
    if found := figures.get("throughput"):
        for name, unit in (
            ("records_per_second", "streamer, records/s"),
            ("cpu_seconds_per_million", "streamer, CPU s per million"),
            ("peak_rss_mb", "streamer, peak memory in MB"),
        ):
            floor, full = found["decode"][name], found["rules"][name]
            table.add_row(unit, f"{floor:,.1f}", f"{full:,.1f}", f"{full / floor:.0%}")
    for name, found in figures.get("latency", {}).items():
        spread = f"p50 {found['p50_ms']:.1f}, p99 {found['p99_ms']:.1f}, max {found['max_ms']:.1f}"
        table.add_row(f"alert latency in ms, 500 events/s, {name}", "", spread, "")
    for found in figures.get("memory", []):
        what = (
            f"state of {found['stores']:,} stores with {found['cashiers']} cashiers, {found['sales']:,} sales"
        )
        size = f"{found['memory_mb']:.0f} MB in memory, {found['records_mb']:.1f} MB in {found['records']:,} records"
        table.add_row(what, "", size, "")
    if found := figures.get("recovery"):
        table.add_row(
            f"start to first alert in s, {found['entries']:,} remembered sales",
            "",
            f"{found['from_local_state_s']:.1f} from local state ({found['state_mb']:.0f} MB), "
            f"{found['from_changelog_s']:.1f} from the changelog",
            "",
        )
        table.add_row("streamer's memory with them in MB", "", f"{found['memory_mb']:.0f}", "")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
