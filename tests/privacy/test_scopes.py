"""A clear id that somebody types or sends becomes a pseudonym before it is kept, or is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from quixstreams.context import set_message_context
from quixstreams.models import MessageContext

import retail_anomaly as ra
from retail_anomaly.cases import Action, Scope, Triage
from retail_anomaly.cli import main
from retail_anomaly.cli.review.board_cases import BoardCases
from retail_anomaly.cli.review.growing_file import GrowingFile
from retail_anomaly.core import codec
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.invalid import DeadLetter
from retail_anomaly.core.pseudonyms import pseudonym
from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.core.state_errors import NamesChangedError
from retail_anomaly.frames.cases import hidden_confirmed
from retail_anomaly.notifications import Notifier
from retail_anomaly.settings import PrivacySettings, Settings
from retail_anomaly.settings.hidden_scopes import scope_hider
from streamer.triage_app import reader_for_triage

KEY = "a key of sixteen letters or more"
ENVIRON = {"RETAIL_PSEUDONYM_KEY": KEY}
ANNA = pseudonym(KEY.encode(), "anna")
T0 = 1_760_000_000_000
SETTINGS = Settings(privacy=PrivacySettings(pseudonyms="keyed", not_persons=("SCO-*",)))
ALERT = Alert(
    alert_id="x", revision=1, type="REFUND_BURST", detector="refund_burst", store_id="s", employee_id=ANNA,
    risk_score=0.9, message="3 refunds.", event_time=T0 + 1, opened_at=T0 + 1, evidence={}, config_hash="0",
)  # fmt: skip


def entry(employee: str = "anna", time: int = T0) -> Action:
    return Action("e", time, "kim", "allow", "s", "trains others", scope=Scope("REFUND_BURST", employee))


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_PSEUDONYM_KEY", KEY)


@pytest.mark.parametrize(("employee", "kept"), [("anna", ANNA), (ANNA, ANNA), ("SCO-3", "SCO-3")])
def test_a_clear_id_becomes_a_pseudonym_and_a_pseudonym_stays(employee: str, kept: str) -> None:
    found = scope_hider(SETTINGS.privacy, ENVIRON)(entry(employee)).scope

    assert found == Scope("REFUND_BURST", kept)


def test_the_time_of_the_action_decides_which_key_counts() -> None:
    day = "2025-10-10"
    keyed = msgspec.convert({"pseudonyms": "keyed", "rotations": {"LATER": day}}, PrivacySettings)
    hide = scope_hider(keyed, ENVIRON | {"LATER": "another key, as long as that"})

    found = {
        action.scope.employee_id for n in (0, 2) if (action := hide(entry(time=T0 + n * 86_400_000))).scope
    }

    assert found == {ANNA, pseudonym(b"another key, as long as that", "anna")}


def test_without_the_key_a_clear_id_is_refused_and_nothing_else() -> None:
    hide = scope_hider(SETTINGS.privacy, {})

    assert [hide(each) for each in (entry(ANNA), entry("SCO-3"))] == [entry(ANNA), entry("SCO-3")]
    with pytest.raises(InvalidRecord, match=r"expected a pseudonym.*RETAIL_PSEUDONYM_KEY") as error:
        hide(entry())
    assert "anna" not in str(error.value)


@pytest.mark.usefixtures("key")
def test_every_reader_of_actions_covers_the_alerts_of_the_pseudonym(tmp_path: Path) -> None:
    file = tmp_path / "alerts.actions.jsonl"
    file.write_bytes(encode(entry()) + b"\n")
    (tmp_path / "alerts.jsonl").write_bytes(encode(ALERT) + b"\n")
    board = BoardCases(GrowingFile(tmp_path / "alerts.jsonl"), GrowingFile(file), SETTINGS)
    board.refresh()

    given = [file, [entry()], [msgspec.to_builtins(entry())]]
    books: list[Any] = [ra.triage([ALERT], each, settings=SETTINGS).cases for each in given]  # type: ignore[arg-type]
    books.append([board.find(name) for name in board.closed()])

    assert [[case.alerts[0].suppressed_by for case in cases] for cases in books] == [["e"]] * 4


@pytest.mark.usefixtures("key")
def test_the_board_writes_no_clear_id_though_its_form_has_one(tmp_path: Path) -> None:
    file = tmp_path / "actions.jsonl"
    (tmp_path / "alerts.jsonl").write_bytes(encode(ALERT) + b"\n")
    board = BoardCases(GrowingFile(tmp_path / "alerts.jsonl"), GrowingFile(file), SETTINGS)
    board.refresh()

    board.act("s", lambda name, at: msgspec.structs.replace(entry(), action_id=name, time=at))

    [written] = [json.loads(line) for line in file.read_text().splitlines()]
    assert written["scope"]["employeeId"] == ANNA


@pytest.mark.usefixtures("key")
def test_allow_check_knows_the_pseudonym_of_an_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, alerts, entries = (tmp_path / name for name in ("config.yaml", "alerts.jsonl", "entries.jsonl"))
    config.write_text("privacy: {pseudonyms: keyed}\n")
    alerts.write_bytes(encode(ALERT) + b"\n")
    entries.write_bytes(encode(entry()) + b"\n")
    verdict = Action("v", T0 + 2, "kim", "verdict", "s", "seen", alert_id="x", verdict="confirmed")
    alerts.with_suffix(".actions.jsonl").write_bytes(encode(verdict) + b"\n")

    code = main(["allow", "check", str(entries), "--alerts", str(alerts), "--config", str(config)])

    assert code == 1
    assert "hides the confirmed alert x" in capsys.readouterr().out
    assert hidden_confirmed([ALERT], [verdict], [entry()]) == {"e": []}  # clear ids are not those of alerts


@pytest.mark.usefixtures("key")
def test_profile_finds_an_employee_by_the_clear_id(tmp_path: Path) -> None:
    rows = [
        {"transactionId": f"t{n}", "storeId": "s", "cashierId": ("anna", "ben")[n % 2], "sku": "k",
         "amount": 9.0, "eventType": "SALE", "eventTime": T0 + n}
        for n in range(8)
    ]  # fmt: skip
    log = tmp_path / "pos-events.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))

    pages = [ra.profile(log, employee_id=each, settings=SETTINGS) for each in ("anna", ANNA)]

    assert pages[0].summary == pages[1].summary
    assert ANNA in pages[0].summary
    page = tmp_path / "profile.html"
    pages[0].write(page)
    assert "anna" not in page.read_text()


def letter_of(raw: bytes, privacy: PrivacySettings) -> Alert | Action | DeadLetter:
    set_message_context(MessageContext("alert-actions", 0, 7, size=0))
    return reader_for_triage("alert-actions", "alert-actions", privacy, None).read(raw, b"s", T0, [])


def test_triage_and_notify_refuse_or_hide_and_their_dead_letters_have_no_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = {**msgspec.to_builtins(entry()), "time": "anna"}
    values = [encode(entry()), json.dumps(broken).encode(), b'"anna"', b'{"scope": anna']
    letters = [letter_of(raw, SETTINGS.privacy) for raw in values]

    assert all(isinstance(letter, DeadLetter) for letter in letters)
    assert not any(b"anna" in codec.encode(letter) for letter in letters if isinstance(letter, DeadLetter))
    monkeypatch.setenv("RETAIL_PSEUDONYM_KEY", KEY)
    assert letter_of(values[0], SETTINGS.privacy) == entry(ANNA)


@pytest.mark.parametrize("kind", [Triage, lambda **options: Notifier([], **options)])
def test_state_of_clear_ids_is_refused(kind: Any) -> None:
    store = kind().load_store("s", lambda _: None)
    records = dict(store.records())

    kind(has_pseudonyms=False).load_store("s", records.get)
    with pytest.raises(NamesChangedError, match="start with a new consumer group"):
        kind(has_pseudonyms=True).load_store("s", records.get)
