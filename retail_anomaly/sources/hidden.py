"""Sources whose events bear pseudonyms in place of the ids of employees."""

from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy

import msgspec

from retail_anomaly.core.events import Event
from retail_anomaly.core.pseudonyms import Pseudonyms
from retail_anomaly.sources.base import Source
from retail_anomaly.sources.event_log import BadLine, Reject
from retail_anomaly.sources.store_share import Share


class HiddenEmployees:
    """A source as another one, but for the ids of employees.

    Parameters
    ----------
    source
        The source.
    pseudonyms
        Those that its events get.
    is_shared
        Whether somebody else has its events, so that they must not be changed.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> from retail_anomaly.sources.input import Stream
    >>> counts = Stream([CountEvent("s", "k", 3, 1_760_000_000_000, "c-17")])
    >>> hidden = HiddenEmployees(counts, Pseudonyms([(0, b"not a secret key")]), is_shared=True)
    >>> [event.manager_id for event in hidden.events(print)]
    ['E-t1734drwe042']
    """

    def __init__(self, source: Source, pseudonyms: Pseudonyms, *, is_shared: bool) -> None:
        self._source = source
        self._hidden = pseudonyms.hidden
        self._is_shared = is_shared
        self.topic = source.topic
        self.divisible = source.divisible

    @property
    def notes(self) -> Sequence[str]:
        """The findings about its form."""
        return self._source.notes

    def events(self, reject: Reject) -> Iterator[Event]:
        """Yield the events with pseudonyms."""
        events = self._source.events(_without_values(reject))
        return map(self._hidden, map(copy, events) if self._is_shared else events)

    def numbered(self, reject: Reject, share: Share) -> Iterator[tuple[int, Event]]:
        """Yield the events of a share with pseudonyms, each with its number."""
        for number, event in self._source.numbered(_without_values(reject), share):
            yield number, self._hidden(event)

    def stores(self) -> Counter[str]:
        """Return as the source does."""
        return self._source.stores()

    def is_sorted(self) -> bool:
        """Tell as the source does."""
        return self._source.is_sorted()

    def done(self) -> float | None:
        """Return as the source does."""
        return self._source.done()


def _without_values(reject: Reject) -> Reject:
    """Pass on where bad lines stand and why they are bad, and nothing of what stands in them."""

    def reject_hidden(bad: BadLine) -> None:
        reject(msgspec.structs.replace(bad, raw=b"", is_hidden=True))

    return reject_hidden
