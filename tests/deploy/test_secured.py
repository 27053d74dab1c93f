"""The rendered chart by hand against your own servers: Kafka with TLS, log-ins and rights, InfluxDB with TLS.

The values are `values-prod.yaml`, except for the numbers of one broker; the Secrets are those of the chart's
README.
"""

from __future__ import annotations

import json
import re
import runpy
import shlex
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from streamer.kafka.topics import TOPICS
from tests.deploy.chart import CASES, CHART, ROOT, Manifest, containers, render
from tests.deploy.host import TOKEN, Host, InfluxWrites, pod
from tests.deploy.image import make_image
from tests.kafka import server
from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE_S

SETS = (
    *("config.streamer.topics.partitions=2", "config.streamer.topics.replication_factor=1"),
    *("streamer.replicas=1", "storeMetrics.replicas=1", "triage.replicas=1", "sink.replicas=1"),
    # It needs one right more than without.
    "config.streamer.processing_guarantee=exactly-once",
    "influxdb.tlsSecret=retail-influxdb-ca",
)
README = (CHART / "README.md").read_text(encoding="utf-8")
DEPLOY = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
PASSWORDS = {"retail": "s3cret", "retail-admin": "4dmin"}


def _secret_of_the_readme(user: str) -> dict[str, str]:
    """Return Kafka's Secret by the README's command, with our values for those it reads from files."""
    (command,) = re.findall(r"^kubectl create secret generic retail-kafka (.+?)\n(?! )", README, re.M | re.S)
    found = {}
    for argument in shlex.split(command.replace("\\\n", " ")):
        source, key, value = argument.split("=", 2)
        found[key] = value if source == "--from-literal" else PASSWORDS[user]
    assert found["KAFKA_SASL_USERNAME"] == "retail"
    return found | {"KAFKA_SASL_USERNAME": user}


@pytest.fixture(scope="module")
def manifests(helm) -> tuple[Manifest, ...]:
    return render(helm, CASES["values-prod"], *SETS)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory, openssl) -> Path:
    """Give a file of a key and of its certificate, which is its own authority."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key, file = folder / "key.pem", folder / "server.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command = [str(openssl), "req", *options, *names, "-keyout", str(key), "-out", str(folder / "ca.crt")]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    file.write_text(key.read_text() + (folder / "ca.crt").read_text())
    return file


@pytest.fixture
def secured(kafka_server, certificate, monkeypatch) -> Iterator[tuple[str, str]]:
    """Give the addresses of a Kafka: one for anybody on this machine, one with TLS, log-ins and rights."""
    client, controller, inside = free_ports(3)
    monkeypatch.setattr(server, "free_ports", lambda _count: [client, controller])
    listeners = (
        f"PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller},SECURED://127.0.0.1:{inside}"
    )
    broker = kafka_server(
        {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL",
            "listener.name.secured.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.secured.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "listener.name.secured.ssl.keystore.type": "PEM",
            "listener.name.secured.ssl.keystore.location": str(certificate),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
    )
    admin = AdminClient({"bootstrap.servers": broker.address})
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    users = [UserScramCredentialUpsertion(user, scram, word.encode()) for user, word in PASSWORDS.items()]
    for future in admin.alter_user_scram_credentials(users).values():
        future.result(PATIENCE_S)
    for future in admin.create_acls(list(_rights())).values():
        future.result(PATIENCE_S)
    yield broker.address, f"127.0.0.1:{inside}"
    broker.stop()


def _rights() -> Iterator[AclBinding]:
    """Yield the rights that docs/deploy.md tells to give, row by row: `user`, kind, name, operations."""
    rows = re.findall(
        r"^\| `(retail[\w-]*)` \| (\w+)[^|]* \| `([\w-]*\*?)` \| (.+) \|$", DEPLOY, re.MULTILINE
    )
    assert {user for user, *_ in rows} == set(PASSWORDS)
    named = {name for _, kind, name, _ in rows if kind == "topic"}
    assert set(TOPICS) <= named, "a topic of which docs/deploy.md does not say who needs what rights"
    for user, kind, name, operations in rows:
        pattern = (
            ResourcePatternType.PREFIXED
            if name.endswith("*") and name != "*"
            else ResourcePatternType.LITERAL
        )
        for operation in re.findall(r"\w+", operations):
            yield AclBinding(
                ResourceType[_constant(kind)],
                name if name == "*" else name.rstrip("*"),
                pattern,
                f"User:{user}",
                "*",
                AclOperation[_constant(operation)],
                AclPermissionType.ALLOW,
            )


def _constant(name: str) -> str:
    """Return Kafka's name for one right as Python has it: DESCRIBE_CONFIGS for DescribeConfigs."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def test_production_values_raise_alerts_on_secured_servers(
    manifests, secured, certificate, tmp_path, tmp_path_factory
):
    anybody, inside = secured
    influx = InfluxWrites(certificate)
    authority = {"ca.crt": (certificate.parent / "ca.crt").read_text()}
    secrets = {
        "retail-kafka": _secret_of_the_readme("retail"),
        "retail-kafka-admin": _secret_of_the_readme("retail-admin"),
        "retail-kafka-ca": authority,
        "retail-influxdb": {"INFLUXDB_TOKEN": TOKEN},
        "retail-influxdb-ca": authority,
    }
    brokers = ",".join(f"kafka-{number}.example.com:9093" for number in (1, 2, 3))
    hosts = {brokers: inside, "influxdb.example.com:8086": influx.address}
    here = Host(make_image(tmp_path_factory.mktemp("source")), tmp_path, manifests, hosts, secrets)
    try:
        create, check = containers(pod(manifests, "Job", "topics"))
        # A process that is there before the topics says so and ends, for Kubernetes to start it again.
        (process,) = pod(manifests, "StatefulSet", "streamer")["containers"]
        assert "retail-streamer topics --create" in here.do("early", process, code=1)
        # Not by the streamers' own user, who may not.
        by_streamers = {**create, "envFrom": [{"secretRef": {"name": "retail-kafka"}}]}
        assert "authoriz" in here.do("refused", by_streamers, code=1).lower()
        assert "pos-events: created, 2 partitions" in here.do("topics", create)
        assert "fine" in here.do("topics", check)

        parts = {
            "streamer": "StatefulSet",
            "store-metrics": "StatefulSet",
            "triage": "StatefulSet",
            "sink": "Deployment",
        }
        for part, kind in parts.items():
            here.serve(part, pod(manifests, kind, part))
        for part, kind in parts.items():
            probe = pod(manifests, kind, part)["containers"][0]["readinessProbe"]
            here.until(partial(here.answers, part, probe), f"{part} is not ready")
        for name in ("topics", "ready", "sink"):
            here.do(f"test-{name}", pod(manifests, "Pod", f"test-{name}")["containers"][0])

        inject = runpy.run_path(str(ROOT / "helm" / "inject_incident.py"))["main"]
        assert inject(anybody) == 0
        here.ask("streamer", process, "lag", "--wait", "60")
        said = here.ask("streamer", process, "alerts")
        alerts = [json.loads(line) for line in said.splitlines()]
        types = {alert["type"] for alert in alerts}
        assert types == {"REFUND_WITHOUT_SALE", "REFUND_BURST", "SECURITY_CORRELATION"}
        ids = {alert["alertId"] for alert in alerts}
        here.until(partial(influx.holds, ids), f"{len(ids)} alerts are not all written")
        assert {part: here.stop(part) for part in parts} == dict.fromkeys(parts, 0)

        # A wrong password is said in a line that does not hold it.
        secrets["retail-kafka-admin"] |= {"KAFKA_SASL_PASSWORD": "wr0ng"}
        refused = here.do("refused", pod(manifests, "Pod", "test-topics")["containers"][0], code=1)
        assert "KAFKA_SASL_" in refused
        assert "wr0ng" not in refused
    finally:
        here.close()
        influx.close()
