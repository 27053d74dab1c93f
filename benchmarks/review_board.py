"""How fast the board answers over many cases: ``python -m benchmarks.review_board``.

One process answers as in production, over a socket of this machine. The times are those of a browser, from
the request to the last byte; the CPU time is that of the process, and counts where other programs are busy.
After every tenth pair of pages comes a verdict, so that the order changes all the time. Each case shows the
receipts behind its alerts. With ``--beside-streamer`` a simulated day streams meanwhile through an embedded
broker and the real streamer, on the same cores.
"""

from __future__ import annotations

import argparse
import http.client
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from socket import socket
from typing import Final
from urllib.parse import urlencode

import numpy as np
import psutil
import uvicorn

from retail_anomaly.cli.review.access import Rules
from retail_anomaly.cli.review.board_cases import BoardCases
from retail_anomaly.cli.review.case_receipts import KeptReceipts
from retail_anomaly.cli.review.growing_file import GrowingFile
from retail_anomaly.cli.review.web import new_board
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import PosEvent
from retail_anomaly.settings import Settings

_T0: Final = 1_760_000_000_000
_TYPES: Final = ("REFUND_BURST", "REFUND_WITHOUT_SALE", "REFUND_MISMATCH", "SHRINKAGE", "STOCK_DISCREPANCY")


def write_alerts(path: Path, cases: int, stores: int = 100) -> int:
    """Write alerts that make so many cases of 3.3 alerts on average; return their number."""
    rng, count = Random(0), 0
    with path.open("wb") as file:
        for case in range(cases):
            at = _T0 + case * 1_000
            for _ in range(rng.choice((1, 2, 2, 3, 3, 4, 4, 5, 6))):
                kind = rng.choice(_TYPES)
                file.write(
                    encode(
                        Alert(
                            *(f"a-{count}", 1, kind, kind.lower(), f"store-{case % stores}", f"c-{case}"),
                            round(rng.random(), 2),
                            "Cashier refunded 80.00, which this store has not sold in the last 90d.",
                            *(at, at),
                            {"amount": 80.0, "transactionIds": [f"t-{count}", f"u-{count}"]},
                            "0",
                        )
                    )
                    + b"\n"
                )
                count += 1
    return count


def _lines(alerts: list[Alert]) -> Iterator[PosEvent]:
    """Yield five lines for each receipt that the alerts cite."""
    for alert in alerts:
        for receipt in alert.evidence["transactionIds"]:
            for line in range(5):
                yield PosEvent(
                    *(receipt, alert.store_id, str(alert.employee_id), f"sku-{line}"),
                    *(9.5, "REFUND", alert.event_time),
                )


@contextmanager
def _streaming(output: Path, *, wanted: bool) -> Iterator[None]:
    """Have a day of twenty stores stream meanwhile, slowly enough to last."""
    if not wanted:
        yield
        return
    command = [sys.executable, "-m", "retail_anomaly.cli", "demo", "--no-review", "--stores", "20"]
    with subprocess.Popen(
        [*command, "--seconds", "900", "--output", str(output)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as demo:
        while not any("stream" in each.cmdline() for each in psutil.Process(demo.pid).children()):
            assert demo.poll() is None, "the demo has ended"
            time.sleep(0.1)
        try:
            yield
            assert demo.poll() is None, "the demo has ended too early"
        finally:
            demo.send_signal(signal.SIGINT)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.review_board", description=__doc__)
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--beside-streamer", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        socket() as listening,
        _streaming(Path(folder, "out"), wanted=options.beside_streamer),
    ):
        alerts = Path(folder, "alerts.jsonl")
        count = write_alerts(alerts, options.cases)
        began = time.process_time()
        cases = BoardCases(GrowingFile(alerts), GrowingFile(Path(folder, "actions.jsonl")), Settings())
        cases.refresh()
        receipts = KeptReceipts(cases.alerts(), _lines(cases.alerts()))
        print(
            f"{options.cases:,} cases of {count:,} alerts read in {time.process_time() - began:.1f} s of CPU"
        )
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port, rules = listening.getsockname()[1], Rules("kim", hosts=("127.0.0.1",))
        server = uvicorn.Server(uvicorn.Config(new_board(cases, rules, receipts), log_level="critical"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            _measure(port, rules, cases, options.requests)
        finally:
            server.should_exit = True
            thread.join()


def _measure(port: int, rules: Rules, cases: BoardCases, requests: int) -> None:
    headers = {"Cookie": f"review-{port}={rules.token}", "Host": f"127.0.0.1:{port}"}
    form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    verdict = {"action": "verdict", "verdict": "benign", "reason": "seen on video"}
    times: dict[str, list[tuple[float, float]]] = {"list": [], "case": [], "verdict": []}

    def ask(kind: str, method: str, path: str, body: str | None = None) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        began, spent = time.perf_counter(), time.process_time()
        connection.request(method, path, body, form if body else headers)
        answer = connection.getresponse()
        answer.read()
        took = time.perf_counter() - began, time.process_time() - spent
        times[kind].append((1_000 * took[0], 1_000 * took[1]))
        assert answer.status in (200, 303), answer.status
        connection.close()

    rng = Random(1)
    for number in range(requests):
        case = rng.choice(cases.waiting())
        if number % 10 == 0:
            seen = cases.find(case)
            assert seen is not None
            ask("verdict", "POST", f"/case/{case}", urlencode({**verdict, "revision": seen.revision}))
        ask("list", "GET", f"/?page={rng.randrange(20)}")
        ask("case", "GET", f"/case/{case}")
    for kind, found in times.items():
        (p50, cpu50), (p95, cpu95) = np.quantile(found, [0.5, 0.95], axis=0)
        print(
            f"{kind}: p50 {p50:.0f} ms, p95 {p95:.0f} ms; CPU p50 {cpu50:.0f} ms, p95 {cpu95:.0f} ms "
            f"({len(found)} requests)"
        )


if __name__ == "__main__":
    main()
