"""Tables as sources of events, read in batches of rows."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from retail_anomaly.core.events import LINE_VOID, POS_EVENTS, REFUND, SALE, STAFF_SHIFTS, Event
from retail_anomaly.core.quantities import plural
from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.batches import Batch, splits
from retail_anomaly.sources.clocks import Clocks
from retail_anomaly.sources.columns import FIELDS, REQUIRED, TIMES
from retail_anomaly.sources.event_log import BadLine, Reject
from retail_anomaly.sources.foreign_table import ForeignTable
from retail_anomaly.sources.header import are_names
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.row_events import RowEvents
from retail_anomaly.sources.store_share import Share

_OF_LINES: Final = frozenset({"transactionId", "sku", "amount"})
_ONE_COLUMN: Final = "; if that is several names, `separator` in a mapping is the sign between them"
_LINE_TYPES: Final = frozenset({SALE, REFUND, LINE_VOID})


class TableSource:
    """One table, or the parts of one, as a source.

    Parameters
    ----------
    tables
        The table, or its parts in their order.
    topic
        The rows' topic. None: the column ``topic`` says it row by row, and the rows stand in the
        order of arrival; without such a column they are of the mapping's topic, or else POS events.
    mapping
        Where the fields are, and how they are written.
    clocks
        The stores' clocks.
    once
        Whether the tables can be read only once, so that nobody can look at their order.

    Raises
    ------
    SourceError
        There is no column for a field that events must have, or two of one name.

    Examples
    --------
    >>> from retail_anomaly.sources.columns import Columns
    >>> from retail_anomaly.sources.frame_tables import DictTable
    >>> mapping = EventMapping.of(Columns(constants={"storeId": "s"}))
    >>> TableSource([DictTable([{"sku": "k"}])], "inventory-counts", mapping)
    Traceback (most recent call last):
    retail_anomaly.sources.base.SourceError: the list has no column for countedQty, eventTime:
    name the column with countedQty=COLUMN, or give a constant with countedQty=:VALUE, or begin with ...
    """

    def __init__(
        self,
        tables: Sequence[ForeignTable],
        topic: str | None,
        mapping: EventMapping | None = None,
        clocks: Clocks | None = None,
        *,
        once: bool = False,
    ) -> None:
        self._tables = tables
        self._once = once
        self.divisible = not once
        self._mapping = mapping or EventMapping()
        self._name = tables[0].name
        self._names = list(tables[0].names)
        self._names += [name for table in tables[1:] for name in table.names if name not in self._names]
        if topic is None and "topic" not in self._names:
            topic = self._mapping.topic or POS_EVENTS
        self.topic = topic
        self._clocks = clocks or Clocks()
        self._rows = self._new_rows()
        self._at: ForeignTable | None = None
        self._with_comma: str | None = None
        self._check()
        self._lacking = self._parts_lacking()

    @property
    def notes(self) -> list[str]:
        """What was found out about the form of the tables, for a person."""
        notes = [note for table in self._tables for note in table.notes]
        if self._with_comma is not None:
            notes.append(f'{self._with_comma} has a decimal comma: a mapping with `decimal: ","` says so')
        return [*notes, *self._rows.notes, *self._lacking, *self._misnamed()]

    def events(self, reject: Reject) -> Iterator[Event]:
        """Yield the events in the order of the rows."""
        self._rows = self._new_rows()
        for batch, base in self._batches(self._wanted()):
            self._look_at(batch, base)
            yield from self._rows.events(batch, reject, base)

    def numbered(self, reject: Reject, share: Share) -> Iterator[tuple[int, Event]]:
        """Yield the events of a share, each with the number of its row."""

        def reject_own(bad: BadLine) -> None:
            if not share.everything or share.has_turn(bad.number):
                reject(bad)

        self._rows = self._new_rows()
        for batch, base in self._batches(self._wanted()):
            broken = [row for row in batch.broken if share.has_turn(base + row.number)]
            self._look_at(batch, base)  # before rows are left out, so that each share sees the same
            own = batch if share.everything else batch.filtered(self._own_rows(batch, base, share))
            own.broken = broken
            yield from self._rows.numbered(own, reject_own, base)

    def stores(self) -> Counter[str]:
        """Return how many rows each store has; of a table of unknown length, in its first rows."""
        found: Counter[str] = Counter()
        rows = self._new_rows()
        of_store = self._of_field("storeId")
        columns = [name for name in self._names if name in of_store]
        if not columns:
            return found
        for table in self._tables:
            for batch in table.batches([name for name in columns if name in table.names]):
                found.update(store for store in rows.stores(batch) if isinstance(store, str))
                if table.rows is None:
                    break
        return found

    def is_sorted(self) -> bool:
        """Tell whether the rows stand by event time; reads no more columns than that takes."""
        if self._once:
            return False
        field = "shiftStart" if self.topic == STAFF_SHIFTS else "eventTime"
        columns = self._of_field(field)
        if not any(column in self._names for column in columns):
            return True  # a constant
        if self._clocks.only is None:
            columns = [*columns, *self._of_field("storeId")]
        rows = self._new_rows()
        newest = 0
        for batch, _ in self._batches([name for name in self._names if name in columns]):
            for time in rows.values(batch.without_repeats(), field):
                if isinstance(time, int):
                    if time < newest:
                        return False
                    newest = time
        return True

    def done(self) -> float | None:
        """Return how much has been read."""
        if len(self._tables) == 1:
            return self._tables[0].done()
        if self._at is None:
            return 0.0
        return (self._tables.index(self._at) + (self._at.done() or 0)) / len(self._tables)

    def _look_at(self, batch: Batch, base: int) -> None:
        self._rows.look_at(batch, base)
        if self._with_comma is None and self._at is not None and self._rows.decimal == ",":
            self._with_comma = self._at.name

    def _parts_lacking(self) -> list[str]:
        """Return a sentence for each field that some parts have a column for and others have not."""
        said = []
        for field in FIELDS[self.topic] if self.topic and len(self._tables) > 1 else ():
            columns = set(self._of_field(field))
            lacking = [table.name for table in self._tables if columns.isdisjoint(table.names)]
            if 0 < len(lacking) < len(self._tables):
                others = f" and {plural(len(lacking) - 1, 'other')}" if len(lacking) > 1 else ""
                verb = "have" if others else "has"
                said.append(
                    f"{lacking[0]}{others} of {len(self._tables):,} parts {verb} no column for {field}: "
                    "their rows are read without it"
                )
        return said

    def _misnamed(self) -> list[str]:
        """Return a sentence about the columns that are named as a field but for capitals and signs."""
        if self.topic is None or self._mapping.is_packaged:
            return []
        read = set(self._wanted())
        lacking = {
            _plain(field): field
            for field in FIELDS[self.topic]
            if field not in REQUIRED[self.topic] and not any(map(self._has, self._mapping_columns(field)))
        }
        return [
            f"{self._name}: the column {name} is not read; a mapping with `columns: {{{field}: {name}}}` "
            "reads it"
            for name in self._names
            if name not in read and (field := lacking.get(_plain(name))) is not None
        ]

    def _mapping_columns(self, field: str) -> Sequence[str]:
        return self._mapping.of_topic(self.topic or POS_EVENTS).columns_of(field)

    def _new_rows(self) -> RowEvents:
        return RowEvents(self._mapping, self.topic, self._clocks)

    def _batches(self, columns: Sequence[str]) -> Iterator[tuple[Batch, int]]:
        """Yield the rows of all parts, each with how many rows stand in the parts before."""
        base = 0
        for table in self._tables:
            self._at, last = table, 0
            for batch in table.batches([name for name in columns if name in table.names]):
                yield batch, base
                numbers = [batch.numbers[-1]] if len(batch) else []
                last = max([last, *numbers, *(row.number for row in batch.broken[-1:])])
            base += last

    def _own_rows(self, batch: Batch, base: int, share: Share) -> list[bool]:
        """Tell of each row whether it is a share's; those without a store are anyone's in turn."""
        stores = self._rows.stores(batch)
        owned = {store: share.owns(store) for store in {s for s in stores if isinstance(s, str) and s}}
        return [
            owned[store] if isinstance(store, str) and store else share.has_turn(base + number)
            for number, store in zip(batch.numbers, stores, strict=True)
        ]

    def _of_field(self, field: str) -> list[str]:
        """Return the names of the columns that may hold a field."""
        topics = [self.topic] if self.topic else list(FIELDS)
        names = [name for topic in topics for name in self._mapping.of_topic(topic).columns_of(field)]
        return [part for name in names for part in (name, *(parent for parent, _ in splits(name)))]

    def _wanted(self) -> list[str]:
        """Return the names of the columns that events are made of."""
        fields: Any = FIELDS[self.topic] if self.topic else {f: "" for fs in FIELDS.values() for f in fs}
        wanted = {name for field in fields for name in self._of_field(field)}
        wanted |= {"topic"} if not self.topic else set()
        return [column for column in self._names if column in wanted]

    def _check(self) -> None:
        """Refuse a table with two columns of one name, or without one for a mapped or required field."""
        repeated = [name for name, number in Counter(self._wanted()).items() if number > 1]
        if repeated:
            raise SourceError(
                f"{self._name} has several columns named {', '.join(repeated)}: rename or remove all but one"
            )
        if not self.topic:
            return
        mapping = self._mapping.of_topic(self.topic)
        names = ", ".join(self._names)
        for field, columns in mapping.columns.items():
            missing = [column for column in columns if not self._has(column)]
            needed = field in REQUIRED[self.topic] and field not in mapping.constants
            may_lack = self._mapping.is_packaged and not needed
            if missing and not may_lack and (field in TIMES or len(missing) == len(columns)):
                raise SourceError(
                    f"{self._name} has no column {missing[0]} (for {field}); its columns are {names}"
                )
        lacking = [
            field
            for field in REQUIRED[self.topic]
            if not any(map(self._has, mapping.columns_of(field))) and field not in mapping.constants
        ]
        if lacking and not self._needs_no_lines(lacking):
            raise SourceError(
                f"{self._name} has no column for {', '.join(lacking)}: name the column with "
                f"{lacking[0]}=COLUMN, or give a constant with {lacking[0]}=:VALUE, or begin with the draft "
                f"of `retail-anomaly mapping`; its columns are {names}"
                + ("" if are_names(self._names) else ", which look like a row: write a line of names above")
                + (_ONE_COLUMN if len(self._names) == 1 else "")
                + "".join(f"; {note}" for note in self._tables[0].notes[:1])
            )

    def _needs_no_lines(self, lacking: Sequence[str]) -> bool:
        """Tell whether only fields of a receipt line are missing, and the first rows are no receipt lines."""
        if self._once or not set(lacking) <= _OF_LINES or self.topic != POS_EVENTS:
            return False
        rows = self._new_rows()
        columns = [name for name in self._names if name in self._of_field("eventType")]
        for batch, _ in self._batches(columns):
            kinds = {str(kind).upper() for kind in rows.values(batch, "eventType")}
            return not kinds & _LINE_TYPES
        return False

    def _has(self, column: str) -> bool:
        return column in self._names or any(parent in self._names for parent, _ in splits(column))


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
