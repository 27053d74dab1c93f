"""The processes on Quix Streams declare themselves; one place wires them all."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from retail_anomaly.core.events import ALERTS, DEAD_LETTERS, INPUT_TOPICS, POS_EVENTS
from retail_anomaly.settings import Settings, SettingsError, load
from retail_anomaly.settings.notify_settings import NotifySettings, RouteSettings
from streamer.detection.app import detection_process
from streamer.detection.returns_app import returns_process
from streamer.kafka.topic_plan import (
    ALERT_CASES,
    NOTIFIED,
    NOTIFY_TICKS,
    RETURNED,
    RETURNS,
    RULES,
    SCORES,
    SHADOW_ALERTS,
    STORE_METRICS,
    TICKS,
    TRIAGED,
    topics_of,
)
from streamer.notify.notify_app import notify_process
from streamer.process import QuixProcess
from streamer.sinks.sink_app import sink_process
from streamer.store_metrics import store_metrics_process
from streamer.triage_app import triage_process

INFLUX = {"INFLUXDB_URL": "http://127.0.0.1:1", "INFLUXDB_TOKEN": "t", "INFLUXDB_BUCKET": "b"}
WITH_SCORES = load(
    environ={}, flags={"streamer.scores": True, "streamer.processing_guarantee": "exactly-once"}
).settings
SLACK = {"SLACK_URL": "https://hooks.slack.example/services/T/B/x"}
WITH_ROUTE = replace(
    WITH_SCORES, notify=NotifySettings(routes={"duty": RouteSettings(service="slack", address="SLACK_URL")})
)


def _topics(process: QuixProcess) -> tuple[set[str], set[str]]:
    return set(process.inputs), set(process.outputs)


def test_each_process_names_its_topics():
    assert _topics(detection_process(Settings())) == (
        {*INPUT_TOPICS, TICKS, RULES},
        {ALERTS, SHADOW_ALERTS, DEAD_LETTERS},
    )
    assert _topics(store_metrics_process(Settings())) == ({POS_EVENTS}, {STORE_METRICS})
    assert _topics(triage_process(Settings())) == (set(TRIAGED), {ALERT_CASES, DEAD_LETTERS})
    assert _topics(returns_process(Settings())) == (set(RETURNED), {ALERTS, RETURNS})
    assert _topics(notify_process(WITH_ROUTE, SLACK)) == (set(NOTIFIED), {DEAD_LETTERS, NOTIFY_TICKS})
    assert _topics(sink_process(Settings(), INFLUX)) == ({ALERTS, STORE_METRICS, ALERT_CASES}, {DEAD_LETTERS})


def test_each_topic_has_the_prefix_of_the_settings():
    settings = load(environ={}, flags={"streamer.topic_prefix": "shops.", "streamer.scores": True}).settings
    processes = detection_process(settings), store_metrics_process(settings), sink_process(settings, INFLUX)
    for process in processes:
        named = {*process.inputs, *process.outputs}
        assert named
        assert all(name.startswith("shops.") for name in named)
    assert "shops.anomaly-scores" in topics_of(settings)


def test_a_prefix_that_kafka_takes_in_no_name_is_refused():
    with pytest.raises(SettingsError, match=r"streamer\.topic_prefix: expected .*, got 'my shops/'"):
        load(environ={}, flags={"streamer.topic_prefix": "my shops/"})


def test_scores_are_written_and_read_where_they_are_on():
    assert SCORES in detection_process(WITH_SCORES).outputs
    assert SCORES in sink_process(WITH_SCORES, INFLUX).inputs


def test_each_process_has_a_consumer_group_of_its_own():
    processes = (
        detection_process(Settings()),
        store_metrics_process(Settings()),
        triage_process(Settings()),
        notify_process(WITH_ROUTE, SLACK),
        returns_process(Settings()),
        sink_process(Settings(), INFLUX),
    )
    assert [process.group for process in processes] == [
        "retail-anomaly",
        "retail-anomaly-metrics",
        "retail-anomaly-triage",
        "retail-anomaly-notify",
        "retail-anomaly-returns",
        "retail-anomaly-sink",
    ]


def test_the_sink_and_notify_stay_outside_of_transactions():
    assert notify_process(WITH_ROUTE, SLACK).settings.streamer.processing_guarantee == "at-least-once"
    assert detection_process(WITH_SCORES).settings.streamer.processing_guarantee == "exactly-once"
    assert sink_process(WITH_SCORES, INFLUX).settings.streamer.processing_guarantee == "at-least-once"


def test_only_the_sink_has_no_state():
    assert detection_process(Settings()).has_state
    assert store_metrics_process(Settings()).has_state
    assert triage_process(Settings()).has_state
    assert returns_process(Settings()).has_state
    assert not sink_process(Settings(), INFLUX).has_state


def test_the_ticks_of_notify_are_there_where_there_is_a_route():
    assert NOTIFY_TICKS in topics_of(WITH_ROUTE)
    assert NOTIFY_TICKS not in topics_of(Settings())


def test_the_topic_of_returns_is_there_where_it_is_wanted():
    following = load(environ={}, flags={"streamer.returns": True}).settings
    assert RETURNS in topics_of(following)
    assert RETURNS not in topics_of(Settings())


def test_returns_need_events_that_are_keyed_by_their_store():
    with pytest.raises(SettingsError, match="rekey"):
        returns_process(load(environ={}, flags={"streamer.rekey": True}).settings)


def test_a_wrong_detector_is_refused_before_anything_is_connected():
    with pytest.raises(SettingsError, match="no_such"):
        detection_process(Settings(), ["no_such"])
