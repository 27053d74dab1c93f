"""Find out how much of a simulation is in the topics already, so that a second run goes on after it."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, NamedTuple, Self

import msgspec

from data_gen.kafka import CONNECT_TIMEOUT_S, BrokerError
from data_gen.simulate import Simulation
from retail_anomaly.core.events import INPUT_TOPICS

HEADER: Final = "retail-datagen"
"""The header of every record that says which world it belongs to."""
# Other producers may have written after us: records of each partition that are looked at.
_LOOK_BACK: Final = 50


class SentWorld(msgspec.Struct, frozen=True):
    """Which world a record belongs to.

    Examples
    --------
    >>> world = SentWorld.of(Simulation(stores=2))
    >>> world
    SentWorld(start=datetime.date(2025, 3, 3), stores=2, seed=7)
    >>> SentWorld.read(world.header[1]) == world
    True
    """

    start: date
    stores: int
    seed: int

    @classmethod
    def of(cls, simulation: Simulation) -> Self:
        """Return the world of a simulation."""
        return cls(simulation.start, simulation.stores, simulation.seed)

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """Read the value of a header."""
        return msgspec.json.decode(raw, type=cls)

    @property
    def header(self) -> tuple[str, bytes]:
        """Name and value of the header."""
        return HEADER, msgspec.json.encode(self)


class Sent(NamedTuple):
    """The newest record that `retail-datagen` has sent: its timestamp (epoch ms), and its world."""

    until: int
    world: SentWorld


def go_on(simulation: Simulation, sent: Sent, *, any_start: bool) -> None:
    """Let a simulation begin where the world in the topics began; it ends on the same day as before.

    Parameters
    ----------
    any_start
        Whether it may begin on another day than it would by itself.

    Raises
    ------
    BrokerError
        The topics hold another world.

    Examples
    --------
    >>> simulation = Simulation(start=date(2026, 1, 8), days=2)
    >>> go_on(simulation, Sent(0, SentWorld(date(2026, 1, 5), 3, 7)), any_start=True)
    >>> simulation.start, simulation.days
    (datetime.date(2026, 1, 5), 5)
    """
    theirs, ours = sent.world, SentWorld.of(simulation)
    if theirs != (msgspec.structs.replace(ours, start=theirs.start) if any_start else ours):
        raise BrokerError(
            f"the topics hold another world (--start {theirs.start} --stores {theirs.stores} --seed "
            f"{theirs.seed}): ask for the same one, or make the topics anew"
        )
    simulation.days += (ours.start - theirs.start).days
    simulation.start = theirs.start


def newest_sent(broker: str, *, properties: Mapping[str, str] | None = None, prefix: str = "") -> Sent | None:
    """Return what was sent last; None if the newest records of the topics come from others.

    Parameters
    ----------
    broker, properties, prefix
        As for `data_gen.kafka.connect`, which has made sure that the topics are there.

    Raises
    ------
    BrokerError
        The broker stopped answering.
    """
    import confluent_kafka  # Here: files are written without the extra.

    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": "never-joined",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
            **(properties or {}),
        }
    )
    try:
        return max(_read(consumer, prefix), default=None, key=lambda sent: sent.until)
    except confluent_kafka.KafkaException as error:
        raise BrokerError(f"can't read how far an earlier run came: {error.args[0].str()}") from None
    finally:
        consumer.close()


def _read(consumer: Any, prefix: str) -> list[Sent]:
    from confluent_kafka import TopicPartition

    known = consumer.list_topics(timeout=CONNECT_TIMEOUT_S).topics
    places = []
    for topic in (prefix + name for name in INPUT_TOPICS):
        for number in known[topic].partitions:
            low, high = consumer.get_watermark_offsets(
                TopicPartition(topic, number), timeout=CONNECT_TIMEOUT_S
            )
            if high > low:
                places.append(TopicPartition(topic, number, max(low, high - _LOOK_BACK)))
    found: list[Sent] = []
    consumer.assign(places)
    unread = len(places)
    while unread:
        message = consumer.poll(CONNECT_TIMEOUT_S)
        if message is None:
            raise BrokerError("can't read how far an earlier run came: the broker does not answer")
        if message.error() is not None:  # the end of a partition
            unread -= 1
            continue
        found += [
            Sent(message.timestamp()[1], SentWorld.read(value))
            for name, value in message.headers() or ()
            if name == HEADER
        ]
    return found
