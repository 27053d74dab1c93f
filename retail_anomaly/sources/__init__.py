"""The sources of a replay's events, and the order in which they are read.

An event log is read in the order of its lines, which is the order of arrival. Data of a single
topic has no place among the other topics, so it is read by event time: files that are sorted are
merged as they are read, and one that is not is sorted first, on disk when it is large. Sources are
read one after the other in the order given, neighbours of a single topic each together.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from retail_anomaly.core.events import EVENT_TYPES, INPUT_TOPICS, TillEvent
from retail_anomaly.settings.privacy_settings import NO_PSEUDONYMS, PrivacySettings, pseudonyms_of
from retail_anomaly.sources.base import Source, SourceError
from retail_anomaly.sources.clocks import NO_ZONES, Clocks
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.frame_tables import EXPECTED, DictTable, FrameStream, first_of, is_frame
from retail_anomaly.sources.input import Input, Stream
from retail_anomaly.sources.lines import STDIN
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.places import Places, all_places
from retail_anomaly.sources.store_share import FIRST, Place, Share

__all__ = [
    "FIRST",
    "STDIN",
    "Input",
    "Place",
    "Share",
    "Source",
    "SourceError",
    "Where",
    "open_input",
]

Where: TypeAlias = Any
"""A path, an address, a frame, rows as dicts, `Events`, typed events, or several paths and frames."""


_END: Final = object()
_EVENTS: Final = (*EVENT_TYPES.values(), TillEvent)


@runtime_checkable
class Reopened(Protocol):
    """Events that can be read again and again, such as `Events`."""

    def open_again(self, zones: Mapping[str, str] | str, privacy: PrivacySettings) -> Input:
        """Open their source once more; `zones` and `privacy` count if they were loaded without any."""


def open_input(
    where: Where,
    topic: str | None = None,
    columns: Columns | EventMapping | None = None,
    zones: Mapping[str, str] | str = NO_ZONES,
    privacy: PrivacySettings = NO_PSEUDONYMS,
) -> Input:
    """Open a source of events.

    Parameters
    ----------
    where
        An event log or ``-`` for standard input; a folder with ``pos-events.jsonl`` and the like, or
        with tables of these names; a table (Parquet, CSV, Excel); a folder of the parts of one, with or
        without partitions (``store=berlin/``); a path with wildcards; an address such as
        ``s3://bucket/sales.parquet``; a frame of pandas, polars, Arrow or DuckDB; a list of dicts; several
        of these, also frames from an iterator; `Events`; or typed events. A ``.json`` file may hold one
        array of the lines of an event log. Files may be compressed (``.gz``, ``.bz2``, ``.zst``, ``.zip``).
        A file with a topic's name holds bare values of that topic.
    topic
        The topic of files and frames that don't say it themselves.
    columns
        Foreign names of fields, or a whole mapping.
    zones
        Time zone of times that have none: one for all stores, or by store id (UTC for the others).
    privacy
        Whether the events bear pseudonyms in place of the ids of employees.

    Returns
    -------
    Input
        The events, to be read once.

    Raises
    ------
    SourceError
        Something isn't there or can't be read.

    Examples
    --------
    >>> open_input("missing.jsonl")
    Traceback (most recent call last):
    retail_anomaly.sources.base.SourceError: missing.jsonl: no such file or folder
    """
    if topic is not None and topic not in INPUT_TOPICS:
        raise SourceError(f"unknown topic {topic!r}; the topics are {', '.join(INPUT_TOPICS)}")
    if isinstance(where, Reopened):
        return where.open_again(zones, privacy)
    mapping = EventMapping.of(columns)
    clocks = Clocks(zones)
    places = Places(topic, mapping, clocks)
    sources = _sources(where, topic, places)
    return Input(sources, pseudonyms_of(privacy, nobody=mapping.nobody), clocks, said=places.notes)


def _sources(where: Where, topic: str | None, places: Places) -> list[Source]:
    if all_places([where]):
        return places.opened(where)
    if isinstance(where, list | tuple) and all_places(where):
        return [source for place in where for source in places.opened(place)]
    if isinstance(where, str | bytes | Mapping) or not isinstance(where, Iterable):
        raise SourceError(f"no source, but a value of the type {type(where).__name__}: {EXPECTED}")
    first, every = first_of(where)
    if is_frame(first):
        return [places.of_tables([FrameStream(first, every)], topic, once=True)]
    if isinstance(first, Mapping):
        return [places.of_tables([DictTable(list(every))], topic)]
    is_empty = first is None and next(every, _END) is _END
    if not is_empty and not isinstance(first, _EVENTS):
        raise SourceError(
            f"no source, but a {type(where).__name__} of the type {type(first).__name__}: {EXPECTED}"
        )
    return [Stream(every)]
