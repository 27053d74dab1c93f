"""The undisturbed runs, with which the disturbed ones are compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.settings import Settings, build_engine
from tests.support.faults import LARGE, SMALL, Scene, alerts_of, log, variants


@variants("world", [SMALL, LARGE], [SMALL, LARGE])
def test_no_decision_in_the_log_hangs_on_the_order_of_two_topics(world: tuple[int, int, int]) -> None:
    topics = defaultdict(set)
    newest: defaultdict[tuple[str, bytes | None], int] = defaultdict(int)
    for record in log(world):
        assert record.timestamp is not None
        topics[record.key, record.timestamp].add(record.topic)
        # In order within each topic too: only then is the order of timestamps that of the offsets.
        assert record.timestamp >= newest[record.topic, record.key]
        newest[record.topic, record.key] = record.timestamp
    assert all(len(names) == 1 for names in topics.values())
    assert {record.topic for record in log(world)} == set(INPUT_TOPICS)
    assert {alert["detector"] for alert in alerts_of(world).values()} == set(
        build_engine(Settings()).config_hashes
    )


@variants("guarantee", ["--at-least-once"], ["--at-least-once", "--exactly-once"])
def test_an_undisturbed_run_raises_the_alerts_of_a_replay(
    scene: Callable[..., Scene], guarantee: str
) -> None:
    here = scene(guarantee)
    here.start()
    here.finish()

    assert here.restarts == 0
