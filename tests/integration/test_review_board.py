"""The board in a real browser: read, filter, decide with the keyboard, at the width of a phone too."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from retail_anomaly.cli.review.access import Rules
from retail_anomaly.cli.review.case_receipts import KeptReceipts
from tests.support.browser import Browser, OpenPage
from tests.support.open_board import OpenBoard, line, running, write_alerts
from tests.unit.cases.test_triage import HOUR, alert

HOSTILE = "<img src=x onerror=\"document.title='owned'\">" + "x" * 120


@pytest.fixture
def board(tmp_path: Path) -> Iterator[OpenBoard]:
    evidence = {"sku": "k", "transactionIds": [HOSTILE] * 30, "saleAmount": 512.5}
    alerts = [
        alert("a"),
        alert("b", HOUR, type="SHRINKAGE", evidence=evidence),
        alert("c", employee_id="c-2"),
        alert("d", employee_id=HOSTILE, evidence=evidence),
    ]
    write_alerts(tmp_path, *alerts)
    receipts = KeptReceipts(alerts, [line(HOSTILE, -60_000 * n, "c-2") for n in range(20)])
    with running(tmp_path, Rules("kim", hosts=("127.0.0.1",)), receipts) as opened:
        yield opened


@pytest.fixture
def address(board: OpenBoard) -> str:
    return f"http://127.0.0.1:{board.port}/?token={board.rules.token}"


def go(page: OpenPage, script: str) -> None:
    """Run a script that leads to another page, and wait for that page."""
    page.value("window.old = true")
    page.value(script)
    page.wait_until("!window.old && document.readyState == 'complete'")


def press(page: OpenPage, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key=key, text=key if kind == "keyDown" else "")


def test_a_case_is_judged_with_the_keyboard_and_the_next_one_opens(
    browser: Browser, board: OpenBoard, address: str
) -> None:
    with browser.open(address) as page:
        assert page.value("document.querySelector('h1').textContent").startswith("3 open cases")
        go(page, "document.querySelector('.cases a').click()")
        first = page.value("document.querySelector('h1').textContent")
        press(page, "b")
        assert page.value("document.activeElement.name") == "reason"  # it asks for the reason first
        page.value("document.activeElement.value = 'on video'; document.activeElement.blur()")
        page.value("window.old = true")
        press(page, "b")
        page.wait_until("!window.old && document.readyState == 'complete'")

        assert page.value("document.querySelector('[role=status]') != null")
        assert page.value("document.querySelector('h1').textContent") != first
        assert [line["verdict"] for line in board.decisions()] == ["benign"]
        assert page.errors == []
        assert {url.split("/")[2] for url in page.requests} == {f"127.0.0.1:{board.port}"}


def test_filters_narrow_the_list(browser: Browser, address: str) -> None:
    with browser.open(address) as page:
        page.value("document.querySelector('[name=about]').value = 'C-2'")
        go(page, "document.querySelector('form.filters').requestSubmit()")

        assert page.value("document.querySelectorAll('.cases li').length") == 1
        assert page.value("document.querySelector('[name=about]').value") == "C-2"


def test_a_decision_in_another_tab_is_seen(browser: Browser, board: OpenBoard, address: str) -> None:
    with browser.open(address) as page, browser.open(address) as other:
        go(page, "document.querySelector('.cases a').click()")
        go(other, "document.querySelector('.cases a').click()")
        page.value("document.querySelector('form[data-keys]').reason.value = 'on video'")
        go(page, "document.querySelector('[data-key=c]').click()")
        go(other, "location.reload()")

        assert "confirmed" in other.value("document.querySelector('.history').textContent")


def test_nothing_is_clipped_on_a_phone_and_hostile_ids_are_text(browser: Browser, address: str) -> None:
    with browser.open(address, width=390, height=800) as page:
        for _ in range(2):
            assert page.value("document.documentElement.scrollWidth") == 390
            go(page, "[...document.querySelectorAll('.cases a, a.next')].at(-1).click()")
        assert page.value("document.images.length") == 0
        assert "owned" not in page.value("document.title.replace(/.*onerror.*/, '')")
        assert page.errors == []


def faults(page: OpenPage) -> list[str]:
    """Return the barriers that axe finds on a page, each with the element."""
    page.value(files("axe_core_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.value(
        "axe.run().then(all => all.violations.flatMap(each => each.nodes.map(n => `${each.id}: ${n.html}`)))"
    )
    return [str(fault) for fault in found]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1120), ("dark", 390)])
def test_everybody_can_use_each_page(browser: Browser, address: str, scheme: str, width: int) -> None:
    with browser.open(address, width=width) as page:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.call("Emulation.setEmulatedMedia", features=features)
        assert faults(page) == []
        go(page, "document.querySelectorAll('.cases a')[1].click()")  # one with receipts
        page.value("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert page.value("document.querySelectorAll('.receipts').length") == 1
        money = "document.querySelector('.receipts th:nth-child(3)').getBoundingClientRect().right"
        assert page.value(money) <= page.value(
            "document.querySelector('.wide').getBoundingClientRect().right"
        )
        assert faults(page) == []
        page.value("document.querySelector('form[data-keys]').reason.value = 'on video'")
        go(page, "document.querySelector('[data-key=b]').click()")
        assert faults(page) == []
        for path in ("/?about=nobody", "/case/none", "/?state=closed"):
            go(page, f"location.href = '{path}'")
            assert faults(page) == []
