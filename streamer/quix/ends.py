"""The ends of a pipeline: the topic that a dataframe reads, and values of one kind on their way to theirs."""

from collections.abc import Callable
from typing import Any, Final

from quixstreams.dataframe import StreamingDataFrame
from quixstreams.models import Topic

from retail_anomaly.core.invalid import DeadLetter

_KEY_CHARACTERS: Final = 1_024


def name_of(raw: StreamingDataFrame) -> str:
    """Return the name in Kafka of a dataframe's topic."""
    (topic,) = raw.topics
    return str(topic.name)


def send(sdf: StreamingDataFrame, kind: type, topic: Topic, key: Callable[[Any], bytes | None]) -> None:
    """Send the values of one kind to a topic.

    Parameters
    ----------
    sdf
        The dataframe.
    kind
        Values of this class go to the topic.
    topic
        Encodes the values itself (`streamer.quix.application.encoding_topic`).
    key
        Gives the key of a value's record.
    """
    sdf.filter(lambda value: isinstance(value, kind)).to_topic(topic, key=key)


def short_key(letter: DeadLetter) -> bytes | None:
    """Return a dead letter's key, unless it is too long to be a store's.

    Examples
    --------
    >>> from retail_anomaly.core.invalid import InvalidEvent
    >>> short_key(DeadLetter.of(b"", InvalidEvent(None, "no JSON"), topic="t", key=b"store-1"))
    b'store-1'
    """
    return None if letter.key is None or len(letter.key) > _KEY_CHARACTERS else letter.key.encode()


def writable(sdf: StreamingDataFrame, clock: Callable[[], int]) -> StreamingDataFrame:
    """Leave out of a record what could keep its results from being written.

    Headers may be as large as a value. Kafka refuses a timestamp more than an hour ahead, unless a topic is
    set to take it.

    Parameters
    ----------
    sdf
        The dataframe.
    clock
        Gives the time of day in epoch milliseconds: no result is stamped later.
    """

    def timestamp(_value: object, _key: object, timestamp: int, _headers: object) -> int:
        return min(timestamp, clock())

    return sdf.set_headers(_no_headers).set_timestamp(timestamp)


def _no_headers(*_: object) -> list[tuple[str, bytes]]:
    return []
