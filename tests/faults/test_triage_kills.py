"""Triage that is killed and shared, with actions shuffled and repeated: the cases of a notebook."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from random import Random

import pytest

import retail_anomaly as ra
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import ALERTS
from retail_anomaly.frames.cases import CaseBook
from retail_anomaly.settings import Settings
from streamer.kafka.connection import Connection
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.topic_plan import ALERT_ACTIONS, TRIAGED
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.kafka import KafkaServer, Record, fresh_name, produce
from tests.support.decisions import DAY, drawn_actions, drawn_alerts, last_cases
from tests.support.faults import CRAWL, LONG, PARTITIONS, RETENTION_MS, wait_for
from tests.support.processes import StreamerProcess

KILLS = 20 if LONG else 2
ALERTS_SENT, DECISIONS = (4_000, 1_000) if LONG else (1_000, 250)


class Triages:
    """Processes of one group that triage, in folders that may find each other's state."""

    def __init__(self, address: str, folder: Path) -> None:
        self.connection = Connection(address)
        self.group = fresh_name("group")
        self._folder = folder
        (folder / "gate").mkdir()

    def start(self, name: str = "a", *, fault: str = "", pace: str = "0") -> StreamerProcess:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        variables = {
            "FAULT_COMMAND": "triage",
            "FAULT": fault,
            "FAULT_PACE": pace,
            "FAULT_COMMIT_EVERY": "40",
        }
        return StreamerProcess(
            *(self.connection, self.group, folder),
            module="tests.support.faulty",
            environment=variables | {"FAULT_GATE": str(self._folder / "gate")},
        )

    def walk(self) -> None:
        (self._folder / "gate" / "full-speed").touch()

    def lose_state(self) -> None:
        shutil.rmtree(self._folder / "a" / "state")

    def wait_until_done(self, *processes: StreamerProcess) -> None:
        with GroupOffsets(self.connection.properties(), f"{self.group}-triage", TRIAGED) as offsets:
            wait_for(
                lambda: not any(offsets.lag(settled=False).values()), "every alert and action to be processed"
            )
        assert [process.stop() for process in processes] == [0] * len(processes)


@pytest.mark.timeout(900)
def test_kills_shuffled_and_repeated_actions_give_the_cases_of_a_notebook(
    broker: KafkaServer, tmp_path: Path
) -> None:
    rng = Random(5)
    alerts = drawn_alerts(ALERTS_SENT, 8, seed=5)
    actions = drawn_actions(alerts, DECISIONS, seed=6)
    here = Triages(broker.address, tmp_path)
    ensure_topics(here.connection, TopicPlan(PARTITIONS, 1, RETENTION_MS), create=True)
    sent = [Record(ALERTS, encode(a), a.store_id.encode(), timestamp=a.event_time) for a in alerts]
    # Each action twice, up to three days early or late: some come before their alert and wait for it.
    decided = [
        Record(ALERT_ACTIONS, encode(a), a.store_id.encode(), timestamp=a.time + rng.randint(-3, 3) * DAY)
        for a in actions * 2
    ]
    rng.shuffle(decided)
    produce(broker.address, [*sent, *decided])

    for number in range(KILLS):
        process = here.start(fault=f"kill:processed:{rng.randint(20, len(sent) // (KILLS + 1))}")
        assert process.wait_until_ended() == -signal.SIGKILL, process.tail()
        if number % 2:
            here.lose_state()
    first = here.start(pace=CRAWL)
    first.wait_until_running()
    second = here.start("b", pace=CRAWL)  # takes half of the stores over
    second.wait_until_running()
    here.walk()
    here.wait_until_done(first, second)

    found = CaseBook.of(last_cases(broker.address), Settings())
    wanted = ra.triage(alerts, actions)
    assert {case.case_id: case for case in found.cases} == {case.case_id: case for case in wanted.cases}
    assert [case.case_id for case in found.reading_order()] == [
        case.case_id for case in wanted.reading_order()
    ]
    assert any(alert.suppressed_by for case in found.cases for alert in case.alerts)
