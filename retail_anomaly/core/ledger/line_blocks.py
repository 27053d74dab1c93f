"""Lines in blocks: the newest in memory, older ones in the records."""

from collections.abc import Iterator
from math import inf
from typing import Any, ClassVar, Final

import msgspec

from retail_anomaly.core.collections import Load, StateRecord
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.ledger.begun import DAY, Begun
from retail_anomaly.core.ledger.block import Block, Place
from retail_anomaly.core.ledger.block_index import BlockEntry, BlockIndex, number_print
from retail_anomaly.core.ledger.hashing import fingerprint, stable_hash

FORMAT: Final = 1
"""Version of the ledger's records."""

CUSTOMER: Final = b"\x02"
CARD: Final = b"\x03"
"""What keeps the tokens of customers apart from those of cards."""

_IN_MEMORY: Final = 2 * DAY
_READ_BLOCKS: Final = 4
_BEGUN: Final = "r"  # the record of the receipts that began in forgotten blocks

_pack: Final = msgspec.msgpack.Encoder().encode
_entry: Final = msgspec.msgpack.Decoder(BlockEntry).decode


class LineBlocks:
    """Keep the SALE and REFUND lines of months, found by number, customer and card.

    Parameters
    ----------
    keep
        How long after its time a line is needed, in milliseconds.
    max_late
        How much older than the clock a line may be, in milliseconds.

    Attributes
    ----------
    most_in_memory
        How many closed blocks stay in memory.

    Notes
    -----
    Lines are added to the open block. A block closes when it is full or a day old; it is then written once.
    Blocks of the newest two days stay in memory, 1,000 at most; older ones are read when a look-up asks. What
    changes later, a booking or a void, is a small record beside that of the block.

    Examples
    --------
    >>> blocks = LineBlocks(keep=90 * 86_400_000)
    >>> sale = PosEvent("t-1", "s", "c-1", "sku-1", 19.98, "SALE", 1_760_000_000_000, 2)
    >>> blocks.add(("t-1",), sale, 1, sale.event_time)
    >>> len(blocks), blocks.last
    (1, Place(block=0, number=0))
    """

    __slots__ = (
        "_begun",
        "_changed",
        "_deleted",
        "_first",
        "_head",
        "_identity",
        "_index",
        "_keep",
        "_kept",
        "_lines",
        "_load",
        "_max_late",
        "_next",
        "_open",
        "_open_begins",
        "_open_changed",
        "_open_heads",
        "_open_tokens",
        "_read",
        "_records",
        "_tokens",
        "_tracked",
    )

    # A large hypermarket fills 600 in two days. Made-up receipts may fill thousands within minutes.
    most_in_memory: ClassVar[int] = 1_000

    def __init__(self, keep: int, max_late: int = DAY) -> None:
        self._keep = keep
        self._max_late = max_late
        self._first = 0  # number of the oldest block
        self._next = 0  # number of the next block
        self._lines = 0  # in closed blocks
        self._open: Block | None = None
        self._open_heads: dict[tuple[str, ...], int] = {}
        self._open_begins: list[tuple[int, tuple[int, ...]]] = []  # by head: its time and its tokens
        self._open_tokens: set[tuple[int, int]] = set()  # a head with a token
        self._open_changed = False
        self._identity: tuple[str, ...] | None = None  # of the last line, and its head as in `_open_begins`
        self._head: tuple[int, int, tuple[int, ...]] = (0, 0, ())
        self._kept: dict[int, tuple[int, Block]] = {}  # the closed blocks of two days, with their closing
        self._read: dict[int, Block] = {}  # the blocks read last
        self._changed: set[int] = set()  # blocks in memory whose changes are in no record yet
        self._index: BlockIndex | None = BlockIndex(0)  # None until it is read
        self._begun: Begun | None = Begun()  # None until it is read
        self._records: dict[str, bytes] = {}  # not written yet; untracked, all that is not in memory
        self._deleted: list[str] = []
        self._load: Load = _nothing
        self._tracked = True
        self._tokens: tuple[str | None, str | None, tuple[int, ...]] = (None, None, ())  # of the last line

    def __len__(self) -> int:
        return self._lines + (len(self._open) if self._open else 0)

    def add(self, identity: tuple[str, ...], event: PosEvent, sign: int, clock: int) -> None:
        """Add a line.

        Parameters
        ----------
        identity
            The identity of its receipt.
        event
            The line.
        sign
            1 for a SALE line, -1 for a REFUND line.
        clock
            The store's clock, in epoch milliseconds.
        """
        block = self._open
        if block is None or block.is_full or clock - block.opened > DAY:
            block = self._begin_block(clock)
        time, customer, card = event.event_time, event.customer_token, event.card_token
        if identity != self._identity:
            self._turn_to(identity, event, block)
        head, first, usual = self._head
        row: tuple[Any, ...] = (
            event.sku,
            sign * event.quantity,
            event.amount,
            time - first,
            event.cashier_id,
            event.tender,
        )
        if customer is not None or card is not None or usual:
            tokens = self._tokens_of(event)
            if tokens != usual:
                row = (*row, tokens)
                self._open_tokens.update((head, token) for token in tokens)
        block.add(head, time, row)
        self._open_changed = True

    def _turn_to(self, identity: tuple[str, ...], event: PosEvent, block: Block) -> None:
        """Make the head of a receipt the one that lines are added to; nearly all lines come in a row."""
        head = self._open_heads.get(identity)
        if head is None:
            tokens = self._tokens_of(event)
            head = block.begin(identity, event.event_time, tokens)
            self._open_heads[identity] = head
            self._open_begins.append((event.event_time, tokens))
            if tokens:
                self._open_tokens.update((head, token) for token in tokens)
        self._identity, self._head = identity, (head, *self._open_begins[head])

    @property
    def last(self) -> Place:
        """Where the line stands that was added last."""
        block = self._open or self._block(self._next - 1)
        return Place(block.number, len(block) - 1)

    def _with_number(self, number: str) -> list[Place]:
        """Return where receipts of a number may stand, those of the newest block first."""
        places = self._closed().with_number(number_print(number))
        if self._open is None:
            return places
        block = self._open.number
        own = [Place(block, head) for identity, head in self._open_heads.items() if identity[0] == number]
        return [*own, *places]

    def _with_token(self, token: int) -> list[Place]:
        """Return the heads under which lines with a token may stand."""
        places = self._closed().with_token(fingerprint(token))
        if self._open is None:
            return places
        return [*(Place(self._open.number, head) for head, own in self._open_tokens if own == token), *places]

    def _span(self, number: int) -> tuple[int, int]:
        """Return the times of the oldest and the newest line of a block."""
        if self._open is not None and number == self._open.number:
            return self._open.oldest, self._open.newest
        return self._closed().span(number)

    def _tokens_of(self, event: PosEvent) -> tuple[int, ...]:
        customer, card = event.customer_token, event.card_token
        if (customer, card) != self._tokens[:2]:
            customers = () if customer is None else (stable_hash(customer, CUSTOMER),)
            hashes = customers if card is None else (*customers, stable_hash(card, CARD))
            self._tokens = customer, card, hashes
        return self._tokens[2]

    # --- blocks ---------------------------------------------------------------------------------

    def _begin_block(self, clock: int) -> Block:
        if self._open is not None:
            self._close(self._open, clock)
        self._open = Block(self._next, clock)
        self._open_heads, self._open_begins, self._open_tokens = {}, [], set()
        self._identity = None
        self._next += 1
        return self._open

    def _close(self, block: Block, clock: int) -> None:
        numbers = [identity[0] for identity in self._open_heads]
        entry = BlockEntry.of(block, clock, numbers, self._open_tokens)
        if self._index is not None:
            self._index.add(entry)
        self._lines += len(block)
        block.close()
        self._kept[block.number] = clock, block
        if self._tracked:
            self._records[f"b{block.number}"] = block.pack()
            self._records[f"i{block.number}"] = _pack(entry)
        self._open, self._open_changed = None, False
        if len(self._kept) > self.most_in_memory:
            self._put_aside(next(iter(self._kept)))

    def _put_aside(self, number: int) -> None:
        """Move a closed block out of memory: from now on it is read from its record."""
        self._write_changes(number)
        _, block = self._kept.pop(number)
        if not self._tracked:
            self._records[f"b{number}"] = block.pack()

    def _block(self, number: int) -> Block:
        """Return a block from memory, or read it."""
        if self._open is not None and number == self._open.number:
            return self._open
        if number in self._kept:
            return self._kept[number][1]
        block = self._read.pop(number, None)
        if block is None:
            lines = self._record(f"b{number}")
            # Without its record, as when a file was damaged, a block is one without lines.
            block = (
                Block(number, 0) if lines is None else Block.unpack(number, lines, self._record(f"c{number}"))
            )
            while len(self._read) >= _READ_BLOCKS:
                oldest = next(iter(self._read))
                self._write_changes(oldest)
                del self._read[oldest]
        self._read[number] = block
        return block

    def _closed(self) -> BlockIndex:
        """Return the index of the closed blocks, which is read at the first look-up after a restart."""
        if self._index is None:
            self._index = BlockIndex(self._first)
            for number in range(self._first, self._next - (self._open is not None)):
                self._index.add(self._entry(number))
        return self._index

    def _entry(self, number: int) -> BlockEntry:
        packed = self._record(f"i{number}")
        return _entry(packed) if packed else BlockEntry.of(Block(number, 0), 0, (), ())

    def _record(self, name: str) -> bytes | None:
        return self._records.get(name) or self._load(name)

    def _note_changes(self, block: Block) -> None:
        self._changed.add(block.number)

    def _write_changes(self, number: int) -> None:
        if number in self._changed:
            self._records[f"c{number}"] = self._block(number).pack_changes()
            self._changed.remove(number)

    # --- what the hosts call --------------------------------------------------------------------

    def sweep(self, clock: int) -> None:
        """Move the blocks of more than two days out of memory, and drop those that have expired."""
        if self._open is not None and clock - self._open.opened > DAY:
            self._close(self._open, clock)
        for number in [number for number, (closed, _) in self._kept.items() if closed < clock - _IN_MEMORY]:
            self._put_aside(number)
        while self._first < self._next - (self._open is not None):
            entry = self._entry(self._first) if self._index is None else self._index.oldest_entry()
            if not entry.is_outlived(clock, self._keep):
                return
            self._drop_first(entry)

    def _drop_first(self, entry: BlockEntry) -> None:
        changed = self._note_begun(entry)
        number = self._first
        self._first += 1
        self._lines -= entry.lines
        if self._index is not None:
            self._index.drop_first()
        self._kept.pop(number, None)
        self._read.pop(number, None)
        self._changed.discard(number)
        for name in (f"b{number}", f"i{number}", f"c{number}"):
            self._delete(name)
        # All that stays was processed after this block, and is at most so late.
        stays_since = entry.closed - self._max_late if self._first < self._next else inf
        if self._begun_receipts().forget(stays_since) or changed:
            self._write_begun()

    def _note_begun(self, entry: BlockEntry) -> bool:
        """Note the receipts that the first block begins, where lines of other blocks may belong to them."""
        begin, end = entry.oldest - DAY, entry.newest + DAY
        again = self._closed().used_again(begin, end)
        if self._open is not None and self._reaches(self._open.number, begin, end):
            again.update(number_print(identity[0]) for identity in self._open_heads)
        again &= self._closed().numbers_of_first()
        if not again:
            return False
        block, begun = self._block(self._first), self._begun_receipts()
        for number, head in enumerate(block.heads()):
            if number_print(head.identity[0]) in again:
                begun.note(head.identity, block.lines(number))
        return True

    def _write_begun(self) -> None:
        if not self._begun_receipts():
            self._delete(_BEGUN)
        elif self._tracked:
            self._records[_BEGUN] = self._begun_receipts().pack()

    def _delete(self, name: str) -> None:
        self._records.pop(name, None)
        if self._tracked:
            self._deleted.append(name)

    def _begun_receipts(self) -> Begun:
        """Return the receipts that began in forgotten blocks, which are read when first asked for."""
        if self._begun is None:
            packed = self._record(_BEGUN)
            self._begun = Begun.unpack(packed) if packed else Begun()
        return self._begun

    def _reaches(self, number: int, begin: int, end: int) -> bool:
        oldest, newest = self._span(number)
        return oldest <= end and newest >= begin

    def times(self) -> tuple[int, int] | None:
        """Return the times of the oldest and the newest line, or None if there is none."""
        spans = [self._span(number) for number in range(self._first, self._next)]
        return (min(oldest for oldest, _ in spans), max(newest for _, newest in spans)) if spans else None

    def describe(self) -> list[int]:
        """Return version, number of the first and the next block, whether one is open, and lines."""
        return [FORMAT, self._first, self._next, int(self._open is not None), self._lines]

    def attach(self, load: Load) -> None:
        """Take the reader of records: the ledger reads what it wrote earlier in the same run."""
        self._load = load

    def restore(self, description: list[int], load: Load) -> None:
        """Read the open block; others are read when a refund asks."""
        self._load = load
        _, self._first, self._next, is_open, self._lines = description
        self._index = self._begun = None
        if is_open:
            number = self._next - 1
            self._open = self._block(number)
            del self._read[number]
            heads = list(self._open.heads())
            self._open_heads = {head.identity: number for number, head in enumerate(heads)}
            self._open_begins = [(head.time, head.tokens) for head in heads]
            self._open_tokens = set(self._open.tokens())

    def records(self) -> Iterator[StateRecord]:
        """Yield the records that changed since the last call."""
        if not self._tracked:
            raise RuntimeError("untracked state has no records")
        for name in self._deleted:
            yield name, None
        self._deleted.clear()
        if self._open is not None and self._open_changed:
            yield f"b{self._open.number}", self._open.pack()
            self._open_changed = False
        for number in sorted(self._changed):
            self._write_changes(number)
        yield from self._records.items()
        self._records.clear()

    def untrack(self) -> None:
        """Keep all records in this process."""
        self._tracked = False
        self._deleted.clear()


def _nothing(_name: str) -> None:
    return None
