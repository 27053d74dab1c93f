"""The golden cases of declarative rules, in the hosts that keep state: all rules at once, a store a case."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from retail_anomaly.core.alerts import Alert
from retail_anomaly.replay import Replay
from retail_anomaly.settings import build_engine, load
from retail_anomaly.sources import open_input
from retail_anomaly.sources.event_log import BadLines
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from tests.golden.cases import Record
from tests.kafka import KafkaServer
from tests.support.brokerless import BrokerlessPipeline, send_all
from tests.support.streaming import StreamerInTest, records_of

FOLDER = Path(__file__).parents[1] / "naive" / "cases"
NAMES = sorted(path.name.removesuffix(".rules.yaml") for path in FOLDER.glob("*.rules.yaml"))
IN_SHADOW = "rule_in_shadow_is_silent"
Brief: TypeAlias = Counter[tuple[Any, ...]]
Outcome: TypeAlias = tuple[list[Alert], list[Alert]]
"""The alerts, and those in the shadow."""
RuleHost: TypeAlias = Callable[[list[Record], Path, Path], Iterator[Outcome]]


def in_engine(records: list[Record], config: Path, folder: Path) -> Iterator[Outcome]:
    log = folder / "log.jsonl"
    rows = [json.dumps({"topic": topic, "value": json.loads(value)}) for topic, value in records]
    log.write_text("\n".join(rows))
    shadow: list[Alert] = []

    run = Replay(build_engine(load(config, environ={}).settings), shadow.append)
    yield list(run.alerts(open_input(log).events(BadLines()))), shadow


def without_a_broker(records: list[Record], config: Path, folder: Path) -> Iterator[Outcome]:
    pipeline = BrokerlessPipeline(build_engine(load(config, environ={}).settings), folder)
    # A commit, and with it the state on disk, after every few records.
    for start in range(0, len(records), 7):
        send_all(pipeline, records[start : start + 7])
        pipeline.commit()
    yield pipeline.alerts, pipeline.shadow_alerts
    pipeline.close()


def streamed(connection: Connection, records: list[Record], config: Path, folder: Path) -> Outcome:
    with StreamerInTest(connection, folder, config) as streamer:
        streamer.send_in_step(records_of(records))
        return streamer.alerts(), streamer.shadow_alerts()


def on_the_embedded_broker(records: list[Record], config: Path, folder: Path) -> Iterator[Outcome]:
    with EmbeddedBroker() as broker:
        yield streamed(Connection(broker.address, embedded=True), records, config, folder)


@pytest.mark.parametrize("host", [in_engine, without_a_broker, on_the_embedded_broker])
def test_all_cases_at_once_raise_exactly_the_expected_alerts(host: RuleHost, tmp_path: Path) -> None:
    records = [record for name in NAMES for record in of_case(name)]

    for alerts, shadow in host(records, configuration(tmp_path), tmp_path / "state"):
        assert by_case(alerts) == {name: expected(name) for name in NAMES if expected(name)}
        assert set(by_case(shadow)) == {IN_SHADOW}


@pytest.mark.kafka
def test_all_cases_at_once_on_a_real_kafka(kafka_server: Callable[..., KafkaServer], tmp_path: Path) -> None:
    records = [record for name in NAMES for record in of_case(name)]

    alerts, shadow = streamed(
        Connection(kafka_server().address), records, configuration(tmp_path), tmp_path / "state"
    )

    assert by_case(alerts) == {name: expected(name) for name in NAMES if expected(name)}
    assert set(by_case(shadow)) == {IN_SHADOW}


def configuration(folder: Path) -> Path:
    """Write the configuration with the rules of all cases, each under the name of its case."""
    rules = [
        yaml.safe_load((FOLDER / f"{name}.rules.yaml").read_text()) | {"id": short(name)} for name in NAMES
    ]
    zones = {f"{name}:{store}": zone for name in NAMES for store, zone in own(name).get("stores", {}).items()}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"rules": {"inline": rules}, "stores": zones}))
    (folder / "state").mkdir()
    return path


def rule_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.rules.yaml").read_text())
    return found


def short(name: str) -> str:
    return f"c_{name.removeprefix('rule_')}"[:40]


def of_case(name: str) -> list[Record]:
    rows = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]
    return [
        (row["topic"], json.dumps(row["value"] | {"storeId": f"{name}:{row['value']['storeId']}"}).encode())
        for row in rows
    ]


@cache
def own(name: str) -> dict[str, Any]:
    path = FOLDER / f"{name}.config.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text()) if path.exists() else {}
    return found


def by_case(alerts: Iterable[Alert]) -> dict[str, Brief]:
    """Return the alerts of each case's own rule in brief."""
    found: dict[str, Brief] = {}
    for alert in alerts:
        case = alert.store_id.partition(":")[0]
        if alert.type == short(case).upper():
            at = (alert.employee_id, alert.event_time, round(alert.risk_score, 4), alert.revision)
            found.setdefault(case, Counter())[(*at, str(alert.evidence["value"]))] += 1
    return found


def expected(name: str) -> Brief:
    rule = rule_of(name)["id"].upper()
    rows = [json.loads(line) for line in (FOLDER / f"{name}.expected.jsonl").read_text().splitlines()]
    return Counter(
        tuple(row[field] for field in ("employeeId", "eventTime", "riskScore", "revision", "detail"))
        for row in rows
        if row["type"] == rule
    )
