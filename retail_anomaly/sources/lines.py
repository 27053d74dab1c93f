"""Files of JSON lines, and standard input."""

import sys
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO, Final

import msgspec

from retail_anomaly.core.events import STAFF_SHIFTS, Event
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.sources.batches import Broken, DictBatch
from retail_anomaly.sources.clocks import Clocks
from retail_anomaly.sources.event_log import BadLine, Reject, envelope, json_object, read_log, read_values
from retail_anomaly.sources.json_files import opened_lines
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.row_events import RowEvents
from retail_anomaly.sources.store_share import Numbered, Share, sampled_stores
from retail_anomaly.sources.stored_file import StoredFile

STDIN: Final = "-"
# A glance at a file: so many lines at so many places.
_GLANCES: Final = 16
_GLANCE_LINES: Final = 500
_BATCH_LINES: Final = 4_096


class Lines:
    """An event log, or the bare values of one topic.

    Parameters
    ----------
    file
        The file; None: standard input.
    values_of
        The topic whose bare values the lines are; None: an event log.
    mapping
        How foreign values are read.
    clocks
        The stores' clocks, for times without a zone.
    constants
        Fields of every value: the folders of partitions that the file stands in.
    """

    def __init__(
        self,
        file: StoredFile | None,
        values_of: str | None,
        mapping: EventMapping | None = None,
        clocks: Clocks | None = None,
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        self._stored = file
        self._name = "standard input" if file is None else file.name
        self._values_of = values_of
        self._mapping = mapping or EventMapping()
        self._clocks = clocks or Clocks()
        self._constants = dict(constants or {})
        self._file: BinaryIO | None = None
        self._size = 0
        # Standard input can be read only once, so it can't be looked at for its order.
        self.topic = None if file is None else values_of
        self.divisible = file is not None
        self.notes: list[str] = []

    def events(self, reject: Reject) -> Iterator[Event]:
        """Yield the events in the order of the lines."""
        if self._stored is None:
            yield from self._read(sys.stdin.buffer, reject)
            return
        with opened_lines(self._stored) as (lines, self._file):
            self._size = self._stored.size
            yield from self._read(lines, reject)

    def numbered(self, reject: Reject, share: Share) -> Iterator[tuple[int, Event]]:
        """Yield the events of a share, each with the number of its line."""
        assert self._stored is not None  # noqa: S101 - standard input is not divided
        owned: dict[str, bool] = {}

        def reject_own(bad: BadLine) -> None:
            # A line that is no event is no store's; the processes tell of such lines in turn.
            if share.has_turn(bad.number):
                reject(bad)

        with opened_lines(self._stored) as (lines, self._file):
            self._size = self._stored.size
            for number, event in self._read_numbered(lines, reject_own):
                mine = owned.get(event.store_id)
                if mine is None:
                    mine = owned[event.store_id] = share.everything or share.owns(event.store_id)
                if mine:
                    yield number, event

    def _read(self, lines: Iterable[bytes], reject: Reject) -> Iterator[Event]:
        if self._is_foreign:
            return (event for _, event in self._mapped(lines, reject))
        if self._values_of is None:
            return read_log(lines, self._name, reject)
        return read_values(lines, self._values_of, self._name, reject)

    def _read_numbered(self, lines: Iterable[bytes], reject: Reject) -> Iterator[tuple[int, Event]]:
        if self._is_foreign:
            yield from self._mapped(lines, reject)
            return
        counted = Numbered(lines)
        for event in self._read(counted, reject):
            yield counted.number, event

    @property
    def _is_foreign(self) -> bool:
        return bool(self._mapping) or bool(self._constants)

    def _mapped(self, lines: Iterable[bytes], reject: Reject) -> Iterator[tuple[int, Event]]:
        """Read the lines as rows of a table, which may have other names and forms."""
        rows = RowEvents(self._mapping, self._values_of, self._clocks)
        # A pipe may be slow: each of its lines is read when it comes.
        at_once = 1 if self._stored is None else _BATCH_LINES
        numbered = enumerate(lines, 1)
        self.notes = []
        sought = self._named_columns()
        has_rows = False
        while part := list(islice(numbered, at_once)):
            batch = self._batch(part)
            has_rows = has_rows or len(batch) > 0
            sought = {
                field: names
                for field, names in sought.items()
                if all(batch.column(name) is None for name in names)
            }
            yield from rows.numbered(batch, reject)
        if has_rows:
            self.notes = [
                f"no line of {self._name} fills the column {names[0]} (for {field}) of the mapping"
                for field, names in sought.items()
            ]
        self.notes += rows.notes

    def _named_columns(self) -> dict[str, Sequence[str]]:
        """Return the columns that a mapping names, by field; those of a packaged one may be absent."""
        if self._values_of is None or self._mapping.is_packaged:
            return {}
        return dict(self._mapping.of_topic(self._values_of).columns)

    def _batch(self, lines: list[tuple[int, bytes]]) -> DictBatch:
        values, numbers, broken = [], [], []
        for number, line in lines:
            raw = line.removeprefix(BOM_UTF8).rstrip(b"\r\n")
            if not raw or raw.isspace():
                continue
            try:
                values.append(self._value(raw))
            except InvalidEvent as error:
                broken.append(Broken(number, f"{self._name}:{number}", error.reason, raw))
            else:
                numbers.append(number)
        return DictBatch(values, numbers, label=f"{self._name}:", broken=broken, constants=self._constants)

    def _value(self, raw: bytes) -> dict[str, Any]:
        if self._values_of is not None:
            return json_object(raw)
        topic, value = envelope(raw)
        return {**json_object(value), "topic": topic}

    def stores(self) -> Counter[str]:
        """Return how many lines each store has in a sample from all over the file."""
        assert self._stored is not None  # noqa: S101 - standard input is not divided
        (column, *_) = self._mapping.of_topic(self._values_of or "pos-events").columns_of("storeId")
        samples: list[bytes] = []
        with opened_lines(self._stored) as (lines, file):
            if lines is not file:  # compressed, or an array: only its beginning is cheap
                return sampled_stores(islice(lines, _GLANCES * _GLANCE_LINES), column)
            size = self._stored.size
            for glance in range(_GLANCES):
                file.seek(size * glance // _GLANCES)
                samples += islice(file, _GLANCE_LINES)
        return sampled_stores(samples, column)

    def is_sorted(self) -> bool:
        """Tell whether the values stand by event time; reads the times only."""
        assert self._stored is not None  # noqa: S101 - standard input has no order to look at
        field = "shiftStart" if self._values_of == STAFF_SHIFTS else "eventTime"
        newest: float = 0
        with opened_lines(self._stored) as (lines, _):
            for time in self._mapped_times(lines, field) if self._is_foreign else _times(lines, field):
                if isinstance(time, int) or (isinstance(time, float) and time.is_integer()):
                    if time < newest:
                        return False
                    newest = time
        return True

    def _mapped_times(self, lines: Iterable[bytes], field: str) -> Iterator[Any]:
        rows = RowEvents(self._mapping, self._values_of, self._clocks)
        numbered = enumerate(lines, 1)
        while part := list(islice(numbered, _BATCH_LINES)):
            yield from rows.values(self._batch(part), field)

    def done(self) -> float | None:
        """Return how much of the file has been read."""
        if self._stored is None:
            return None
        if self._file is None:
            return 0.0
        return 1.0 if self._file.closed else min(1.0, self._file.tell() / (self._size or 1))


def _times(lines: Iterable[bytes], field: str) -> Iterator[Any]:
    row = msgspec.defstruct("Time", [("time", Any, None)], rename={"time": field})
    decode = msgspec.json.Decoder(row).decode
    for line in lines:
        try:
            yield getattr(decode(line.removeprefix(BOM_UTF8)), "time", None)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
