"""Rows of a table as typed events."""

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from itertools import chain, repeat
from types import GenericAlias
from typing import Any, Final

import msgspec

from retail_anomaly.core.event_checks import checked
from retail_anomaly.core.event_mapping import from_mapping
from retail_anomaly.core.events import EVENT_TYPES, REFUND, SALE, Event
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.core.local_time import WallClock
from retail_anomaly.sources.advice import advised, of_cell
from retail_anomaly.sources.batches import Batch, Broken
from retail_anomaly.sources.bulk_cells import bulk_values
from retail_anomaly.sources.cells import DATES, Convert, Memo, converter, is_absent, nulls_of
from retail_anomaly.sources.clocks import Clocks
from retail_anomaly.sources.columns import FIELDS, OPTIONAL, TIMES, put
from retail_anomaly.sources.date_forms import NO_CLOCK
from retail_anomaly.sources.doubts import Doubts
from retail_anomaly.sources.event_log import BadLine, Reject
from retail_anomaly.sources.mapping import MONEY, EventMapping, TopicMapping
from retail_anomaly.sources.number_forms import NumberForm, detected

# How many rows are looked at to tell a decimal point from a comma.
_LOOKED_AT: Final = 20_000
# How many rows become events in one call.
_AT_ONCE: Final = 100
_BESIDE_AMOUNT: Final = MONEY - {"amount"}


class RowEvents:
    """Makes events of the rows of one table.

    Parameters
    ----------
    mapping
        Where the fields are, and how they are written.
    topic
        The rows' topic; None: each batch says it row by row.
    clocks
        The stores' clocks, for times without a zone.

    Examples
    --------
    >>> cells = {"storeId": ["s"], "sku": [7], "countedQty": ["3.0"], "eventTime": ["2025-10-09"]}
    >>> rows = RowEvents(EventMapping(), "inventory-counts", Clocks())
    >>> list(rows.events(Batch(cells, [1]), print))
    [CountEvent(store_id='s', sku='7', counted_qty=3, event_time=1759968000000, manager_id=None)]
    """

    def __init__(self, mapping: EventMapping, topic: str | None, clocks: Clocks) -> None:
        self._mapping = mapping
        self._topic = topic
        self._clocks = clocks
        self._fields: dict[str, _TopicRows] = {}
        self._form: NumberForm | None = None
        self._looked_at: int | None = None
        self._doubts = Doubts()

    @property
    def notes(self) -> list[str]:
        """What was read in one way and may be meant in another, for a person."""
        # A packaged mapping knows its columns: its zeros are zeros.
        return self._doubts.notes(zeros=not self._mapping.is_packaged)

    @property
    def decimal(self) -> str | None:
        """The decimal sign that was found out; None where the mapping states it."""
        topics = [self._topic] if self._topic else EVENT_TYPES
        if all(self._mapping.of_topic(topic).states_decimal for topic in topics):
            return None
        return self._form.decimal if self._form else None

    def look_at(self, batch: Batch, base: int = 0) -> None:
        """Find out from the first batch of a table how numbers are written; else as in the one before."""
        if base == self._looked_at or not len(batch):
            return
        self._looked_at = base
        form = self._detected(batch)
        if self._form is None or form.decimal not in (None, self._form.decimal):
            self._form = form
            self._fields.clear()

    def events(self, batch: Batch, reject: Reject, base: int = 0) -> Iterator[Event]:
        """Yield the events of a batch in the order of its rows.

        Parameters
        ----------
        batch
            The rows.
        reject
            Called with each bad row.
        base
            How many rows of other tables stand before those of this one.
        """
        if batch.broken or (not self._topic and batch.column("topic") is not None):
            for _, event in self.numbered(batch, reject, base):
                yield event
            return
        # Most tables come here: plain events are handed on a part at a time.
        self.look_at(batch, base)
        topic = self._topic or next(iter(EVENT_TYPES))
        start = 0
        for rows in self._of_topic(topic).rows(batch):
            made = _events(topic, rows)
            if all(made):
                yield from made  # type: ignore[misc] # then none of them is None
            else:
                numbers = batch.numbers[start : start + len(rows)]
                for number, row, plain in zip(numbers, rows, made, strict=True):
                    single = plain or self._single(topic, row, number, batch.label, reject, base)
                    if single is not None:
                        yield single
            start += len(rows)

    def numbered(self, batch: Batch, reject: Reject, base: int = 0) -> Iterator[tuple[int, Event]]:
        """Yield the events of a batch, each with the number of its row; otherwise as `events`."""
        self.look_at(batch, base)
        broken = iter(batch.broken)
        pending = next(broken, None)
        for number, topic, row, made in self._rows(batch):
            while pending is not None and pending.number < number:
                reject(self._of_broken(pending, base))
                pending = next(broken, None)
            event = made or self._single(topic, row, number, batch.label, reject, base)
            if event is not None:
                yield base + number, event
        while pending is not None:
            reject(self._of_broken(pending, base))
            pending = next(broken, None)

    def stores(self, batch: Batch) -> Sequence[Any]:
        """Return each row's store as its event will have it; a store that is not text makes no event."""
        topic = self._topic or next(iter(EVENT_TYPES))
        return self._of_topic(topic).values(batch, "storeId") or [None] * len(batch)

    def values(self, batch: Batch, field: str) -> Sequence[Any]:
        """Return each row's value of a field, such as its time in epoch milliseconds."""
        topic = self._topic or next(iter(EVENT_TYPES))
        return self._of_topic(topic).values(batch, field) or [None] * len(batch)

    def _rows(self, batch: Batch) -> Iterator[tuple[int, str, dict[str, Any], Event | None]]:
        """Yield number, topic and values of each row, with its event if that was made with others."""
        topics = None if self._topic else batch.column("topic")
        if topics is None:
            topic = self._topic or next(iter(EVENT_TYPES))
            numbers = iter(batch.numbers)
            for part in self._of_topic(topic).rows(batch):
                # `zip` would take a number too many from an iterator that comes first.
                for row, event, number in zip(part, _events(topic, part), numbers, strict=False):
                    yield number, topic, row, event
            return
        # The rows of each topic at a time; every row keeps its place.
        names = topics_of(topics)
        rows: list[dict[str, Any]] = [{} for _ in names]
        for topic in set(names):
            mask = [topic == other for other in names]
            if topic in EVENT_TYPES:
                places = (place for place, mine in enumerate(mask) if mine)
                own = chain.from_iterable(self._of_topic(topic).rows(batch.filtered(mask)))
                for place, row in zip(places, own, strict=True):
                    rows[place] = row
        yield from zip(batch.numbers, names, rows, repeat(None), strict=False)

    def _single(
        self, topic: str, row: dict[str, Any], number: int, label: str, reject: Reject, base: int
    ) -> Event | None:
        try:
            return _event(topic, row)
        except InvalidEvent as error:
            error = advised(of_cell(error, row), row)
            reject(BadLine(f"{label}{number}", base + number, topic, error, _raw(row), in_table=True))
            return None

    def _of_topic(self, topic: str) -> "_TopicRows":
        found = self._fields.get(topic)
        if found is None:
            mapping = self._mapping.of_topic(topic)
            form = NumberForm(mapping.decimal, mapping.thousands, mapping.currency)
            if form.decimal is None and form.thousands in (".", ","):
                form = NumberForm("," if form.thousands == "." else ".", form.thousands, form.currency)
            if form.decimal is None and self._form is not None:
                form = NumberForm(self._form.decimal, form.thousands, form.currency)
            found = self._fields[topic] = _TopicRows(topic, mapping, form, self._clocks, self._doubts)
        return found

    def _detected(self, batch: Batch) -> NumberForm:
        """Find out how numbers are written, by those that can be read in one way only."""
        texts: list[str] = []
        for topic in [self._topic] if self._topic else EVENT_TYPES:
            mapping = self._mapping.of_topic(topic)
            for field, kind in FIELDS[topic].items():
                if kind not in ("number", "decimal", "integer") or field in TIMES:
                    continue
                for column in mapping.columns_of(field):
                    cells = (batch.column(column) or ())[:_LOOKED_AT]
                    texts += {cell for cell in cells if isinstance(cell, str)}
        return detected(texts)

    def _of_broken(self, broken: Broken, base: int) -> BadLine:
        error = InvalidEvent(None, broken.reason)
        return BadLine(
            broken.place, base + broken.number, self._topic or "", error, broken.raw, in_table=True
        )


def _events(topic: str, rows: list[dict[str, Any]]) -> Sequence[Event | None]:
    """Return the event of each row; None for those that are not plain."""
    try:
        events = msgspec.convert(rows, GenericAlias(list, (EVENT_TYPES[topic],)))
        return [checked(event) for event in events]
    except (ValueError, KeyError):  # as in `_event`
        if len(rows) == 1:
            return [None]
        # A void among the lines of a till must not send its neighbours the long way.
        half = len(rows) // 2
        return [*_events(topic, rows[:half]), *_events(topic, rows[half:])]


def _event(topic: str, row: dict[str, Any]) -> Event:
    try:
        return checked(msgspec.convert(row, EVENT_TYPES[topic]))
    except (ValueError, KeyError):  # those of msgspec and ours are ValueErrors
        # A second look: `convert` is too strict for some events, and it does not name the fault.
        return from_mapping(topic, row)


def _raw(row: dict[str, Any]) -> bytes:
    row = {
        name: cell.decode("utf-8", "backslashreplace") if type(cell) is bytes else cell
        for name, cell in row.items()
    }
    try:
        return msgspec.json.encode(row, enc_hook=str)
    except (ValueError, OverflowError, RecursionError):  # half a surrogate pair, a huge number
        return str(row).encode("utf-8", "backslashreplace")


class _TopicRows:
    """The fields of one topic."""

    def __init__(
        self, topic: str, mapping: TopicMapping, form: NumberForm, clocks: Clocks, doubts: Doubts
    ) -> None:
        self._kinds = FIELDS[topic]
        self._optional = OPTIONAL[topic]
        # Words for nothing are nothing where a row may lack a field; those of the mapping are everywhere.
        self._may_lack = self._optional.keys() | mapping.constants.keys()
        if mapping.nulls is not None:
            self._may_lack |= self._kinds.keys()
        self._mapping = mapping
        self._form = form
        self._doubts = doubts
        self._clocks = Clocks(mapping.time_zone) if mapping.time_zone else clocks
        self._memos: dict[tuple[str, WallClock], Memo] = {}
        self._signed = mapping.negative is not None or mapping.amount == "per_unit"

    def rows(self, batch: Batch) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows' values under the names on the wire, some hundred rows at a time."""
        flat = {field: cells for field in self._kinds if (cells := self.values(batch, field)) is not None}
        plain = [field for field in flat if "." not in field]
        # Absent is not the default: a line without quantity is told from one of 1.
        lacking = [f for f in plain if self._optional.get(f) is not None and None in flat[f]]
        for start in range(0, len(batch), _AT_ONCE):
            part = {field: cells[start : start + _AT_ONCE] for field, cells in flat.items()}
            columns = [part[field] for field in plain]
            rows = [dict(zip(plain, cells, strict=True)) for cells in zip(*columns, strict=True)]
            rows = rows or [{} for _ in range(min(_AT_ONCE, len(batch) - start))]
            for field in flat.keys() - set(plain):
                for row, value in zip(rows, part[field], strict=True):
                    put(row, field, value)
            for field in lacking:
                for row in rows:
                    if row[field] is None:
                        del row[field]
            if self._signed and "amount" in flat:
                for row in rows:
                    self._sign(row)
            yield rows

    def values(self, batch: Batch, field: str) -> Sequence[Any] | None:
        """Return a field's values, or None where the table has none."""
        constant = self._mapping.constants.get(field)
        found = self._joined(batch, field) if field in TIMES else self._first_filled(batch, field)
        if found is None:
            return None if constant is None else [constant] * len(batch)
        if constant is not None:
            return [constant if value is None or value == "" else value for value in found]
        return found

    def _first_filled(self, batch: Batch, field: str) -> Sequence[Any] | None:
        found: Sequence[Any] | None = None
        kind = self._kinds[field]
        nulls = nulls_of(kind, self._mapping)
        columns = self._mapping.columns_of(field)
        by_column: dict[str, Sequence[Any]] = {}
        for column in columns:
            cells = batch.column(column)
            if cells is None:
                continue
            values = by_column[column] = self._converted(batch, field, cells)
            found = (
                values
                if found is None
                else [b if _gives_way(a, b, nulls) else a for a, b in zip(found, values, strict=True)]
            )
        if len(by_column) > 1 and kind in ("number", "decimal", "integer"):
            self._doubts.of_columns(field, list(by_column), list(by_column.values()))
        return found

    def _joined(self, batch: Batch, field: str) -> Sequence[Any] | None:
        names = self._mapping.columns_of(field)
        # First: cells that are timestamps of pandas take longer to make than all else of a row.
        stamps = batch.times(names[0]) if len(names) == 1 else None
        if stamps is None:
            columns = [batch.column(name) for name in names]
            if all(cells is None for cells in columns):
                return None
            there = [[None] * len(batch) if cells is None else cells for cells in columns]
            joined = there[0] if len(names) == 1 else [_one_text(parts) for parts in zip(*there, strict=True)]
            return self._converted(batch, field, joined)
        millis, are_local = stamps
        if not are_local:
            return millis
        if (only := self._clocks.only) is not None:
            return only.all_utc(millis)
        stores = self.values(batch, "storeId") or [None] * len(batch)
        clock = self._clocks.of
        return [m if m is None else clock(s).utc(m) for m, s in zip(millis, stores, strict=True)]

    def _converted(self, batch: Batch, field: str, cells: Sequence[Any]) -> Sequence[Any]:
        if (values := self._in_bulk(field, cells)) is not None:
            return values
        # A text is looked up; of other cells equal ones can differ: True is 1.
        by_text = batch.only_texts or all(type(cell) is str for cell in cells)
        only = self._clocks.only
        if field not in TIMES or only is not None:
            memo = self._memo(field, self._clocks.of("") if only is None else only)
            return list(map(memo.__getitem__ if by_text else memo.convert, cells))
        stores = self.values(batch, "storeId") or [None] * len(batch)
        memos = {store: self._memo(field, self._clocks.of(store)) for store in set(map(_key, stores))}
        pairs = zip(cells, map(_key, stores), strict=True)
        if by_text:
            return [memos[store][cell] for cell, store in pairs]
        return [memos[store].convert(cell) for cell, store in pairs]

    def _in_bulk(self, field: str, cells: Sequence[Any]) -> Sequence[Any] | None:
        """Return a column of plain cells as values, or None where each cell needs its own conversion."""
        mapping, kind = self._mapping, self._kinds[field]
        if field in TIMES:
            is_plain = not mapping.dates and not isinstance(next(iter(cells), None), str)
        else:
            is_plain = not (
                (field in MONEY and mapping.minor_units)
                or field in DATES
                or (field == "eventType" and mapping.types)
            )
        if not is_plain:
            return None
        return bulk_values(
            cells, kind, nulls=nulls_of(kind, mapping) if field in self._may_lack else None, trim=mapping.trim
        )

    def _memo(self, field: str, clock: WallClock) -> Memo:
        memo = self._memos.get((field, clock))
        if memo is None:
            convert = self._converter(field, clock)
            memo = self._memos[field, clock] = Memo(
                self._doubts.of_money(convert) if field in MONEY else convert
            )
        return memo

    def _converter(self, field: str, clock: WallClock) -> Convert:
        return converter(
            field,
            self._kinds[field],
            self._mapping,
            self._form,
            clock,
            is_optional=field in self._may_lack,
        )

    def _sign(self, row: dict[str, Any]) -> None:
        """Take the amount of a price per piece, and a negative amount as a refund."""
        amount, quantity = row.get("amount"), row.get("quantity", 1)
        if type(amount) is not float or type(quantity) not in (int, float):
            return
        if self._mapping.negative is not None:
            for field in _BESIDE_AMOUNT:
                if type(row.get(field)) is float:
                    row[field] = abs(row[field])
        negative = self._mapping.negative is not None and (amount < 0 or quantity < 0)
        if negative:
            amount, quantity = abs(amount), abs(quantity)
            if "quantity" in row:  # a line without quantity stays one
                row["quantity"] = quantity
            if str(row.get("eventType") or SALE).upper() == SALE:
                row["eventType"] = REFUND
        if self._mapping.amount == "per_unit":
            amount = round(amount * quantity, 6)
        row["amount"] = amount


def _gives_way(value: Any, other: Any, nulls: Collection[str]) -> bool:
    """Tell whether a value is nothing, or a word for it while the other is something."""
    if value is None or value == "":
        return True
    return isinstance(value, str) and value.lower() in nulls and other is not None and other != ""


def _one_text(parts: Sequence[Any]) -> str | None:
    """Join a date and a time that stand in columns of their own."""
    texts = []
    for part in parts:
        if is_absent(part) or bool(getattr(part, "ndim", 0)) or part == "":
            continue
        text = _clock(part) if hasattr(part, "total_seconds") else str(part).strip()
        # A date that a sheet or a frame holds as a date and time: its time is midnight and stands elsewhere.
        if hasattr(part, "hour") and hasattr(part, "year") and text.endswith(" 00:00:00"):
            text = text.removesuffix(" 00:00:00")
        if text:
            texts.append(text)
    if len(texts) == 1 < len(parts) and ":" not in texts[0]:
        return texts[0] + NO_CLOCK  # midnight would be a guess
    return " ".join(texts) or None


def _clock(since_midnight: timedelta) -> str:
    """Return the time of day that databases give as a duration.

    Examples
    --------
    >>> _clock(timedelta(hours=9, minutes=5)), _clock(timedelta(milliseconds=250))
    ('09:05:00', '00:00:00.250000')
    """
    minutes, seconds = divmod(since_midnight.total_seconds(), 60)
    hours, minutes = divmod(int(minutes), 60)
    part = f".{since_midnight.microseconds:06}" if since_midnight.microseconds else ""
    return f"{hours:02}:{minutes:02}:{int(seconds):02}{part}"


def _key(store: Any) -> str | None:
    return store if isinstance(store, str) else None


def topics_of(cells: Sequence[Any]) -> list[str]:
    """Return the topics that a column ``topic`` names.

    Examples
    --------
    >>> topics_of([" pos-events ", None])
    ['pos-events', 'None']
    """
    return [str(cell).strip() for cell in cells]
