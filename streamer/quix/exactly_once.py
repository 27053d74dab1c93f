"""Exactly-once: take a partition over only when the transactions in its changelog have ended.

A process that crashed leaves its transaction open until the broker times it out. Readers of committed records
see nothing behind an open transaction, and recovery is such a reader: it would miss state that another
process committed since, and alerts would be lost.
"""

import time
from typing import Any, Final

import structlog
from confluent_kafka import Consumer, TopicPartition

from streamer.errors import StreamerError
from streamer.quix.membership import MemberApplication

_POLL_SECONDS: Final = 0.2
# Below max.poll.interval.ms, after which the group gives this process up.
_PATIENCE_SECONDS: Final = 200.0
_REQUEST_SECONDS: Final = 30.0


class ExactlyOnceApplication(MemberApplication):
    """An application that reads state back only when no open transaction hides a part of it."""

    def _take_over(self, consumer: Any, topic_partitions: list[TopicPartition]) -> None:
        data = self._topic_manager.non_changelog_topics
        self._wait_for_open_transactions([tp for tp in topic_partitions if tp.topic not in data])
        super()._take_over(consumer, topic_partitions)

    def _wait_for_open_transactions(self, changelogs: list[TopicPartition]) -> None:
        if not changelogs:
            return
        deadline = time.monotonic() + _PATIENCE_SECONDS
        probe = Consumer(
            {
                **self.config.broker_address.as_librdkafka_dict(plaintext_secrets=True),
                "group.id": "never-joined",
                "isolation.level": "read_uncommitted",
            }
        )
        try:
            while open_ones := [tp for tp in changelogs if self._is_open(probe, tp)]:
                if time.monotonic() > deadline:
                    raise StreamerError(
                        f"a transaction in {open_ones[0].topic} is still open after "
                        f"{_PATIENCE_SECONDS:.0f} s: end it with kafka-transactions.sh, "
                        "then start the streamer again"
                    )
                structlog.stdlib.get_logger("retail-streamer").info(
                    "waiting for a crashed process's transaction to time out", partitions=len(open_ones)
                )
                time.sleep(_POLL_SECONDS)
        finally:
            probe.close()

    def _is_open(self, probe: Consumer, changelog: TopicPartition) -> bool:
        # To a reader of committed records the log ends at the first open transaction.
        _, readable = self._consumer.get_watermark_offsets(changelog, _REQUEST_SECONDS)
        _, end = probe.get_watermark_offsets(changelog, _REQUEST_SECONDS)
        return bool(readable < end)
