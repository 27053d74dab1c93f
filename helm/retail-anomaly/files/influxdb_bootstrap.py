"""Set a new InfluxDB 2 up: organisation, bucket, a database name for InfluxQL, two tokens of least privilege.

The sink's token may write to the bucket and nothing else, Grafana's may read it and nothing else. They are
kept in the Kubernetes Secret TOKENS_SECRET or as files in TOKENS_FOLDER. You can run it again: it changes
nothing, except that a token that no longer works is replaced. It needs only Python's standard library.
"""

import base64
import json
import os
import signal
import ssl
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

KUBERNETES = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKENS = {"INFLUXDB_TOKEN": "write", "GRAFANA_INFLUXDB_TOKEN": "read"}
PATIENCE_S = 300.0
# 400 and 422 are about the lines, and the trial has none: these answers mean that the token is valid.
LET_IN = {200, 204, 400, 422}


class BootstrapError(Exception):
    """It can't be done; the message says what to look at."""


class Api:
    """JSON over HTTP with one token."""

    def __init__(self, url: str, authorization: str = "", ca: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": authorization} if authorization else {}
        self._context = ssl.create_default_context(cafile=str(ca)) if ca else None

    def call(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        """Return the answer; raise HTTPError when it is not a success."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(  # noqa: S310 - the address is the operator's
            self._url + path, data, {**self._headers, "Content-Type": kind}, method=method
        )
        with urlopen(request, timeout=30, context=self._context) as answer:  # noqa: S310
            raw = answer.read()
            return json.loads(raw) if raw.strip() else {}

    def status(self, method: str, path: str) -> int:
        """Return the status of an answer to a request without a body."""
        try:
            self.call(method, path)
        except HTTPError as error:
            return error.code
        except json.JSONDecodeError:
            pass
        return 200


class SecretStore:
    """Tokens in a Kubernetes Secret, which is there."""

    def __init__(self, name: str) -> None:
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        token = (KUBERNETES / "token").read_text()
        address = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        self._api = Api(address, f"Bearer {token}", KUBERNETES / "ca.crt")
        self._path = f"/api/v1/namespaces/{(KUBERNETES / 'namespace').read_text()}/secrets/{name}"

    def read(self) -> dict[str, str]:
        """Return what is there."""
        data = self._api.call("GET", self._path).get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def write(self, tokens: dict[str, str]) -> None:
        """Add or replace these."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in tokens.items()}
        self._api.call("PATCH", self._path, {"data": data}, "application/merge-patch+json")


class FolderStore:
    """Tokens as files of a folder."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def read(self) -> dict[str, str]:
        """Return what is there."""
        files = {name: self._folder / name for name in TOKENS}
        return {name: file.read_text() for name, file in files.items() if file.exists()}

    def write(self, tokens: dict[str, str]) -> None:
        """Add or replace these."""
        for name, token in tokens.items():
            (self._folder / name).write_text(token)


def wait(api: Api) -> None:
    """Wait until InfluxDB answers."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if api.call("GET", "/health").get("status") == "pass":
                return
            why = "it is not well"
        except (URLError, OSError) as error:
            why = str(error)
        if time.monotonic() > deadline:
            raise BootstrapError(f"no InfluxDB answers after {PATIENCE_S:.0f} s ({why}): is it running?")
        time.sleep(1)


def set_up(api: Api, settings: dict[str, str]) -> None:
    """Make the first user, organisation and bucket, unless someone has."""
    if not api.call("GET", "/api/v2/setup").get("allowed"):
        return
    api.call(
        "POST",
        "/api/v2/setup",
        {
            "username": "admin",
            "password": settings["INFLUXDB_ADMIN_PASSWORD"],
            "token": settings["INFLUXDB_ADMIN_TOKEN"],
            "org": settings["INFLUXDB_ORG"],
            "bucket": settings["INFLUXDB_BUCKET"],
            "retentionPeriodSeconds": int(settings.get("INFLUXDB_RETENTION_SECONDS", "0")),
        },
    )
    print("set up")  # noqa: T201


def find(api: Api, kind: str, **query: str) -> dict[str, Any] | None:
    """Return the one object of a kind that a query finds."""
    try:
        found = api.call("GET", f"/api/v2/{kind}?{urlencode(query)}").get(kind, [])
    except HTTPError as error:
        if error.code == 404:
            return None
        raise
    return found[0] if found else None


def bucket_of(api: Api, settings: dict[str, str]) -> tuple[str, str]:
    """Return the ids of organisation and bucket; the bucket is made where it is missing."""
    org = find(api, "orgs", org=settings["INFLUXDB_ORG"])
    if org is None:
        raise BootstrapError(
            f"InfluxDB has no organisation {settings['INFLUXDB_ORG']}: is influxdb.org right?"
        )
    name = settings["INFLUXDB_BUCKET"]
    bucket = find(api, "buckets", orgID=org["id"], name=name)
    if bucket is None:
        seconds = int(settings.get("INFLUXDB_RETENTION_SECONDS", "0"))
        rules = [{"type": "expire", "everySeconds": seconds}] if seconds else []
        bucket = api.call(
            "POST", "/api/v2/buckets", {"orgID": org["id"], "name": name, "retentionRules": rules}
        )
        print(f"bucket {name} made")  # noqa: T201
    return org["id"], bucket["id"]


def map_database(api: Api, org: str, bucket: str, name: str) -> None:
    """Let InfluxQL find the bucket as a database."""
    known = api.call("GET", f"/api/v2/dbrps?orgID={org}&db={quote(name)}").get("content", [])
    # Each bucket has a virtual mapping of its own name. A real mapping can't be hidden by another bucket's.
    if any(not mapping.get("virtual") for mapping in known):
        return
    mapping = {
        "orgID": org,
        "bucketID": bucket,
        "database": name,
        "retention_policy": "autogen",
        "default": True,
    }
    api.call("POST", "/api/v2/dbrps", mapping)
    print(f"database {name} mapped")  # noqa: T201


def works(url: str, token: str, action: str, settings: dict[str, str]) -> bool:
    """Whether a token is let in to what it is for."""
    org, bucket = quote(settings["INFLUXDB_ORG"]), quote(settings["INFLUXDB_BUCKET"])
    api = Api(url, f"Token {token}")
    if action == "write":
        return api.status("POST", f"/api/v2/write?org={org}&bucket={bucket}") in LET_IN
    return api.status("GET", f"/query?db={bucket}&q={quote('SHOW MEASUREMENTS LIMIT 1')}") in LET_IN


def grant(api: Api, org: str, bucket: str, name: str, action: str) -> str:
    """Replace the authorization of this name and return its token."""
    description = f"retail-anomaly {name}"
    for old in api.call("GET", f"/api/v2/authorizations?orgID={org}").get("authorizations", []):
        if old.get("description") == description:
            api.call("DELETE", f"/api/v2/authorizations/{old['id']}")
    resource = {"type": "buckets", "id": bucket, "orgID": org}
    made = api.call(
        "POST",
        "/api/v2/authorizations",
        {"orgID": org, "description": description, "permissions": [{"action": action, "resource": resource}]},
    )
    # InfluxDB shows the token only this once.
    return str(made["token"])


def bootstrap(settings: dict[str, str]) -> None:
    """Do what is missing."""
    url = settings["INFLUXDB_URL"]
    wait(Api(url))
    set_up(Api(url), settings)
    store = (
        SecretStore(settings["TOKENS_SECRET"])
        if settings.get("TOKENS_SECRET")
        else FolderStore(settings["TOKENS_FOLDER"])
    )
    api = Api(url, f"Token {settings['INFLUXDB_ADMIN_TOKEN']}")
    org, bucket = bucket_of(api, settings)
    map_database(api, org, bucket, settings["INFLUXDB_BUCKET"])
    tokens = store.read()
    for name, action in TOKENS.items():
        if name in tokens and works(url, tokens[name], action, settings):
            print(f"{name}: there")  # noqa: T201
            continue
        store.write({name: grant(api, org, bucket, name, action)})
        print(f"{name}: made, may {action} {settings['INFLUXDB_BUCKET']}")  # noqa: T201


def main() -> int:
    """Run it; one line says what went wrong."""
    try:
        bootstrap(dict(os.environ))
    except HTTPError as error:
        said = " ".join(error.read(300).decode(errors="replace").split())
        hint = ": is INFLUXDB_ADMIN_TOKEN the one that InfluxDB was set up with?" if error.code == 401 else ""
        return _fail(f"{error.url} answers {error.code} ({said}){hint}")
    except KeyError as error:
        return _fail(f"{error.args[0]} is not set")
    except (BootstrapError, OSError) as error:
        return _fail(str(error))
    return 0


def _fail(message: str) -> int:
    print(f"influxdb_bootstrap: {message}", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    # The first process of a container gets only those signals that it handles.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
