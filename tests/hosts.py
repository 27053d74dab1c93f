"""The hosts of the detectors, as fixtures: the same records through each must give the same alerts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from retail_anomaly.core.alerts import Alert
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import build_engine, load_settings
from retail_anomaly.sources import open_input
from retail_anomaly.sources.event_log import BadLines
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from tests.golden.cases import Host, Record
from tests.kafka import KafkaServer, fresh_name
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

    def run(records: Sequence[Record], config: Path | None = None) -> list[Alert]:
        log = tmp_path / "events.jsonl"
        lines = [json.dumps({"topic": topic, "value": json.loads(value)}) for topic, value in records]
        log.write_text("".join(f"{line}\n" for line in lines))
        engine = build_engine(load_settings(config))
        return list(replay_events(open_input(log).events(BadLines()), engine))

    return run


@pytest.fixture
def brokerless_host(tmp_path: Path) -> Iterator[Host]:
    pipelines = []

    def run(records: Sequence[Record], config: Path | None = None) -> list[Alert]:
        pipeline = BrokerlessPipeline(build_engine(load_settings(config)), tmp_path)
        pipelines.append(pipeline)
        send_all(pipeline, records)
        pipeline.commit()
        return pipeline.alerts

    yield run
    for pipeline in pipelines:
        pipeline.close()


class _Streamers:
    """One streamer at a time on a broker; another configuration starts another, in a group of its own."""

    def __init__(self, connection: Connection, state_dirs: Callable[[str], Path]) -> None:
        self._connection, self._state_dirs = connection, state_dirs
        self._config: Path | None = None
        self._running = ExitStack()
        self._streamer: StreamerInTest | None = None
        self._sent = 0

    def __enter__(self) -> _Streamers:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def run(self, records: Sequence[Record], config: Path | None = None) -> list[Alert]:
        """Process records whose stores no other test has."""
        streamer = self._of(config)
        streamer.send_in_step(records_of(records))
        self._sent += len(records)
        stores = {json.loads(value)["storeId"] for _, value in records}
        return [alert for alert in streamer.alerts() if alert.store_id in stores]

    def _of(self, config: Path | None) -> StreamerInTest:
        if self._streamer is None or config != self._config:
            self._running.close()
            group = fresh_name("group")
            state_dir = self._state_dirs("state")
            self._streamer = StreamerInTest(
                self._connection, state_dir, config=config, backlog=self._sent, consumer_group=group
            )
            self._config = config
            self._running.enter_context(self._streamer)
        return self._streamer


@pytest.fixture(scope="session")
def embedded_streamers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Streamers]:
    with EmbeddedBroker() as broker:
        connection = Connection(broker.address, embedded=True)
        with _Streamers(connection, tmp_path_factory.mktemp) as streamers:
            yield streamers


@pytest.fixture(scope="session")
def kafka_streamers(
    kafka_server: Callable[..., KafkaServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Streamers]:
    # A broker of its own, for the topics' names are fixed.
    with _Streamers(Connection(kafka_server().address), tmp_path_factory.mktemp) as streamers:
        yield streamers


@pytest.fixture
def embedded_host(embedded_streamers: _Streamers) -> Host:
    return embedded_streamers.run


@pytest.fixture
def kafka_host(kafka_streamers: _Streamers) -> Host:
    return kafka_streamers.run
