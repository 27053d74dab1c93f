"""Alerts into InfluxDB: how soon they can be queried, and how fast a day and a backlog are written.

    python -m benchmarks.sink

Real Kafka, the real commands with their default settings, and the engine of the tests (InfluxDB 1.6.7
behind the write API of version 2, which adds a hop).
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

from benchmarks.backlog import flush, new_producer, recreate_topics, send
from benchmarks.kafka import broker
from benchmarks.latency import steady_event
from benchmarks.process import status_mb
from data_gen import Simulation
from data_gen.world import recorded_at
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import ALERTS, PosEvent
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine
from streamer.kafka.offsets import GroupOffsets
from streamer.sinks.points import sink_topics
from tests.influx import InfluxServer
from tests.support.alerts import an_alert

BACKLOG = 100_000
PER_SECOND = 500
SECONDS = 30
STORES = 20
_WARM_UP_S = 5


@contextmanager
def _started(*arguments: str, environ: dict[str, str], folder: str):
    command = [sys.executable, "-m", "streamer.cli", *arguments, "--log-level", "error"]
    process = subprocess.Popen(command, env={**os.environ, **environ}, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        if process.wait(60):
            raise RuntimeError(f"{arguments[0]} did not end well")


def backlog(address: str, influx: InfluxServer, folder: str) -> None:
    """Print how long a new sink takes for a backlog, from its first write on, and its memory."""
    recreate_topics(address)
    producer = new_producer(address, linger_ms=50)
    for number in range(BACKLOG):
        alert = an_alert(number, store_id=f"store-{number % 100}")
        producer.produce(ALERTS, encode(alert), alert.store_id, timestamp=alert.event_time)
        producer.poll(0)
    flush(producer)
    first = threading.Event()
    influx.on_written = first.set
    group = f"bench-{uuid.uuid4().hex[:8]}"
    began = time.perf_counter()
    options = ("sink", "--broker", address, "--consumer-group", group)
    with _started(*options, environ=influx.environ, folder=folder) as sink:
        first.wait(60)
        writing = time.perf_counter()
        with GroupOffsets(
            {"bootstrap.servers": address}, f"{group}-sink", sink_topics(Settings())
        ) as offsets:
            if any(offsets.wait(120).values()):
                raise RuntimeError("the backlog was not written in two minutes")
        done = time.perf_counter()
        memory = status_mb("VmHWM", sink.pid)
    count = influx.count("alerts", "alertId")
    print(
        f"backlog: {count:,} of {BACKLOG:,} alerts in {done - began:.1f} s from the start of the process, "
        f"{done - writing:.1f} s from its first write; sink's peak memory {memory:.0f} MB"
    )


def day(address: str, influx: InfluxServer, folder: str) -> None:
    """Print how soon a day that is sent at once is in the database, through streamer and sink."""
    recreate_topics(address)
    events = list(Simulation(stores=STORES, days=1, seed=7).events())
    wanted = {alert.alert_id for alert in replay_events(events, build_engine(Settings()))}
    group = f"bench-{uuid.uuid4().hex[:8]}"
    common = ("--broker", address, "--consumer-group", group)
    producer = new_producer(address, linger_ms=5)
    with (
        _started("run", *common, "--state-dir", folder, environ={}, folder=folder),
        _started("sink", *common, environ=influx.environ, folder=folder),
    ):
        # Days before, and in a store of its own: both run when its alert is there.
        warm = PosEvent("warm", "store-0", "c", "k", 5.0, "REFUND", recorded_at(events[0]) - 86_400_000)
        send(producer, warm)
        _wait_for(influx, "warm")
        for event in events:
            send(producer, event)
        flush(producer)
        sent = time.perf_counter()
        while influx.count("alerts", "alertId") < len(wanted) + 1:
            if time.perf_counter() > sent + 120:
                raise RuntimeError("the day was not in the database in two minutes")
            time.sleep(0.05)
        done = time.perf_counter()
    stored = {row["alertId"] for row in influx.query('SELECT "alertId" FROM alerts')}
    if missing := wanted - stored:
        raise RuntimeError(f"{len(missing)} of {len(wanted)} alerts are not in the database")
    print(
        f"day: {len(events):,} events of {STORES} stores, {len(wanted):,} alerts: all in the database "
        f"{done - sent:.1f} s after the last event was sent"
    )


def latency(address: str, influx: InfluxServer, folder: str) -> None:
    """Print how long after an event's sending its alert shows in a query."""
    recreate_topics(address)
    group = f"bench-{uuid.uuid4().hex[:8]}"
    common = ("--broker", address, "--consumer-group", group)
    producer = new_producer(address, linger_ms=0)
    sent: dict[str, float] = {}
    seen: dict[str, float] = {}
    stop = threading.Event()
    with (
        _started("run", *common, "--state-dir", folder, environ={}, folder=folder),
        _started("sink", *common, environ=influx.environ, folder=folder),
    ):
        send(producer, PosEvent("warm", "store-1", "c", "k", 5.0, "REFUND", time.time_ns() // 1_000_000))
        _wait_for(influx, "warm")
        watcher = threading.Thread(target=_watch, args=(influx, seen, stop))
        watcher.start()
        begin = time.perf_counter()
        for n in range(PER_SECOND * (SECONDS + _WARM_UP_S)):
            if (wait := begin + n / PER_SECOND - time.perf_counter()) > 0:
                time.sleep(wait)
            event = steady_event(n, every=PER_SECOND // 50, four_topics=True)
            if isinstance(event, PosEvent) and event.event_type == "REFUND":
                sent[event.transaction_id] = time.perf_counter()
            send(producer, event)
        flush(producer)
        deadline = time.perf_counter() + 30
        while sent.keys() - seen.keys() and time.perf_counter() < deadline:
            time.sleep(0.1)
        stop.set()
        watcher.join()
    if missing := sent.keys() - seen.keys():
        raise RuntimeError(f"{len(missing)} of {len(sent)} alerts can't be queried")
    warm = min(sent.values()) + _WARM_UP_S
    delays = sorted(seen[t] - sent[t] for t in sent if sent[t] >= warm)
    centiles = statistics.quantiles(delays, n=100)
    print(
        f"latency: {PER_SECOND} events/s, {len(delays):,} alerts: from produce to queryable "
        f"p50 {centiles[49]:.2f} s, p99 {centiles[98]:.2f} s, at most {delays[-1]:.2f} s"
    )


def _watch(influx: InfluxServer, seen: dict[str, float], stop: threading.Event) -> None:
    while not stop.is_set():
        rows = influx.query("SELECT transactionId FROM alerts WHERE time > now() - 15s")
        now = time.perf_counter()
        for row in rows:
            seen.setdefault(row["transactionId"], now)
        stop.wait(0.05)


def _wait_for(influx: InfluxServer, transaction: str) -> None:
    deadline = time.perf_counter() + 90
    while not influx.query(f"SELECT alertId FROM alerts WHERE transactionId = '{transaction}'"):  # noqa: S608
        if time.perf_counter() > deadline:
            raise RuntimeError("the streamer or the sink did not start")
        time.sleep(0.1)


if __name__ == "__main__":
    with broker() as address, tempfile.TemporaryDirectory(prefix="bench-sink-") as folder:
        for measure in (backlog, day, latency):
            influx = InfluxServer(Path(folder) / measure.__name__).start()
            try:
                measure(address, influx, folder)
            finally:
                influx.kill()
