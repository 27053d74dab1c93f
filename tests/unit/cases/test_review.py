"""The board over HTTP: who comes in, what they see, and what their forms do."""

from __future__ import annotations

import http.client
import json
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import pytest
import uvicorn

from retail_anomaly.cli import main
from retail_anomaly.cli.review.access import Rules
from retail_anomaly.cli.review.board_cases import BoardCases
from retail_anomaly.cli.review.case_receipts import KeptReceipts, ReceiptSource
from retail_anomaly.cli.review.growing_file import GrowingFile
from retail_anomaly.cli.review.web import new_board
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import PosEvent
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.frames.cases import triage
from retail_anomaly.frames.receipts_around import receipts_around, receipts_near
from retail_anomaly.settings import Settings
from tests.support.waiting import PATIENCE_S
from tests.unit.cases.test_triage import HOUR, T0, alert

NOW = 1_760_900_000_000


@dataclass
class OpenBoard:
    """A running board, and a browser of somebody who may come in."""

    port: int
    rules: Rules
    folder: Path

    def ask(
        self, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str, dict[str, str]]:
        """Return status, text and headers of the answer to a page or a form."""
        sent = {"Cookie": f"review-{self.port}={self.rules.token}", "Host": f"127.0.0.1:{self.port}"}
        if form is not None and "revision" not in form:
            form = {**form, "revision": self.revision(path, headers)}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request(
            "GET" if form is None else "POST",
            path,
            None if form is None else urlencode(form),
            {**sent, **(headers or {})},
        )
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, dict(answer.getheaders())

    def revision(self, path: str, headers: dict[str, str] | None = None) -> str:
        """Return the revision of a case that its forms send back."""
        return self.ask(path, headers=headers)[1].partition('name="revision" value="')[2].partition('"')[0]

    def case(self) -> str:
        """Return the path of the first open case."""
        return "/case/" + self.ask("/")[1].partition("/case/")[2].partition("?")[0]

    def decisions(self) -> list[dict[str, Any]]:
        """Return the lines of the actions file."""
        path = self.folder / "actions.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def running(folder: Path, rules: Rules, receipts: ReceiptSource | None = None) -> Iterator[OpenBoard]:
    cases = BoardCases(
        GrowingFile(folder / "alerts.jsonl"), GrowingFile(folder / "actions.jsonl"), Settings(), lambda: NOW
    )
    with socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(new_board(cases, rules, receipts), log_level="critical"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield OpenBoard(listening.getsockname()[1], rules, folder)
        finally:
            server.should_exit = True
            thread.join()


def write_alerts(folder: Path, *alerts: Any) -> None:
    with (folder / "alerts.jsonl").open("ab") as file:
        file.writelines(encode(each) + b"\n" for each in alerts)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[OpenBoard]:
    two = [alert("a"), alert("b", HOUR, type="SHRINKAGE", evidence={"sku": "k"})]
    write_alerts(tmp_path, *two, alert("c", employee_id="<script>alert(1)</script>"))
    with running(tmp_path, Rules("kim", hosts=("127.0.0.1",))) as opened:
        yield opened


def test_the_list_has_the_most_probable_case_first_and_escapes_ids(board: OpenBoard) -> None:
    status, text, headers = board.ask("/")

    assert status == 200
    shown = [int(share) for share in re.findall(r"<b>(?:&gt; )?(\d+) %</b>", text)]
    assert len(shown) == 2
    assert shown == sorted(shown, reverse=True)
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    assert "default-src 'none'" in headers["content-security-policy"]


def line(receipt: str, at: int, cashier: str = "c-1", kind: str = "REFUND") -> PosEvent:
    return PosEvent(receipt, "store-1", cashier, "k", 80.0, kind, T0 + at)


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


def test_who_has_no_token_is_told_where_to_find_it(board: OpenBoard) -> None:
    assert board.ask("/", headers={"Cookie": ""})[0] == 401
    status, _, headers = board.ask(f"/?token={board.rules.token}", headers={"Cookie": ""})

    assert (status, headers["location"]) == (303, "/")
    assert "HttpOnly; Path=/; SameSite=strict" in headers["set-cookie"]


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Host": "evil.example"}],
)
def test_a_page_of_another_site_cannot_act(board: OpenBoard, headers: dict[str, str]) -> None:
    form = {"action": "verdict", "verdict": "benign", "reason": "x"}

    assert board.ask(board.case(), form, headers)[0] in {403, 421}
    assert board.decisions() == []


def test_a_proxy_names_the_person(tmp_path: Path) -> None:
    write_alerts(tmp_path, alert("a"))
    with running(tmp_path, Rules("nobody", user_header="X-Forwarded-User")) as board:
        refused = board.ask("/", headers={"Cookie": ""})[0]
        alex = {"X-Forwarded-User": "alex", "Sec-Fetch-Site": "same-origin"}
        case = "/case/" + board.ask("/", headers=alex)[1].partition("/case/")[2].partition("?")[0]
        board.ask(case, {"action": "assign", "reason": "mine"}, alex)

        assert refused == 401
        assert board.decisions()[0]["by"] == "alex"
        assert "alex has it" in board.ask(case, headers=alex)[1]


def test_a_huge_form_is_refused(board: OpenBoard) -> None:
    assert board.ask(board.case(), {"reason": "x" * 30_000})[0] == 413


def test_ids_of_any_alphabet_and_hostile_evidence_are_shown(tmp_path: Path) -> None:
    evil = {"sku": "\u202e<img src=x onerror=alert(1)>", "amount": 10**20, "list": [[]], "n": None}
    write_alerts(tmp_path, msgspec.structs.replace(alert("ü"), message="<b>", evidence=evil))
    with running(tmp_path, Rules("kim")) as board:
        status, text, _ = board.ask(board.case())

    assert status == 200
    assert "<img" not in text


@pytest.fixture
def command(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    write_alerts(tmp_path, alert("a"))
    program = [sys.executable, "-m", "retail_anomaly.cli", "review", str(tmp_path / "alerts.jsonl")]
    process = subprocess.Popen(
        [*program, "--port", "0", "--no-browser", "--as", "kim"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_the_command_prints_the_address_and_ends_with_ctrl_c(command: subprocess.Popen[str]) -> None:
    assert command.stdout is not None
    line = command.stdout.readline()
    address = line.partition(" on ")[2].partition(" (")[0]
    url = urlsplit(address)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=PATIENCE_S)
    connection.request("GET", f"/?{url.query}")
    status = connection.getresponse().status
    connection.close()
    command.send_signal(signal.SIGINT)
    _, errors = command.communicate(timeout=PATIENCE_S)

    assert line.startswith("1 open case on http://127.0.0.1:")
    assert status == 303  # the token becomes a cookie
    assert (command.returncode, errors.splitlines()[-1][:16]) == (0, "Your decisions: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: No such file or directory"),
        (["alerts.jsonl", "--host", "192.0.2.1"], "everybody could act under your name"),
        (["alerts.jsonl", "--actions", "no/such/folder.jsonl"], "no/such/folder.jsonl: No such file"),
        (["alerts.jsonl", "--port", "1x"], "--port"),
        (["alerts.jsonl", "--events", "no-log.jsonl"], "no-log.jsonl"),
        (["--broker", "127.0.0.1:1", "--events", "no-log.jsonl"], "receipts come from Kafka"),
    ],
)
def test_a_board_that_cannot_start_is_one_line(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_alerts(tmp_path, alert("a"))
    monkeypatch.chdir(tmp_path)

    assert main(["review", *arguments]) in {1, 2}
    [line] = capfd.readouterr().err.splitlines()
    assert said in line


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
