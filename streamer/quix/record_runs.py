"""The reading loop: runs of one partition's records in aligned order, instead of Quix's one row at a time.

Quix Streams 3.28 makes a row, a context and a chain of calls of each record, which cost more than the
detectors do. Here a run of records goes straight to a step, and only what comes of it, an alert or a dead
letter now and then, goes on as a row through the dataframe to the output topics. The rest is as Quix does it:
the order, the checkpoint with its offsets, the errors and the callbacks. Records of a topic without a step
take Quix's way.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from quixstreams.context import copy_context, set_message_context
from quixstreams.models import MessageContext, Row
from quixstreams.models import SuccessfulConfluentKafkaMessageProto as Message

from streamer.quix.checkpoints import store_run

Step = Callable[[Any], Sequence[Any]]
"""Takes a record, and returns what goes on through the dataframe: mostly nothing."""
BeginRun = Callable[[int], Step]
"""Is given a partition, and returns the step for a run of its records."""

_logger: Final = logging.getLogger(__name__)
# Few enough that a signal to stop and the time of the next commit are noticed within milliseconds.
_MOST_RECORDS: Final = 500


class RecordRuns:
    """Processes the records of an application whose topics are read aligned.

    Parameters
    ----------
    app
        The application; its consumer's buffer is an `AlignedBuffer`.

    Attributes
    ----------
    steps
        By topic, what makes the step for a run.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self.steps: Mapping[str, BeginRun] = {}

    def process_next(self, executors: Mapping[str, Callable[..., None]]) -> None:
        """Process what is there, but no more than a few hundred records; without any, wait for some.

        Parameters
        ----------
        executors
            By topic, the dataframe as Quix has composed it.
        """
        app = self._app
        app._producer.poll(app._config.producer_poll_timeout)
        processed = self._process_buffered(executors)
        if not processed:
            app._consumer._feed_buffer(timeout=app._config.consumer_poll_timeout)
            processed = self._process_buffered(executors)
        app._run_tracker.set_message_consumed(processed > 0)
        if processed:
            app._producer._broker_available()
            app._consumer._broker_available()

    def _process_buffered(self, executors: Mapping[str, Callable[..., None]]) -> int:
        context, buffer = self._app._processing_context, self._app._consumer._buffer
        processed = 0
        while run := buffer.next_run(_MOST_RECORDS - processed):
            self._process(run, executors[run[0].topic()])
            processed += len(run)
            if processed >= _MOST_RECORDS or context.checkpoint.expired():
                break
        return processed

    def _process(self, run: Sequence[Message], executor: Callable[..., None]) -> None:
        topic, partition, last = run[0].topic(), run[0].partition(), run[-1].offset()
        begin = self.steps.get(topic)
        step = begin(partition) if begin is not None else None
        for message in run:
            try:
                if step is None:
                    _pass_on(message.value(), message, executor)
                elif found := step(message):
                    _pass_on(found, message, executor)
            except Exception as error:
                row = Row(
                    message.value(), message.key(), message.timestamp()[1], _place(message), message.headers()
                )
                if not self._app._on_processing_error(error, row, _logger):
                    raise
        store_run(self._app._processing_context.checkpoint, topic, partition, run[0].offset(), last, len(run))
        if self._app._on_message_processed is not None:
            self._app._on_message_processed(topic, partition, last, len(run))


def _pass_on(value: Any, message: Message, executor: Callable[..., None]) -> None:
    """Send a value through the dataframe, in the place of its record."""
    context = copy_context()
    context.run(set_message_context, _place(message))
    context.run(executor, value, message.key(), message.timestamp()[1], message.headers())


def _place(message: Message) -> MessageContext:
    return MessageContext(
        message.topic(), message.partition(), message.offset(), len(message), message.leader_epoch()
    )
