"""Who is let in to the board of cases, and which hostile pages and ids it withstands."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from retail_anomaly.cli.review.access import Rules
from tests.support.open_board import OpenBoard, running, write_alerts
from tests.unit.cases.test_triage import alert


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
