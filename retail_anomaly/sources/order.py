"""Events of single topics in the order of their times, without holding them all."""

import heapq
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import BinaryIO, Final

from retail_anomaly import codec
from retail_anomaly.events import (
    INVENTORY_COUNTS,
    POS_EVENTS,
    SECURITY_EVENTS,
    STAFF_SHIFTS,
    Event,
    time_of,
)
from retail_anomaly.logs import Reject
from retail_anomaly.sources.base import Source

# At equal times shifts go first, so that a refund at a shift's start is on shift.
_TIES: Final = (STAFF_SHIFTS, POS_EVENTS, SECURITY_EVENTS, INVENTORY_COUNTS)
_RUN_EVENTS: Final = 250_000


def merged(sources: Sequence[Source], reject: Reject) -> Iterator[Event]:
    """Merge sources of one topic each by event time; a source that isn't sorted is sorted first.

    Parameters
    ----------
    sources
        Each with a topic. Events of one source with equal times keep their order.
    reject
        Called with what is no event.

    Yields
    ------
    Event
        All events by time; a shift's is its start.
    """
    streams = []
    for source in sorted(sources, key=lambda source: _TIES.index(source.topic or POS_EVENTS)):
        events = source.events(reject)
        streams.append(events if source.is_sorted() else sorted_by_time(events))
    yield from heapq.merge(*streams, key=time_of) if len(streams) > 1 else streams[0]


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
    >>> from retail_anomaly.events import CountEvent
    >>> counts = [CountEvent("s", "k", n, 1_760_000_000_000 + n) for n in (3, 1, 2)]
    >>> [event.counted_qty for event in sorted_by_time(counts, run_events=2)]
    [1, 2, 3]
    """
    remaining = iter(events)
    run = sorted(islice(remaining, run_events), key=time_of)
    if len(run) < run_events:
        yield from run
        return
    with ExitStack() as stack:
        runs = []
        while run:
            file = stack.enter_context(tempfile.TemporaryFile())
            file.writelines(codec.encode(event) + b"\n" for event in run)
            runs.append(_read_run(file, codec.topic_of(run[0])))
            run = sorted(islice(remaining, run_events), key=time_of)
        yield from heapq.merge(*runs, key=time_of)


def _read_run(file: BinaryIO, topic: str) -> Iterator[Event]:
    file.seek(0)
    for line in file:
        yield codec.decode(topic, line)
