"""Partitions are taken over, held and lost without harm: a process commits only what is its own.

A process that slept, on a paused machine say, longer than `session_timeout` has lost its partitions without
knowing. Quix Streams 3.28 would still commit its open checkpoint on waking:

- after the loss was noticed, the offsets alone, for the state went with the partitions: a gap in the memory;
- before it is noticed, the outdated state, which lands in the changelog behind the new owner's.
"""

import threading
import time
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from quixstreams import Application
from quixstreams.processing import ProcessingContext
from quixstreams.state.rocksdb import RocksDBOpenAborted

from streamer.errors import OvertakenError
from streamer.quix.aligned import AlignedBuffer
from streamer.quix.commit_step import InCommit

_RETRY_SECONDS: Final = 0.2
# The broker is away or has only just come back: no answer yet whether we are still a member.
_NO_ANSWER: Final = {
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._TRANSPORT,
    KafkaError._WAIT_COORD,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.REQUEST_TIMED_OUT,
}


class OwningApplication(Application):
    """An application that commits only while its partitions are its own, and ends when it can't take them over."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._refused: Exception | None = None
        self._consumer._buffer = AlignedBuffer(self._consumer._max_partition_buffer_size)
        if not self.config.exactly_once:  # there the broker refuses the whole transaction
            self._processing_context.sink_manager.register(Membership(self._processing_context))

    def _setup_signal_handlers(self) -> None:
        # Signals belong to the main thread: another one, as in a notebook, calls `stop` instead.
        if threading.current_thread() is threading.main_thread():
            super()._setup_signal_handlers()  # type: ignore[no-untyped-call]

    def run(self, *arguments: Any, **options: Any) -> list[dict[str, Any]]:
        """Run until stopped; raise what kept a partition from being taken over."""
        try:
            outputs: list[dict[str, Any]] = super().run(*arguments, **options)
        finally:
            # First: what else went wrong came of going on for a moment without the partition.
            if self._refused is not None:
                raise self._refused from None
        return outputs

    def _on_assign(self, consumer: Any, topic_partitions: list[TopicPartition]) -> None:
        # Raised through librdkafka's callback, an error would let the consumer hang when it is closed.
        try:
            self._take_over(consumer, topic_partitions)
        except RocksDBOpenAborted:
            self.stop()
        except Exception as error:  # noqa: BLE001 - raised again at the end of `run`
            self._refused = error
            self.stop(fail=True)

    def _take_over(self, consumer: Any, topic_partitions: list[TopicPartition]) -> None:
        super()._on_assign(consumer, topic_partitions)

    def _on_lost(self, consumer: Any, topic_partitions: list[TopicPartition]) -> None:
        super()._on_lost(consumer, topic_partitions)
        self._processing_context.checkpoint.close(revoking=True)
        self._processing_context.init_checkpoint()  # type: ignore[no-untyped-call]


class Membership(InCommit):
    """Asks the group, before anything of a checkpoint is written, whether this process is still in it.

    Parameters
    ----------
    context
        Has the consumer and the open checkpoint.
    """

    def __init__(self, context: ProcessingContext) -> None:
        super().__init__()
        self._context = context

    def flush(self) -> None:
        """Commit the offsets that are committed already, which only a member may.

        Raises
        ------
        OvertakenError
            The group gave this process up.
        """
        begun = self._context.checkpoint._starting_tp_offsets
        offsets = [TopicPartition(topic, number, offset) for (topic, number), offset in begun.items()]
        while offsets and (error := self._refusal(offsets)) is not None:
            if error.code() not in _NO_ANSWER:
                raise OvertakenError(error.str())
            time.sleep(_RETRY_SECONDS)

    def _refusal(self, offsets: list[TopicPartition]) -> KafkaError | None:
        consumer = self._context.consumer
        # Who has lost the membership commits as nobody, and that a group without members accepts.
        if not consumer.memberid():
            return KafkaError(KafkaError.UNKNOWN_MEMBER_ID)
        try:
            committed = consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            refusal: KafkaError = error.args[0]
            return refusal
        return next((part.error for part in committed or () if part.error), None)
