"""Decisions on the board count only for what the person was shown, whatever a clock says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from retail_anomaly.cli.review.access import Rules
from retail_anomaly.frames.cases import triage
from tests.support.open_board import NOW, OpenBoard, running, write_alerts
from tests.unit.cases.test_triage import HOUR, T0, alert


def test_an_allow_entry_that_would_hide_a_confirmed_alert_is_refused(board: OpenBoard) -> None:
    case = board.case()
    board.ask(case, {"action": "verdict", "verdict": "confirmed", "reason": "on video", "alert": "a"})

    form = {"action": "allow", "kind": "REFUND_BURST", "days": "9", "reason": "every day"}
    status, text, _ = board.ask(case, form)

    assert status == 422
    assert "would have hidden an alert that was confirmed" in text
    assert [line["action"] for line in board.decisions()] == ["verdict"]


@pytest.mark.parametrize("form", [{"alert": "a"}, {}])
@pytest.mark.parametrize("other", ["alert", "revision", "person"])
def test_a_decision_on_an_old_page_is_not_kept(board: OpenBoard, form: dict[str, str], other: str) -> None:
    case = board.case()
    verdict = {"action": "verdict", "verdict": "benign", "reason": "ok", "revision": board.revision(case)}
    if other == "person":
        board.ask(case, {**verdict, "verdict": "confirmed"})
    else:
        new = alert("new", 2 * HOUR) if other == "alert" else alert("a", revision=2)
        write_alerts(board.folder, new)
    before = board.decisions()

    status, text, _ = board.ask(case, verdict | form)

    assert (status, board.decisions()) == (409, before)
    assert "Nothing was kept: this case changed since you opened it" in text
    assert board.ask(case, {**verdict, **form, "revision": board.revision(case)})[0] == 303


def test_a_form_without_a_revision_is_not_kept(board: OpenBoard) -> None:
    form = {"action": "verdict", "verdict": "benign", "reason": "ok", "revision": ""}

    assert (board.ask(board.case(), form)[0], board.decisions()) == (409, [])


AHEAD = 400 * 24 * HOUR
BEYOND = 250_000_000_000_000 - T0


@pytest.mark.parametrize("ahead", [AHEAD, BEYOND])
@pytest.mark.parametrize("who", ["c-1", "c-2"])
@pytest.mark.parametrize("detected", [None, T0 + 2 * HOUR])
def test_one_clock_ahead_moves_no_decision(
    tmp_path: Path, ahead: int, who: str, detected: int | None
) -> None:
    wrong = msgspec.structs.replace(alert("wrong", ahead, employee_id=who), detected_at=detected)
    write_alerts(tmp_path, alert("a"), alert("b", HOUR), wrong)
    with running(tmp_path, Rules("kim", hosts=("127.0.0.1",))) as board:
        case = board.ask("/alert/a")[2]["location"]
        kind = alert("a").type
        board.ask(case, {"action": "verdict", "verdict": "benign", "reason": "ok"})
        judged = board.ask(case)[1]
        board.ask(case, {"action": "snooze", "kind": kind, "days": "7", "reason": "stocktaking"})
        write_alerts(
            tmp_path, alert("later", NOW - T0 + HOUR), alert("other", NOW - T0 + HOUR, type="SHRINKAGE")
        )
        book = triage(tmp_path / "alerts.jsonl", tmp_path / "actions.jsonl")

    found = {each.alert_id: each for case in book.cases for each in case.alerts}
    assert "<dd>closed" in judged
    assert {line["time"] for line in board.decisions()} == {NOW}
    assert [found[name].waits for name in ("a", "b", "later", "other")] == [False, False, False, True]
    assert found["other"].verdict is None


def test_a_history_ahead_of_the_wall_clock_is_judged(tmp_path: Path) -> None:
    write_alerts(tmp_path, alert("a", AHEAD), alert("b", AHEAD + HOUR))
    with running(tmp_path, Rules("kim", hosts=("127.0.0.1",))) as board:
        case = board.case()
        board.ask(case, {"action": "verdict", "verdict": "benign", "reason": "ok"})
        board.ask(case, {"action": "verdict", "verdict": "confirmed", "reason": "on video"})
        shown = board.ask(case)[1]

    newest = T0 + AHEAD + HOUR
    assert [line["time"] for line in board.decisions()] == [newest, newest + 1]
    assert "<dd>confirmed" in shown
