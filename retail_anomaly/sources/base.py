"""What a source of events is."""

from collections.abc import Iterator
from typing import Protocol

from retail_anomaly.events import Event
from retail_anomaly.logs import Reject


class SourceError(ValueError):
    """Events that can't be read at all; its text is one line that says what to do next."""


class Source(Protocol):
    """One log, table or stream of events."""

    topic: str | None
    """The topic of a source that is read by event time; None: its own order is the order."""

    def events(self, reject: Reject) -> Iterator[Event]:
        """Yield the events in the order in which they stand; pass what is none to `reject`."""

    def is_sorted(self) -> bool:
        """Tell whether they stand by event time."""

    def done(self) -> float | None:
        """Return how much has been read, 0 to 1; None when that can't be told."""
