"""The lines of a store's receipts, kept for as long as they can be taken back."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from struct import error as DoesNotFit  # noqa: N812 - it says what went wrong
from typing import Final

import numpy as np

from retail_anomaly.core.collections.collection import Load, StateRecord
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.forgotten_sales import ForgottenSales, forgotten_sales
from retail_anomaly.core.kept_line import KeptLine, KeptSale
from retail_anomaly.core.line_chunk import KEY, ROW, ROWS, SIZE, UNKNOWN, Chunk, Odd, linked, unpack
from retail_anomaly.core.numbered_names import NumberedNames
from retail_anomaly.core.receipts import (
    Identity,
    Numbering,
    Receipt,
    text_hash,
    token_hash,
)

_DAY: Final = 86_400_000
_SHIFT: Final = 8  # bits of a line's number that are its row
_ROW_BITS: Final = ROWS - 1
# A line and the two rows of its tokens are in one chunk, and never fill it: the number after the last row is
# that of the first row of another chunk.
_SPARE: Final = 3
_FULL: Final = ROWS - _SPARE
# A store that has a few lines and no more, as one whose id somebody makes up, takes a kilobyte for them.
_FIRST_ROOM: Final = 32
_MOST_SKUS: Final = 65_536  # that a row can count
_MOST_SERIES: Final = 65_000  # the registers, or their days, beyond them share one
_OTHERS: Final = "\x1f"
_LINES_PER_SLOT: Final = 4
_pack: Final = ROW.pack_into
_key: Final = KEY.unpack_from
_row: Final = ROW.unpack_from


class KeptLines:
    """Keep the SALE and REFUND lines of a store for a while, found by the number of their receipt.

    A line takes 40 bytes, of which its receipt's number is a hash of 64 bits: two numbers can share one, with
    a chance of 3 in 100 million among a million lines.

    Parameters
    ----------
    numbering
        Tells the identity of a receipt.
    keep
        How long a line is kept after its time, or after the clock when it was processed if that is later, in
        milliseconds.

    Notes
    -----
    Lines lie in chunks of 256, in the order in which they were processed. A chunk is a record, which is
    written while it fills and when a line of it changes. An index of linked lists finds the lines of a
    number.

    Examples
    --------
    >>> from retail_anomaly.core.local_time import UTC, LocalTime
    >>> lines = KeptLines(Numbering("store", LocalTime(UTC)), keep=86_400_000)
    >>> sale = PosEvent("42", "s", "c", "k", 9.5, "SALE", 1_760_000_000_000)
    >>> line = lines.add(sale, 1, sale.event_time)
    >>> [(kept.sku, kept.amount, kept.quantity) for kept in lines.of_number("42")]
    [('k', 9.5, 1.0)]
    >>> lines.receipt(line, "42").first
    1760000000000
    """

    __slots__ = (
        "_chunks",
        "_dropped",
        "_full",
        "_hash",
        "_heads",
        "_keep",
        "_mask",
        "_next_line",
        "_number",
        "_numbering",
        "_open",
        "_plain",
        "_series",
        "_skus",
        "_tracked",
    )

    def __init__(self, numbering: Numbering, keep: int) -> None:
        self._numbering = numbering
        self._plain = numbering.by == "store"
        self._keep = keep
        self._chunks: dict[int, Chunk] = {}
        self._open: Chunk | None = None
        self._full = _FULL  # rows of the open chunk, from which on the next line finds no room
        self._next_line = ROWS  # 0 ends a list of the index
        self._heads = array("I", bytes(4 * 64))  # the newest line, by the last bits of a hash
        self._mask = 63
        self._number, self._hash = "", text_hash("")
        self._skus: NumberedNames[str] = NumberedNames(most=_MOST_SKUS)
        self._series: NumberedNames[Identity] = NumberedNames([()] if self._plain else [], _MOST_SERIES)
        self._dropped: list[str] = []
        self._tracked = True

    def __len__(self) -> int:
        return sum(chunk.count for chunk in self._chunks.values())

    def __bool__(self) -> bool:
        return bool(self._chunks)  # a chunk begins with a line

    @property
    def newest(self) -> int:
        """The number of the line that was processed last; those processed later have higher ones."""
        return self._next_line - 1

    @property
    def oldest(self) -> int:
        """The number from which on lines are kept."""
        return min(self._chunks) << _SHIFT if self._chunks else self._next_line

    def add(self, event: PosEvent, sign: int, clock: int) -> int:
        """Keep a line, as `add_all` does; return its number."""
        return self.add_all((event,), (clock,), sign)[0]

    def add_all(self, events: Sequence[PosEvent], clocks: Sequence[int], sign: int = 1) -> list[int]:
        """Keep lines.

        Parameters
        ----------
        events
            The lines, in the order in which they were processed.
        clocks
            The store's clock at each of them, in epoch milliseconds.
        sign
            1 for SALE lines, -1 for REFUND lines.

        Returns
        -------
        list of int
            The numbers of the lines.
        """
        # Nearly every event is such a line: the loop calls few functions and looks few attributes up.
        added: list[int] = []
        number, hashed, plain, skus, whole = self._number, self._hash, self._plain, self._skus, 1000 * sign
        chunk, line = self._open, self._next_line
        heads, slot = self._heads, hashed & self._mask
        series = 0
        for event, clock in zip(events, clocks, strict=True):
            if event.transaction_id != number:
                number = event.transaction_id
                hashed = text_hash(number)
                slot = hashed & self._mask
            row = line & _ROW_BITS
            if row >= self._full or chunk is None:
                self._next_line = line
                chunk = self._with_room(clock)
                line, heads, slot = self._next_line, self._heads, hashed & self._mask
                row = line & _ROW_BITS
            if not plain:
                identity = self._numbering.series(event)
                series = self._series[identity]
                if series == _MOST_SERIES:
                    series = self._series.put((_OTHERS,) * len(identity))
            time, amount, sku = event.event_time, event.amount, skus[event.sku]
            cents, is_one = round(amount * 100), event.quantity == 1
            mils = whole if is_one else round(event.quantity * 1000) * sign
            link, ahead, late = heads[slot], time - chunk.base, clock - time
            try:
                _pack(chunk.rows, row * SIZE, hashed, link, ahead, late, UNKNOWN, mils, cents, sku, series)
                fits = cents / 100 == amount and (is_one or mils / 1000 == sign * event.quantity)
            except DoesNotFit:
                _pack(chunk.rows, row * SIZE, hashed, link, 0, 0, UNKNOWN, 0, 0, sku % _MOST_SKUS, series)
                fits = False
            if not fits or mils == UNKNOWN:
                if mils == UNKNOWN:  # that marks the row of a token
                    chunk.set_left(row, 0, 0)
                own_sku = event.sku if sku == _MOST_SKUS else None
                chunk.odd[row] = Odd(time, clock, float(sign * event.quantity), amount, own_sku)
            heads[slot] = line
            added.append(line)
            line += 1
            chunk.count = row + 1
            if event.customer_token is not None:
                line = self._add_token(chunk, line, added[-1], "customer", event.customer_token, event.sku)
            if event.card_token is not None:
                line = self._add_token(chunk, line, added[-1], "card", event.card_token, event.sku)
        self._number, self._hash, self._next_line = number, hashed, line
        return added

    def of_number(self, number: str) -> list[KeptLine]:
        """Return the kept lines of all receipts with a number, in the order in which they were processed."""
        places = self._places(text_hash(number))
        self._group(places)
        return [self._line(place) for place in places]

    def sales_of_number(self, number: str) -> Iterator[KeptSale]:
        """Yield the SALE lines of a number of which something is left, the newest first."""
        return self._sales(reversed(self._places(text_hash(number))))

    def sales_of_token(self, hashed: int) -> Iterator[KeptSale]:
        """Yield the SALE lines with a token and a sku, found by their `token_hash`, the newest first."""
        chunks = self._chunks
        for place in reversed(self._places(hashed)):
            back = _row(chunks[place >> _SHIFT].rows, (place & _ROW_BITS) * SIZE)[6]
            yield from self._sales((place - back,))

    def receipt(self, line: int, number: str) -> Receipt:
        """Return the receipt of a kept line, whose number the caller knows."""
        chunk, row = self._chunks[line >> _SHIFT], line & _ROW_BITS
        hashed, _, ahead, _, first, _, _, _, series = _row(chunk.rows, row * SIZE)
        if first == UNKNOWN:
            self._group(self._places(hashed))
            first = _row(chunk.rows, row * SIZE)[4]
        odd = chunk.odd.get(row)
        time = odd.time if odd else chunk.base + ahead
        return Receipt((number, *self._series.names[series]), time + first)

    def leave(self, line: int, quantity: float, amount: float) -> None:
        """Change what is left of a kept line."""
        chunk, row = self._chunks[line >> _SHIFT], line & _ROW_BITS
        sign = -1 if self._signed_quantity(chunk, row) < 0 else 1
        chunk.set_left(row, sign * quantity, amount)

    def forget(self, clock: int, late: int | None = None) -> ForgottenSales | None:
        """Drop the chunks whose lines are all too old.

        Parameters
        ----------
        clock
            The store's clock, in epoch milliseconds.
        late
            Where the clock stands still because it is wrong, the time of the present event: lines that much
            older go too.

        Returns
        -------
        ForgottenSales or None
            The sales among the lines; None if none was dropped.
        """
        old = [n for n, chunk in self._chunks.items() if chunk.newest() + self._keep < clock]
        if late is not None:
            times = {n: int(chunk.event_times().max()) for n, chunk in self._chunks.items()}
            old += [n for n, time in times.items() if time + self._keep < late and n not in old]
        if not old:
            return None
        forgotten = {number: self._chunks.pop(number) for number in old}
        if self._open is not None and (self._next_line - 1) >> _SHIFT in forgotten:
            self._open = None
        self._resolve_survivors(forgotten)
        sales = forgotten_sales(list(forgotten.values()), self._series.names)
        if self._tracked:
            self._dropped += map(str, old)
        if self._chunks and max(old) > min(self._chunks):
            self._index()  # the lists of the index went through a chunk that is gone
        self._forget_names()
        return sales

    # --- a collection's methods -------------------------------------------------------------------

    def sweep(self, clock: int) -> None:
        """Drop the lines that have expired at `clock`, in epoch milliseconds."""
        self.forget(clock)

    def times(self) -> tuple[int, int] | None:
        """Return the times of the oldest and the newest line, or None if no line is kept."""
        times = [chunk.event_times() for chunk in self._chunks.values()]
        return (int(min(t.min() for t in times)), int(max(t.max() for t in times))) if times else None

    def describe(self) -> list[int]:
        """Return the number of the next line, then those of the chunks."""
        return [self._next_line, *self._chunks]

    def restore(self, description: list[int], load: Load) -> None:
        """Read all chunks."""
        self._next_line, *numbers = description
        for number in numbers:
            packed = load(str(number))
            if packed is None:
                continue
            chunk, skus, series = unpack(packed)
            rows = chunk.view()
            rows["sku"] = np.array([self._skus[sku] for sku in skus], dtype=np.uint16)[rows["sku"]]
            if series and not self._plain:
                own = [self._series.put(tuple(each)) for each in series]
                rows["series"] = np.array(own, dtype=np.uint16)[rows["series"]]
            self._chunks[number] = chunk
        self._open, self._full = self._chunks.get(self._next_line >> _SHIFT), _FULL
        self._index()

    def records(self) -> Iterator[StateRecord]:
        """Yield the chunks that changed, and deletions of those that were dropped."""
        if not self._tracked:
            raise RuntimeError("untracked state has no records")
        for name in self._dropped:
            yield name, None
        self._dropped.clear()
        for number, chunk in self._chunks.items():
            if chunk.dirty or chunk.count != chunk.written:
                yield str(number), chunk.pack(self._skus.names, self._series.names)
                chunk.dirty, chunk.written = False, chunk.count

    def untrack(self) -> None:
        """Note no more deletions."""
        self._tracked = False
        self._dropped.clear()

    # --- rows -------------------------------------------------------------------------------------

    def _with_room(self, clock: int) -> Chunk:
        """Let the open chunk grow if it is a small one, or begin another."""
        if self._open is None or self._full == _FULL:
            return self._begin(clock)
        self._open.grow()
        self._full = _FULL
        return self._open

    def _begin(self, clock: int) -> Chunk:
        self._next_line = -(-self._next_line // ROWS) * ROWS
        room = ROWS if self._chunks else _FIRST_ROOM
        self._full = room - _SPARE
        chunk = self._open = self._chunks[self._next_line >> _SHIFT] = Chunk(clock, room)
        if len(self._chunks) * ROWS > _LINES_PER_SLOT * len(self._heads):
            self._heads = array("I", bytes(8 * len(self._heads)))
            self._index()
        return chunk

    def _add_token(self, chunk: Chunk, place: int, line: int, field: str, token: str, sku: str) -> int:
        """Add a row that leads from a token to a line; return the place after it.

        It holds how far before it the line is.
        """
        hashed = token_hash(field, token, sku)
        slot = hashed & self._mask
        row = (hashed, self._heads[slot], 0, 0, 0, UNKNOWN, place - line, 0, 0)
        _pack(chunk.rows, (place & _ROW_BITS) * SIZE, *row)
        self._heads[slot] = place
        chunk.count += 1
        return place + 1

    def _places(self, hashed: int) -> list[int]:
        """Return the lines with a number's hash, the oldest first."""
        found, chunks = [], self._chunks
        line = self._heads[hashed & self._mask]
        while line and (chunk := chunks.get(line >> _SHIFT)) is not None:
            number, link = _key(chunk.rows, (line & _ROW_BITS) * SIZE)
            if number == hashed:
                found.append(line)
            line = link
        found.reverse()
        return found

    def _sales(self, places: Iterable[int]) -> Iterator[KeptSale]:
        for line in places:
            chunk, row = self._chunks[line >> _SHIFT], line & _ROW_BITS
            hashed, _, ahead, _, _, mils, _, _, series = _row(chunk.rows, row * SIZE)
            odd = chunk.odd.get(row)
            time, quantity = (chunk.base + ahead, mils) if odd is None else (odd.time, odd.quantity)
            if quantity > 0:
                yield KeptSale(hashed, time, self._series.names[series])

    def _line(self, line: int) -> KeptLine:
        chunk, row = self._chunks[line >> _SHIFT], line & _ROW_BITS
        hashed, _, ahead, late, first, mils, cents, sku, series = _row(chunk.rows, row * SIZE)
        odd = chunk.odd.get(row)
        if odd is None:
            time = chunk.base + ahead
            odd = Odd(time, time + late, mils / 1000, cents / 100, None)
        return KeptLine(
            line,
            hashed,
            odd.quantity > 0 or (odd.quantity == 0 and mils >= 0),
            odd.time,
            odd.clock,
            abs(odd.quantity),
            odd.amount,
            odd.sku or self._skus.names[sku],
            self._series.names[series],
            odd.time + first,
        )

    def _signed_quantity(self, chunk: Chunk, row: int) -> float:
        odd = chunk.odd.get(row)
        return odd.quantity if odd else float(_row(chunk.rows, row * SIZE)[5])

    # --- receipts ---------------------------------------------------------------------------------

    def _group(self, places: list[int]) -> None:
        """Find the receipts of one number's lines: a line joins the receipt begun last that fits."""
        begun: dict[int, list[int]] = {}
        for line in places:
            chunk, row = self._chunks[line >> _SHIFT], line & _ROW_BITS
            _, _, ahead, _, offset, _, _, _, series = _row(chunk.rows, row * SIZE)
            time = chunk.odd[row].time if row in chunk.odd else chunk.base + ahead
            firsts = begun.get(series)
            if firsts is None:
                firsts = begun[series] = []
            if offset == UNKNOWN:
                offset = 0
                for first in reversed(firsts):
                    if abs(time - first) <= _DAY:
                        offset = first - time
                        break
                chunk.set_first(row, offset)
            if time + offset not in firsts:
                firsts.append(time + offset)

    def _resolve_survivors(self, forgotten: dict[int, Chunk]) -> None:
        """Find the receipts of lines that stay, where the lines that began them may go."""
        if not self._chunks:
            return
        going = np.concatenate([chunk.view()["number"] for chunk in forgotten.values()])
        staying = np.concatenate([chunk.view()["number"] for chunk in self._chunks.values()])
        shared = np.intersect1d(going, staying)
        if not len(shared):
            return
        kept, self._chunks = self._chunks, dict(sorted((self._chunks | forgotten).items()))
        for hashed in shared:
            self._group(self._places(int(hashed)))
        self._chunks = kept

    # --- the index ------------------------------------------------------------------------------------

    def _index(self) -> None:
        """Build the index anew."""
        size = len(self._heads)
        while len(self._chunks) * ROWS > _LINES_PER_SLOT * size:
            size *= 2
        self._mask = size - 1
        self._heads = linked([(n << _SHIFT, c.view()) for n, c in sorted(self._chunks.items())], size)

    def _forget_names(self) -> None:
        """Drop the skus and series that no line has, once they are the most."""
        views = [chunk.view() for chunk in self._chunks.values()]
        self._skus.keep_used("sku", views)
        if not self._plain:
            self._series.keep_used("series", views)
