"""Sources read as one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby

from retail_anomaly.core.errors import one_line
from retail_anomaly.core.events import Event
from retail_anomaly.core.pseudonyms import Pseudonyms
from retail_anomaly.sources.base import Source
from retail_anomaly.sources.clocks import Clocks
from retail_anomaly.sources.event_log import BadLine, Reject
from retail_anomaly.sources.hidden import HiddenEmployees
from retail_anomaly.sources.order import RejectAt, merged, merged_places
from retail_anomaly.sources.store_share import Place, Share, balanced
from retail_anomaly.sources.unreadable import Unreadable


class Input:
    """Sources read as one.

    Parameters
    ----------
    sources
        In the order in which they were given.
    pseudonyms
        Those that stand for the ids of employees; None: the ids stay.
    clocks
        The stores' clocks, which the sources read.
    said
        Findings before any of them is read, such as folders that are left out.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        pseudonyms: Pseudonyms | None = None,
        clocks: Clocks | None = None,
        *,
        said: Sequence[str] = (),
    ) -> None:
        self._sources = sources
        self._said = said
        self._clocks = clocks or Clocks()
        if pseudonyms is not None:
            self._sources = [
                HiddenEmployees(source, pseudonyms, is_shared=isinstance(source, Stream))
                for source in sources
            ]

    @property
    def notes(self) -> list[str]:
        """The findings about the form of the files, such as another separator."""
        said = [*self._said, *(note for source in self._sources for note in source.notes)]
        return list(dict.fromkeys(map(one_line, said)))

    @property
    def hints(self) -> list[str]:
        """What was assumed about the events that were read, such as their time zone."""
        return [*map(one_line, self._clocks.notes)]

    def events(self, reject: Reject) -> Iterator[Event]:
        """Yield every event once; pass bad lines to `reject`.

        Raises
        ------
        SourceError
            There are lines or rows, but none of them is an event.
        """
        unreadable = Unreadable(reject)
        events = self._events(unreadable)
        for event in events:
            yield event
            # From here on there is nothing to check, so the events are handed on as they come.
            yield from events
            return
        unreadable.check(0)

    def _events(self, reject: Reject) -> Iterator[Event]:
        for by_time, group in groupby(self._sources, key=lambda source: source.topic is not None):
            if by_time:
                yield from merged(list(group), reject)
            else:
                for source in group:
                    yield from source.events(reject)

    @property
    def divisible(self) -> bool:
        """Whether several processes can read them side by side."""
        return all(source.divisible for source in self._sources)

    def shares(self, processes: int, *, everything: bool) -> list[Share]:
        """Divide the stores among processes.

        Parameters
        ----------
        processes
            How many there are.
        everything
            Whether each needs the times of all stores' events.
        """
        rows = sum((source.stores() for source in self._sources), Counter[str]())
        assigned = balanced(rows, processes)
        return [Share(index, processes, assigned, everything) for index in range(processes)]

    def placed(self, reject: RejectAt, share: Share) -> Iterator[tuple[Place, Event]]:
        """Yield the events of a share in the order of `events`, each with its place in that order."""
        groups = groupby(self._sources, key=lambda source: source.topic is not None)
        for index, (by_time, sources) in enumerate(groups):
            group = list(sources)
            if by_time and not (len(group) == 1 and group[0].is_sorted()):
                yield from merged_places(group, index, reject, share)
                continue
            for part, source in enumerate(group):
                rejecting = partial(_reject_line, reject, index, part)
                for number, event in source.numbered(rejecting, share):
                    yield (index, part, number, 0), event

    def done(self) -> float | None:
        """Return how much has been read, 0 to 1; None when that can't be told."""
        parts = [source.done() for source in self._sources]
        known = [part for part in parts if part is not None]
        return sum(known) / len(parts) if parts and len(known) == len(parts) else None


def _reject_line(reject: RejectAt, group: int, part: int, bad: BadLine) -> None:
    reject((group, part, bad.number, 0), bad)


class Stream:
    """Events that are typed already.

    Parameters
    ----------
    events
        The events, in the order in which they are read.
    """

    topic: str | None = None
    divisible = False
    notes: Sequence[str] = ()

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = events

    def events(self, reject: Reject) -> Iterator[Event]:
        """Yield the events."""
        yield from self._events

    def numbered(self, reject: Reject, share: Share) -> Iterator[tuple[int, Event]]:
        """Refuse: they are in the memory of one process."""
        raise NotImplementedError("events in memory are not divided")

    def stores(self) -> Counter[str]:
        """Return none: they are not divided."""
        return Counter()

    def is_sorted(self) -> bool:
        """Return true: their order is the order."""
        return True

    def done(self) -> float | None:
        """Return None: their number is not known."""
        return None
