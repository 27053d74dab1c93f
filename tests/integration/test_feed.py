"""The alerts of a running system as a DataFrame are those that were raised: from Kafka, and from InfluxDB."""

from __future__ import annotations

import time

import pytest

from data_gen import Simulation
from retail_anomaly import alerts_frame, replay
from retail_anomaly.evaluate import differing_alerts
from retail_anomaly.plots import last_revisions
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.notebook.feed import InfluxFeed, KafkaFeed
from streamer.notebook.running import RunningStreamer
from streamer.sinks.influx_target import Target
from tests.influx import InfluxServer
from tests.kafka import produce
from tests.support.alerts import alert_records, an_alert
from tests.support.filled import fill
from tests.support.waiting import PATIENCE_S

DAY = Simulation(stores=2, days=1, seed=7)


@pytest.fixture
def connection():
    with EmbeddedBroker() as broker:
        yield Connection(broker.address, embedded=True)


def test_a_day_through_the_streamer_is_the_day_of_a_replay(connection):
    events = list(DAY.events())
    streamer = RunningStreamer(connection)
    streamer.send(events)
    with streamer:
        streamer.wait()
        feed = KafkaFeed(connection)
        streamed = feed.read()
        feed.close()
    assert len(streamed) > 5
    assert differing_alerts(streamed, replay(events).alerts).empty
    assert not streamed["detected_at"].isna().any()


def test_what_comes_later_is_there_at_the_next_look_and_only_the_newest_are_kept(connection):
    RunningStreamer(connection)  # makes the topics, and is not run
    feed = KafkaFeed(connection, most=3)
    assert feed.read().empty
    address = connection.properties()["bootstrap.servers"]
    for numbers in (range(2), range(2, 5)):
        alerts = [an_alert(n) for n in numbers]
        produce(address, alert_records(alerts))
        deadline = time.monotonic() + PATIENCE_S
        while set(feed.read()["alert_id"]) != {alert.alert_id for alert in alerts}:
            assert time.monotonic() < deadline, "the alerts are not there"
    feed.close()


def test_without_topics_it_says_how_to_make_them(connection):
    with pytest.raises(StreamerError, match="retail-streamer topics --create"):
        KafkaFeed(connection)


def test_a_broker_that_is_away_is_told(monkeypatch):
    monkeypatch.setattr("streamer.kafka.tail._REQUEST_SECONDS", 0.5)
    with pytest.raises(StreamerError, match="the broker does not answer"):
        KafkaFeed(Connection("127.0.0.1:1"))


def test_influxdb_gives_the_last_revision_of_what_the_sink_wrote(influx: InfluxServer):
    fill(influx, DAY)
    feed = InfluxFeed(Target.of(influx.environ))
    read = feed.read()
    feed.close()
    raised = last_revisions(replay(DAY.events()).alerts)
    assert len(raised) > 5
    assert differing_alerts(read, raised).empty
    assert InfluxFeed(Target.of(influx.environ), most=2).read()["alert_id"].nunique() == 2


def test_an_influxdb_without_alerts_has_none(influx: InfluxServer):
    read = InfluxFeed(Target.of(influx.environ)).read()
    assert read.columns.tolist() == alerts_frame([]).columns.tolist()
    assert read.empty


def test_an_influxdb_that_is_away_or_refuses_is_told(influx: InfluxServer):
    target = Target.of(influx.environ)
    with pytest.raises(StreamerError, match="InfluxDB refuses a query: database not found: nowhere"):
        InfluxFeed(Target(target.url, "nowhere", target.org, target.token)).read()
    with pytest.raises(StreamerError, match=r"InfluxDB does not answer at http://127\.0\.0\.1:1"):
        InfluxFeed(Target("http://127.0.0.1:1", "b", "-", "t")).read()
