"""A running board of cases, and a browser of somebody who may come in."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import urlencode

import uvicorn

from retail_anomaly.cli.review.access import Rules
from retail_anomaly.cli.review.board_cases import BoardCases
from retail_anomaly.cli.review.case_receipts import ReceiptSource
from retail_anomaly.cli.review.growing_file import GrowingFile
from retail_anomaly.cli.review.web import new_board
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import PosEvent
from retail_anomaly.settings import Settings
from tests.support.waiting import PATIENCE_S
from tests.unit.cases.test_triage import T0

NOW = 1_760_900_000_000


@dataclass
class OpenBoard:
    """A running board, and a browser of somebody who may come in."""

    port: int
    rules: Rules
    folder: Path
    host: str = "127.0.0.1"

    def ask(
        self, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str, dict[str, str]]:
        """Return status, text and headers of the answer to a page or a form."""
        sent = {"Cookie": f"review-{self.port}={self.rules.token}", "Host": f"{self.host}:{self.port}"}
        if form is not None and "revision" not in form:
            form = {**form, "revision": self.revision(path, headers)}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
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

    def case(self, headers: dict[str, str] | None = None) -> str:
        """Return the path of the first open case."""
        return "/case/" + self.ask("/", headers=headers)[1].partition("/case/")[2].partition("?")[0]

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


def line(receipt: str, at: int, cashier: str = "c-1", kind: str = "REFUND") -> PosEvent:
    return PosEvent(receipt, "store-1", cashier, "k", 80.0, kind, T0 + at)
