"""The check that a record is in the partition of its key."""

from collections.abc import Callable

from retail_anomaly.core.invalid import InvalidEvent, InvalidKind
from retail_anomaly.core.key_partitions import KeyPartitions


class Placing:
    """Checks that records are in the partition of their key, where all events of a store meet.

    Parameters
    ----------
    partitions
        Partitions of each input topic.
    note
        Is told the topic of each record that is in another one.
    accept
        Whether such a record is processed all the same.

    Attributes
    ----------
    known
        The partitions of keys that were checked lately.
    """

    def __init__(self, partitions: int, note: Callable[[str], None], *, accept: bool) -> None:
        self._keys = KeyPartitions(partitions)
        self.known = self._keys.known
        self._note = note
        self._accept = accept

    def check(self, topic: str, key: bytes, partition: int) -> None:
        """Check a record.

        Raises
        ------
        InvalidEvent
            It is in another partition than its key's, and that is not accepted.
        """
        if self._keys.of(key) == partition:
            return
        self._note(topic)
        if not self._accept:
            raise InvalidEvent("key", "wrong_partition", InvalidKind.WRONG_PARTITION)
