"""The cost of the time between two commits: throughput, and the latency of alerts."""

from collections.abc import Iterator

from benchmarks import backlog, latency, throughput
from benchmarks.figures import Figure

INTERVALS_S = (0.2, 1.0, 5.0)
_EXACTLY_ONCE_S = 1.0


def figures(broker: str, *, records: int, seconds: int) -> Iterator[Figure]:
    count = backlog.fill(broker, records)
    floor = throughput.catch_up(broker, "decode", count)["per_second"]
    for interval in INTERVALS_S:
        flag = f"streamer.commit_interval={interval * 1000:.0f}ms"
        run = throughput.catch_up(broker, "rules", count, flag)
        yield Figure(
            "commits", "throughput; floor: decoding alone", "records/s",
            run["per_second"], floor, interval, "s between commits",
        )  # fmt: skip
    for interval in INTERVALS_S:
        yield _p99(broker, seconds, interval, "at-least-once")
    yield _p99(broker, seconds, _EXACTLY_ONCE_S, "exactly-once")


def _p99(broker: str, seconds: int, interval: float, guarantee: str) -> Figure:
    settings = {"COMMIT_INTERVAL": f"{interval * 1000:.0f}ms", "PROCESSING_GUARANTEE": guarantee}
    floor, alerts = latency.measure(broker, rate=500, seconds=seconds, settings=settings)
    return Figure(
        "commits", f"p99 latency of an alert, {guarantee}; floor: without a streamer", "ms",
        alerts["p99"], floor["p99"], interval, "s between commits",
    )  # fmt: skip
