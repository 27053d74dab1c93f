"""A change of rules is stamped behind the records of its partition, whatever the clock of one till says."""

from __future__ import annotations

import pytest

from retail_anomaly.core.events import POS_EVENTS
from retail_anomaly.rules.changes import RuleChange
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.kafka.rules_topic import newest_in_step, read_changes, write_changes
from streamer.kafka.topic_plan import TICKS
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.kafka import Record, produce

NOW, SECOND, MINUTE = 1_760_000_000_000, 1_000, 60_000
FAST = 45 * MINUTE


@pytest.mark.parametrize(
    ("times", "newest"),
    [
        ([], None),
        ([NOW - SECOND, NOW - 5 * SECOND], NOW - SECOND),
        ([NOW + 20 * SECOND], NOW + 20 * SECOND),
        ([NOW - SECOND, NOW + FAST], NOW - SECOND),
        ([NOW + FAST, NOW - SECOND, NOW + FAST], NOW - SECOND),
        ([NOW + 365 * 1_440 * MINUTE, NOW - SECOND], NOW - SECOND),
        ([NOW - SECOND] + [NOW + 5 * MINUTE] * 50, NOW + 5 * MINUTE),
    ],
    ids=["none", "one late", "within a minute", "the last", "every other", "next year", "our own clock"],
)
def test_records_that_are_ahead_do_not_count(times: list[int], newest: int | None) -> None:
    assert newest_in_step(times, NOW) == (-1 if newest is None else newest)


def test_a_change_is_not_stamped_behind_a_till_that_is_ahead() -> None:
    with EmbeddedBroker() as broker:
        connection = Connection(broker.address, embedded=True)
        ensure_topics(connection, TopicPlan(1, 1, -1), create=True)
        for topic, time in ((POS_EVENTS, NOW), (POS_EVENTS, NOW + FAST), (TICKS, NOW + FAST)):
            produce(broker.address, [Record(topic, b"{}", b"s", timestamp=time)])

        write_changes(connection, [RuleChange("off", "kim", NOW, id="a")], clock=lambda: NOW + SECOND)

        assert [row.time for row in read_changes(connection)] == [NOW + 1]
