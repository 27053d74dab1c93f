"""The audit trail shows each removed, changed or moved record; a pseudonym is turned back by two persons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.cases.audit import (
    AuditFile,
    ChainEnd,
    Disclosure,
    DisclosureError,
    candidates_in,
    sealed,
    verify,
)
from retail_anomaly.cases.audit.file_log import BrokenAuditError
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.pseudonyms import pseudonym
from retail_anomaly.settings import PrivacySettings, SettingsError, load_settings, pseudonyms_of
from streamer.cli import main
from streamer.kafka.audit_topic import AuditTopic
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.kafka.topic_plan import AUDIT, TopicPlan
from streamer.kafka.topics import ensure_topics
from tests.kafka import Record, produce

KEY = "a key of sixteen letters or more"
ANNA = pseudonym(KEY.encode(), "anna")
T0 = 1_760_000_000_000
DAY = 86_400_000


def chain(length: int = 5) -> list[bytes]:
    values, head = [], ""
    for number in range(length):
        record = sealed(f"r-{number}", T0 + number, "rules", "kim", {"id": f"rule-{number}"}, head)
        values.append(msgspec.json.encode(record))
        head = record.hash
    return values


def changed(value: bytes) -> bytes:
    return value.replace(b"kim", b"tom")


def resealed(value: bytes) -> bytes:
    """Return a changed record whose own hash fits."""
    record = msgspec.json.decode(changed(value))
    return msgspec.json.encode(
        sealed(
            record["recordId"], record["time"], record["kind"], record["by"], record["content"],
            record["previous"],
        )
    )  # fmt: skip


TAMPERED: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "the first removed": lambda values: values[1:],
    "one removed": lambda values: values[:2] + values[3:],
    "one changed": lambda values: [*values[:2], changed(values[2]), *values[3:]],
    "one changed with its hash": lambda values: [*values[:2], resealed(values[2]), *values[3:]],
    "two swapped": lambda values: [*values[:2], values[3], values[2], values[4]],
    "the last two swapped": lambda values: [*values[:3], values[4], values[3]],
    "one copied": lambda values: [*values[:3], values[1], *values[3:]],
    "one made unreadable": lambda values: [*values[:2], b"{", *values[3:]],
    "the last changed": lambda values: [*values[:4], changed(values[4])],
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_tampered_trail_shows(how: str) -> None:
    assert not verify(chain()).faults
    assert verify(TAMPERED[how](chain())).faults


def test_a_trail_that_lost_its_end_shows_by_a_head_that_was_kept() -> None:
    head = verify(chain()).head

    assert not verify(chain(7), head).faults
    assert [str(fault) for fault in verify(chain()[:-1], head).faults] == [
        f"record 4: the chain ends without the record {head[:12]}..."
    ]


def test_a_record_that_lost_a_race_and_was_written_again_is_no_fault() -> None:
    first = sealed("a", T0, "rules", "kim", {}, "")
    quick = sealed("b", T0, "rules", "kim", {}, first.hash)
    slow = sealed("c", T0, "rules", "tom", {}, first.hash)
    again = sealed("c", T0, "rules", "tom", {}, quick.hash)

    values = [msgspec.json.encode(each) for each in (first, quick, slow, again)]

    assert not verify(values).faults
    assert len(verify(values).records) == 3
    assert verify(values[:3]).faults  # it was never written again


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), max_size=25), st.integers(1, 12))
def test_the_head_by_the_end_is_that_of_the_whole_chain(steps: list[tuple[int, int]], size: int) -> None:
    """Writers read the head, write behind it a while later, and write again if another one was faster."""
    values: list[bytes] = []
    seen = [""] * 4
    for number, (writer, looks) in enumerate(steps):
        record = sealed(f"r-{number}", T0, "rules", f"w-{writer}", {}, seen[writer])
        values.append(msgspec.json.encode(record))
        if ChainEnd(values, is_whole=True).has(record) is False:
            again = sealed(f"r-{number}", T0, "rules", f"w-{writer}", {}, verify(values).head)
            values.append(msgspec.json.encode(again))
        # Some of the others look now, the rest know an older head.
        for other in range(looks):
            seen[other] = verify(values).head

    whole, end = verify(values), ChainEnd(values[-size:], is_whole=size >= len(values))

    assert not whole.faults
    assert end.head in (whole.head, None)
    assert end.head is not None or size < 8


@pytest.mark.parametrize("how", TAMPERED)
def test_by_the_end_no_other_head_is_taken_for_that_of_a_tampered_chain(how: str) -> None:
    values = TAMPERED[how](chain(9))

    for size in range(1, len(values) + 1):
        found = ChainEnd(values[-size:], is_whole=size == len(values)).head
        assert found in (verify(values).head, None)


def test_nothing_is_added_to_a_broken_file(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_bytes(b"\n".join(chain()[1:]) + b"\n")

    with pytest.raises(BrokenAuditError, match="record 1: a record before it is missing"):
        AuditFile(file).append("x", T0, "rules", "kim", {})


def test_a_record_begins_a_line_of_its_own(tmp_path: Path) -> None:
    log = AuditFile(tmp_path / "audit.jsonl")
    log.append("a", T0, "rules", "kim", {})
    (tmp_path / "audit.jsonl").write_bytes((tmp_path / "audit.jsonl").read_bytes().rstrip())

    log.append("b", T0, "rules", "kim", {})

    assert [record.record_id for record in log.read().records] == ["a", "b"]
    assert not log.read().faults


def test_a_list_of_candidates_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "staff.csv"
    file.write_bytes("c-1;Anna\nc-2;Müller\n".encode("cp1252"))

    with pytest.raises(UsageError, match=r"staff.csv: line 2 is not in UTF-8: save the file as UTF-8"):
        candidates_in(file)


@pytest.fixture
def disclosure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disclosure:
    monkeypatch.setenv("RETAIL_PSEUDONYM_KEY", KEY)
    return Disclosure(AuditFile(tmp_path / "audit.jsonl"))


def show(disclosure: Disclosure, by: str, request: str = "q", time: int = T0) -> list[str]:
    names = pseudonyms_of(PrivacySettings(pseudonyms="keyed"))
    assert names is not None
    return disclosure.show("s", time, by, request, names, ["ben", "anna"])


@pytest.mark.parametrize("by", ["kim", " Kim ", "", "k\u200bim", "kim\u00ad", "\uff4bim", "K I M", "\u200b"])
def test_one_person_alone_is_shown_nothing(disclosure: Disclosure, by: str) -> None:
    disclosure.request("q", T0, "kim", ANNA, "case 81")

    with pytest.raises(DisclosureError, match="expected a second person"):
        show(disclosure, by)


def test_a_second_person_is_shown_who_it_is(disclosure: Disclosure, tmp_path: Path) -> None:
    disclosure.request("q", T0, "kim", ANNA, "case 81")

    assert show(disclosure, "tom") == ["anna"]

    kept = AuditFile(tmp_path / "audit.jsonl").read()
    assert [(each.kind, each.by) for each in kept.records] == [("reveal-request", "kim"), ("reveal", "tom")]
    assert kept.records[0].content["reason"] == "case 81"
    assert "anna" not in (tmp_path / "audit.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("request_id", "time", "said"),
    [("other", T0, "no request 'other'"), ("q", T0 + 8 * DAY, "not of the last 7 days")],
)
def test_a_request_must_be_there_and_new(
    disclosure: Disclosure, request_id: str, time: int, said: str
) -> None:
    disclosure.request("q", T0, "kim", ANNA, "case 81")

    with pytest.raises(DisclosureError, match=said):
        show(disclosure, "tom", request_id, time)


@pytest.mark.parametrize(("name", "reason"), [("anna", "case 81"), (ANNA, " ")])
def test_a_request_needs_a_pseudonym_and_a_reason(disclosure: Disclosure, name: str, reason: str) -> None:
    with pytest.raises(DisclosureError):
        disclosure.request("q", T0, "kim", name, reason)


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with EmbeddedBroker() as broker:
        yield Connection(broker.address, embedded=True)


def test_the_commands_keep_the_trail_in_its_topic(
    connection: Connection,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RETAIL_PSEUDONYM_KEY", KEY)
    config, staff = tmp_path / "config.yaml", tmp_path / "staff.csv"
    config.write_text("privacy: {pseudonyms: keyed, audit: true}\n", encoding="utf-8")
    staff.write_text("ben;Ben B.\nanna;Anna A.\n", encoding="utf-8")
    at = ["--config", str(config), "--broker", str(connection.broker), "--embedded-broker"]
    said = capfdbinary.readouterr
    assert main(["topics", "--create", *at]) == 0
    assert b"retail-audit: created" in said().out

    assert main(["reveal", "request", ANNA, "--reason", "case 81", "--by", "kim", *at]) == 0
    request = said().out.decode().strip()
    assert main(["reveal", "show", request, "--candidates", str(staff), "--by", "kim", *at]) == 2
    said()
    assert main(["reveal", "show", request, "--candidates", str(staff), "--by", "tom", *at]) == 0
    assert said().out == b"anna\n"
    rule = tmp_path / "drawer.yaml"
    rule.write_text(
        "{id: drawer, events: {e: {eventType: NO_SALE}}, by: [cashierId], window: 1h, "
        "when: {count: e, gte: 2}}\n",
        encoding="utf-8",
    )
    assert main(["rules", "push", str(rule), "--by", "kim", *at]) == 0
    said()

    assert main(["audit", "verify", *at]) == 0
    assert b"3 records, 0 faults" in said().out
    assert main(["audit", "log", *at]) == 0
    kinds = [msgspec.json.decode(line)["kind"] for line in said().out.splitlines()]
    assert kinds == ["reveal-request", "reveal", "rules"]


def test_writers_at_one_time_make_one_chain() -> None:
    with EmbeddedBroker() as broker:
        here = Connection(broker.address, embedded=True)
        ensure_topics(here, TopicPlan(2, 1, DAY), [AUDIT], create=True)

        def write(writer: int) -> None:
            for number in range(3):
                AuditTopic(here, AUDIT).append(f"{writer}-{number}", T0, "rules", f"w-{writer}", {})

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(write, range(3)))

        found = AuditTopic(here, AUDIT).read()
        assert not found.faults
        assert len(found.records) == 9


def test_a_writer_reads_the_end_of_a_long_trail_alone() -> None:
    with EmbeddedBroker() as broker:
        here = Connection(broker.address, embedded=True)
        ensure_topics(here, TopicPlan(2, 1, DAY), [AUDIT], create=True)
        # What stands before the end is no chain: whoever reads it finds no head.
        records = [b"{", *chain(300)]
        produce(broker.address, [Record(AUDIT, each, partition=0) for each in records])

        added = AuditTopic(here, AUDIT).append("x", T0, "rules", "kim", {})

        assert added.previous == msgspec.json.decode(records[-1])["hash"]
        assert len(AuditTopic(here, AUDIT).values(most=5)) == 5


def test_writers_at_one_time_make_one_chain_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"

    def write(writer: int) -> None:
        for number in range(5):
            AuditFile(file).append(f"{writer}-{number}", T0, "rules", f"w-{writer}", {})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))

    found = AuditFile(file).read()
    assert not found.faults
    assert len(found.records) == 20


def test_each_topic_may_have_a_retention_of_its_own(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "streamer: {topic_prefix: x., topics: {retention: 30d, retention_of: {pos-events: 2d}}}\n",
        encoding="utf-8",
    )

    plan = TopicPlan.of(load_settings(config))

    kept = {name: plan.config(f"x.{name}")["retention.ms"] for name in ("pos-events", "alert-cases", AUDIT)}
    assert kept == {"pos-events": str(2 * DAY), "alert-cases": str(30 * DAY), AUDIT: "-1"}


def test_a_retention_of_no_topic_is_an_error_that_names_them(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("streamer: {topics: {retention_of: {pos-event: 2d}}}\n", encoding="utf-8")

    with pytest.raises(SettingsError, match=r"retention_of\.pos-event: expected one of pos-events"):
        TopicPlan.of(load_settings(config))
