"""The interface of a source of events."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.core.events import Event
from retail_anomaly.sources.event_log import Reject
from retail_anomaly.sources.store_share import Share


class SourceError(RetailAnomalyError, ValueError):
    """The events can't be read at all; the text is one line that says what to do next."""


class Source(Protocol):
    """One log, table or stream of events."""

    topic: str | None
    """The topic of a source that is read by event time; None: its own order is the order."""
    divisible: bool
    """Whether several processes can read it side by side."""

    @property
    def notes(self) -> Sequence[str]:
        """The findings about its form, for a person."""

    def events(self, reject: Reject) -> Iterator[Event]:
        """Yield the events in the order in which they stand; pass bad lines to `reject`."""

    def numbered(self, reject: Reject, share: Share) -> Iterator[tuple[int, Event]]:
        """Yield the events of a share, each with the number of its line or row."""

    def stores(self) -> Counter[str]:
        """Return about how many lines or rows each store has, from a glance; none if that isn't cheap."""

    def is_sorted(self) -> bool:
        """Tell whether they stand by event time."""

    def done(self) -> float | None:
        """Return how much has been read, 0 to 1; None when that can't be told."""
