"""One process of a catch-up.

    python -m benchmarks.catch_up BROKER decode|rows|unaligned|bytewax|rules|all GROUP [SETTING=VALUE...]

`rules` and `all` are the streamer, with the rules and with the models too. Four floors stand beside it:
`decode` is the same aligned reading with decoding alone; `rows` is an application of Quix as its users write
it, aligned by Quix's own loop, that decodes and does no more; `unaligned` is a bare loop of confluent-kafka,
decoding and the engine, which takes the topics as they come, keeps no state and commits once at its end;
`bytewax` is the same in a dataflow of Bytewax.

It joins the group, stands still at its first record and says so on standard output. Any line on
standard input lets it go on; after SIGTERM it prints its figures as one JSON object.
"""

import json
import math
import signal
import sys
import tempfile
import threading
import time
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, Message, Producer

from benchmarks.process import status_mb
from retail_anomaly.core import codec
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import ALERTS, INPUT_TOPICS
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.settings import Settings, build_engine, load
from streamer.kafka.connection import Connection
from streamer.observe import logs
from streamer.observe.counts import ProcessCounts
from streamer.observe.heap_memory import collect_rarely, share_heaps
from streamer.observe.quick_import import importing_quix

if TYPE_CHECKING:
    from streamer.quix.record_runs import BeginRun

_MARK_EVERY = 500


class _Clock(ProcessCounts):
    """Sees every record, and looks at the clocks now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.begin = self.end = (0, 0.0, 0.0)

    def message(self, _topic: str, _partition: int, _offset: int, records: int = 1) -> None:
        if not self.seen:
            print("ready", flush=True)
            sys.stdin.readline()
            self.begin = self.end = self._now()
        self.seen += records
        if self.seen - self.end[0] >= _MARK_EVERY:
            self.end = self._now()

    def _now(self) -> tuple[int, float, float]:
        return self.seen, time.monotonic(), time.process_time()


def main(broker: str, mode: str, group: str, *flags: str) -> None:
    with importing_quix():
        from quixstreams.dataframe import StreamingDataFrame

        from streamer.detection.app import detection_process
        from streamer.process import build
        from streamer.quix.application import new_application, raw_topic
    share_heaps()
    collect_rarely()
    logs.configure("warning")
    clock = _Clock()
    with tempfile.TemporaryDirectory(prefix="bench-state-") as folder:
        given: dict[str, Any] = dict(flag.split("=", 1) for flag in flags)
        given |= {name: False for name, value in given.items() if value == "false"}
        settings: Settings = load(
            environ={}, flags={"streamer.state_dir": folder, "streamer.consumer_group": group, **given}
        ).settings
        connection = Connection(broker)
        if mode == "unaligned":
            read_unaligned(connection, group, build_engine(settings), clock)
        elif mode == "bytewax":
            from benchmarks.bytewax_rival import read_with_bytewax

            read_with_bytewax(connection, group, build_engine(settings), clock)
        elif mode not in ("decode", "rows"):
            only = list(REGISTRY) if mode == "all" else None
            build(detection_process(settings, only), connection, counts=clock).run()
        else:
            app = new_application(settings, connection=connection, counts=clock)
            frames = [app.dataframe(raw_topic(app, name)) for name in INPUT_TOPICS]
            if mode == "rows":
                frames = [
                    frame.apply(partial(codec.decode, name))
                    for name, frame in zip(INPUT_TOPICS, frames, strict=True)
                ]
            else:
                app.read_in_runs({name: decode_only(name) for name in INPUT_TOPICS})
            reduce(StreamingDataFrame.concat, frames).filter(lambda _value: False)
            app.run()
    print(
        json.dumps(
            {"seen": clock.seen, "begin": clock.begin, "end": clock.end, "peak_mb": status_mb("VmHWM")}
        )
    )


def decode_only(topic: str) -> "BeginRun":
    def step(record: Message) -> tuple[()]:
        codec.decode(topic, record.value())
        return ()

    return lambda _partition: step


def read_unaligned(connection: Connection, group: str, engine: Engine, clock: _Clock) -> None:
    """Let the engine see the topics' records as they come, until SIGTERM; then commit once."""
    consumer = Consumer(
        {
            **connection.properties(),
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.max.bytes": 1 << 20,
        }
    )
    producer = Producer({**connection.properties(), "linger.ms": 0, "partitioner": "murmur2"})
    consumer.subscribe(list(INPUT_TOPICS))
    stores: dict[str, StoreMemory] = {}
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    idle_since = time.monotonic()
    while not stop.is_set():
        messages = consumer.consume(1_000, 0.01)
        for message in messages:
            event = codec.decode(message.topic(), message.value())
            store = stores.get(event.store_id)
            if store is None:
                store = stores[event.store_id] = engine.new_store(event.store_id)
            for alert in engine.process(event, store):
                value = codec.encode(alert.detected(time.time_ns() // 1_000_000))
                producer.produce(ALERTS, value, event.store_id)
            clock.message(message.topic(), message.partition(), message.offset())
        producer.poll(0)
        if messages:
            idle_since = time.monotonic()
        elif clock.seen and time.monotonic() - idle_since > 1:
            consumer.commit(asynchronous=False)  # the end of the backlog is measured by the offsets
            idle_since = math.inf
    producer.flush()
    consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
