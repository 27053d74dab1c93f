"""A real Prometheus as a child process: it scrapes the processes of a test, and answers PromQL."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.waiting import PATIENCE_S

START_DEADLINE = PATIENCE_S
CONFIG = """
global: {{scrape_interval: {every}, scrape_timeout: {every}}}
scrape_configs:
  - job_name: retail
    static_configs: [{{targets: {targets}}}]
"""
LISTENING = re.compile(r'msg="Listening on" address=127\.0\.0\.1:(\d+)')


class PrometheusUnavailableError(Exception):
    """There is no Prometheus here; the message says how to get one."""


class Prometheus:
    """Scrapes ports of this machine until `kill`.

    Parameters
    ----------
    folder
        Where its files live.
    ports
        The `--metrics-port` of each process.
    every
        The time between two scrapes.
    """

    def __init__(self, folder: Path, ports: Sequence[int], every: str = "500ms") -> None:
        program = shutil.which("prometheus")
        if program is None:
            raise PrometheusUnavailableError(
                "prometheus is not installed (Debian: apt-get install --no-install-recommends prometheus)"
            )
        folder.mkdir()
        config, log = folder / "prometheus.yml", folder / "prometheus.log"
        targets = json.dumps([f"127.0.0.1:{port}" for port in ports])
        config.write_text(CONFIG.format(every=every, targets=targets))
        command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [*command, "--web.listen-address=127.0.0.1:0"], stdout=file, stderr=file
            )
        self.kill = weakref.finalize(self, _end, self._process)
        deadline = time.monotonic() + START_DEADLINE
        while (found := LISTENING.search(log.read_text(errors="replace"))) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"prometheus did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{found[1]}"

    def value(self, expression: str) -> float | None:
        """Return the present value of an expression, all its series together; None without any."""
        result = self._ask("query", query=expression)
        return sum(float(series["value"][1]) for series in result) if result else None

    def rows(self, expression: str, start: int, end: int, step: float) -> list[dict[str, Any]]:
        """Return the past values of an expression, a row for each series and moment.

        Parameters
        ----------
        expression
            PromQL.
        start, end
            In epoch milliseconds.
        step
            Seconds between two moments.

        Returns
        -------
        list of dict
            Labels by name, `time` in epoch nanoseconds, and `value`, None where it is not a number.
        """
        found = self._ask("query_range", query=expression, start=start / 1e3, end=end / 1e3, step=step)
        return [
            {
                **series["metric"],
                "time": int(moment * 1e9),
                "value": None if value == "NaN" else float(value),
            }
            for series in found
            for moment, value in series["values"]
        ]

    def _ask(self, what: str, **parameters: object) -> list[dict[str, Any]]:
        body = urllib.parse.urlencode(parameters).encode()
        with urllib.request.urlopen(f"{self.url}/api/v1/{what}", body, timeout=PATIENCE_S) as answer:  # noqa: S310
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
