"""Few stores stay in memory, and no alert depends on which."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_gen import Simulation
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import CountEvent
from retail_anomaly.replay import replay_events
from retail_anomaly.replay.driver import Replay
from retail_anomaly.settings import Settings, build_engine
from streamer.detection.live_state import LiveState
from tests.support.brokerless import BrokerlessPipeline, send_all

pytestmark = pytest.mark.long

WORLD = Simulation(stores=6, days=1, seed=8)


def contents(alerts: list[Alert]) -> set[tuple[str, int, str]]:
    return {(alert.alert_id, alert.revision, str(alert.evidence)) for alert in alerts}


@pytest.mark.parametrize("most_live", [1, 3, 100])
def test_stores_that_were_put_aside_go_on_as_if_they_had_stayed(tmp_path: Path, most_live: int) -> None:
    states: list[LiveState] = []
    pipeline = BrokerlessPipeline(
        build_engine(Settings()), tmp_path, most_live=most_live, on_state=states.append
    )
    events = list(WORLD.events())
    for begin in range(0, len(events), 50):
        some = events[begin : begin + 50]
        send_all(pipeline, [(topic_of(event), encode(event)) for event in some])
        pipeline.commit()
        assert states[0].live_stores <= most_live
    raised = pipeline.alerts
    pipeline.close()

    assert contents(raised) == contents(list(replay_events(events, build_engine(Settings()))))
    assert (states[0].put_aside > 0) is (most_live < 6)


def test_between_two_commits_new_stores_take_the_place_of_those_whose_changes_are_written(
    tmp_path: Path,
) -> None:
    states: list[LiveState] = []
    pipeline = BrokerlessPipeline(build_engine(Settings()), tmp_path, most_live=20, on_state=states.append)
    counts = [CountEvent(f"s-{n}", "k", 20, 1_760_000_000_000) for n in range(60)]
    send_all(pipeline, [(topic_of(event), encode(event)) for event in counts[:20]])
    pipeline.commit()
    for touched, event in enumerate(counts[20:], 1):
        send_all(pipeline, [(topic_of(event), encode(event))])
        assert states[0].live_stores <= max(21, touched + 1)
    pipeline.close()


def test_a_store_with_one_event_is_no_burden_for_a_replay_and_its_second_event_finds_all() -> None:
    replay = Replay(build_engine(Settings()))
    first = [CountEvent(f"s-{n}", "k", 20, 1_760_000_000_000) for n in range(500)]
    assert list(replay.alerts(first)) == []
    assert (replay.store_count, len(replay.stores)) == (500, 0)
    (alert,) = replay.alerts([CountEvent("s-7", "k", 2, 1_760_000_060_000)])
    assert (alert.store_id, alert.evidence["missing"]) == ("s-7", 18)
    assert (replay.store_count, len(replay.stores)) == (500, 1)
