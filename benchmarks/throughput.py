"""Catching up with a backlog: detectors against three floors.

`decode` is the same aligned reading with decoding alone, and `rows` decodes in Quix's own loop. `unaligned`
is a bare loop of confluent-kafka with the same engine: it neither aligns nor keeps state, so its alerts are
wrong. `bytewax` is the same engine in a dataflow of Bytewax, as unaligned and without state.
"""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from importlib.util import find_spec

from benchmarks import backlog
from benchmarks.figures import Figure, medians
from streamer.kafka.offsets import GroupOffsets

_PATIENCE_S = 600
# Without the ledger, the sixth and newest of the packaged rules: so this figure compares with older ones.
_FIVE_RULES = "detectors.refund_match.enabled=false"
# Processes that start together join in one round, so that none begins with another's partitions.
BROKER_PROPERTIES = {"group.initial.rebalance.delay.ms": "3000"}


def figures(broker: str, *, records: int, repeat: int, stores: int) -> Iterator[Figure]:
    count = backlog.fill(broker, records, stores)
    # There is none for the newest Pythons.
    rivals = {"bytewax": lambda: catch_up(broker, "bytewax", count, _FIVE_RULES)} if _has_bytewax() else {}
    runs = medians(
        repeat,
        decode=lambda: catch_up(broker, "decode", count),
        rows=lambda: catch_up(broker, "rows", count),
        unaligned=lambda: catch_up(broker, "unaligned", count, _FIVE_RULES),
        five=lambda: catch_up(broker, "rules", count, _FIVE_RULES),
        rules=lambda: catch_up(broker, "rules", count),
        models=lambda: catch_up(broker, "all", count),
        pair=lambda: catch_up(broker, "rules", count, processes=2),
        **rivals,
    )
    decode, unaligned, five = (runs[name] for name in ("decode", "unaligned", "five"))
    rules, models, pair = (runs[name] for name in ("rules", "models", "pair"))
    part = "throughput"
    floors = [(decode, "decoding alone"), (unaligned, "the unaligned loop")]
    floors += [(runs[name], f"{name} with the same engine, unaligned") for name in rivals]
    for floor, name in floors:
        yield Figure(part, f"five rules; floor: {name}", "records/s", five["per_second"], floor["per_second"])
        yield Figure(
            part, f"CPU of five rules; floor: {name}", "s per million", five["cpu_s"], floor["cpu_s"]
        )
    yield Figure(part, "CPU of six rules; floor: of five", "s per million", rules["cpu_s"], five["cpu_s"])
    for unit, key in (("records/s", "per_second"), ("s per million", "cpu_s")):
        yield Figure(
            part, "six rules; floor: decoding in Quix's own loop", unit, rules[key], runs["rows"][key]
        )
    yield Figure(
        part, "peak memory; floor: decoding alone", "MB a process", rules["peak_mb"], decode["peak_mb"]
    )
    yield Figure(
        part,
        "rules and models; floor: decoding alone",
        "records/s",
        models["per_second"],
        decode["per_second"],
    )
    yield Figure(
        part,
        "CPU of rules and models; floor: decoding alone",
        "s per million",
        models["cpu_s"],
        decode["cpu_s"],
    )
    yield Figure(part, "two processes; floor: one", "records/s", pair["per_second"], rules["per_second"])
    yield Figure(part, "CPU of two processes; floor: one", "s per million", pair["cpu_s"], rules["cpu_s"])


def _has_bytewax() -> bool:
    return find_spec("bytewax") is not None


def catch_up(broker: str, mode: str, records: int, *flags: str, processes: int = 1) -> dict[str, float]:
    """Let new processes of one new group work through the backlog, and return their figures together."""
    group = f"bench-{uuid.uuid4().hex[:8]}"
    command = [sys.executable, "-m", "benchmarks.catch_up", broker, mode, group, *flags]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    try:
        for process in running:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("a process ended before its first record")
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        with GroupOffsets({"bootstrap.servers": broker}, group) as offsets:
            if any(offsets.wait(_PATIENCE_S).values()):
                raise TimeoutError(f"no end of the backlog after {_PATIENCE_S} s")
        for process in running:
            process.terminate()
        results = [json.loads(process.communicate(timeout=60)[0]) for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    if (seen := sum(result["seen"] for result in results)) != records:
        raise RuntimeError(f"{seen} records were processed of {records}")
    marked = sum(result["end"][0] - result["begin"][0] for result in results)
    seconds = max(result["end"][1] for result in results) - min(result["begin"][1] for result in results)
    return {
        "per_second": marked / seconds,
        "cpu_s": sum(result["end"][2] - result["begin"][2] for result in results) / marked * 1e6,
        "peak_mb": max(result["peak_mb"] for result in results),
    }
