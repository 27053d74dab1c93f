"""A rolling update of three processes under load: how long alerts wait."""

import statistics
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from benchmarks import backlog
from benchmarks.figures import Figure
from benchmarks.latency import exchange
from benchmarks.streamer_process import streamer
from retail_anomaly.core.events import PosEvent
from streamer.kafka.offsets import GroupOffsets
from tests.support.ports import free_ports

RATE = 500
REPLICAS = 3
# No multiple of ten: each tenth event is a refund, and every store has some.
STORES = 51
_SECONDS = 75
_PATIENCE_S = 600
_PAUSE_S = 3.0
_LATE_S = 1.0


class Replica:
    """A process that ends and starts again over its own state, as a pod with a volume does.

    Parameters
    ----------
    broker, group
        Its work.
    state
        The folder of its state.
    instance_id
        Its name in the group, with which it keeps its partitions; empty: they move to the others and back.
    """

    def __init__(self, broker: str, group: str, state: Path, instance_id: str) -> None:
        (port,) = free_ports(1)
        self._ready = f"http://127.0.0.1:{port}/readyz"
        self._arguments = (broker, group, state)
        self._settings = {"METRICS_PORT": str(port), "INSTANCE_ID": instance_id}
        self._running = ExitStack()

    def start(self) -> None:
        self._running.enter_context(streamer(*self._arguments, self._settings))
        deadline = time.monotonic() + _PATIENCE_S
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._ready} was not ready in {_PATIENCE_S} s")
            time.sleep(0.1)

    def stop(self) -> None:
        self._running.close()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self._ready, timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def figures(broker: str, *, sales: int) -> Iterator[Figure]:
    """Update three processes in turn at 500 events a second, and wait for the alert of each refund."""
    what = f"three processes updated at {RATE} events/s, {sales:,} remembered sales"
    for named, kind in ((False, "partitions move"), (True, "with instance_id")):
        times = _times(broker, sales, named=named)
        yield from (Figure("rolling", f"{part}, {what}, {kind}", *found) for part, found in _measures(times))


def _measures(times: list[tuple[float, float]]) -> Iterator[tuple[str, tuple[str, float]]]:
    waits = sorted(alerted - sent for sent, alerted in times)
    yield "longest wait for an alert", ("s", waits[-1])
    yield "99th centile of the waits", ("s", statistics.quantiles(waits, n=100)[98])
    yield "alerts that waited more than 1 s", ("%", 100 * sum(wait > _LATE_S for wait in waits) / len(waits))
    gaps = [later - earlier for earlier, later in pairwise(sorted(alerted for _, alerted in times))]
    yield "time without an alert of any store", ("s", sum(gap for gap in gaps if gap > _LATE_S))


def _times(broker: str, sales: int, *, named: bool) -> list[tuple[float, float]]:
    """Return when each refund was sent, and when its alert came; every alert came."""
    backlog.recreate_topics(broker)
    group = f"bench-{uuid.uuid4().hex[:8]}"
    _remember(broker, sales)
    with tempfile.TemporaryDirectory(prefix="bench-state-") as folder, ExitStack() as running:
        names = [f"pod-{n}" for n in range(REPLICAS)]
        replicas = [Replica(broker, group, Path(folder) / name, name if named else "") for name in names]
        for replica in replicas:
            running.callback(replica.stop)
            replica.start()
        with GroupOffsets({"bootstrap.servers": broker}, group) as offsets:
            if any(offsets.wait(_PATIENCE_S).values()):
                raise TimeoutError(f"the streamers did not catch up in {_PATIENCE_S} s")
        update = threading.Thread(target=_update, args=(replicas,))
        update.start()
        sent, _, alerted = exchange(broker, group, RATE, _SECONDS, stores=STORES)
        if update.is_alive():
            raise TimeoutError(f"the update took longer than the {_SECONDS} s of load")
    return [(at, alerted[refund]) for refund, at in sent.items()]


def _update(replicas: list[Replica]) -> None:
    for replica in reversed(replicas):  # as Kubernetes does
        time.sleep(_PAUSE_S)
        replica.stop()
        replica.start()


def _remember(broker: str, sales: int) -> None:
    producer = backlog.new_producer(broker, linger_ms=50)
    begin = time.time_ns() // 1_000_000 - 3_600_000
    for n in range(sales):
        at = begin + n * 3_000_000 // sales
        backlog.send(producer, PosEvent(f"s-{n:012d}", f"store-{n % STORES}", "c-1", "k", 9.0, "SALE", at))
    backlog.flush(producer)
