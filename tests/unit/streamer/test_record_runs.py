"""Reading in runs gives what Quix's own loop gives, whatever comes and whenever."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from confluent_kafka import TopicPartition
from quixstreams import Application
from quixstreams.internal_consumer import InternalConsumer
from quixstreams.internal_consumer.buffering import InternalConsumerBuffer
from quixstreams.sinks import BaseSink, SinkBackpressureError

import streamer.quix.record_runs
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import INPUT_TOPICS, POS_EVENTS
from retail_anomaly.settings import Settings, build_engine
from streamer.detection.ticks import Tick
from streamer.kafka.topic_plan import ALIGNED, TICKS
from streamer.quix.aligned import AlignedBuffer
from streamer.quix.membership import MembershipCheck
from streamer.quix.record_runs import RecordRuns
from tests.support import store_days
from tests.support.brokerless import BrokerlessPipeline

PARTITIONS = 3
FED_AT_ONCE = 10
START = 1_760_000_000_000


class KeptMessage:
    """A record as the consumer gives it."""

    def __init__(self, place: tuple[str, int, int], value: bytes | None, key: bytes, time: int) -> None:
        self.place, self._value, self._key, self.time = place, value, key, time

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.place[2]

    def value(self) -> bytes | None:
        return self._value

    def key(self) -> bytes:
        return self._key

    def timestamp(self) -> tuple[int, int]:
        return 1, self.time

    def headers(self) -> None:
        return None

    def leader_epoch(self) -> int:
        return 0

    def error(self) -> None:
        return None

    def __len__(self) -> int:
        return len(self._value or b"")


Logs = dict[tuple[str, int], list[KeptMessage]]


class AboutToFeed(BaseException):
    """All that was buffered is processed."""


class ScriptedClient:
    """Kafka's client over logs that grow: it gives records in an order that its seed decides."""

    def __init__(self, logs: Logs, seed: int) -> None:
        self.logs, self.rng = logs, random.Random(seed)
        self.positions: dict[tuple[str, int], int] = {}
        self.committed_offsets: dict[tuple[str, int], int] = {}
        self.stopped: set[tuple[str, int]] = set()
        self.may_feed = False
        self.calls: list[Any] = []
        self.rebalance: list[tuple[str, list[int]]] = []
        self.told: dict[str, Any] = {}

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        assert set(topics) == set(ALIGNED)
        self.told = callbacks

    def consume(self, num_messages: int, timeout: float) -> list[KeptMessage]:
        if not self.may_feed:
            raise AboutToFeed
        self.may_feed = False
        while self.rebalance:
            self._rebalance(*self.rebalance.pop(0))
        found: list[KeptMessage] = []
        for of in self.rng.sample(sorted(self.positions), len(self.positions)):
            if of in self.stopped or self.rng.random() < 0.3:
                continue
            most = min(num_messages - len(found), self.rng.randrange(1, 8))
            some = self.logs[of][self.positions[of] :][:most]
            self.positions[of] += len(some)
            found += some
        return found

    def _rebalance(self, kind: str, numbers: list[int]) -> None:
        parts = [TopicPartition(topic, number) for topic in ALIGNED for number in numbers]
        if kind == "on_assign":
            for part in parts:
                of = part.topic, part.partition
                self.positions[of] = self.committed_offsets.get(of, 0)
        self.told[kind](self, parts)
        if kind == "on_revoke":
            for part in parts:
                del self.positions[part.topic, part.partition]
                self.stopped.discard((part.topic, part.partition))

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(*of) for of in sorted(self.positions)]

    def get_watermark_offsets(self, partition: TopicPartition, **_: Any) -> tuple[int, int]:
        known = self.rng.random() < 0.9
        return 0, len(self.logs[partition.topic, partition.partition]) if known else -1001

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        return [
            TopicPartition(p.topic, p.partition, self.positions[p.topic, p.partition]) for p in partitions
        ]

    def committed(self, partitions: list[TopicPartition], *_: Any, **__: Any) -> list[TopicPartition]:
        places = [(part.topic, part.partition) for part in partitions]
        return [TopicPartition(*of, self.committed_offsets.get(of, -1001)) for of in places]

    def commit(self, offsets: list[TopicPartition], **_: Any) -> list[Any]:
        kept = {(part.topic, part.partition): part.offset for part in offsets}
        self.committed_offsets |= kept
        self.calls.append(("commit", kept))
        return []

    def memberid(self) -> str:
        return "member"

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.stopped |= {(part.topic, part.partition) for part in partitions}
        self.calls.append(("pause", sorted((part.topic, part.partition) for part in partitions)))

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.stopped -= {(part.topic, part.partition) for part in partitions}
        self.calls.append(("resume", sorted((part.topic, part.partition) for part in partitions)))

    def seek(self, partition: TopicPartition) -> None:
        self.positions[partition.topic, partition.partition] = partition.offset
        self.calls.append(("seek", partition.topic, partition.partition, partition.offset))


class PausingSink(BaseSink):
    """Asks for a pause at the next flush, where it was told to."""

    pauses = False

    def flush(self) -> None:
        if self.pauses:
            self.pauses = False
            raise SinkBackpressureError(retry_after=0)

    def add(self, *_: Any, **__: Any) -> None: ...


class ReadingHost:
    """The streamer's inside on a scripted client, with Quix's loop or with ours."""

    def __init__(self, logs: Logs, seed: int, state_dir: Path, *, in_runs: bool) -> None:
        self.client = ScriptedClient(logs, seed)
        consumer = InternalConsumer("nowhere:1", "group", "earliest", False)
        consumer._inner_consumer = self.client
        consumer._max_partition_buffer_size = FED_AT_ONCE
        consumer._buffer = AlignedBuffer(FED_AT_ONCE) if in_runs else InternalConsumerBuffer(4 * FED_AT_ONCE)
        self.steps: dict[str, Any] = {}
        self.pipeline = BrokerlessPipeline(
            build_engine(Settings()),
            state_dir,
            consumer=consumer,
            inputs=ALIGNED,
            clock=lambda: START,
            on_steps=self.steps.update,
        )
        self.sink = PausingSink()
        context = self.pipeline.context
        context.sink_manager.register(self.sink)
        context.sink_manager.register(MembershipCheck(context))
        self.processed: Counter[tuple[str, int]] = Counter()
        self.app: Any = SimpleNamespace(
            _producer=SimpleNamespace(poll=lambda _: None, _broker_available=lambda: None),
            _consumer=consumer,
            _config=SimpleNamespace(producer_poll_timeout=0, consumer_poll_timeout=0),
            _dataframe_registry=SimpleNamespace(requires_time_alignment=True),
            _run_tracker=SimpleNamespace(set_message_consumed=lambda _: None),
            _processing_context=context,
            _on_processing_error=lambda *_: False,
            _on_message_processed=self._count,
        )
        self.runs = RecordRuns(self.app) if in_runs else None
        if self.runs is not None:
            self.runs.steps = {topic: step for topic, step in self.steps.items() if topic != TICKS}
        consumer.subscribe(
            self.pipeline.topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=None
        )
        self.pipeline.close_state(0)

    def _count(self, topic: str, partition: int, _offset: int, records: int = 1) -> None:
        self.processed[topic, partition] += records

    def _on_assign(self, _consumer: Any, parts: list[TopicPartition]) -> None:
        for number in sorted({part.partition for part in parts}):
            self.pipeline.open_state(number)

    def _on_revoke(self, _consumer: Any, parts: list[TopicPartition]) -> None:
        self.pipeline.context.commit_checkpoint(force=True, revoking=True)
        for number in sorted({part.partition for part in parts}):
            self.pipeline.close_state(number)

    def feed_and_process(self) -> None:
        """Feed the buffer once, and process what can be processed."""
        self.client.may_feed = True
        while True:
            try:
                if self.runs is not None:
                    self.runs.process_next(self.pipeline.executors)
                else:
                    Application._process_message(self.app, self.pipeline.executors)
            except AboutToFeed:
                return

    def commit(self, *, pauses: bool) -> None:
        self.sink.pauses = pauses
        self.pipeline.commit()
        if self.app._consumer.backpressured_tps:
            self.app._consumer.resume_backpressured()

    def seen(self) -> dict[str, Any]:
        """What the loop has done, as far as anybody can tell."""
        checkpoint = self.pipeline.context.checkpoint
        return {
            "produced": self.pipeline.producer.rows,
            "keys": self.pipeline.producer.keys,
            "processed": self.processed,
            "offsets": checkpoint._tp_offsets,
            "begun": checkpoint._starting_tp_offsets,
            "counted": checkpoint._total_offsets_processed,
            "positions": self.client.positions,
            "calls": self.client.calls,
        }


class Producers:
    """Send random store days, some records late, some at equal times, some that are no events."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.logs: Logs = {(topic, number): [] for topic in ALIGNED for number in range(PARTITIONS)}
        self.silent = set(rng.sample(sorted({*INPUT_TOPICS} - {POS_EVENTS}), rng.randrange(3)))
        self.clock = START

    def records(self) -> Iterator[tuple[str, bytes | None]]:
        while True:
            for topic, value in store_days.log(self.rng, store_days.config(self.rng)):
                yield topic, msgspec.json.encode({**value, "storeId": f"s{self.rng.randrange(4)}"})

    def send(self, source: Iterator[tuple[str, bytes | None]], count: int) -> None:
        for _ in range(count):
            topic, value = next(source)
            if topic in self.silent:
                continue
            if self.rng.random() < 0.03:
                value = self.rng.choice([None, b"", b"{", b'{"storeId": "s"}'])
            number = self.rng.randrange(PARTITIONS)
            store = msgspec.json.decode(value)["storeId"] if value and value[-1:] == b"}" else "s"
            key = b"other" if self.rng.random() < 0.02 else f"{store}".encode()
            self.clock += self.rng.choice([0, 0, 0, 1, 5])
            self.append(topic, number, value, key, self.clock - self.rng.choice([0, 0, 0, 0, 50]))
        if self.rng.random() < 0.2:
            number = self.rng.randrange(PARTITIONS)
            self.append(TICKS, number, encode(Tick(self.clock)), b"", self.clock)

    def append(self, topic: str, number: int, value: bytes | None, key: bytes, time: int) -> None:
        log = self.logs[topic, number]
        log.append(KeptMessage((topic, number, len(log)), value, key, time))


@pytest.mark.parametrize("seed", range(12))
def test_runs_give_what_quix_gives(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr(streamer.quix.record_runs, "_MOST_RECORDS", rng.choice([1, 7, 500]))
    producers = Producers(rng)
    source = producers.records()
    hosts = [
        ReadingHost(producers.logs, seed, tmp_path / name, in_runs=name == "runs")
        for name in ("quix", "runs")
    ]
    assigned = {*range(PARTITIONS)}
    rebalance = [("on_assign", [*assigned])]
    for _ in range(60):
        producers.send(source, rng.randrange(30))
        pauses = rng.random() < 0.2
        commits = rng.random() < 0.3
        for host in hosts:
            host.client.rebalance += rebalance
            host.feed_and_process()
            if commits:
                host.commit(pauses=pauses)
        theirs, ours = (host.seen() for host in hosts)
        assert ours == theirs
        rebalance = []
        if rng.random() < 0.15:
            number = rng.randrange(PARTITIONS)
            rebalance.append(("on_revoke" if number in assigned else "on_assign", [number]))
            assigned ^= {number}
    for host in hosts:
        host.pipeline.close()
    produced = Counter(topic for topic, _ in ours["produced"])
    assert produced["anomaly-alerts"] > 3
    assert sum(ours["processed"].values()) > 100


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_record_that_fails_in_mid_run_is_told_with_its_place(goes_on: bool, tmp_path: Path) -> None:
    producers = Producers(random.Random(1))
    for n in range(5):
        producers.append(POS_EVENTS, 0, b"%d" % n, b"s", START + n)
    host = ReadingHost(producers.logs, 1, tmp_path, in_runs=True)
    failed: list[Any] = []

    def note(error: Exception, row: Any, _logger: Any) -> bool:
        failed.append((error, row))
        return goes_on

    host.app._on_processing_error = note
    seen: list[bytes | None] = []

    def step(record: KeptMessage) -> list[Any]:
        seen.append(record.value())
        if record.value() == b"3":
            raise ValueError("three")
        return []

    assert host.runs is not None
    host.runs.steps = {POS_EVENTS: lambda _partition: step}
    host.client.rebalance = [("on_assign", [0])]
    with nullcontext() if goes_on else pytest.raises(ValueError, match="three"):
        while len(seen) < 5:
            host.feed_and_process()

    ((error, row),) = failed
    assert (str(error), row.topic, row.partition, row.offset) == ("three", POS_EVENTS, 0, 3)
    assert len(seen) == (5 if goes_on else 4)
    host.pipeline.close()
