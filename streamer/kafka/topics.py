"""Compare the topics with their plan, and create those that are missing."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from retail_anomaly.core.durations import Duration
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_admin import EmbeddedAdmin
from streamer.kafka.topic_plan import (
    STORE_METRICS,
    TIMESTAMPS,
    TOPICS,
    TopicPlan,
    TopicReport,
    count,
)

__all__ = ["STORE_METRICS", "TOPICS", "TopicPlan", "TopicReport", "check_topics", "ensure_topics"]

_log = structlog.stdlib.get_logger(__name__)
_TIMEOUT_S: Final = 10.0
_PAUSE_S: Final = 0.5
_DENIED: Final = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
_NOISE: Final = re.compile(r"^\S+/\w+: | \(after [^)]*\)")


def _admin_client(connection: Connection, said: list[str]) -> AdminClient:
    """Return a client that collects librdkafka's errors in `said`, not on standard error."""
    kind = EmbeddedAdmin if connection.embedded else AdminClient
    return kind(
        {
            **connection.properties(),
            "log_level": 0,
            "error_cb": lambda error: said.append(error.str()),
        }
    )


def check_topics(
    connection: Connection,
    plan: TopicPlan,
    names: Iterable[str] | None = None,
    *,
    create: bool = False,
    wait: float = 0.0,
) -> list[TopicReport]:
    """Compare topics with a plan, and create those that are missing if asked to.

    A topic that exists is never changed. An input topic gets as many partitions as the other input topics
    have: the events of a store meet in one place only if these numbers are equal.

    Parameters
    ----------
    connection
        The broker.
    plan
        The plan.
    names
        The topics' names in Kafka; by default those of all topics that are always there. One that is named
        twice counts once.
    create
        Create topics that are missing.
    wait
        Seconds to wait for a broker that does not answer and, without `create`, for a topic that is missing.

    Returns
    -------
    list of TopicReport
        In the order of `names`.

    Raises
    ------
    StreamerError
        The broker does not answer, or it refuses to create a topic.
    """
    # A process may read and write a topic; librdkafka can't read an answer about one that is asked for twice.
    names = tuple(dict.fromkeys(plan.names.all(TOPICS) if names is None else names))
    said: list[str] = []
    admin = _admin_client(connection, said)
    found = _wait_for_topics(admin, connection, said, () if create else names, wait)
    missing = [name for name in names if name not in found]
    if create and missing:
        _create(admin, connection, plan, {name: _usual_partitions(name, found, plan) for name in missing})
        found = _partitions(admin)
    configs = _configs(admin, [name for name in names if name in found])
    uneven = [together for together in plan.names.together if len(_numbers(together, names, found)) > 1]
    return [
        _compared(
            name,
            found[name],
            configs[name],
            plan,
            uneven=any(name in together for together in uneven),
            created=create and name in missing,
        )
        if name in found
        else TopicReport(name, None)
        for name in names
    ]


def ensure_topics(
    connection: Connection, plan: TopicPlan, names: Iterable[str] | None = None, *, create: bool
) -> list[TopicReport]:
    """Make sure that a streamer can start: the topics are there, and a store's events can meet.

    Parameters
    ----------
    connection, plan, names
        As for `check_topics`.
    create
        Create topics that are missing; False on a locked cluster.

    Returns
    -------
    list of TopicReport
        It names further differences, and so does the log; the streamer works with them.

    Raises
    ------
    StreamerError
        The broker does not answer, a topic is missing, or the input topics have unequal numbers of
        partitions.
    """
    reports = check_topics(connection, plan, names, create=create)
    if missing := [report.name for report in reports if report.partitions is None]:
        raise StreamerError(
            f"missing on {connection.broker}, or hidden from this user: {', '.join(missing)}; "
            f"create them with `retail-streamer topics --create --broker {connection.broker}`"
        )
    for together in plan.names.together:
        inputs = {r.name: r.partitions for r in reports if r.name in together}
        if len(set(inputs.values())) == 1 or not inputs:
            continue
        raise StreamerError(
            "the input topics must have equal numbers of partitions, so that a store's events meet: "
            + ", ".join(f"{name} has {number}" for name, number in inputs.items())
            + "; add partitions to the smaller ones before they hold events, or recreate them"
        )
    for report in reports:
        if report.created:
            _log.info("topic created", topic=report.name, partitions=report.partitions)
        if report.differences:
            _log.warning("topic differs", topic=report.name, differences=report.differences)
    if unchecked := {report.name: report.unchecked for report in reports if report.unchecked}:
        _log.warning("topics not checked", topics=list(unchecked), reason=next(iter(unchecked.values())))
    return reports


def _wait_for_topics(
    admin: AdminClient, connection: Connection, said: list[str], names: Iterable[str], seconds: float
) -> dict[str, int]:
    """Return the partitions of all topics once the broker answers and has the named ones, or time is up."""
    deadline = time.monotonic() + seconds
    while True:
        said.clear()
        try:
            found = _partitions(admin)
        except KafkaException as error:
            admin.poll(0)
            if time.monotonic() >= deadline:
                reason = said[0] if said else error.args[0].str()
                raise StreamerError(_unreachable(connection, reason)) from None
        else:
            if time.monotonic() >= deadline or all(name in found for name in names):
                return found
            time.sleep(_PAUSE_S)


def _usual_partitions(topic: str, found: Mapping[str, int], plan: TopicPlan) -> int:
    """Return how many partitions most of the topics have that are read together with this one."""
    together = next((names for names in plan.names.together if topic in names), ())
    inputs = Counter(found[name] for name in together if name in found)
    return inputs.most_common(1)[0][0] if inputs else plan.partitions


def _numbers(together: Iterable[str], names: Iterable[str], found: Mapping[str, int]) -> set[int]:
    return {found[name] for name in names if name in together and name in found}


def _compared(
    name: str,
    partitions: int,
    config: dict[str, str | None] | str,
    plan: TopicPlan,
    *,
    uneven: bool,
    created: bool,
) -> TopicReport:
    """Return the report on a topic; `config` is its configuration, or the reason why it is not known."""
    differences = []
    if partitions != plan.partitions:
        differences.append(f"{count(partitions)}, configured {plan.partitions}")
    if uneven:
        differences.append("the input topics must have equal numbers of partitions")
    if isinstance(config, str):
        return TopicReport(name, partitions, created, tuple(differences), unchecked=config)
    differences += [
        f"{key} is {_shown(key, config.get(key))}, configured {_shown(key, wanted)}"
        for key, wanted in plan.config(name).items()
        if config.get(key) != wanted
    ]
    stamped = config.get(TIMESTAMPS) == "LogAppendTime"
    return TopicReport(name, partitions, created, tuple(differences), stamped_at_append=stamped)


def _partitions(admin: AdminClient) -> dict[str, int]:
    # List all topics, never some by name: a request by name creates a topic if the broker is set to do so.
    listed = admin.list_topics(timeout=_TIMEOUT_S).topics
    return {name: len(topic.partitions) for name, topic in listed.items()}


def _unreachable(connection: Connection, reason: str) -> str:
    how = connection.security.get("security.protocol", "PLAINTEXT")
    # librdkafka adds its thread's name and timing.
    reason = _NOISE.sub("", " ".join(reason.split()))
    return (
        f"no Kafka answers at {connection.broker} over {how} ({reason}): is it running, is "
        "--broker right, and do KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_* and KAFKA_SSL_* fit its listener?"
    )


def _create(admin: AdminClient, connection: Connection, plan: TopicPlan, wanted: dict[str, int]) -> None:
    topics = [
        NewTopic(name, number, plan.replication_factor, config=plan.config(name))
        for name, number in wanted.items()
    ]
    for name, future in admin.create_topics(topics, request_timeout=_TIMEOUT_S).items():
        try:
            future.result(timeout=2 * _TIMEOUT_S)
        except KafkaException as error:
            _refused(name, plan, connection, error.args[0])
    deadline = time.monotonic() + _TIMEOUT_S
    while unseen := set(wanted) - set(_partitions(admin)):
        if time.monotonic() > deadline:
            raise StreamerError(
                f"created, but {connection.broker} does not list them yet: {', '.join(sorted(unseen))}; "
                "try again"
            )
        time.sleep(0.05)


def _refused(name: str, plan: TopicPlan, connection: Connection, error: KafkaError) -> None:
    if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
        return  # Another streamer was quicker.
    advice = "correct that and try again"
    if error.code() in _DENIED:
        advice = (
            "ask whoever may create topics to run "
            f"`retail-streamer topics --create --broker {connection.broker}`"
        )
    elif error.code() == KafkaError.INVALID_REPLICATION_FACTOR:
        advice = f"choose a --replication-factor below {plan.replication_factor}"
    elif error.code() == KafkaError._TIMED_OUT and not connection.embedded:
        # Librdkafka's mock cluster has no controller.
        advice = "is it `retail-streamer broker`? Then add --embedded-broker; else try again"
    raise StreamerError(f"{name} can't be created ({error.str()}): {advice}")


def _configs(admin: AdminClient, names: list[str]) -> dict[str, dict[str, str | None] | str]:
    """Return the configuration of each topic, or the reason why it could not be read."""
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    configs: dict[str, dict[str, str | None] | str] = {}
    for resource, future in admin.describe_configs(resources, request_timeout=_TIMEOUT_S).items():
        try:
            entries: dict[str, Any] = future.result(timeout=2 * _TIMEOUT_S)
            configs[resource.name] = {key: entry.value for key, entry in entries.items()}
        except KafkaException as error:
            denied = error.args[0].code() in _DENIED
            why = "no permission to describe it" if denied else error.args[0].str()
            configs[resource.name] = f"{why}: cleanup.policy, retention.ms and {TIMESTAMPS} not checked"
    return configs


def _shown(key: str, value: str | None) -> str:
    if value is None:
        return "not set"
    if key == "retention.ms":
        return "without limit" if value == "-1" else f"{value} ({Duration(int(value))})"
    return value
