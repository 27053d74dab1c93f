"""The board over HTTP: who comes in, what they see, and what their forms do."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from retail_anomaly.cli.review.access import Rules
from retail_anomaly.cli.review.board_cases import BoardCases
from retail_anomaly.cli.review.case_receipts import KeptReceipts
from retail_anomaly.cli.review.growing_file import GrowingFile
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.frames.receipts_around import receipts_around, receipts_near
from retail_anomaly.settings import Settings
from tests.support.open_board import NOW, OpenBoard, line, running, write_alerts
from tests.unit.cases.test_triage import HOUR, alert


def test_the_list_has_the_most_probable_case_first_and_escapes_ids(board: OpenBoard) -> None:
    status, text, headers = board.ask("/")

    assert status == 200
    shown = [int(share) for share in re.findall(r"<b>(?:&gt; )?(\d+) %</b>", text)]
    assert len(shown) == 2
    assert shown == sorted(shown, reverse=True)
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    assert "default-src 'none'" in headers["content-security-policy"]


def test_a_case_shows_the_receipts_behind_its_alerts(tmp_path: Path) -> None:
    cited = alert("a", evidence={"transactionIds": ["t-old", "t-<b>"]})
    write_alerts(tmp_path, cited)
    log = [
        *(line("t-old", -40 * 24 * HOUR, "c-9", "SALE"), line("t-<b>", 0), line("t-near", HOUR // 2)),
        *(line("t-far", HOUR), line("t-other", 0, "c-2")),
    ]
    with running(tmp_path, Rules("kim"), KeptReceipts([cited], log)) as board:
        text = board.ask(board.case())[1]

    table = text.partition('<table class="receipts">')[2].partition("</table>")[0]
    shown = [row.split("<td>")[4].partition("<")[0] for row in table.split("<tr")[2:]]
    assert shown == ["t-old (cited)", "t-&lt;b&gt; (cited)", "t-near"]


def test_a_board_without_a_log_shows_no_receipts(board: OpenBoard) -> None:
    assert "Receipts" not in board.ask(board.case())[1]


def test_a_verdict_is_a_line_of_the_file_and_leads_to_the_next_case(board: OpenBoard) -> None:
    first = board.case()

    status, _, headers = board.ask(first, {"action": "verdict", "verdict": "benign", "reason": "on video"})

    [line] = board.decisions()
    assert (line["by"], line["verdict"], line["time"]) == ("kim", "benign", NOW)
    assert (status, headers["location"].partition("?")[0]) == (303, board.case())
    closed = board.ask("/?state=closed")[1]
    assert "1 closed case" in closed
    assert "<b>Benign</b>" in closed


def test_the_address_of_an_alert_leads_to_its_case(board: OpenBoard) -> None:
    status, _, headers = board.ask("/alert/b")

    assert (status, "SHRINKAGE" in board.ask(headers["location"])[1]) == (303, True)
    assert board.ask("/alert/nobody")[0] == 404


def test_one_alert_can_be_judged_alone(board: OpenBoard) -> None:
    case = board.case()

    board.ask(case, {"action": "verdict", "verdict": "confirmed", "reason": "on video", "alert": "a"})

    assert board.decisions()[0]["alertId"] == "a"
    assert "<b>confirmed</b>" in board.ask(case)[1]
    assert case in board.ask("/")[1]  # its other alert waits


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"action": "verdict", "verdict": "benign", "reason": " "}, "reason: expected text"),
        ({"action": "verdict", "verdict": "guilty", "reason": "x"}, "verdict: expected one of confirmed"),
        ({"action": "burn", "reason": "x"}, "action: expected one of verdict"),
        (
            {"action": "snooze", "kind": "REFUND_BURST", "days": "31", "reason": "x"},
            "expiresAt: expected a time within 30d",
        ),
    ],
)
def test_a_wrong_form_changes_nothing_and_says_why(board: OpenBoard, form: dict[str, str], said: str) -> None:
    status, text, _ = board.ask(board.case(), form)

    assert status == 422
    assert said in text
    assert board.decisions() == []


def test_a_snooze_covers_later_alerts(board: OpenBoard) -> None:
    case = board.case()

    board.ask(case, {"action": "snooze", "kind": "REFUND_BURST", "days": "7", "reason": "stocktaking"})
    write_alerts(board.folder, alert("later", NOW - 1_760_000_000_000 + HOUR))

    assert board.decisions()[0]["scope"] == {"type": "REFUND_BURST", "employeeId": "c-1"}
    assert "1 closed case" in board.ask("/?state=closed")[1]


def test_appended_alerts_and_other_peoples_decisions_appear(board: OpenBoard) -> None:
    assert "2 open cases" in board.ask("/")[1]

    write_alerts(board.folder, alert("new", employee_id="c-7"))

    assert "3 open cases" in board.ask("/")[1]
    assert "3 open cases" in board.ask("/?about=&store=store-1")[1]
    assert "1 open case" in board.ask("/?about=C-7")[1]


def test_a_replaced_file_is_read_anew(board: OpenBoard) -> None:
    board.ask("/")
    (board.folder / "alerts.jsonl").unlink()
    write_alerts(board.folder, alert("only"))

    assert "1 open case" in board.ask("/")[1]


def test_an_unreadable_line_is_named_and_the_rest_is_read(board: OpenBoard) -> None:
    with (board.folder / "alerts.jsonl").open("ab") as file:
        file.write(b'{"alertId": 7}\n')
    write_alerts(board.folder, alert("new", employee_id="c-7"))

    text = board.ask("/")[1]

    assert "alerts.jsonl:4: alertId: expected text, got 7" in text
    assert "3 open cases" in text


def test_a_half_written_line_waits_for_its_rest(board: OpenBoard) -> None:
    whole = encode(alert("new", employee_id="c-7")) + b"\n"
    path = board.folder / "alerts.jsonl"
    counts = []
    for part in (whole[:40], whole[40:]):
        with path.open("ab") as file:
            file.write(part)
        counts.append("3 open cases" in board.ask("/")[1])

    assert counts == [False, True]


def test_the_pages_are_whole_while_alerts_arrive(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    write_alerts(tmp_path, alert("a"))
    cases = BoardCases(GrowingFile(path), GrowingFile(tmp_path / "actions.jsonl"), Settings(), lambda: NOW)
    cases.refresh()
    is_in, may_leave = threading.Event(), threading.Event()

    def hold() -> None:
        with cases._lock:
            is_in.set()
            may_leave.wait(60)

    done: list[str] = []
    reads: dict[str, Callable[[], object]] = {
        "confirmed_lately": lambda: cases.confirmed_lately(["none"]),
        "expected_loss": cases.expected_loss,
        "closed": cases.closed,
        "find": lambda: cases.find("none"),
        "alerts": cases.alerts,
    }
    holder = threading.Thread(target=hold)
    holder.start()
    is_in.wait(60)

    def read(name: str) -> None:
        reads[name]()
        done.append(name)

    readers = [threading.Thread(target=read, args=(name,)) for name in reads]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(0.05)
    early = list(done)
    may_leave.set()
    for thread in (holder, *readers):
        thread.join()

    assert (early, sorted(done)) == ([], sorted(reads))


@pytest.mark.parametrize(
    "about",
    [
        alert("a", evidence={"transactionIds": ["t-old", "t-2"]}),
        alert("a", employee_id=None, evidence={"sku": "k"}),
        alert("a", employee_id=None),
    ],
)
def test_receipts_near_an_alert_are_those_of_the_frame(about: Alert) -> None:
    chance = random.Random(3)
    lines = [line("t-old", -90 * 24 * HOUR, kind="SALE"), line("t-2", HOUR)]
    for number in range(300):
        at = chance.randrange(-14 * HOUR, 14 * HOUR)
        lines.append(
            line(f"t-{number // 3}", at, chance.choice(["c-1", "c-2"]), chance.choice(["SALE", "REFUND"]))
        )
    row = alerts_frame([about]).to_dict("records")[0]

    found = receipts_near(about, lines)

    assert len(found) > 5
    assert [tuple(each) for each in receipts_around(row, lines).itertuples(index=False)] == [
        *map(tuple, found)
    ]
