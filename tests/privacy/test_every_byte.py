"""A day through the whole product with pseudonyms: fifty clear ids are searched in every byte of it.

The broker is the embedded one, and with FAULTS_LONG=1 a real Kafka too, whose own files are then searched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from retail_anomaly.core.events import INPUT_TOPICS
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.kafka.topic_plan import ALERT_ACTIONS
from tests.conftest import IN_CI
from tests.influx import InfluxServer, InfluxUnavailableError
from tests.kafka import KafkaServer, Record
from tests.support.faults import LONG
from tests.support.traces import IDS, ids_among, ids_in, places_with_ids
from tests.support.whole_day import CLEAR, KEYED, WholeDay

pytestmark = [pytest.mark.timeout(300), pytest.mark.kafka]

# The records of others, which docs/privacy.md names.
GIVEN = {*INPUT_TOPICS, ALERT_ACTIONS}
# Whatever else is empty: these have records, or the search would prove nothing.
WRITTEN = {
    *("anomaly-alerts", "dead-letters", "alert-cases", "store-metrics", "enriched-pos-events"),
    *("anomaly-scores", "shadow-alerts", "store-ticks", "notify-ticks", "retail-audit"),
}
# The second one is a Kafka's folder.
Broker = tuple[Connection, Path | None]


@contextmanager
def passed_through(
    broker: Broker, privacy: str, folders: pytest.TempPathFactory
) -> Iterator[tuple[WholeDay, Path | None]]:
    influx = InfluxServer(folders.mktemp("influx"))
    try:
        day = WholeDay(broker[0], influx.start(), folders.mktemp("day"), privacy)
        day.pass_through()
        yield day, broker[1]
    except InfluxUnavailableError as error:
        if IN_CI:
            pytest.fail(f"CI must run a real InfluxDB: {error}", pytrace=False)
        pytest.skip(f"no real InfluxDB: {error}")
    finally:
        influx.kill()


def broker_of(kind: str, request: pytest.FixtureRequest) -> Iterator[Broker]:
    if kind == "kafka":
        kafka: KafkaServer = request.getfixturevalue("kafka_server")()
        yield Connection(kafka.address), kafka.folder
        kafka.stop()
    else:
        with EmbeddedBroker() as embedded:
            yield Connection(embedded.address, embedded=True), None


@pytest.fixture(scope="module", params=["embedded", "kafka"] if LONG else ["embedded"])
def passed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[WholeDay, Path | None]]:
    for broker in broker_of(request.param, request):
        with passed_through(broker, KEYED, tmp_path_factory) as made:
            yield made


@pytest.fixture
def day(passed: tuple[WholeDay, Path | None]) -> WholeDay:
    return passed[0]


def found_in(topics: Mapping[str, list[Record]]) -> dict[str, set[str]]:
    """Return the ids by topic: in keys, values, and names and values of headers."""
    return {
        name: ids_among(
            part
            for record in records
            for part in (
                *(record.key, record.value),
                *(text for header in record.headers for text in (header[0].encode(), header[1])),
            )
        )
        for name, records in topics.items()
    }


def test_no_topic_but_those_of_the_shop_has_an_id(passed: tuple[WholeDay, Path | None]) -> None:
    day, kafka = passed
    topics = day.topics()

    found = found_in(topics)

    assert found["pos-events"] == found[ALERT_ACTIONS] == set(IDS)  # the search finds what is there
    assert {name: ids for name, ids in found.items() if ids and name not in GIVEN} == {}
    written = {name for name, records in topics.items() if records}
    assert written >= WRITTEN, sorted(topics)
    assert sum(name.startswith("changelog__") for name in written) >= 4, sorted(written)
    if kafka is not None:
        given = [each for each in (kafka / "data").iterdir() if each.name.rpartition("-")[0] in GIVEN]
        assert places_with_ids(kafka, given) == {}
        assert set().union(*places_with_ids(kafka / "data").values()) == set(IDS)


def test_no_state_and_no_log_has_an_id(day: WholeDay) -> None:
    assert len(list((day.folder / "state").rglob("CURRENT"))) >= 8
    logs = {file.stem for file in day.folder.glob("*.log") if file.stat().st_size}
    assert logs == {"run", "returns", "metrics", "triage", "notify", "sink"}
    assert places_with_ids(day.folder) == {}


def test_no_page_message_or_point_has_an_id(day: WholeDay) -> None:
    stored = day.stored()

    assert {"alerts", "cases", "store_metrics"} <= set(stored)
    assert len(day.messages) >= 10
    assert len(day.pages) == 18
    assert {name: ids for name, data in (stored | day.pages).items() if (ids := ids_in(data))} == {}
    assert ids_among(day.messages) == set()
    assert places_with_ids(day.influx.folder) == {}


if LONG:

    def test_without_pseudonyms_the_search_finds_ids_in_each_of_these_places(
        tmp_path_factory: pytest.TempPathFactory,
    ) -> None:
        with EmbeddedBroker() as embedded:
            broker = Connection(embedded.address, embedded=True), None
            with passed_through(broker, CLEAR, tmp_path_factory) as (day, _):
                found = found_in(day.topics())
                places = {name.partition("/")[0] for name in places_with_ids(day.folder)}

                named = {name for name, ids in found.items() if ids}
                assert {"anomaly-alerts", "dead-letters", "alert-cases", "enriched-pos-events"} <= named
                assert any(name.startswith("changelog__") for name in named)
                assert "state" in places
                assert ids_among(day.messages)
                assert ids_in(day.stored()["alerts"])
                assert places_with_ids(day.influx.folder)
