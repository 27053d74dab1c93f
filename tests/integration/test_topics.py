"""`retail-streamer topics` on a real Kafka: creates, compares, and copes with locked clusters."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)
from quixstreams.models import TopicManager

from retail_anomaly.core.events import INPUT_TOPICS, POS_EVENTS, SECURITY_EVENTS
from retail_anomaly.settings import Settings, load
from streamer.cli import main
from streamer.detection.app import detection_process
from streamer.detection.returns_app import returns_process
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection, resolve
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.kafka.topics import TOPICS, TopicPlan, check_topics, ensure_topics
from streamer.notify.notify_app import notify_process
from streamer.process import build
from streamer.quix.topic_manager import topic_manager
from streamer.store_metrics import store_metrics_process
from streamer.triage_app import triage_process
from tests.kafka import create_topics, server
from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE_S

DAY = 86_400_000
PLAN = TopicPlan(3, 1, 3650 * DAY)


@pytest.fixture(scope="module")
def own_broker(kafka_server):
    broker = kafka_server()
    yield broker.address
    broker.stop()


@pytest.fixture
def fresh(own_broker):
    """Give the address of a broker without topics."""
    yield own_broker
    admin = AdminClient({"bootstrap.servers": own_broker})
    names = list(admin.list_topics(timeout=PATIENCE_S).topics)
    for future in admin.delete_topics(names).values() if names else ():
        future.result(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while admin.list_topics(timeout=PATIENCE_S).topics:
        assert time.monotonic() < deadline, "the topics are still there"


@pytest.fixture
def embedded():
    with EmbeddedBroker() as broker:
        yield Connection(broker.address, embedded=True)


def _configs(address: str, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    admin = AdminClient({"bootstrap.servers": address})
    return {k: e.value for k, e in admin.describe_configs([resource])[resource].result(PATIENCE_S).items()}


def test_command_creates_then_finds_everything_fine(fresh, capsys):
    assert main(["topics", "--broker", fresh]) == 1
    said = capsys.readouterr().out
    assert "pos-events: missing" in said
    assert f"retail-streamer topics --create --broker {fresh}" in said

    assert main(["topics", "--create", "--broker", fresh, "--partitions", "3"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name}: created, 3 partitions" for name in TOPICS]

    assert main(["topics", "--broker", fresh, "--partitions", "3"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name}: fine, 3 partitions" for name in TOPICS]

    config = _configs(fresh, POS_EVENTS)
    assert config["cleanup.policy"] == "delete"
    assert config["retention.ms"] == str(3650 * DAY)
    assert config["message.timestamp.type"] == "CreateTime"

    # A second creation changes nothing and does not fail, whatever else is wished.
    assert main(["topics", "--create", "--broker", fresh, "--partitions", "5"]) == 0
    assert "pos-events: differs: 3 partitions, configured 5" in capsys.readouterr().out


def test_what_differs_is_said_in_one_line_each(fresh):
    compact = {"cleanup.policy": "compact", "retention.ms": str(7 * DAY)}
    create_topics(fresh, [POS_EVENTS], 3, compact | {"message.timestamp.type": "LogAppendTime"})
    create_topics(fresh, [SECURITY_EVENTS], 4)
    connection = Connection(fresh)
    with pytest.raises(StreamerError, match="pos-events has 3, security-events has 4"):
        ensure_topics(connection, PLAN, (POS_EVENTS, SECURITY_EVENTS), create=False)
    reports = {report.name: report for report in check_topics(connection, PLAN)}

    pos = reports[POS_EVENTS]
    assert pos.stamped_at_append
    assert str(pos) == (
        "pos-events: differs: the input topics must have equal numbers of partitions; "
        "cleanup.policy is compact, configured delete; "
        "retention.ms is 604800000 (7d), configured 315360000000 (3650d); "
        "message.timestamp.type is LogAppendTime, configured CreateTime"
    )
    assert "4 partitions, configured 3" in str(reports[SECURITY_EVENTS])
    assert "retention.ms is without limit" in str(reports[SECURITY_EVENTS])
    assert not reports["staff-shifts"].fine


def test_missing_input_topics_get_the_partitions_of_the_others(fresh):
    create_topics(fresh, [POS_EVENTS], 5)
    reports = ensure_topics(Connection(fresh), PLAN, create=True)
    counts = {report.name: report.partitions for report in reports}
    assert {counts[name] for name in INPUT_TOPICS} == {5}
    assert counts["anomaly-alerts"] == 3


@pytest.mark.parametrize("declare", [returns_process, lambda settings: notify_process(settings, None)])
def test_topic_that_a_process_reads_and_writes_is_checked_as_any_other(fresh, declare):
    # Asked about one topic twice, librdkafka can't read the broker's answer about any.
    process = declare(Settings())
    assert {*process.inputs} & {*process.outputs}
    reports = check_topics(Connection(fresh), PLAN, (*process.inputs, *process.outputs), create=True)
    assert [report.name for report in reports] == list(dict.fromkeys([*process.inputs, *process.outputs]))
    assert [report.unchecked for report in reports if report.unchecked] == []


def test_waits_for_a_broker_and_for_topics_that_others_make(kafka_server):
    broker = kafka_server()
    address = broker.address
    broker.stop()
    with ThreadPoolExecutor() as pool:
        created = pool.submit(check_topics, Connection(address), PLAN, create=True, wait=PATIENCE_S)
        checked = pool.submit(check_topics, Connection(address), PLAN, wait=PATIENCE_S)
        with pytest.raises(StreamerError, match="no Kafka answers"):
            check_topics(Connection(address), PLAN, create=True)
        assert not created.done()
        broker.start()
        assert all(report.created for report in created.result(PATIENCE_S))
        assert all(report.fine for report in checked.result(PATIENCE_S))
    broker.stop()


def test_without_creation_a_missing_topic_is_named_with_the_command(fresh):
    create_topics(fresh, [name for name in TOPICS if name != "staff-shifts"], 3)
    with pytest.raises(StreamerError) as raised:
        ensure_topics(Connection(fresh), PLAN, create=False)
    assert "staff-shifts" in str(raised.value)
    assert f"retail-streamer topics --create --broker {fresh}" in str(raised.value)


def test_too_many_copies_is_an_error_that_says_which_option(fresh):
    with pytest.raises(StreamerError, match="--replication-factor below 3"):
        check_topics(Connection(fresh), TopicPlan(3, 3, DAY), create=True)


def test_locked_cluster_is_checked_as_far_as_permitted(kafka_server, capsys):
    broker = kafka_server(
        {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
        }
    )
    try:
        create_topics(broker.address, TOPICS, 3)
        admin = AdminClient({"bootstrap.servers": broker.address})
        acls = [
            _acl(ResourceType.BROKER, "kafka-cluster", AclOperation.ALL, AclPermissionType.ALLOW),
            _acl(ResourceType.BROKER, "kafka-cluster", AclOperation.CREATE, AclPermissionType.DENY),
            # An ACL on a resource takes everyone else's rights to it: first allow all that is not denied.
            _acl(ResourceType.TOPIC, "*", AclOperation.ALL, AclPermissionType.ALLOW),
            _acl(ResourceType.TOPIC, "*", AclOperation.DESCRIBE_CONFIGS, AclPermissionType.DENY),
            _acl(ResourceType.TOPIC, "*", AclOperation.CREATE, AclPermissionType.DENY),
        ]
        for future in admin.create_acls(acls).values():
            future.result(PATIENCE_S)
        # The controller has them, the broker hears of them a moment later.
        deadline = time.monotonic() + PATIENCE_S
        while all(report.unchecked is None for report in check_topics(Connection(broker.address), PLAN)):
            assert time.monotonic() < deadline, "the broker does not heed the ACLs"

        assert main(["topics", "--broker", broker.address, "--partitions", "3"]) == 0
        said = capsys.readouterr().out
        assert "pos-events: fine, 3 partitions (no permission to describe it" in said
        ensure_topics(Connection(broker.address), PLAN, create=False)

        manager = _manager(Connection(broker.address))
        assert manager.topic(POS_EVENTS).broker_config.num_partitions == 3

        for future in admin.delete_topics(["dead-letters"]).values():
            future.result(PATIENCE_S)
        with pytest.raises(StreamerError, match="ask whoever may create topics"):
            check_topics(Connection(broker.address), PLAN, create=True)
    finally:
        broker.stop()


def _acl(kind: ResourceType, name: str, operation: AclOperation, permission: AclPermissionType) -> AclBinding:
    pattern = ResourcePatternType.LITERAL
    return AclBinding(kind, name, pattern, "User:ANONYMOUS", "*", operation, permission)


def _manager(connection: Connection) -> TopicManager:
    manager = topic_manager(connection, "some-group", create=False)
    assert manager is not None
    return manager


def test_password_from_the_environment_opens_a_sasl_listener(kafka_server, monkeypatch, capsys):
    client, controller, secured = free_ports(3)
    monkeypatch.setattr(server, "free_ports", lambda _count: [client, controller])
    listeners = (
        f"PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller},SECURED://127.0.0.1:{secured}"
    )
    jaas = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        'username="streamer" password="s3cret" user_streamer="s3cret";'
    )
    broker = kafka_server(
        {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            "SECURED:SASL_PLAINTEXT",
            "listener.name.secured.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.secured.plain.sasl.jaas.config": jaas,
        }
    )
    try:
        for name in [name for name in os.environ if name.startswith(("KAFKA_SASL", "KAFKA_SSL"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
        monkeypatch.setenv("KAFKA_SASL_MECHANISM", "PLAIN")
        monkeypatch.setenv("KAFKA_SASL_USERNAME", "streamer")
        monkeypatch.setenv("KAFKA_SASL_PASSWORD", "s3cret")
        address = f"127.0.0.1:{secured}"
        assert main(["topics", "--create", "--broker", address, "--partitions", "2"]) == 0

        # Quix's own client is let in too.
        manager = _manager(resolve(address, os.environ, named=True))
        assert manager.topic(POS_EVENTS).broker_config.num_partitions == 2

        monkeypatch.setenv("KAFKA_SASL_PASSWORD", "wr0ng")
        capsys.readouterr()
        assert main(["topics", "--broker", address]) == 1
        said = capsys.readouterr()
        assert "Authentication failed" in said.err
        assert "KAFKA_SASL_" in said.err
        assert "wr0ng" not in said.out + said.err
        assert len(said.err.splitlines()) == 1
    finally:
        broker.stop()


def test_embedded_broker_is_served_by_the_same_command(embedded, capsys):
    options = ["--broker", embedded.broker, "--embedded-broker", "--partitions", "8"]
    assert main(["topics", "--create", *options]) == 0
    assert main(["topics", "--check", *options]) == 0
    assert "pos-events: fine, 8 partitions" in capsys.readouterr().out
    assert ensure_topics(embedded, TopicPlan(8, 1, 3650 * DAY), create=False)[0].fine


def test_an_embedded_broker_taken_for_a_kafka_is_suspected(embedded):
    with pytest.raises(StreamerError, match=r"is it `retail-streamer broker`\? Then add --embedded-broker"):
        check_topics(Connection(embedded.broker), PLAN, create=True)


def test_topics_that_were_not_created_here_are_left_alone(fresh):
    create_topics(fresh, ["other"])
    reports = check_topics(Connection(fresh), PLAN, create=True)
    assert [report.name for report in reports] == list(TOPICS)


def test_topics_of_the_state_can_be_made_beforehand(embedded, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("RETAIL__STREAMER__STATE_DIR", str(tmp_path))
    options = ["--broker", embedded.broker, "--embedded-broker"]
    assert main(["topics", "--create", *options, "--partitions", "2"]) == 0

    # Where a streamer may not create topics, it says which one of its own is missing.
    monkeypatch.setenv("RETAIL__STREAMER__MANAGE_TOPICS", "false")
    capsys.readouterr()
    command = [sys.executable, "-m", "streamer.cli", "metrics", *options]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert "changelog__retail-anomaly-metrics" in said
    assert "retail-streamer topics --create --internal" in said

    assert main(["topics", "--create", "--internal", *options, "--partitions", "2"]) == 0
    made = [line for line in capsys.readouterr().out.splitlines() if line.startswith("changelog__")]
    assert len(made) == 3
    settings = load().settings
    for process in (
        detection_process(settings),
        store_metrics_process(settings),
        triage_process(settings),
    ):
        build(process, embedded, create_topics=False)
