"""Events of single topics in the order of their times, without holding them all."""

import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from operator import itemgetter
from typing import BinaryIO, Final, TypeAlias

from retail_anomaly.core import codec
from retail_anomaly.core.events import (
    INVENTORY_COUNTS,
    POS_EVENTS,
    SECURITY_EVENTS,
    STAFF_SHIFTS,
    STOCK_MOVEMENTS,
    Event,
    time_of,
)
from retail_anomaly.sources.base import Source
from retail_anomaly.sources.event_log import BadLine, Reject
from retail_anomaly.sources.store_share import Place, Share

# At equal times shifts go first, so that a refund at a shift's start is on shift.
_TIES: Final = (STAFF_SHIFTS, POS_EVENTS, SECURITY_EVENTS, INVENTORY_COUNTS, STOCK_MOVEMENTS)
_RUN_EVENTS: Final = 250_000

Item: TypeAlias = tuple[int, int, Event]
RejectAt: TypeAlias = Callable[[Place, BadLine], None]


def merged(sources: Sequence[Source], reject: Reject) -> Iterator[Event]:
    """Merge sources of one topic each by event time; a source that isn't sorted is sorted first.

    Parameters
    ----------
    sources
        Each with a topic. Events of one source with equal times keep their order.
    reject
        Called with each bad line.

    Yields
    ------
    Event
        All events by time; a shift's is its start.
    """
    streams = []
    for source in by_tie(sources):
        events = source.events(reject)
        streams.append(events if source.is_sorted() else sorted_by_time(events))
    yield from heapq.merge(*streams, key=time_of) if len(streams) > 1 else streams[0]


def merged_places(
    sources: Sequence[Source], group: int, reject: RejectAt, share: Share
) -> Iterator[tuple[Place, Event]]:
    """Merge the events of a share as `merged` does, each with its place in the order of all.

    Parameters
    ----------
    sources
        Each with a topic.
    group
        The first number of every place.
    reject
        Called with the place and each bad line. Its place is that of the event before it in this
        share: among the sources it has none of its own.
    share
        The stores.

    Yields
    ------
    tuple of Place and Event
        All events by time.
    """
    last: Place = (group, -1, -1, -1)

    def reject_here(bad: BadLine) -> None:
        reject(last, bad)

    def placed(source: Source, index: int) -> Iterator[tuple[Place, Event]]:
        numbered = source.numbered(reject_here, share)
        items: Iterator[Item] = ((time_of(event), number, event) for number, event in numbered)
        if not source.is_sorted():
            items = sorted_items(items)
        for time, number, event in items:
            yield (group, time, index, number), event

    streams = [placed(source, index) for index, source in enumerate(by_tie(sources))]
    for last, event in heapq.merge(*streams, key=itemgetter(0)):
        yield last, event


def by_tie(sources: Sequence[Source]) -> list[Source]:
    """Return sources in the order in which events of equal times are read."""
    return sorted(sources, key=lambda source: _TIES.index(source.topic or POS_EVENTS))


def sorted_by_time(events: Iterable[Event], run_events: int = _RUN_EVENTS) -> Iterator[Event]:
    """Sort events by time, equal times in their order; long inputs in runs on disk.

    Parameters
    ----------
    events
        Events of one topic.
    run_events
        How many are held in memory at most.

    Yields
    ------
    Event
        The same events, sorted.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> counts = [CountEvent("s", "k", n, 1_760_000_000_000 + n) for n in (3, 1, 2)]
    >>> [event.counted_qty for event in sorted_by_time(counts, run_events=2)]
    [1, 2, 3]
    """
    numbered = ((time_of(event), number, event) for number, event in enumerate(events))
    for _, _, event in sorted_items(numbered, run_events):
        yield event


def sorted_items(items: Iterable[Item], run_events: int = _RUN_EVENTS) -> Iterator[Item]:
    """Sort events by time and number; long inputs in runs on disk.

    Parameters
    ----------
    items
        Time, number and event; of one topic, no number twice.
    run_events
        How many are held in memory at most.

    Yields
    ------
    tuple of int, int, Event
        The same items, sorted.
    """
    remaining = iter(items)
    run = sorted(islice(remaining, run_events))
    if len(run) < run_events:
        yield from run
        return
    with ExitStack() as stack:
        runs = []
        while run:
            file = stack.enter_context(tempfile.TemporaryFile())
            file.writelines(b"%d %b\n" % (number, codec.encode(event)) for _, number, event in run)
            runs.append(_read_run(file, codec.topic_of(run[0][2])))
            run = sorted(islice(remaining, run_events))
        yield from heapq.merge(*runs)


def _read_run(file: BinaryIO, topic: str) -> Iterator[Item]:
    file.seek(0)
    for line in file:
        number, _, value = line.partition(b" ")
        event = codec.decode(topic, value)
        yield time_of(event), int(number), event
