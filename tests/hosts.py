"""The hosts of the detectors, as fixtures: the same records through each must give the same alerts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from retail_anomaly.core.alerts import Alert
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine
from retail_anomaly.sources import open_input
from retail_anomaly.sources.event_log import BadLines
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from tests.golden.cases import Host, Record
from tests.kafka import KafkaServer
from tests.support.brokerless import BrokerlessPipeline, send_all
from tests.support.runs import alerts_of_raw
from tests.support.streaming import StreamerInTest, records_of

# A host is one line here, marked where it needs Kafka, and a fixture `x_host`.
HOSTS = [
    "engine",
    "replay",
    "brokerless",
    "embedded",
    pytest.param("kafka", marks=pytest.mark.kafka),
]


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> Host:
    found: Host = request.getfixturevalue(f"{request.param}_host")
    return found


@pytest.fixture
def engine_host() -> Host:
    return alerts_of_raw


@pytest.fixture
def replay_host(tmp_path: Path) -> Host:
    """Through a file, as an analyst replays."""

    def run(records: Sequence[Record]) -> list[Alert]:
        log = tmp_path / "events.jsonl"
        lines = [json.dumps({"topic": topic, "value": json.loads(value)}) for topic, value in records]
        log.write_text("".join(f"{line}\n" for line in lines))
        bad = BadLines()
        alerts = list(replay_events(open_input(log).events(bad), build_engine(Settings())))
        assert not bad.count
        return alerts

    return run


@pytest.fixture
def brokerless_host(tmp_path: Path) -> Iterator[Host]:
    pipelines = []

    def run(records: Sequence[Record]) -> list[Alert]:
        pipeline = BrokerlessPipeline(build_engine(Settings()), tmp_path)
        pipelines.append(pipeline)
        send_all(pipeline, records)
        pipeline.commit()
        return pipeline.alerts

    yield run
    for pipeline in pipelines:
        pipeline.close()


@pytest.fixture(scope="session")
def embedded_streamer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreamerInTest]:
    with EmbeddedBroker() as broker:
        connection = Connection(broker.address, embedded=True)
        with StreamerInTest(connection, tmp_path_factory.mktemp("state")) as streamer:
            yield streamer


@pytest.fixture(scope="session")
def kafka_streamer(
    kafka_server: Callable[..., KafkaServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StreamerInTest]:
    # A broker of its own, for the topics' names are fixed.
    with StreamerInTest(Connection(kafka_server().address), tmp_path_factory.mktemp("state")) as streamer:
        yield streamer


@pytest.fixture
def embedded_host(embedded_streamer: StreamerInTest) -> Host:
    return _streaming(embedded_streamer)


@pytest.fixture
def kafka_host(kafka_streamer: StreamerInTest) -> Host:
    return _streaming(kafka_streamer)


def _streaming(streamer: StreamerInTest) -> Host:
    """Return a host whose records must have stores that no other test has."""

    def run(records: Sequence[Record]) -> list[Alert]:
        streamer.send_in_step(records_of(records))
        stores = {json.loads(value)["storeId"] for _, value in records}
        return [alert for alert in streamer.alerts() if alert.store_id in stores]

    return run
