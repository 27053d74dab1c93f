"""The real engine as a child process, and the write API of version 2 before it."""

from __future__ import annotations

import atexit
import contextlib
import json
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.waiting import PATIENCE_S

START_DEADLINE = PATIENCE_S
TOKEN = "a-token-for-tests"  # noqa: S105
ORG = "shops"
BUCKET = "retail"

CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:0"
  log-enabled = false
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[continuous_queries]
  enabled = false
"""
LISTENING = re.compile(r"Listening on HTTP.*?addr=127\.0\.0\.1:(\d+)")


class InfluxUnavailableError(Exception):
    """There is no engine here; the message says how to get one."""


class InfluxServer:
    """An engine with one database, and the API of version 2 in front, on the loopback interface.

    Parameters
    ----------
    folder
        Where its files live; they survive `stop`, `kill` and `start`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._engine: subprocess.Popen[bytes] | None = None
        self._front: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._address = ("127.0.0.1", 0)
        self.engine_url = ""
        self.on_written: Callable[[], None] = lambda: None
        """Called when the engine has taken a write and the client does not know it yet."""

    @property
    def url(self) -> str:
        """The address for clients; the same after a restart."""
        return f"http://127.0.0.1:{self._address[1]}"

    @property
    def environ(self) -> dict[str, str]:
        """What a sink needs in its environment."""
        return {
            "INFLUXDB_URL": self.url,
            "INFLUXDB_TOKEN": TOKEN,
            "INFLUXDB_BUCKET": BUCKET,
            "INFLUXDB_ORG": ORG,
        }

    def start(self) -> InfluxServer:
        """Start, or start again over the same files, and return once writes are taken."""
        program = shutil.which("influxd")
        if program is None:
            raise InfluxUnavailableError("influxd is not installed (Debian: apt-get install influxdb)")
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "influxdb.conf"
        config.write_text(CONFIG.format(folder=self.folder))
        log = self.folder / "influxd.log"
        with log.open("wb") as file:
            self._engine = subprocess.Popen(
                [program, "-config", str(config)], stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        atexit.register(self.kill)
        deadline = time.monotonic() + START_DEADLINE
        while (found := LISTENING.search(log.read_text(errors="replace"))) is None:
            if self._engine.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace")[-2000:]
                self.kill()
                raise RuntimeError(f"influxd did not start:\n{said}")
            time.sleep(0.02)
        self.engine_url = f"http://127.0.0.1:{found[1]}"
        self.query(f"CREATE DATABASE {BUCKET}")
        self._front = _Front(self._address, self)
        self._address = ("127.0.0.1", self._front.server_address[1])
        self._thread = threading.Thread(target=self._front.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def kill(self) -> None:
        """End both: clients find nobody at the address. What was acknowledged is on disk."""
        atexit.unregister(self.kill)
        if self._front is not None:
            self._front.shutdown()
            self._front.server_close()
            self._front = None
        if self._engine is not None:
            self._engine.kill()
            self._engine.wait()
            self._engine = None

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Run InfluxQL; return the rows of all series, tags and columns by name, time in nanoseconds."""
        body = urllib.parse.urlencode({"q": statement, "db": BUCKET, "epoch": "ns"}).encode()
        with urllib.request.urlopen(f"{self.engine_url}/query", body, timeout=PATIENCE_S) as answer:  # noqa: S310
            result = json.load(answer)["results"][0]
        if "error" in result:
            raise ValueError(f"{statement}: {result['error']}")
        return [
            {**series.get("tags", {}), **dict(zip(series["columns"], values, strict=True))}
            for series in result.get("series", ())
            for values in series["values"]
        ]

    def count(self, measurement: str, column: str) -> int:
        """Return how many points of a measurement have a field."""
        rows = self.query(f'SELECT COUNT("{column}") AS n FROM "{measurement}"')  # noqa: S608
        return int(rows[0]["n"]) if rows else 0


class _Front(ThreadingHTTPServer):
    """Version 2's address of writes, as 1.8 has it: a token, a bucket, and the answers of the engine."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], server: InfluxServer) -> None:
        self.influx = server
        super().__init__(address, _FrontRequest)


class _FrontRequest(BaseHTTPRequestHandler):
    server: _Front
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urllib.parse.urlsplit(self.path)
        given = dict(urllib.parse.parse_qsl(parts.query))
        if parts.path == "/query":
            self._pass_on("/query", body)
        elif parts.path != "/api/v2/write":
            self._answer(404, {"code": "not found", "message": "path not found"})
        elif self.headers.get("Authorization") != f"Token {TOKEN}":
            self._answer(401, {"code": "unauthorized", "message": "unauthorized access"})
        elif given.get("org") != ORG:
            self._answer(
                404, {"code": "not found", "message": f'organization name "{given.get("org")}" not found'}
            )
        else:
            precision = {"ns": "n", "us": "u"}.get(given.get("precision", "ns"), given.get("precision", "n"))
            where = urllib.parse.urlencode({"db": given.get("bucket", ""), "precision": precision})
            self._pass_on(f"/write?{where}", body)

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        self._pass_on(self.path if parts.path in ("/ping", "/query") else "/ping", None)

    def _pass_on(self, path: str, body: bytes | None) -> None:
        request = urllib.request.Request(f"{self.server.influx.engine_url}{path}", body)  # noqa: S310
        if path == "/query":
            request.add_header("Content-Type", self.headers.get("Content-Type", ""))
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
                if path.startswith("/write"):
                    self.server.influx.on_written()
                self._send(answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            self._send(error.code, error.read(), dict(error.headers))
        except OSError:
            self.close_connection = True

    def _answer(self, status: int, body: dict[str, str]) -> None:
        named = {"Content-Type": "application/json", "X-Influxdb-Version": "1.8.10"}
        self._send(status, json.dumps(body).encode(), named)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            for name, value in headers.items():
                if name.lower().startswith("x-influx") or name.lower() == "content-type":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Leave the tests' output alone."""
