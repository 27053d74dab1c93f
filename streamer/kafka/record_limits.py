"""The largest record that each output topic takes, and values made to fit.

Kafka refuses a record that is larger than its topic allows, and a process that can't write its results can't
go on. So nothing is produced that may be refused: a dead letter goes without its value, an alert with a
shorter message and shorter lists in its evidence, a case with its newest alerts, state in parts
(`streamer.detection.record_parts`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from msgspec import structs

from retail_anomaly.cases import Case
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.invalid import DeadLetter
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection

USUAL: Final = 1_000_000
"""Bytes. The limit of a topic whose own is not known: Kafka's default is a little more."""
SMALLEST: Final = 65_536
"""Bytes. An alert with long ids needs this much."""

_TOPIC: Final = "max.message.bytes"
_BROKER: Final = "message.max.bytes"
# Around a value: a key with a store id of 1,024 characters, Kafka's framing, Quix's headers of a change.
_AROUND: Final = 8_192
_CLIENT_MOST: Final = 1_000_000_000  # librdkafka's largest
_TEXT: Final = 1_000
_LISTS: Final = (1_000, 300, 100, 30, 10, 1, 0)
_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True)
class RecordLimits:
    """The largest record of the topics that a process writes to.

    Parameters
    ----------
    by_topic
        Bytes by topic; a topic that is not named has the usual limit.

    Examples
    --------
    >>> limits = RecordLimits({"dead-letters": 200_000})
    >>> limits.value_bytes("dead-letters"), limits.value_bytes("anomaly-alerts")
    (191808, 991808)
    >>> limits.producer()
    {'message.max.bytes': 1000000, 'batch.size': 200000}
    """

    by_topic: Mapping[str, int] = field(default_factory=dict)

    def value_bytes(self, topic: str) -> int:
        """Return how many bytes a value may have in a topic, beside the longest key."""
        return self.by_topic.get(topic, USUAL) - _AROUND

    @property
    def internal_bytes(self) -> int:
        """How many bytes a value may have in the topics that Quix makes: changelogs and repartitions."""
        internal = [most for name, most in self.by_topic.items() if _is_internal(name)]
        return min([USUAL, *internal]) - _AROUND

    def producer(self) -> dict[str, int]:
        """Return the settings of a producer for these topics."""
        known = self.by_topic.values()
        # A batch is one record to the broker's check. The largest record may be larger: it goes alone.
        return {
            "message.max.bytes": min(max([USUAL, *known]), _CLIENT_MOST),
            "batch.size": min([USUAL, *known]),
        }


def record_limits(connection: Connection, outputs: Iterable[str], group: str) -> RecordLimits:
    """Ask the broker for the limits of a process's output topics.

    Parameters
    ----------
    connection
        The broker. On Quix Cloud and on the embedded broker every limit is the usual one.
    outputs
        Names of topics.
    group
        The consumer group; the topics that hold its state are output as well.

    Raises
    ------
    StreamerError
        A topic takes records that are too small for an alert.
    """
    if connection.broker is None or connection.embedded:
        return RecordLimits()
    admin = AdminClient({**connection.properties(), "log_level": 0})
    listed = admin.list_topics(timeout=_TIMEOUT_S)
    internal = [f"{kind}__{group}--" for kind in _INTERNAL]
    names = [name for name in listed.topics if name in set(outputs) or name.startswith(tuple(internal))]
    limits = _asked(admin, ResourceType.TOPIC, names, _TOPIC)
    # A topic that is yet to be made gets the broker's default.
    for number in _asked(admin, ResourceType.BROKER, [str(next(iter(listed.brokers), 1))], _BROKER).values():
        limits |= {f"{name}*": number for name in internal}
    for name, most in limits.items():
        if most < SMALLEST:
            raise StreamerError(
                f"topic {name} takes records of at most {most} bytes: set its {_TOPIC} to {SMALLEST} or more"
            )
    return RecordLimits(limits)


def encoded_within(value: object, most: int) -> bytes:
    """Write a dead letter, an alert, a case or a score as JSON of at most so many bytes.

    Parameters
    ----------
    value
        A dead letter that is too large goes without its value, and without its key if that does not suffice;
        its place says where the record stands. Of an alert the lists in the evidence are cut, and the
        evidence has ``shortened``. A case goes with its newest alerts and actions, and has ``shortened``.
        Anything else is short.
    most
        Bytes.

    Examples
    --------
    >>> from retail_anomaly.core.invalid import InvalidEvent
    >>> letter = DeadLetter.of(b"x" * 900, InvalidEvent(None, "no JSON"), topic="pos-events", offset=7)
    >>> encoded_within(letter, 500)[-24:]
    b'"key":null,"value":null}'
    """
    written = encode(value)
    if len(written) <= most:
        return written
    for shorter in _shorter(value):
        written = encode(shorter)
        if len(written) <= most:
            break
    return written


_INTERNAL: Final = ("changelog", "repartition")


def _is_internal(name: str) -> bool:
    return name.startswith(tuple(f"{kind}__" for kind in _INTERNAL))


def _asked(admin: AdminClient, kind: ResourceType, names: list[str], key: str) -> dict[str, int]:
    """Return a setting by resource, of those that the broker describes to this user."""
    found: dict[str, int] = {}
    resources = [ConfigResource(kind, name) for name in names]
    described = admin.describe_configs(resources, request_timeout=_TIMEOUT_S) if resources else {}
    for resource, future in described.items():
        try:
            entries: dict[str, Any] = future.result(timeout=2 * _TIMEOUT_S)
        except KafkaException:  # not permitted
            continue
        if key in entries:
            found[resource.name] = int(entries[key].value)
    return found


def _shorter(value: object) -> Iterator[object]:
    if isinstance(value, DeadLetter):
        value = structs.replace(value, value=None)
        yield value
        field = value.field and value.field[:_TEXT]
        yield structs.replace(value, reason=value.reason[:_TEXT], field=field, key=None)
    elif isinstance(value, Alert):
        for most in _LISTS:
            evidence = {name: _cut(each, most) for name, each in value.evidence.items()}
            evidence["shortened"] = True
            yield structs.replace(value, message=value.message[:_TEXT], evidence=evidence)
    elif isinstance(value, Case):
        for most in _LISTS:
            alerts = [
                structs.replace(each, message=each.message[:_TEXT], transaction_ids=())
                for each in value.alerts[-max(most, 1) :]
            ]
            actions = value.actions[len(value.actions) - most :] if most else ()
            yield structs.replace(value, alerts=tuple(alerts), actions=actions, shortened=True)


def _cut(value: Any, most: int) -> Any:
    return value[:most] if isinstance(value, list | tuple) else value
