"""Events of any source, loaded once and read as often as you like."""

import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

import msgspec

from retail_anomaly.core import codec
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import Event
from retail_anomaly.core.local_time import utc_text
from retail_anomaly.core.markup import html_paragraph, html_table
from retail_anomaly.core.quantities import plural
from retail_anomaly.settings.privacy_settings import NO_PSEUDONYMS, PrivacySettings, pseudonyms_of
from retail_anomaly.sources import Input, Where, open_input
from retail_anomaly.sources.clocks import NO_ZONES
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLine, BadLines, Reject
from retail_anomaly.sources.frame_tables import reads_once
from retail_anomaly.sources.input import Stream
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.mapping_file import AnyMapping, read_mapping
from retail_anomaly.sources.watch import Watch

_SPOOLED: Final = 8 * 1024 * 1024


class LoadSummary(msgspec.Struct, frozen=True):
    """What a source holds, and what a person should know about it.

    Parameters
    ----------
    events
        How many events, by topic.
    stores
        How many stores.
    first, last
        The times of the oldest and the newest event in epoch milliseconds; None: there are no events.
    unreadable
        How many lines or rows are no events.
    reasons
        How many of them by reason.
    first_unreadable
        The first of them, for a person; None if there are none.
    unread
        That in words.
    remarks
        Sentences about the form of the source and about the events in it.
    """

    events: Counter[str]
    stores: int
    first: int | None
    last: int | None
    unreadable: int
    reasons: Counter[str]
    first_unreadable: str | None
    unread: list[str]
    remarks: list[str]

    def lines(self) -> list[str]:
        """Return the summary as lines of text."""
        topics = ", ".join(f"{topic} {count:,}" for topic, count in self.events.items() if count)
        span = (
            ""
            if self.first is None or self.last is None
            else f", {utc_text(self.first)} to {utc_text(self.last)}"
        )
        events, stores = plural(self.events.total(), "event"), plural(self.stores, "store")
        return [f"{events} of {stores} ({topics}){span}", *self.unread, *self.remarks]

    def __str__(self) -> str:
        return "\n".join(self.lines())


class Events:
    """Events of a source; each loop over them reads the source again.

    `load` makes one. `replay`, `data_quality` and every other function that reads events takes it.

    Parameters
    ----------
    where, topic, mapping, zones, privacy
        As of `load`.

    Attributes
    ----------
    unread
        The lines or rows that the newest pass could not read.
    notes
        Findings about the form of the source, such as sheets that were not read.
    hints
        What the newest pass assumed, such as that times without a zone are UTC.

    Examples
    --------
    >>> rows = [{"storeId": "s", "sku": "k", "countedQty": 3, "eventTime": "2025-10-09T08:53:20Z"}]
    >>> events = load(rows, topic="inventory-counts")
    >>> [event.counted_qty for event in events], events.summary.events["inventory-counts"]
    ([3], 1)
    """

    def __init__(
        self,
        where: Where,
        topic: str | None,
        mapping: EventMapping,
        zones: Mapping[str, str] | str | None = None,
        privacy: PrivacySettings = NO_PSEUDONYMS,
    ) -> None:
        self.privacy = privacy
        self.where = where
        self.topic = topic
        self.mapping = mapping
        self.zones = zones
        self._log: IO[bytes] | None = None
        self._bad: list[BadLine] = []
        self.notes: list[str] = []
        self.hints: list[str] = []
        self.unread = BadLines()
        self._summary: LoadSummary | None = None
        if reads_once(where):
            self._keep()
        else:
            self.notes = self._opened().notes  # a wrong path or column is an error at once

    def __iter__(self) -> Iterator[Event]:
        return self.read()

    def read(
        self,
        zones: Mapping[str, str] | str = NO_ZONES,
        show: Reject | None = None,
        privacy: PrivacySettings = NO_PSEUDONYMS,
    ) -> Iterator[Event]:
        """Yield the events, and take note of what can't be read.

        Parameters
        ----------
        zones, privacy
            As of `open_again`.
        show
            Called with each of the first lines or rows that can't be read.
        """
        self.unread = bad = BadLines(show=show)
        opened = self.open_again(zones, privacy)
        yield from opened.events(bad)
        self.notes = opened.notes or self.notes
        self.hints = opened.hints or self.hints

    def open_again(
        self, zones: Mapping[str, str] | str = NO_ZONES, privacy: PrivacySettings = NO_PSEUDONYMS
    ) -> Input:
        """Open the source once more.

        Parameters
        ----------
        zones
            Time zones of the stores, which count if the events were loaded without any.
        privacy
            Whether the events bear pseudonyms, which counts if they were loaded without any.
        """
        if self._log is None:
            return self._opened(zones, privacy)
        are_hidden = self.privacy.pseudonyms != "none"  # when they were kept
        names = None if are_hidden else pseudonyms_of(privacy, nobody=self.mapping.nobody)
        return Input([_Kept(self._kept, self._bad)], names)

    @property
    def can_be_sent(self) -> bool:
        """Whether the source can be opened by itself, also in another process."""
        return self._log is None

    @property
    def summary(self) -> LoadSummary:
        """What the source holds; the first time it is asked for, the source is read for it."""
        if self._summary is None:
            self._summary = self._read_summary()
        return self._summary

    def __repr__(self) -> str:
        return f"Events of {_named(self.where)}"

    def _repr_html_(self) -> str:
        found = self.summary
        lines = found.lines()
        rows = [(topic, f"{count:,}") for topic, count in found.events.items() if count]
        return "\n".join(
            [html_paragraph(lines[0]), html_table(rows, ["topic", "events"]), *map(html_paragraph, lines[1:])]
        )

    def _opened(
        self, zones: Mapping[str, str] | str = NO_ZONES, privacy: PrivacySettings = NO_PSEUDONYMS
    ) -> Input:
        return open_input(
            self.where,
            self.topic,
            self.mapping,
            self.zones if self.zones is not None else zones,
            self.privacy if self.privacy.pseudonyms != "none" else privacy,
        )

    def _keep(self) -> None:
        """Keep what can be read only once in a file that ends with this object."""
        self._log = tempfile.SpooledTemporaryFile(max_size=_SPOOLED)  # noqa: SIM115 - it lives as long as this
        weakref.finalize(self, self._log.close)
        opened = self._opened()
        for event in opened.events(self._bad.append):
            self._log.write(topic_of(event).encode() + b" " + encode(event) + b"\n")
        self.notes, self.hints = opened.notes, opened.hints

    def _kept(self) -> Iterator[Event]:
        assert self._log is not None  # noqa: S101 - for the type checker
        place = 0
        while True:
            self._log.seek(place)
            lines = self._log.readlines(_SPOOLED)
            if not lines:
                return
            place = self._log.tell()
            for line in lines:
                topic, _, value = line.partition(b" ")
                yield codec.decode(topic.decode(), value)

    def _read_summary(self) -> LoadSummary:
        watch = Watch(self.mapping.nobody)
        topics: Counter[str] = Counter()
        stores: set[str] = set()
        first: int | None = None
        last: int | None = None
        for event in watch.passed(self.read()):
            topics[topic_of(event)] += 1
            stores.add(event.store_id)
            time = event.shift_start if hasattr(event, "shift_start") else event.event_time
            first = time if first is None else min(first, time)
            last = time if last is None else max(last, time)
        bad = self.unread
        return LoadSummary(
            events=topics,
            stores=len(stores),
            first=first,
            last=last,
            unreadable=bad.count,
            reasons=bad.reasons,
            first_unreadable=None if bad.first is None else str(bad.first),
            unread=bad.lines(),
            remarks=[*self.notes, *self.hints, *watch.findings.remarks()],
        )


def zoned(source: Where, zones: Mapping[str, str]) -> Where:
    """Return a source whose times without a zone are in those of its stores.

    Examples
    --------
    >>> zoned([], {"s": "Europe/Berlin"}).zones
    {'s': 'Europe/Berlin'}
    """
    if isinstance(source, Events):
        is_zoned = source.zones is not None or not source.can_be_sent
        if is_zoned:
            return source
        return Events(source.where, source.topic, source.mapping, zones, source.privacy)
    return source if reads_once(source) else Events(source, None, EventMapping(), zones)


class _Kept(Stream):
    """Events in a file of our own, and the bad rows that stood among them."""

    def __init__(self, kept: Any, bad: list[BadLine]) -> None:
        super().__init__(())
        self._kept = kept
        self._bad = bad

    def events(self, reject: Reject) -> Iterator[Event]:
        for bad in self._bad:
            reject(bad)
        yield from self._kept()


def _named(where: Any) -> str:
    return (
        str(where) if isinstance(where, str) or hasattr(where, "__fspath__") else f"a {type(where).__name__}"
    )


def load(
    source: Where,
    *,
    mapping: AnyMapping | None = None,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
    topic: str | None = None,
    zones: Mapping[str, str] | str | None = None,
    privacy: PrivacySettings = NO_PSEUDONYMS,
) -> Events:
    """Load events from any source.

    Parameters
    ----------
    source
        A path, a path with wildcards, a folder, an address such as ``s3://bucket/sales.parquet``, a frame of
        pandas, polars, Arrow or DuckDB, a list of dicts, typed events, or several of these; see
        `retail_anomaly.sources.open_input`.
    mapping
        How foreign data is read: a YAML file, the name of a mapping that comes with the package, or the same
        keys as a dict; see docs/your-data.md.
    columns
        Column by field, over the mapping: ``{"cashierId": "customerId"}``.
    constants
        Value by field, where its column is missing or a row has nothing in it.
    topic
        The topic of files and frames that don't say it themselves.
    zones
        Time zone of times that have none: one for all stores, or by store id. By default that of the
        settings with which you read the events, which is UTC if they name none.
    privacy
        Whether the events bear pseudonyms: the section of the settings, see docs/privacy.md. By default as
        the settings say with which you read the events.

    Returns
    -------
    Events
        The events, to be read as often as you like.

    Raises
    ------
    SourceError
        The source isn't there or can't be read.
    MappingError, ColumnsError
        The mapping can't work.

    Examples
    --------
    >>> rows = [{"no": "t1", "shop": "s", "clerk": "c", "article": "k", "total": "12,50", "kind": "Rückgabe",
    ...     "day": "09.10.2025", "clock": "10:02"}]
    >>> events = load(rows, mapping={
    ...     "columns": {"transactionId": "no", "storeId": "shop", "cashierId": "clerk", "sku": "article",
    ...         "amount": "total", "eventType": "kind", "eventTime": ["day", "clock"]},
    ...     "types": {"Rückgabe": "REFUND"}, "dates": "DD.MM.YYYY HH:mm", "time_zone": "Europe/Berlin"})
    >>> [(event.event_type, event.amount, event.event_time) for event in events]
    [('REFUND', 12.5, 1759996920000)]
    """
    whole = EventMapping() if mapping is None else read_mapping(mapping)
    return Events(source, topic, whole.with_columns(Columns(columns, constants)), zones, privacy)
