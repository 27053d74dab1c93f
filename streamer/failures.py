"""What Quix Streams raises, in words that an operator can act on."""

from collections.abc import Iterator
from contextlib import contextmanager

from quixstreams.exceptions import QuixException
from quixstreams.kafka.exceptions import KafkaBrokerUnavailableError
from quixstreams.models.topics.exceptions import (
    CreateTopicFailure,
    TopicConfigurationMismatch,
    TopicNotFoundError,
)
from quixstreams.state.exceptions import StateRecoveryOffsetOutOfRange

from streamer.errors import StreamerError

_ADVICE: tuple[tuple[type[QuixException], str], ...] = (
    (KafkaBrokerUnavailableError, "is Kafka up? Start the streamer again: it goes on where it stopped"),
    (
        TopicNotFoundError,
        "create it with `retail-streamer topics --create --internal`, with the streamer's own options",
    ),
    (
        CreateTopicFailure,
        "let someone who may create topics run `retail-streamer topics --create --internal`",
    ),
    (
        TopicConfigurationMismatch,
        "the number of partitions was changed under stored state: start with a new --consumer-group "
        "and --state-dir, which reads the topics from their beginning",
    ),
    (
        StateRecoveryOffsetOutOfRange,
        "records expired before they were read: start with a new --consumer-group and --state-dir, "
        "and give the topics a longer retention",
    ),
)


@contextmanager
def explained() -> Iterator[None]:
    """Turn what Quix Streams raises into a `StreamerError`; its cause stays attached.

    Examples
    --------
    >>> with explained():
    ...     raise TopicNotFoundError("no such topic")
    Traceback (most recent call last):
    streamer.errors.StreamerError: no such topic: create it with ...
    """
    try:
        yield
    except QuixException as error:
        advice = next(
            (text for kind, text in _ADVICE if isinstance(error, kind)),
            "start the streamer again; if that does not help, --log-level debug shows more",
        )
        said = " ".join(str(error.__cause__ or error).split()).rstrip(".") or type(error).__name__
        raise StreamerError(f"{said}: {advice}") from error
