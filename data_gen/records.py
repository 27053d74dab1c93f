"""A simulated message: an event or a malformed one, with the time at which it arrives."""

from typing import Any, NamedTuple, Self

from data_gen.world import recorded_at
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import Event


class SimulatedRecord(NamedTuple):
    """A message on its way to a topic.

    Parameters
    ----------
    arrival
        Time of arrival in epoch milliseconds; records come in this order.
    topic, store_id
        Its topic, and its key.
    timestamp
        The record's timestamp: the event's time, even if it arrives late.
    value
        The event, or the fields of one that is malformed.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> SimulatedRecord.of(CountEvent("store-1", "sku-1", 3, 1_760_000_000_000)).topic
    'inventory-counts'
    """

    arrival: int
    topic: str
    store_id: str
    timestamp: int
    value: Event | dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> Self:
        """Return the record of an event that arrives in time."""
        at = recorded_at(event)
        return cls(at, topic_of(event), event.store_id, at, event)

    @property
    def encoded(self) -> bytes:
        """The value as JSON."""
        return encode(self.value)
