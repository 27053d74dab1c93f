"""Watch the topics of a running process for changes under which it can't go on."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from streamer.errors import StreamerError
from streamer.kafka.connection import Connection

WATCH_SECONDS: Final = 15.0
"""Seconds between two looks."""
PARTITIONS_CHANGED: Final = (
    "the number of partitions was changed under stored state: start with a new --consumer-group "
    "and --state-dir, which reads the topics from their beginning; a store that changed its "
    "partition begins anew there (docs/operations.md)"
)
MADE_ANEW: Final = (
    "was deleted and created again: its records and the stored state belong together no more; "
    "`retail-streamer state reset` begins anew with what it holds"
)
_TIMEOUT_S: Final = 10.0


class TopicWatch:
    """Looks whether topics were created again or have more partitions; `Background` calls it.

    Parameters
    ----------
    connection
        The broker.
    partitions
        By topic, its partitions at the start.
    keeps_state
        Whether the process has state, which more partitions make useless.
    end
        Ends the process with an error, and tells whether its last records may be committed.
    """

    def __init__(
        self,
        connection: Connection,
        partitions: Mapping[str, int],
        *,
        keeps_state: bool,
        end: Callable[[StreamerError, bool], None],
    ) -> None:
        self._admin = AdminClient({**connection.properties(), "log_level": 0})
        self._partitions = dict(partitions)
        self._keeps_state = keeps_state
        self._end = end
        self._ids: dict[str, str] = {}
        self._ended = False

    def __call__(self) -> None:
        """Look at the topics.

        Raises
        ------
        KafkaException
            The broker does not answer.
        StreamerError
            A topic is missing.
        """
        if self._ended:
            return
        # All topics, not ours by name: asking for a missing one may create it.
        listed = self._admin.list_topics(timeout=_TIMEOUT_S).topics
        found = {name: len(listed[name].partitions) for name in self._partitions if name in listed}
        for name, topic_id in self._topic_ids(found).items():
            if self._ids.setdefault(name, topic_id) != topic_id:
                self._stop(StreamerError(f"topic {name} {MADE_ANEW}"), commit=False)
                return
        if missing := sorted(self._partitions.keys() - found.keys()):
            raise StreamerError(f"missing: {', '.join(missing)}")
        changed = {name: count for name, count in found.items() if count != self._partitions[name]}
        if changed and self._keeps_state:
            said = ", ".join(f"{name} has {count}" for name, count in changed.items())
            before = self._partitions[next(iter(changed))]
            self._stop(
                StreamerError(f"{said} partitions, {before} when this state was begun: {PARTITIONS_CHANGED}"),
                commit=True,
            )

    def _stop(self, error: StreamerError, *, commit: bool) -> None:
        self._ended = True
        self._end(error, commit)

    def _topic_ids(self, names: Iterable[str]) -> dict[str, str]:
        """Return the topics' ids, which a topic of the same name made later does not share."""
        asked = self._admin.describe_topics(TopicCollection(list(names)), request_timeout=_TIMEOUT_S)
        found = {}
        for name, future in asked.items():
            try:
                found[name] = str(future.result(timeout=2 * _TIMEOUT_S).topic_id)
            except KafkaException:  # gone meanwhile, or not permitted
                continue
        return found
