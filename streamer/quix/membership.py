"""A process commits only while it is a member of its consumer group.

A process that slept longer than `session_timeout`, on a paused machine for example, has lost its partitions
without knowing. Quix Streams 3.28 would still commit the open checkpoint when the process wakes up:

- Once the loss is noticed, it commits the offsets without the state, because the state went with the
  partitions. The memory then has a gap.
- Before the loss is noticed, it also writes the outdated state. That lands in the changelog behind the
  state of the new owner.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from quixstreams import Application
from quixstreams.error_callbacks import default_on_consumer_error
from quixstreams.processing import ProcessingContext
from quixstreams.state.rocksdb import RocksDBOpenAborted

from streamer.errors import OvertakenError, StreamerError
from streamer.kafka.commit_notes import BEGUN, Committed
from streamer.quix.checkpoints import Observe, time_checkpoints
from streamer.quix.commit_step import CommitStep
from streamer.quix.lasting_stop import LastingStop
from streamer.quix.member_consumer import MemberConsumer
from streamer.quix.passed_over import leave_unmarked
from streamer.quix.record_runs import BeginRun, RecordRuns
from streamer.quix.results_first import ResultsFirst
from streamer.quix.watermarks import at_hand, watermarks

_RETRY_SECONDS: Final = 0.2
_REQUEST_SECONDS: Final = 30.0
# The broker is away or has only just come back: it can't say yet whether this process is still a member.
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


TakeOverCheck = Callable[[int, Mapping[str, Committed]], None]
"""Is given a partition and by topic the group's offset, and raises an error if it can't be processed."""


class MemberApplication(Application):
    """An application that commits only as a member of its group; it ends if it can't take a partition."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, on_consumer_error=self._consumer_failed, **options)
        self._run_tracker = LastingStop()
        self._refused: Exception | None = None
        self._at_stop: list[Callable[[], None]] = []
        self._check: TakeOverCheck | None = None
        self._unchecked: dict[int, dict[str, Committed]] = {}  # by partition and topic
        self._runs = RecordRuns(self)
        if not self.config.exactly_once:  # there the broker refuses the whole transaction
            sinks = self._processing_context.sink_manager
            sinks.register(MembershipCheck(self._processing_context))
            sinks.register(ResultsFirst(self._producer.flush))

    def _consumer_failed(self, error: Exception, message: Any, logger: logging.Logger) -> bool:
        """Log a failure of the consumer, unless it follows from the error that `run` will raise."""
        # After an error within its callback, librdkafka's client may fail a call without a reason of its own.
        return self._refused is None and default_on_consumer_error(error, message, logger)

    @property
    def recovering(self) -> bool:
        """Whether state is being read back from the changelog."""
        return bool(self._state_manager.recovery_required)

    @property
    def internal_topics(self) -> list[str]:
        """Names of the topics that Quix made for this application: changelogs and repartitions."""
        return sorted(set(self._topic_manager.all_topics) - set(self._topic_manager.topics))

    def flush_output(self) -> None:
        """Wait until Kafka has acknowledged every record that was produced so far."""
        self._producer.flush()

    def at_stop(self, act: Callable[[], None]) -> None:
        """Have `act` called when the application is asked to stop. A signal handler calls it: don't wait."""
        self._at_stop.append(act)

    def stop(self, fail: bool = False) -> None:
        """Stop reading, then end `run`.

        Parameters
        ----------
        fail
            Whether an error is the reason, so that the open checkpoint is not committed.
        """
        for act in self._at_stop:
            act()
        super().stop(fail)

    def end_with(self, error: StreamerError, commit: bool) -> None:
        """Stop, and have `run` raise an error. Any thread may call this.

        Parameters
        ----------
        error
            The reason.
        commit
            Whether the open checkpoint is committed.
        """
        self._refused = error
        self.stop(fail=not commit)

    def read_in_runs(self, steps: Mapping[str, BeginRun]) -> None:
        """Have the records of these topics taken by steps, run by run, instead of as rows.

        Parameters
        ----------
        steps
            By topic. A step's results go on through the dataframe in the place of the record's value.
        """
        self._runs.steps = steps

    def on_take_over(self, check: TakeOverCheck) -> None:
        """Have `check` called for each partition that was taken over, once its state is read back."""
        self._check = check

    def on_checkpoint(self, observe: Observe) -> None:
        """Have `observe` called after each checkpoint, with its seconds and whether it was committed.

        After backpressure Quix returns from a commit as if it had committed.
        """
        consumer = self._consumer
        time_checkpoints(self._processing_context, observe, committed=lambda: not consumer.backpressured_tps)

    def _get_internal_consumer(
        self, on_error: Any = None, extra_config_overrides: dict[Any, Any] | None = None
    ) -> MemberConsumer:
        config = self._config
        return MemberConsumer(
            broker_address=config.broker_address,
            consumer_group=config.consumer_group,
            auto_offset_reset=config.auto_offset_reset,
            auto_commit_enable=False,
            max_partition_buffer_size=config.max_partition_buffer_size,
            extra_config={**config.consumer_extra_config, **(extra_config_overrides or {})},
            on_error=on_error,
        )

    def _setup_signal_handlers(self) -> None:
        # Signals belong to the main thread. In any other, as in a notebook, the caller uses `stop`.
        if threading.current_thread() is threading.main_thread():
            super()._setup_signal_handlers()  # type: ignore[no-untyped-call]

    def run(self, *arguments: Any, **options: Any) -> list[dict[str, Any]]:
        """Run until stopped; if a partition could not be taken over, raise the error that prevented it."""
        try:
            outputs: list[dict[str, Any]] = super().run(*arguments, **options)
        finally:
            # First: any other error followed from going on for a moment without the partition.
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
        admin = self._topic_manager._admin.admin_client
        with at_hand(self._consumer, watermarks(admin, topic_partitions)):
            self._assign_and_check(consumer, topic_partitions)

    def _assign_and_check(self, consumer: Any, topic_partitions: list[TopicPartition]) -> None:
        super()._on_assign(consumer, topic_partitions)
        leave_unmarked(self._state_manager)
        if self._check is None:
            return
        data = self._topic_manager.non_changelog_topics
        asked = [tp for tp in topic_partitions if tp.topic in data]
        for found in self._consumer.committed(asked, _REQUEST_SECONDS) if asked else ():
            _, end = self._consumer.get_watermark_offsets(found, _REQUEST_SECONDS)
            offset = found.offset if found.offset >= 0 else None
            here = self._unchecked.setdefault(found.partition, {})
            here[found.topic] = Committed(offset, found.metadata or "", end)
        # This runs within a poll, which may return a record at once. If state must be read back, it does not.
        if not self.recovering:
            self._check_all()

    def _process_message(self, dataframe_composed: Any) -> None:
        # Quix calls this once the state is read back.
        if self._unchecked:
            self._check_all()
        if self._dataframe_registry.requires_time_alignment:
            self._runs.process_next(dataframe_composed)
        else:
            super()._process_message(dataframe_composed)  # type: ignore[no-untyped-call]

    def _check_all(self) -> None:
        while self._unchecked and self._check is not None:
            self._check(*self._unchecked.popitem())

    def _on_revoke(self, consumer: Any, topic_partitions: list[TopicPartition]) -> None:
        self._unchecked.clear()
        super()._on_revoke(consumer, topic_partitions)

    def _on_lost(self, consumer: Any, topic_partitions: list[TopicPartition]) -> None:
        self._unchecked.clear()
        super()._on_lost(consumer, topic_partitions)
        self._processing_context.checkpoint.close(revoking=True)
        self._processing_context.init_checkpoint()  # type: ignore[no-untyped-call]


class MembershipCheck(CommitStep):
    """Asks the group, before anything of a checkpoint is written, whether this process is still a member.

    Parameters
    ----------
    context
        Has the consumer and the open checkpoint.
    """

    def __init__(self, context: ProcessingContext) -> None:
        super().__init__()
        self._context = context

    def flush(self) -> None:
        """Commit the offsets that are committed already: Kafka takes them from a member only.

        Raises
        ------
        OvertakenError
            The group gave this process up.
        """
        begun = self._context.checkpoint._starting_tp_offsets
        offsets = [
            TopicPartition(topic, number, offset, metadata=BEGUN) for (topic, number), offset in begun.items()
        ]
        while offsets and (error := self._refusal(offsets)) is not None:
            if error.code() not in _NO_ANSWER:
                raise OvertakenError(error.str())
            time.sleep(_RETRY_SECONDS)

    def _refusal(self, offsets: list[TopicPartition]) -> KafkaError | None:
        consumer = self._context.consumer
        # Without a membership the consumer commits as nobody, which Kafka takes for a group without members.
        if not consumer.memberid():
            return KafkaError(KafkaError.UNKNOWN_MEMBER_ID)
        try:
            committed = consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            refusal: KafkaError = error.args[0]
            return refusal
        return next((part.error for part in committed or () if part.error), None)
