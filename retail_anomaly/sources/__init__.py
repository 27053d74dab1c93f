"""The sources of a replay's events, and the order in which they are read.

An event log is read in the order of its lines, which is the order of arrival. Data of a single
topic has no place among the other topics, so it is read by event time: files that are sorted are
merged as they are read, and one that is not is sorted first, on disk when it is large. Sources are
read one after the other in the order given, neighbours of a single topic each together.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from retail_anomaly.core.events import INPUT_TOPICS, Event
from retail_anomaly.sources.base import Source, SourceError
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLine, Reject
from retail_anomaly.sources.file_forms import COMPRESSION, name_and_form, parts_of
from retail_anomaly.sources.lines import STDIN, Lines
from retail_anomaly.sources.order import RejectAt, merged, merged_places
from retail_anomaly.sources.store_share import FIRST, Place, Share, balanced
from retail_anomaly.sources.unreadable import Unreadable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FIRST", "STDIN", "Input", "Place", "Share", "Source", "SourceError", "Where", "open_input"]

_TABLES: Final = (".parquet", ".csv")
_FORMS: Final = (".jsonl", ".json", *_TABLES)

Where: TypeAlias = "str | Path | pd.DataFrame | Sequence[str | Path | pd.DataFrame] | Iterable[Event]"


class Input:
    """Sources read as one.

    Parameters
    ----------
    sources
        In the order in which they were given.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

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


class _Stream:
    """Events that are typed already."""

    topic: str | None = None
    divisible = False

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = events

    def events(self, reject: Reject) -> Iterator[Event]:
        yield from self._events

    def numbered(self, reject: Reject, share: Share) -> Iterator[tuple[int, Event]]:
        raise NotImplementedError("events in memory are not divided")

    def stores(self) -> Counter[str]:
        return Counter()

    def is_sorted(self) -> bool:
        return True

    def done(self) -> float | None:
        return None


def open_input(where: Where, topic: str | None = None, columns: Columns | None = None) -> Input:
    """Open a source of events.

    Parameters
    ----------
    where
        An event log or ``-`` for standard input; a folder with ``pos-events.jsonl`` and the like, or
        with ``.parquet`` or ``.csv`` files of these names; a Parquet or CSV file; a folder of Parquet files
        that Spark wrote as one table; a DataFrame; several of these; or events. A ``.json`` file may hold one
        array of what an event log has in its lines. Logs and CSV files may be compressed (``.gz``,
        ``.bz2``). A file with a topic's name holds bare values of that topic.
    topic
        The topic of files and frames that don't say it themselves.
    columns
        Foreign names of fields.

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
    columns = columns or Columns()
    places: Any = [where] if _is_place(where) else where
    if not (isinstance(places, list | tuple) and all(map(_is_place, places))):
        return Input([_Stream(places)])
    return Input([source for place in places for source in _open(place, topic, columns)])


def _open(place: Any, topic: str | None, columns: Columns) -> list[Source]:
    if _is_frame(place):
        return [_table(place, topic, columns)]
    if str(place) == STDIN:
        return [Lines(STDIN, topic, columns)]
    path = Path(place)
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder")
    if topic is None and name_and_form(path)[0] in INPUT_TOPICS:
        topic = name_and_form(path)[0]
    if path.is_dir():
        files = _topic_files(path)
        if files:
            return [
                _file(part, name_and_form(file)[0], columns)
                for file in files
                for part in (parts_of(file) if file.is_dir() else [file])
            ]
        if parts := parts_of(path):
            return [_file(part, topic, columns) for part in parts]
        names = ", ".join(f"{topic}.jsonl" for topic in INPUT_TOPICS)
        raise SourceError(f"{path} has none of {names} (or .parquet): name the files in it")
    return [_file(path, topic, columns)]


def _file(path: Path, topic: str | None, columns: Columns) -> Source:
    if name_and_form(path)[1] in _TABLES:
        return _table(path, topic, columns)
    return Lines(path, topic, columns)


def _table(table: Any, topic: str | None, columns: Columns) -> Source:
    # Here, for a log needs no pandas, which takes longer to import than all of ours.
    from retail_anomaly.sources.tables import TableSource

    return TableSource(table, topic, columns)


def _topic_files(folder: Path) -> list[Path]:
    found = []
    for topic in INPUT_TOPICS:
        files = [file for file in sorted(folder.glob(f"{topic}.*")) if _holds_events(file)]
        if len(files) > 1:
            names = " and ".join(file.name for file in files)
            raise SourceError(f"{folder} has both {names}: name the files that are meant")
        found += files
    return found


def _holds_events(file: Path) -> bool:
    if file.suffix.lower() not in (*_FORMS, *COMPRESSION):
        return False
    form = name_and_form(file)[1]
    return form in _FORMS if file.is_file() else form == ".parquet" and bool(parts_of(file))


def _is_place(where: object) -> bool:
    return isinstance(where, str | Path) or _is_frame(where)


def _is_frame(where: object) -> bool:
    # Whoever has a DataFrame has imported pandas; for the others it need not be.
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(where, pandas.DataFrame)
