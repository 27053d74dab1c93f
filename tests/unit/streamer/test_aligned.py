"""The buffer of aligned reading gives the records of Quix Streams' own, in the same order."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from quixstreams.internal_consumer.buffering import Idleness, InternalConsumerBuffer

from streamer.quix.aligned import AlignedBuffer
from streamer.quix.head_times import TopicBuffer

TOPICS = ("pos", "gates", "counts")


@dataclass(frozen=True)
class Message:
    """A record as the buffer sees it."""

    of: tuple[str, int]
    at: int
    time: int

    def topic(self) -> str:
        return self.of[0]

    def partition(self) -> int:
        return self.of[1]

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return 1, self.time


class Broker:
    """Partitions that grow, of which a consumer has been given a part."""

    def __init__(self, rng: random.Random, partitions: int) -> None:
        self.rng = rng
        self.logs: dict[tuple[str, int], list[Message]] = {
            (t, n): [] for t in TOPICS for n in range(partitions)
        }
        self.given = dict.fromkeys(self.logs, 0)
        self.clock = 0

    def produce(self) -> None:
        for of in self.rng.sample(sorted(self.logs), 3):
            for _ in range(self.rng.randrange(6)):
                self.clock += self.rng.randrange(3)
                self.logs[of].append(Message(of, len(self.logs[of]), self.clock))

    def fetch(self) -> tuple[list[Message], dict[tuple[str, int], int], dict[tuple[str, int], int]]:
        messages = []
        for of in self.rng.sample(sorted(self.logs), self.rng.randrange(len(self.logs))):
            until = min(len(self.logs[of]), self.given[of] + self.rng.randrange(1, 5))
            messages += self.logs[of][self.given[of] : until]
            self.given[of] = until
        ends = {of: len(log) for of, log in self.logs.items() if self.rng.random() < 0.9}
        return messages, ends, dict(self.given)


@pytest.mark.parametrize("seed", range(40))
def test_the_same_records_in_the_same_order(seed):
    rng = random.Random(seed)
    partitions = rng.randrange(1, 6)
    broker = Broker(rng, partitions)
    both: tuple[Any, ...] = InternalConsumerBuffer(20), AlignedBuffer(5)
    assigned = [TopicPartition(topic, number) for topic, number in broker.logs]
    for buffer in both:
        buffer.assign_partitions(assigned)
    popped = 0
    for _ in range(300):
        broker.produce()
        fetched = broker.fetch()
        for buffer in both:
            buffer.feed(*fetched)
        for _ in range(rng.randrange(12)):
            run = both[1].next_run(rng.randrange(1, 6))
            theirs = [both[0].pop() for _ in run or [None]]
            assert theirs == (run or [None])
            assert len({message.of for message in run}) <= 1
            popped += len(run)
        assert both[0].pause_full() == both[1].pause_full()
        assert both[0].resume_empty() == both[1].resume_empty()
        if rng.random() < 0.02:
            topic, number = rng.choice(sorted(broker.logs))
            for buffer in both:
                buffer.clear(topic, number)
            broker.given[topic, number] = len(broker.logs[topic, number])
    assert popped > 100


def test_a_change_of_rules_comes_before_the_events_of_its_time() -> None:
    buffer = AlignedBuffer(5)
    names = ("pos-events", "shops.retail-rules")
    buffer.assign_partitions([TopicPartition(name, 0) for name in names])
    records: list[Any] = [Message((name, 0), at, time) for name in names for at, time in enumerate((5, 6))]

    taken = []
    for fed in (records, [], []):
        buffer.feed(fed, dict.fromkeys([(name, 0) for name in names], 2))
        taken += [(each.timestamp()[1], each.topic()) for _ in range(4) for each in buffer.next_run(9)]

    assert taken == [(time, name) for time in (5, 6) for name in reversed(names)]


class Client:
    """A Kafka client over complete logs: it fetches ahead, and forgets batches of a partition that stops."""

    def __init__(self, logs: dict[tuple[str, int], list[Message]], batch: int) -> None:
        self.logs, self.batch = logs, batch
        self.queue: deque[Message] = deque()
        self.fetched = dict.fromkeys(logs, 0)
        self.given = dict.fromkeys(logs, 0)
        self.stopped: set[tuple[str, int]] = set()
        self.received = 0

    def feed(self, buffer: Any, most: int) -> None:
        """As the consumer does after each time that there was no record to give."""
        for of in sorted(self.logs.keys() - self.stopped):
            if len(self.queue) < self.batch:
                batch = self.logs[of][self.fetched[of] :][: self.batch]
                self.queue += batch
                self.fetched[of] += len(batch)
                self.received += len(batch)
        messages = [self.queue.popleft() for _ in range(min(most, len(self.queue)))]
        for message in messages:
            self.given[message.of] = message.at + 1
        buffer.feed(messages, {of: len(log) for of, log in self.logs.items()}, self.given)
        self.stopped -= set(buffer.resume_empty())
        for of in buffer.pause_full():
            self.stopped.add(of)
            self.fetched[of] = self.given[of]
            self.queue = deque(message for message in self.queue if message.of != of)


def all_in(buffer: Any) -> list[Message]:
    """Take what Quix's buffer or ours gives before it is fed again."""
    if isinstance(buffer, AlignedBuffer):
        return list(chain.from_iterable(runs_in(buffer, most=50)))
    return list(iter(buffer.pop, None))


def runs_in(buffer: Any, most: int) -> list[list[Message]]:
    return list(iter(lambda: buffer.next_run(most), []))


def read_all(buffer: Any, logs: dict[tuple[str, int], list[Message]]) -> tuple[list[Message], int, int]:
    """Read a backlog; return it as given, the records fetched, and the most that one partition held."""
    client = Client(logs, batch=500)
    buffer.assign_partitions([TopicPartition(*of) for of in logs])
    given: list[Message] = []
    held = 0
    while len(given) < sum(map(len, logs.values())):
        assert client.received < 100_000, "it reads the same again and again"
        client.feed(buffer, most=100)
        groups = buffer._partition_groups.values()
        held = max(held, *(len(b._messages) for group in groups for b in group._partition_buffers_values))
        given += all_in(buffer)
    return given, client.received, held


@pytest.mark.parametrize("shares", [(90, 5, 5), (98, 1, 1)])
def test_a_backlog_is_fetched_once(shares):
    rng = random.Random(1)
    logs: dict[tuple[str, int], list[Message]] = {(topic, n): [] for topic in TOPICS for n in range(4)}
    for time in range(12_000):
        of = rng.choices(TOPICS, shares)[0], rng.randrange(4)
        logs[of].append(Message(of, len(logs[of]), time))

    given, received, held = read_all(AlignedBuffer(100), logs)

    for number in range(4):
        times = [message.time for message in given if message.partition() == number]
        assert times == sorted(times)
    assert held < 500
    assert received < 1.1 * len(given)
    assert read_all(InternalConsumerBuffer(100), logs)[1] > 4 * received


@pytest.mark.parametrize("wrong_by", [-86_400_000, 3_600_000, 86_400_000])
@pytest.mark.parametrize("batch", [20, 100])
def test_a_till_with_a_wrong_clock_leaves_the_order_of_the_others(wrong_by: int, batch: int) -> None:
    rng = random.Random(2)
    logs: dict[tuple[str, int], list[Message]] = {(topic, n): [] for topic in TOPICS for n in range(2)}
    wrong: set[tuple[tuple[str, int], int]] = set()
    for time in range(0, 40_000_000, 4_000):
        of = rng.choices(TOPICS, (90, 5, 5))[0], rng.randrange(2)
        if of[0] == "pos" and time > 10_000_000 and rng.random() < 0.3:
            wrong.add((of, len(logs[of])))
            time += wrong_by  # noqa: PLW2901
        logs[of].append(Message(of, len(logs[of]), time))

    given, _, _ = read_all(AlignedBuffer(batch), logs)

    for number in range(2):
        right = [m.time for m in given if m.partition() == number and (m.of, m.at) not in wrong]
        assert max(earlier - later for earlier, later in pairwise(right)) < 60_000


class CountingBuffer(TopicBuffer):
    """Counts how often it is asked whether records may be on their way."""

    asked = 0

    def idleness(self) -> Idleness:
        self.asked += 1
        return super().idleness()


def test_partitions_that_go_let_the_others_of_their_number_go_on():
    buffers: tuple[Any, ...] = InternalConsumerBuffer(20), AlignedBuffer(5)
    for buffer in buffers:
        buffer.assign_partitions([TopicPartition("pos", 0), TopicPartition("gates", 0)])
        first = Message(("pos", 0), 0, 5)
        buffer.feed([first], {("pos", 0): 1, ("gates", 0): 3})
        assert not all_in(buffer)  # gates has records that are not here yet
        buffer.revoke_partitions([TopicPartition("gates", 0)])
        assert all_in(buffer) == [first]
        buffer.close()
        assert not all_in(buffer)


def test_a_partition_that_waits_is_asked_once(monkeypatch):
    monkeypatch.setattr("streamer.quix.head_times.TopicBuffer", CountingBuffer)
    buffer: Any = AlignedBuffer(5)
    buffer.assign_partitions([TopicPartition(topic, n) for n in range(3) for topic in ("pos", "gates")])
    ends = {("pos", 2): 5, ("gates", 2): 0}  # of the others no end is known
    buffer.feed([Message(("pos", 2), n, n) for n in range(5)], ends)
    assert [buffer.next_run(1)[0].offset() for _ in range(5)] == list(range(5))
    asked = [buffer._partition_groups[n]._partition_buffers["pos"].asked for n in range(3)]
    assert asked == [1, 1, 1]


def test_a_run_ends_where_another_topic_has_the_next_record():
    buffer: Any = AlignedBuffer(20)
    buffer.assign_partitions([TopicPartition(topic, 0) for topic in TOPICS])
    times = {"pos": [1, 2, 5, 5, 9, 3, 12], "gates": [5, 12], "counts": []}
    messages = [Message((topic, 0), n, time) for topic in TOPICS for n, time in enumerate(times[topic])]
    buffer.feed(messages, {(topic, 0): len(times[topic]) + (topic == "pos") for topic in TOPICS})

    runs = runs_in(buffer, most=3)

    assert [[(m.topic(), m.offset()) for m in run] for run in runs] == [
        [("pos", 0), ("pos", 1), ("pos", 2)],  # no more than three
        [("pos", 3)],  # at equal times the topic that was assigned first
        [("gates", 0)],
        [("pos", 4), ("pos", 5), ("pos", 6)],  # one is late; gates waits for what comes after the last
    ]


def test_a_record_of_a_changelog_is_left_to_the_reading_of_state():
    buffer: Any = AlignedBuffer(10)
    buffer.assign_partitions([TopicPartition("pos", 0)])
    buffer.feed(
        [Message(("changelog__group--pos--default", 0), 0, 0), Message(("pos", 0), 0, 5)], {("pos", 0): 1}
    )
    assert [record.topic() for record in all_in(buffer)] == ["pos"]
