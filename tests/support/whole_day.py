"""A day through every process of the product, on a broker and a real InfluxDB, with all that it writes."""

from __future__ import annotations

import base64
import itertools
import json
import os
import socket
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, Final

from confluent_kafka.admin import AdminClient
from msgspec.structs import force_setattr

from data_gen import Simulation
from data_gen.world import recorded_at
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import ALERTS, INPUT_TOPICS, Event
from streamer.cli import main
from streamer.kafka.connection import Connection
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.topic_plan import ALERT_ACTIONS, ALERT_CASES, TopicNames
from tests.influx import InfluxServer
from tests.kafka import Record, consume, produce
from tests.support.employees import FIELDS
from tests.support.processes import StreamerProcess
from tests.support.services import MailService, WebService
from tests.support.traces import IDS
from tests.support.waiting import PATIENCE_S

STORES: Final = 5
HAWAII: Final = "Pacific/Honolulu"  # where midnight UTC, when the keys rotate, is at two in the afternoon
DAY: Final = date(2025, 3, 3)
KEYS: Final = {
    "RETAIL_PSEUDONYM_KEY": "first key, of 32 letters or more",
    "KEY_2": "second key, as long as that",
}
KEYED: Final = "{pseudonyms: keyed, audit: true, rotations: {KEY_2: 2025-03-04}}"
CLEAR: Final = "{audit: true}"
GROUP: Final = "whole-day"
# By process, the ending of its group and the topics that it reads.
_READS: Final = {
    "run": ("", INPUT_TOPICS),
    "returns": ("-returns", ("pos-events",)),
    "metrics": ("-metrics", ("pos-events",)),
    "triage": ("-triage", TopicNames().triaged),
    "notify": ("-notify", (ALERTS, ALERT_ACTIONS)),
    "sink": ("-sink", (ALERTS, ALERT_CASES)),
}
_WEB: Final = ("slack", "teams", "pagerduty", "webhook")
_ROUTE: Final = "severity: low, revisions: all, max_age: 3650d"
CONFIG: Final = f"""
privacy: PRIVACY
rules: {{packs: [pos], set: {{paid_out: {{status: live}}}}}}
detectors: {{refund_deviation: {{enabled: true}}, sales_deviation: {{enabled: true}}}}
stores: {{{", ".join(f"store-{n}: {{time_zone: {HAWAII}}}" for n in range(1, STORES + 1))}}}
streamer: {{scores: true, enriched: true, returns: true, tick_interval: 200ms, topics: {{partitions: 4}}}}
notify:
  memory: 3660d
  routes:
    slack: {{service: slack, address: N_SLACK, {_ROUTE}}}
    teams: {{service: teams, address: N_TEAMS, {_ROUTE}}}
    pagerduty: {{service: pagerduty, address: N_PAGERDUTY, {_ROUTE}}}
    webhook: {{service: webhook, address: N_WEBHOOK, key: N_KEY, {_ROUTE}}}
    mail: {{service: email, address: N_MAIL, {_ROUTE}}}
"""


def day_of_fifty() -> list[Event]:
    """Return a day of stores whose employees have the ids of `IDS`, each of them at least once."""
    simulation = Simulation(stores=STORES, seed=11, start=DAY, time_zones=[HAWAII], incident_rate=1.0)
    events = list(simulation.events())
    given: dict[str, str] = {}
    names = itertools.cycle(IDS)
    for event in events:
        for field in FIELDS:
            if (clear := getattr(event, field, None)) is not None:
                if clear not in given:
                    given[clear] = next(names)
                force_setattr(event, field, given[clear])
    assert len(given) >= len(IDS)
    return events


def sent(events: Iterable[Event]) -> list[Record]:
    """Return the records of a careless shop: ids in headers and unknown fields, and records of no event."""
    ids = itertools.cycle(IDS)
    records = []
    for event in events:
        value = json.loads(encode(event)) | {"cashierName": next(ids)}
        records.append(
            Record(
                topic_of(event),
                json.dumps(value).encode(),
                event.store_id.encode(),
                timestamp=recorded_at(event),
                headers=(("till", next(ids).encode()),),
            )
        )
    at = records[-1].timestamp
    for who in IDS:
        good = {
            "storeId": "store-1", "cashierId": who, "eventType": "SALE", "eventTime": at, "sku": "k",
            "transactionId": "t", "amount": 1,
        }  # fmt: skip
        bad: list[bytes | dict[str, Any]] = [
            who.encode(), good | {"amount": who}, good | {"storeId": None}, {"payload": good},
            good | {"cardToken": "4111 1111 1111 1111"},
        ]  # fmt: skip
        values = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in bad]
        records += [Record("pos-events", each, b"store-1", timestamp=at) for each in values]
        records.append(Record("pos-events", json.dumps(good).encode(), who.encode(), timestamp=at))
    return records


class WholeDay:
    """The processes, the servers around them, and the places to which they write.

    Parameters
    ----------
    connection, influx
        A broker and a database that nobody else uses.
    folder
        Where state, logs and pages go.
    privacy
        The section of the configuration.
    """

    def __init__(self, connection: Connection, influx: InfluxServer, folder: Path, privacy: str) -> None:
        self.connection, self.influx, self.folder = connection, influx, folder
        self.address: str = connection.properties()["bootstrap.servers"]
        self.config = folder / "config.yaml"
        self.config.write_text(CONFIG.replace("PRIVACY", privacy))
        self.web: dict[str, WebService] = {}
        self.pages: dict[str, bytes] = {}
        self.messages: list[bytes] = []
        self.environ = {**KEYS, **influx.environ}
        self.options = ("--embedded-broker",) if connection.embedded else ()

    def pass_through(self) -> None:
        """Send the day through all processes, with decisions in the midst, and end them."""
        arguments = ["--config", str(self.config), "--broker", self.address, *self.options]
        assert main(["topics", "--create", *arguments]) == 0
        produce(self.address, sent(day_of_fifty()))
        with ExitStack() as servers:
            self.web = {name: servers.enter_context(WebService(name)) for name in _WEB}
            mail = servers.enter_context(MailService())
            self.environ |= {f"N_{name.upper()}": service.url for name, service in self.web.items()}
            self.environ["N_PAGERDUTY"] = self.environ["N_PAGERDUTY"].replace("://", "://r0utingKEY@")
            self.environ |= {"N_MAIL": mail.url, "N_KEY": "whsec_" + base64.b64encode(bytes(32)).decode()}
            processes = {name: _Served(self, name, port) for name, port in _ports()}
            for name in ("run", "returns", "metrics"):
                processes[name].wait_until_processed()
            produce(self.address, self._decisions())
            for name in ("triage", "notify", "sink"):
                processes[name].wait_until_processed()
            services: list[WebService | MailService] = [*self.web.values(), mail]
            processes["notify"].wait_for(lambda: all(service.arrived for service in services))
            for process in processes.values():
                self.pages |= process.pages()
            for process in processes.values():
                assert process.stop() == 0, process.tail()
            self.messages = [each.body for service in services for each in service.arrived]

    def _decisions(self) -> Iterator[Record]:
        """Decide about alerts, as the board does, and as another system that knows clear ids."""
        alerts = [json.loads(record.value or b"") for record in consume(self.address, ALERTS)]
        assert len(alerts) > 10
        now = time.time_ns() // 1_000_000
        for number, alert in enumerate(alerts[:10]):
            verdict = {
                "action": "verdict",
                "alertId": alert["alertId"],
                "verdict": "benign",
                "reason": "seen",
            }
            yield self._decision(number, now, alert["storeId"], verdict)
        for number, who in enumerate([alerts[0]["employeeId"] or "E-0123456789ab", *IDS]):
            scope = {"type": "REFUND_BURST", "employeeId": who}
            allow = {"action": "allow", "scope": scope, "reason": "trains others"}
            yield self._decision(100 + number, now, alerts[0]["storeId"], allow)

    def _decision(self, number: int, now: int, store: str, what: dict[str, Any]) -> Record:
        value = {"actionId": f"a-{number}", "time": now, "by": "kim", "storeId": store} | what
        return Record(ALERT_ACTIONS, json.dumps(value).encode(), store.encode(), timestamp=now)

    def topics(self) -> dict[str, list[Record]]:
        """Return the records of every topic of the broker, changelogs and Kafka's own among them."""
        admin = AdminClient({"bootstrap.servers": self.address})
        names = sorted(admin.list_topics(timeout=10).topics)
        found: dict[str, list[Record]] = {name: [] for name in names}
        for record in consume(self.address, names):
            found[record.topic].append(record)
        return found

    def stored(self) -> dict[str, bytes]:
        """Return the points of the database as it gives them to a reader, by measurement."""
        names = [row["name"] for row in self.influx.query("SHOW MEASUREMENTS")]
        return {
            name: json.dumps(self.influx.query(f'SELECT * FROM "{name}"'), ensure_ascii=False).encode()  # noqa: S608
            for name in names
        }


class _Served(StreamerProcess):
    """One process, whose pages are served at a port."""

    def __init__(self, day: WholeDay, name: str, port: int) -> None:
        self._properties = day.connection.properties()
        ending, self._topics = _READS[name]
        self._group = GROUP + ending
        self._name, self._port = name, port
        self.folder = day.folder
        self.log = day.folder / f"{name}.log"
        options = [
            *(name, "--broker", self._properties["bootstrap.servers"], "--config", str(day.config)),
            *("--consumer-group", GROUP, "--metrics-port", str(port), "--log-level", "debug"),
            *day.options,
            *(() if name == "sink" else ("--state-dir", str(day.folder / "state"))),
        ]
        # As in the chart, the two that read events have the keys, and no other.
        keys = dict.fromkeys(KEYS, "") if name not in ("run", "returns") else {}
        environ = {**os.environ, "RETAIL__STREAMER__COMMIT_INTERVAL": "200ms", **day.environ, **keys}
        self._start("streamer.cli", options, environ, day.folder)

    def wait_until_processed(self) -> None:
        """Wait until the group has committed all that is in the topics that it reads."""
        with GroupOffsets(self._properties, self._group, self._topics) as offsets:
            deadline = time.monotonic() + PATIENCE_S
            while any((lag := offsets.lag(settled=False)).values()):
                assert self.running, self.tail()
                assert time.monotonic() < deadline, f"{self._name}: lag {lag}\n{self.tail()}"
                time.sleep(0.1)

    def pages(self) -> dict[str, bytes]:
        """Return its pages, by address."""
        found = {}
        for path in ("metrics", "healthz", "readyz"):
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._port}/{path}", timeout=PATIENCE_S
            ) as answer:
                found[f"{self._name}/{path}"] = answer.read()
        return found


def _ports() -> Iterator[tuple[str, int]]:
    for name in _READS:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            yield name, probe.getsockname()[1]
