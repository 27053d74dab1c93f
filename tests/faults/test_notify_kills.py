"""Notify is killed again and again, and its services fail: each route is told of each alert all the same."""

from __future__ import annotations

import base64
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import ALERTS, DEAD_LETTERS
from streamer.kafka.connection import Connection
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.topic_plan import NOTIFY_TICKS, TopicPlan
from streamer.kafka.topics import TOPICS, ensure_topics
from tests.kafka import KafkaServer, Record, consume, fresh_name, produce
from tests.support.decisions import drawn_alerts
from tests.support.faults import LONG, PARTITIONS, RETENTION_MS, wait_for
from tests.support.processes import StreamerProcess
from tests.support.services import MailService, Told, WebService, marked, marks, moods
from tests.support.waiting import PATIENCE_S

KILLS = 20 if LONG else 3
QUIET_S = 6.0  # a request may hang for 1 s, and `Retry-After` is 1 s
ALERTS_SENT = 300 if LONG else 60
STAGES = ("processed", "delivered", "committed", "written")
KEY = "whsec_" + base64.b64encode(bytes(32)).decode()
CONFIG = """
notify:
  timeout: 1s
  routes:
    slack: {service: slack, address: N_SLACK, severity: low, revisions: all}
    teams: {service: teams, address: N_TEAMS, severity: low, revisions: all}
    pagerduty: {service: pagerduty, address: N_PAGERDUTY, severity: low, revisions: all}
    webhook: {service: webhook, address: N_WEBHOOK, key: N_KEY, severity: low, revisions: all}
    mail: {service: email, address: N_MAIL, severity: low, revisions: all}
    dead: {service: slack, address: N_DEAD, severity: low, revisions: all, give_up: 1h}
"""
WEB = ("slack", "teams", "pagerduty", "webhook")


def _mail_moods(seed: int) -> Callable[[], int]:
    rng = Random(seed)
    return lambda: rng.choice((451, 0)) if rng.random() < 0.02 else 250


class Scene:
    """The services, and processes of one group that tell them of alerts."""

    def __init__(self, address: str, folder: Path, running: ExitStack) -> None:
        self.connection = Connection(address)
        self.group = fresh_name("group")
        self._folder = folder
        self.web = {
            name: running.enter_context(WebService(name, judge=moods(number)))
            for number, name in enumerate(WEB)
        }
        self.mail = running.enter_context(MailService(judge=_mail_moods(9)))
        self.dead = running.enter_context(WebService("slack", judge=lambda: Told(how="hang")))
        (folder / "config.yaml").write_text(CONFIG)

    def start(self, fault: str = "") -> StreamerProcess:
        addresses = {f"N_{name.upper()}": service.url for name, service in self.web.items()}
        addresses["N_PAGERDUTY"] = addresses["N_PAGERDUTY"].replace("://", "://r0utingKEY@")
        variables = {
            "FAULT_COMMAND": "notify",
            "FAULT": fault,
            "N_KEY": KEY,
            "N_MAIL": self.mail.url,
            "N_DEAD": self.dead.url,
            "RETAIL__STREAMER__TICK_INTERVAL": "200ms",
        }
        return StreamerProcess(
            *(self.connection, self.group, self._folder, "--config", str(self._folder / "config.yaml")),
            module="tests.support.faulty",
            environment=variables | addresses,
        )

    def arrivals(self) -> dict[str, Counter[tuple[int, int]]]:
        """Count by route how often each revision of each alert arrived."""
        found = {name: service.arrived for name, service in self.web.items()} | {"mail": self.mail.arrived}
        return {
            name: Counter(mark for arrival in list(arrived) for mark in marks(arrival))
            for name, arrived in found.items()
        }

    def wait_until_told(self, wanted: set[tuple[int, int]]) -> None:
        """Wait as long as messages arrive, until each route is told of all."""
        deadline, missing = time.monotonic() + PATIENCE_S, -1
        while left := sum(len(wanted - set(found)) for found in self.arrivals().values()):
            if left != missing:
                deadline, missing = time.monotonic() + PATIENCE_S, left
            lacks = {name: sorted(wanted - set(found))[:5] for name, found in self.arrivals().items()}
            assert time.monotonic() < deadline, f"{left} messages are missing: {lacks}"
            time.sleep(0.1)

    def wait_until_quiet(self) -> None:
        """Wait until nothing arrives for longer than a route waits after a failure."""
        told, since = self.arrivals(), time.monotonic()
        while time.monotonic() - since < QUIET_S:
            time.sleep(0.1)
            if (now := self.arrivals()) != told:
                told, since = now, time.monotonic()


@pytest.fixture
def scene(broker: KafkaServer, tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as running:
        yield Scene(broker.address, tmp_path, running)


def _alerts() -> list[Alert]:
    """Return alerts of the last minutes; their sentences tell which they are."""
    drawn, now = drawn_alerts(ALERTS_SENT, 8, seed=5), time.time_ns() // 1_000_000
    return [
        replace(
            each,
            message=marked(int(each.alert_id[2:]), each.revision),
            event_time=now - 60_000 + number,
            opened_at=now - 60_000 + number,
        )
        for number, each in enumerate(drawn)
    ]


@pytest.mark.timeout(900)
def test_kills_and_failing_services_lose_no_message_and_a_kill_repeats_each_at_most_once(
    broker: KafkaServer, scene: Scene
) -> None:
    rng = Random(7)
    ensure_topics(
        scene.connection, TopicPlan(PARTITIONS, 1, RETENTION_MS), [*TOPICS, NOTIFY_TICKS], create=True
    )
    alerts = _alerts()
    wanted = {(int(each.alert_id[2:]), each.revision) for each in alerts}
    size = -(-len(alerts) // (KILLS + 1))
    parts = [alerts[begin : begin + size] for begin in range(0, len(alerts), size)]
    for number in range(KILLS):
        # Exactly at a step, or some time after one, in the midst of the deliveries.
        delay = rng.choice((0, 0.02, 0.1, 0.4))
        stage = STAGES[number % len(STAGES)]
        process = scene.start(fault=f"kill:{stage}:{rng.randint(3, 12)}:{delay}")
        produce(broker.address, [_record(each) for each in parts[number]])
        assert process.wait_until_ended() == -signal.SIGKILL, process.tail()
    process = scene.start()
    produce(broker.address, [_record(each) for each in parts[-1]])
    scene.wait_until_told(wanted)
    # Processed again, as after a streamer's restart: nothing goes out.
    scene.wait_until_quiet()
    before = scene.arrivals()
    produce(broker.address, [_record(each) for each in alerts])
    with GroupOffsets(scene.connection.properties(), f"{scene.group}-notify", [ALERTS]) as offsets:
        wait_for(lambda: not any(offsets.lag(settled=False).values()), "every alert to be processed again")
    assert process.stop() == 0, process.tail()

    after = scene.arrivals()
    assert after == before
    repeated = {name: sum(found.values()) - len(found) for name, found in after.items()}
    print(f"{KILLS} kills, {len(wanted)} revisions, repeated by route: {repeated}")
    for found in after.values():
        assert max(found.values()) <= 1 + KILLS
    assert scene.dead.arrived == []
    assert consume(broker.address, DEAD_LETTERS) == []


def _record(alert: Alert) -> Record:
    return Record(ALERTS, encode(alert), alert.store_id.encode(), timestamp=alert.event_time)
