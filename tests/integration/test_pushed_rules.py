"""Rules that are pushed by the commands while a streamer runs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import POS_EVENTS, TillEvent
from retail_anomaly.replay import replay
from streamer.cli import main
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.kafka.topic_plan import RULES
from tests.kafka import KafkaServer, Record
from tests.support.streaming import StreamerInTest, records_of
from tests.unit.rules.test_rule_changes import BAD, DRAWER, MINUTE, START, drawer

PARTITIONS = 4  # of a streamer in a test


@pytest.fixture(params=["embedded", pytest.param("Kafka", marks=pytest.mark.kafka)])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    if request.param == "embedded":
        with EmbeddedBroker() as broker:
            yield Connection(broker.address, embedded=True)
    else:
        server: Callable[[], KafkaServer] = request.getfixturevalue("kafka_server")
        yield Connection(server().address)


def records(events: list[TillEvent]) -> list[Record]:
    return records_of([(POS_EVENTS, encode(event)) for event in events])


def command(connection: Connection, *arguments: str) -> int:
    flag = ["--embedded-broker"] if connection.embedded else []
    return main(["rules", *arguments, "--broker", str(connection.broker), *flag])


def test_rules_that_are_pushed_while_a_streamer_runs_alert_as_a_replay_with_their_log_does(
    connection: Connection, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    rule = tmp_path / "drawer.json"
    stores = ("s-1", "s-2", "s-3")
    sent: list[TillEvent] = []

    with StreamerInTest(connection, tmp_path / "state") as streamer:

        def send(*minutes: float) -> None:
            events = [event for store in stores for event in drawer(*minutes, store=store)]
            sent.extend(events)
            streamer.send_in_step(records(events))

        def run(*arguments: str) -> int:
            code = command(connection, *arguments)
            streamer.expect(PARTITIONS)
            streamer.wait()
            return code

        send(0, 1)
        rule.write_text(json.dumps({**DRAWER, "status": "shadow"}))
        assert run("push", str(rule), "--by", "kim", "--reason", "a suspicion") == 0
        send(2, 3, 4)
        assert run("promote", "drawer") == 0
        send(90, 91, 92)
        assert run("off", "drawer") == 0
        send(93, 94, 95)
        assert run("push", str(rule)) == 0  # the same version: its status counts
        rule.write_text(json.dumps({**DRAWER, "version": 2, "when": {"count": "e", "gte": 2}}))
        assert run("push", str(rule)) == 0
        send(200, 201)
        live, shadow = streamer.alerts(), streamer.shadow_alerts()
        assert streamer.dead_letters() == []

    capsysbinary.readouterr()
    assert command(connection, "log", "--json") == 0
    log = tmp_path / "rules-log.jsonl"
    log.write_bytes(capsysbinary.readouterr().out)
    again = replay(sent, rules_log=log)
    assert {a.alert_id for a in live} == set(again.alerts["alert_id"])
    assert again.shadow is not None
    assert {a.alert_id for a in shadow} == set(again.shadow["alert_id"])
    assert sorted((a.event_time - START) // MINUTE for a in live) == [92, 92, 92, 201, 201, 201]
    assert sorted((a.event_time - START) // MINUTE for a in shadow) == [4, 4, 4]
    assert command(connection, "log") == 0
    said = capsysbinary.readouterr().out.decode().splitlines()
    assert [line.split("  ", 2)[2] for line in said] == [
        "push drawer version 1 shadow: a suspicion",
        "promote drawer",
        "off drawer",
        "push drawer version 1 shadow",
        "push drawer version 2 live",
    ]
    assert said[0].split("  ")[1] == "kim"


def test_a_bad_record_is_buried_with_a_reason_and_the_command_writes_none(
    connection: Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = tmp_path / "drawer.json"
    rule.write_text(json.dumps(DRAWER))
    bad: list[tuple[bytes, str]] = [(json.dumps(change).encode(), said) for change, said in BAD.values()]
    bad += [(b"{", "expected a JSON object"), (b'"\xff"', "UTF-8"), (b"", "expected a JSON object")]

    with StreamerInTest(connection, tmp_path / "state") as streamer:
        streamer.send_in_step(records(drawer(0)))
        assert command(connection, "push", str(rule)) == 0
        streamer.expect(PARTITIONS)
        streamer.wait()
        for value, _ in bad:
            streamer.produce(RULES, value, b"drawer", START + MINUTE)
        streamer.send_in_step(records(drawer(2, 3, 4)))
        letters = streamer.dead_letters()
        assert [alert.type for alert in streamer.alerts()] == ["DRAWER"]

    found: dict[Any, str] = {base64.b64decode(each.value or ""): each.reason for each in letters}
    assert {letter.topic for letter in letters} == {RULES}
    for value, said in bad:
        assert said in found[value]
    capsys.readouterr()
    rule.write_text(json.dumps({**DRAWER, "window": "2h"}))
    assert command(connection, "push", str(rule)) == 1
    assert "is another rule already; give this one version 2; nothing was written" in capsys.readouterr().err
    assert command(connection, "off", "drawr") == 1
    assert "there is no rule drawr; did you mean drawer?" in capsys.readouterr().err
    assert command(connection, "diff", str(rule)) == 0
    assert "-window: 1h\n+window: 2h\n" in capsys.readouterr().out


def test_a_rule_that_waits_for_time_is_pushed_and_decides_by_ticks(tmp_path: Path) -> None:
    absent = {**DRAWER, "when": {"absent": "closed", "after": "e"}, "window": "10m"}
    absent["events"] = {"e": {"eventType": "NO_SALE"}, "closed": {"eventType": "CLOSED"}}
    with EmbeddedBroker() as broker:
        connection = Connection(broker.address, embedded=True)
        with StreamerInTest(connection, tmp_path / "state") as streamer:
            streamer.send_in_step(records(drawer(0)))
            rule = tmp_path / "drawer.json"
            rule.write_text(json.dumps(absent))
            assert command(connection, "push", str(rule)) == 0
            streamer.expect(PARTITIONS)
            streamer.wait()
            streamer.send_in_step(records(drawer(5) + drawer(16, kind="SALES")))

            assert [alert.event_time for alert in streamer.alerts()] == [START + 5 * MINUTE]
