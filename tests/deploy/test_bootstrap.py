"""The script that sets InfluxDB up, against a server that keeps the state of InfluxDB 2 and Kubernetes.

It is no InfluxDB: it answers as the documentation of the API says, and checks every token on every request.
"""

from __future__ import annotations

import base64
import json
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.deploy.chart import CHART
from tests.support.waiting import PATIENCE_S

SCRIPT = CHART / "files" / "influxdb_bootstrap.py"
ADMIN = "admin-token"
ENVIRONMENT = {
    "INFLUXDB_ORG": "shops",
    "INFLUXDB_BUCKET": "alerts",
    "INFLUXDB_RETENTION_SECONDS": "7200",
    "INFLUXDB_ADMIN_PASSWORD": "long enough",
    "INFLUXDB_ADMIN_TOKEN": ADMIN,
}


class InfluxInMemory:
    """The content of an InfluxDB 2 and of a Kubernetes Secret."""

    def __init__(self) -> None:
        self.starting = 0
        self.org: str | None = None
        self.admin: str | None = None
        self.buckets: dict[str, dict[str, Any]] = {}
        self.databases: list[dict[str, Any]] = []
        self.authorizations: dict[str, dict[str, Any]] = {}
        self.secret: dict[str, str] = {}
        self.made = 0

    def answer(self, method: str, path: str, query: dict[str, str], token: str, body: Any) -> tuple[int, Any]:
        """Return status and body."""
        if path == "/health":
            self.starting -= 1
            return (503, {"status": "fail"}) if self.starting >= 0 else (200, {"status": "pass"})
        if path.startswith("/api/v1/namespaces/"):
            return self._kubernetes(method, path, token, body)
        if path == "/api/v2/setup":
            return self._setup(method, body)
        if path in {"/api/v2/write", "/query"}:
            return self._use(path, query, token)
        if token != f"Token {self.admin}":
            return 401, {"code": "unauthorized", "message": "unauthorized access"}
        return self._administer(method, path, query, body)

    def _kubernetes(self, method: str, path: str, token: str, body: Any) -> tuple[int, Any]:
        if token != "Bearer account-token":  # noqa: S105
            return 401, {}
        if path != "/api/v1/namespaces/loss-prevention/secrets/tokens":
            return 403, {}
        if method == "PATCH":
            self.secret |= body["data"]
        return 200, {"kind": "Secret", "data": self.secret} if self.secret else {"kind": "Secret"}

    def _setup(self, method: str, body: Any) -> tuple[int, Any]:
        if method == "GET":
            return 200, {"allowed": self.org is None}
        if self.org is not None:
            return 422, {"message": "onboarding has already been completed"}
        if len(body["password"]) < 8:
            return 400, {"message": "passwords must be between 8 and 72 characters long"}
        self.org, self.admin = body["org"], body["token"]
        self.buckets[body["bucket"]] = {"id": "b0", "retention": body["retentionPeriodSeconds"]}
        return 201, {}

    def _use(self, path: str, query: dict[str, str], token: str) -> tuple[int, Any]:
        known = {f"Token {a['token']}": a for a in self.authorizations.values()}
        if token not in known:
            return 401, {"message": "unauthorized access"}
        (permission,) = known[token]["permissions"]
        action, name = ("write", query["bucket"]) if path == "/api/v2/write" else ("read", query["db"])
        if permission["action"] != action or permission["resource"]["id"] != self.buckets[name]["id"]:
            return 403, {"message": "insufficient permissions"}
        return (400, {"message": "no data"}) if action == "write" else (200, {"results": [{}]})

    def _administer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        kind, _, key = path.removeprefix("/api/v2/").partition("/")
        if kind == "orgs":
            return (
                (200, {"orgs": [{"id": "o0"}]})
                if query["org"] == self.org
                else (404, {"message": "not found"})
            )
        if kind == "buckets":
            if method == "POST":
                seconds = sum(rule["everySeconds"] for rule in body["retentionRules"])
                self.buckets[body["name"]] = {"id": f"b{len(self.buckets)}", "retention": seconds}
                return 201, self.buckets[body["name"]]
            found = self.buckets.get(query["name"])
            return 200, {"buckets": [found] if found else []}
        if kind == "dbrps":
            if method == "POST":
                self.databases.append(body)
                return 201, body
            real = [d for d in self.databases if d["database"] == query["db"]]
            return 200, {"content": real or [{"database": query["db"], "virtual": True}]}
        if method == "DELETE":
            del self.authorizations[key]
            return 204, None
        if method == "POST":
            self.made += 1
            made = {**body, "id": f"a{self.made}", "token": f"token-{self.made}"}
            self.authorizations[made["id"]] = made
            return 201, made
        # Tokens are hashed: they are shown when they are made and never again.
        return 200, {"authorizations": [{**a, "token": "redacted"} for a in self.authorizations.values()]}

    def token(self, name: str) -> str:
        """Return a token from the Secret."""
        return base64.b64decode(self.secret[name]).decode()


@pytest.fixture
def influx() -> Iterator[tuple[InfluxInMemory, str]]:
    state = InfluxInMemory()

    class Answers(BaseHTTPRequestHandler):
        def _do(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            if self.command == "PATCH":
                assert self.headers["Content-Type"] == "application/merge-patch+json"
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            status, answer = state.answer(
                self.command, url.path, query, self.headers.get("Authorization", ""), body
            )
            raw = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = do_DELETE = _do  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def _run(url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={"PATH": os.environ["PATH"], "INFLUXDB_URL": url, **ENVIRONMENT, **environment},
    )


@pytest.fixture
def in_cluster(influx, tmp_path, monkeypatch, capsys):
    """Run the script as in a pod, whose account's files lie elsewhere here and whose API has no TLS."""
    _, url = influx
    for name, content in {"token": "account-token", "namespace": "loss-prevention"}.items():
        (tmp_path / name).write_text(content)
    host, _, port = url.removeprefix("http://").partition(":")
    pod = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}

    def run(**environment: str) -> tuple[int, str]:
        with monkeypatch.context() as patch:
            for name, value in {
                **ENVIRONMENT,
                **pod,
                "INFLUXDB_URL": url,
                "TOKENS_SECRET": "tokens",
                **environment,
            }.items():
                patch.setenv(name, value)
            module = runpy.run_path(str(SCRIPT))
            script, api = module["main"].__globals__, module["Api"]
            script["KUBERNETES"] = tmp_path
            script["Api"] = lambda url, authorization="", ca=None: api(
                url.replace("https://", "http://"), authorization
            )
            code = module["main"]()
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def test_sets_a_new_server_up(influx, in_cluster):
    state, _ = influx
    state.starting = 2
    code, said = in_cluster()
    assert code == 0, said
    assert (state.org, state.admin) == ("shops", ADMIN)
    assert state.buckets == {"alerts": {"id": "b0", "retention": 7200}}
    (database,) = state.databases
    assert (database["database"], database["bucketID"], database["default"]) == ("alerts", "b0", True)
    granted = {
        a["token"]: [(p["action"], p["resource"]["id"]) for p in a["permissions"]]
        for a in state.authorizations.values()
    }
    assert granted == {
        state.token("INFLUXDB_TOKEN"): [("write", "b0")],
        state.token("GRAFANA_INFLUXDB_TOKEN"): [("read", "b0")],
    }
    # Tokens and passwords are in no log.
    assert not any(secret in said for secret in ("token-1", "token-2", ADMIN, "long enough"))


def test_again_it_changes_nothing(influx, in_cluster):
    state, _ = influx
    in_cluster()
    before = (dict(state.secret), state.made, len(state.databases))
    code, said = in_cluster()
    assert (code, said) == (0, "INFLUXDB_TOKEN: there\nGRAFANA_INFLUXDB_TOKEN: there\n")
    assert (state.secret, state.made, len(state.databases)) == before


def test_a_token_that_no_longer_works_is_replaced_alone(influx, in_cluster):
    state, _ = influx
    in_cluster()
    kept = state.token("GRAFANA_INFLUXDB_TOKEN")
    state.secret["INFLUXDB_TOKEN"] = base64.b64encode(b"of another server").decode()
    assert in_cluster()[0] == 0
    assert state.token("GRAFANA_INFLUXDB_TOKEN") == kept
    # The old authorization is gone: nobody can use the lost token.
    assert {a["token"] for a in state.authorizations.values()} == {kept, state.token("INFLUXDB_TOKEN")}


def test_another_bucket_gets_tokens_of_its_own(influx, in_cluster):
    state, _ = influx
    in_cluster()
    state.secret.clear()
    assert in_cluster(INFLUXDB_BUCKET="trial", INFLUXDB_RETENTION_SECONDS="0")[0] == 0
    assert state.buckets["trial"] == {"id": "b1", "retention": 0}
    assert {p["resource"]["id"] for a in state.authorizations.values() for p in a["permissions"]} == {"b1"}


def test_one_line_says_what_is_wrong(in_cluster):
    in_cluster()
    code, said = in_cluster(INFLUXDB_ADMIN_TOKEN="another")  # noqa: S106
    assert code == 1
    assert "answers 401" in said
    assert "is INFLUXDB_ADMIN_TOKEN the one that InfluxDB was set up with?" in said
    code, said = in_cluster(INFLUXDB_ORG="shop")
    assert code == 1
    assert said == "influxdb_bootstrap: InfluxDB has no organisation shop: is influxdb.org right?\n"
    code, said = in_cluster(TOKENS_SECRET="another")  # noqa: S106
    assert code == 1
    assert "secrets/another answers 403" in said


def test_tokens_as_files_as_compose_has_them(influx, tmp_path):
    state, url = influx
    done = _run(url, TOKENS_FOLDER=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    files = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert set(files) == {"INFLUXDB_TOKEN", "GRAFANA_INFLUXDB_TOKEN"}
    assert set(files.values()) == {a["token"] for a in state.authorizations.values()}
    assert "there" in _run(url, TOKENS_FOLDER=str(tmp_path)).stdout


def test_missing_variable_is_named(influx):
    done = _run(influx[1])
    assert (done.returncode, done.stderr) == (1, "influxdb_bootstrap: TOKENS_FOLDER is not set\n")
