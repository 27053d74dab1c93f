"""From the tills to the verdicts and back: Kafka, streamer, triage, sink, InfluxDB, and the board of cases.

A simulated world streams in two parts. Between them somebody judges cases on the board, by the truth that the
simulator knows. The verdicts must be in their topic, in the cases, in the database and in the order of what
comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

import retail_anomaly as ra
from data_gen import Simulation
from retail_anomaly.cases import Action, Case, Precision, decode_action, prioritised
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import ALERTS
from retail_anomaly.evaluate.match import match_pairs
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.frames.cases import CaseBook
from retail_anomaly.frames.incidents import incidents_frame
from retail_anomaly.settings import Settings
from streamer.kafka.connection import Connection
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.topic_plan import ALERT_ACTIONS, ALERT_CASES, TRIAGED
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.influx import InfluxServer
from tests.kafka import Record, consume, fresh_name, produce
from tests.support.board_browser import BoardBrowser
from tests.support.faults import LONG, PARTITIONS, RETENTION_MS, wait_for
from tests.support.processes import StreamerProcess
from tests.support.simulated import by_key, expected, records
from tests.support.sink import SinkProcess

WORLD = Simulation(*((12, 30) if LONG else (3, 4)), seed=4101)
VERDICTS = 300 if LONG else 8


class Shop:
    """The processes between the tills and the database, as an operator starts them."""

    def __init__(self, connection: Connection, influx: InfluxServer, folder: Path) -> None:
        self.connection, self.influx = connection, influx
        self.address = connection.properties()["bootstrap.servers"]
        self._folder, self._group = folder, fresh_name("group")
        ensure_topics(connection, TopicPlan(PARTITIONS, 1, RETENTION_MS), create=True)
        (folder / "triage").mkdir()
        self.triage = StreamerProcess(
            *(connection, self._group, folder / "triage"),
            module="tests.support.faulty",
            environment={"FAULT_COMMAND": "triage"},
        )
        self.sink = SinkProcess(connection, self._group, folder, influx.environ)

    def stream(self, part: Sequence[Record]) -> None:
        """Have a streamer process a part of the log, which is there when it starts."""
        produce(self.address, part)
        streamer = StreamerProcess(self.connection, self._group, self._folder)
        streamer.wait_until_processed()
        assert streamer.stop() == 0, streamer.tail()

    def settle(self) -> None:
        """Wait until cases and database have all that is in the topics."""
        client = self.connection.properties()
        with GroupOffsets(client, f"{self._group}-triage", TRIAGED) as offsets:
            wait_for(
                lambda: not any(offsets.lag(settled=False).values()), "every alert and action to be in a case"
            )
        self.sink.wait_until_processed()

    def alerts(self) -> list[Alert]:
        return [msgspec.json.decode(record.value or b"", type=Alert) for record in self._in(ALERTS)]

    def actions(self) -> list[Action]:
        return [decode_action(record.value or b"") for record in self._in(ALERT_ACTIONS)]

    def cases(self) -> dict[str, Case]:
        """Return the last record of each case."""
        cases = [msgspec.json.decode(record.value or b"", type=Case) for record in self._in(ALERT_CASES)]
        return {case.case_id: case for case in cases}

    def _in(self, topic: str) -> list[Record]:
        return sorted(consume(self.address, topic), key=lambda record: record.offset or 0)


@pytest.fixture
def shop(clean_kafka: Connection, influx: InfluxServer, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(clean_kafka, influx, tmp_path)
    yield shop
    assert [shop.triage.stop(), shop.sink.stop()] == [0, 0]


def truth_of(alerts: Sequence[Alert]) -> Callable[[str], str]:
    """Return the verdict of somebody who knows the incidents."""
    truth = incidents_frame(WORLD.incidents)
    pairs = match_pairs(alerts_frame(alerts), truth)
    right = set(pairs["alert_id"][~truth["distractor"].to_numpy()[pairs["incident"].to_numpy()]])
    return lambda alert_id: "confirmed" if alert_id in right else "benign"


def judge(board: BoardBrowser, cases: dict[str, Case], verdict: Callable[[str], str]) -> dict[str, str]:
    """Read cases in the board's order until so many forms were sent; return the verdict on each alert."""
    said: dict[str, str] = {}
    sent = 0
    while sent < VERDICTS:
        case = cases[board.waiting()[0]]
        alone = {alert.alert_id: verdict(alert.alert_id) for alert in case.alerts}
        for place in range(len(board.forms(case.case_id))):
            form = board.forms(case.case_id)[place]  # of the page as it is after the verdict before
            about = alone if form.alert_id is None else {form.alert_id: alone[form.alert_id]}
            # One verdict for the whole case if it fits each of its alerts, else one for each.
            if (len(set(alone.values())) == 1) == (form.alert_id is None):
                board.press(form, about[next(iter(about))], "by the truth")
                said |= about
                sent += 1
    return said


@pytest.mark.timeout(1_800 if LONG else 180)
def test_verdicts_on_the_board_reach_topic_cases_database_and_what_comes_next(shop: Shop) -> None:
    log = records(WORLD)
    first, second = log[: len(log) * 4 // 5], log[len(log) * 4 // 5 :]
    shop.stream(first)
    shop.settle()
    before = shop.cases()

    with BoardBrowser(shop.address, "kim") as board:
        assert any("(cited)" in board.text(case_id) for case_id in board.waiting())  # receipts of the topic
        verdict = truth_of(shop.alerts())
        said = judge(board, before, verdict)
        shop.stream(second)
        shop.settle()
        alerts, actions = shop.alerts(), shop.actions()
        cases = shop.cases()
        wanted = ra.triage(alerts, actions)
        order = [case.case_id for case in wanted.reading_order()]
        wait_for(lambda: board.waiting() == order[:50], "the board to show what has come")

    assert by_key(msgspec.json.decode(encode(alert)) for alert in alerts) == expected(WORLD)
    # The topic has each verdict, once.
    assert len(actions) == len({action.action_id for action in actions}) >= VERDICTS
    assert {(action.by, action.reason) for action in actions} == {("kim", "by the truth")}
    # The cases have them, and are those of a notebook.
    judged = {each.alert_id: each.verdict for case in cases.values() for each in case.alerts if each.verdict}
    assert said.items() <= judged.items()
    assert {case.case_id: case for case in CaseBook.of(cases.values(), Settings()).cases} == {
        case.case_id: case for case in wanted.cases
    }
    # The database has them.
    rows = {row["caseId"]: row for row in shop.influx.query('SELECT "caseId", "open", "priority" FROM cases')}
    assert {name: (row["open"], row["priority"]) for name, row in rows.items()} == {
        name: (float(case.state == "open"), case.priority) for name, case in cases.items()
    }
    [sums] = shop.influx.query('SELECT sum("confirmed") AS confirmed, sum("wrong") AS wrong FROM verdicts')
    assert (sums["confirmed"], sums["wrong"]) == tuple(
        float(sum(each == word for each in judged.values())) for word in ("confirmed", "benign")
    )
    # What came after the verdicts is weighed by them, in the topic and on the board.
    fresh = [case for name, case in cases.items() if name not in before]
    assert any(case.priority != prioritised(case, Precision()).priority for case in fresh)
