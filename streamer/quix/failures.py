"""Errors of Quix Streams and Kafka, in words that an operator can act on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from quixstreams.checkpointing.exceptions import (
    CheckpointConsumerCommitError,
    CheckpointProducerTimeout,
    InvalidStoredOffset,
)
from quixstreams.error_callbacks import default_on_processing_error
from quixstreams.exceptions import PartitionAssignmentError, QuixException
from quixstreams.kafka.exceptions import KafkaBrokerUnavailableError, KafkaProducerDeliveryError
from quixstreams.models.topics.exceptions import (
    CreateTopicFailure,
    TopicConfigurationMismatch,
    TopicNotFoundError,
)
from quixstreams.state.exceptions import InvalidStoreChangelogOffset, StateRecoveryOffsetOutOfRange

from retail_anomaly.core.state_errors import StateFormatError
from streamer.errors import OvertakenError, StreamerError
from streamer.kafka.topic_watch import MADE_ANEW, PARTITIONS_CHANGED

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
        PARTITIONS_CHANGED,
    ),
    (CheckpointProducerTimeout, "is Kafka up? Start the streamer again: it goes on from its last commit"),
    (InvalidStoredOffset, f"a topic {MADE_ANEW}"),
    (
        InvalidStoreChangelogOffset,
        "the local state is ahead of Kafka, as after a restore of Kafka: delete the --state-dir, which "
        "the changelog then fills again",
    ),
    (
        StateRecoveryOffsetOutOfRange,
        "records expired before they were read: start with a new --consumer-group and --state-dir, "
        "and give the topics a longer retention",
    ),
)

# The broker's answers to a member or a transaction that it has given up.
_OVERTAKEN: Final = {
    KafkaError._FENCED,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.INVALID_PRODUCER_ID_MAPPING,
    KafkaError.INVALID_TXN_STATE,
    KafkaError.PRODUCER_FENCED,
    KafkaError.UNKNOWN_MEMBER_ID,
}


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors of Quix Streams and Kafka, and unreadable state, into a `StreamerError` with its cause.

    Examples
    --------
    >>> with explained():
    ...     raise TopicNotFoundError("no such topic")
    Traceback (most recent call last):
    streamer.errors.StreamerError: no such topic: create it with ...
    >>> with explained():
    ...     raise KafkaException(KafkaError(KafkaError.UNKNOWN_MEMBER_ID))
    Traceback (most recent call last):
    streamer.errors.OvertakenError: the group gave this process up (UNKNOWN_MEMBER_ID): ...
    >>> with explained():
    ...     raise CheckpointConsumerCommitError(KafkaError(KafkaError.ILLEGAL_GENERATION))
    Traceback (most recent call last):
    streamer.errors.OvertakenError: the group gave this process up (ILLEGAL_GENERATION): ...
    >>> with explained():
    ...     raise PartitionAssignmentError from KafkaException(KafkaError(KafkaError.NOT_COORDINATOR))
    Traceback (most recent call last):
    streamer.errors.StreamerError: Broker: Not coordinator: start the streamer again, it goes on from its ...
    """
    try:
        yield
    except StateFormatError as error:
        raise StreamerError(str(error)) from error
    except KafkaProducerDeliveryError as error:
        refused: KafkaError = error.args[0]
        advice = "start the streamer again, it goes on from its last commit"
        if refused.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            advice = "a topic's max.message.bytes was lowered meanwhile: raise it, or " + advice
        raise StreamerError(f"{refused.str()}: {advice}") from error
    except (KafkaException, CheckpointConsumerCommitError) as error:  # of a transaction, or of offsets
        raise _given_up(error.args[0]) from error
    except QuixException as error:
        if isinstance(error, PartitionAssignmentError) and isinstance(error.__cause__, KafkaException):
            raise _given_up(error.__cause__.args[0]) from error
        advice = next(
            (text for kind, text in _ADVICE if isinstance(error, kind)),
            "start the streamer again; if that does not help, --log-level debug shows more",
        )
        said = " ".join(str(error.__cause__ or error).split()).rstrip(".") or type(error).__name__
        raise StreamerError(f"{said}: {advice}") from error
    except Exception as error:
        # RocksDB's errors have no type of their own.
        if not str(error).startswith("IO error"):
            raise
        raise StreamerError(
            f"the local state can't be written ({' '.join(str(error).split())}): make room for --state-dir, "
            "then start the streamer again"
        ) from error


def _given_up(refusal: KafkaError) -> StreamerError:
    """Return the error of a process that Kafka refuses something without which it can't go on."""
    if refusal.code() in _OVERTAKEN:
        return OvertakenError(refusal.name())
    return StreamerError(f"{refusal.str()}: start the streamer again, it goes on from its last commit")


def on_processing_error(error: Exception, row: Any, logger: logging.Logger) -> bool:
    """Log a failure, unless `explained` says everything: this is Quix's callback of the same name.

    Examples
    --------
    >>> on_processing_error(StateFormatError("store-1", 9), None, None)
    False
    """
    return False if isinstance(error, StateFormatError) else default_on_processing_error(error, row, logger)
