"""The ledger of a store: what was sold on each receipt, and what of it was refunded."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from retail_anomaly.core.ledger.begun import DAY
from retail_anomaly.core.ledger.block import Booking, LedgerLine, Place
from retail_anomaly.core.ledger.hashing import stable_hash
from retail_anomaly.core.ledger.line_blocks import CARD, CUSTOMER, LineBlocks
from retail_anomaly.core.ledger.sold_receipt import Exchange, SoldReceipt, by_age, note_runs, receipts_of

_TINY: Final = 1e-9
_NEVER: Final = -10 * DAY


class Ledger(LineBlocks):
    """Remember what was sold on millions of receipts, for the few refunds that ask.

    Parameters
    ----------
    keep
        How long after its time a line is needed, in milliseconds.
    max_late
        How much older than the clock a line may be, in milliseconds.

    Examples
    --------
    >>> from retail_anomaly.core.events import PosEvent
    >>> ledger = Ledger(keep=90 * 86_400_000)
    >>> sale = PosEvent("t-1", "s", "c-1", "sku-1", 19.98, "SALE", 1_760_000_000_000, 2)
    >>> ledger.add(("t-1",), sale, 1, sale.event_time)
    >>> refund = PosEvent("r-1", "s", "c-1", "sku-1", 9.99, "REFUND", 1_760_000_000_001)
    >>> ledger.add(("r-1",), refund, -1, refund.event_time)
    >>> ledger.book(ledger.last, next(ledger.numbered("t-1")), "sku-1", 1)
    >>> next(ledger.numbered("t-1")).remaining("sku-1")
    1.0
    """

    __slots__ = ()

    def book(self, refund: Place, receipt: SoldReceipt, sku: str, quantity: float) -> None:
        """Book what a REFUND line takes from a receipt.

        Parameters
        ----------
        refund
            Where the line stands.
        receipt, sku, quantity
            What it takes.
        """
        if quantity > _TINY:
            block = self._block(refund.block)
            block.bookings[refund.number] = Booking(*receipt.home, sku, quantity)
            self._note_changes(block)
            self._change_booked(receipt.home, sku, quantity)

    def take_back(
        self,
        identity: tuple[str, ...],
        *,
        sku: str,
        time: int,
        is_sale: bool,
        quantity: float,
        amount: float,
        whole: bool = True,
    ) -> None:
        """Take a line back, or a part of it.

        Parameters
        ----------
        identity, sku, time, is_sale
            Tell the line; of several equal ones, the one that was processed last is meant.
        quantity, amount
            As much as is taken back.
        whole
            Whether nothing is left of the line.
        """
        found = [
            (at, line)
            for part in self._with_number(identity[0])
            if (block := self._block(part.block)).head(part.number).identity == identity
            for at, line in block.lines(part.number)
            if (line.sku, line.time) == (sku, time)
            and (line.quantity > 0 if is_sale else line.quantity < 0)
            and abs(line.quantity) >= quantity - _TINY
        ]
        if found:
            # The price tells lines apart that are equal but for their amount, and so does what is left: taken
            # from a longer line, a whole one would leave too little for that line's own turn.
            price = amount / quantity
            at, line = min(
                found,
                key=lambda pair: (
                    _differs(pair[1], price),
                    (abs(abs(pair[1].quantity) - quantity) <= _TINY) != whole,
                    -pair[0].block,
                    -pair[0].number,
                ),
            )
            self._take(at, min(quantity, abs(line.quantity)))

    def _take(self, at: Place, quantity: float) -> None:
        block = self._block(at.block)
        share = block.take(at.number, quantity)
        self._note_changes(block)
        booking = block.bookings.get(at.number)
        if booking is not None:
            self._change_booked(booking.home, booking.sku, -booking.quantity * share)

    def _change_booked(self, home: Place, sku: str, quantity: float) -> None:
        if home.block < self._first:  # forgotten
            return
        block = self._block(home.block)
        booked = block.booked.setdefault(home.number, {})
        booked[sku] = booked.get(sku, 0.0) + quantity
        if booked[sku] <= _TINY:
            del booked[sku]
            if not booked:
                del block.booked[home.number]
        self._note_changes(block)

    # --- look-ups -------------------------------------------------------------------------------

    def numbered(
        self,
        number: str,
        agrees: Callable[[tuple[str, ...]], bool] = lambda identity: True,
        exchange: Exchange | None = None,
    ) -> Iterator[SoldReceipt]:
        """Return the receipts of a number that hold anything, that with the newest SALE line first.

        Parameters
        ----------
        number
            The transaction number.
        agrees
            Tells whether an identity with this number is one of those that are meant.
        exchange
            SALE lines to leave out.
        """
        places = self._with_number(number)
        if len(places) == 1:  # nearly always: the number was used once
            return self._of_one(places[0], number, agrees, exchange)
        return self._newest_first(
            places,
            lambda identity: identity[0] == number and agrees(identity),
            lambda place: [place],
            exchange,
        )

    def _of_one(
        self,
        place: Place,
        number: str,
        agrees: Callable[[tuple[str, ...]], bool],
        exchange: Exchange | None,
    ) -> Iterator[SoldReceipt]:
        """Return the receipts of the only head of a number: there is nothing else to read."""
        block = self._block(place.block)
        identity = block.head(place.number).identity
        if identity[0] != number or not agrees(identity):
            return iter(())
        begun = self._begun_receipts().of(identity)
        receipts = receipts_of(identity, block.lines(place.number), self._booked, exchange, begun)
        return iter(by_age(receipts))

    def of_customer(self, token: str, exchange: Exchange | None = None) -> Iterator[SoldReceipt]:
        """Return the receipts with a SALE line of this customer, the newest first."""
        return self._of_token(stable_hash(token, CUSTOMER), exchange)

    def of_card(self, token: str, exchange: Exchange | None = None) -> Iterator[SoldReceipt]:
        """Return the receipts with a SALE line of this card, the newest first."""
        return self._of_token(stable_hash(token, CARD), exchange)

    def _of_token(self, token: int, exchange: Exchange | None) -> Iterator[SoldReceipt]:
        for receipt in self._newest_first(
            self._with_token(token), lambda identity: True, self._run, exchange
        ):
            if token in receipt.tokens:
                yield receipt

    def _run(self, place: Place) -> list[Place]:
        """Return the heads of an identity whose lines may decide about the receipts of one of them."""
        block = self._block(place.block)
        identity = block.head(place.number).identity
        times = [line.time for _, line in block.lines(place.number)]
        run, rest = [place], set(self._with_number(identity[0])) - {place}
        begun = {begin.first for begin in self._begun_receipts().of(identity)}
        while times:
            begin, end = min(times) - DAY, max(times) + DAY
            near = [part for part in rest if self._reaches(part.block, begin, end)]
            near_begun = {first for first in begun if begin <= first <= end}
            if not near and not near_begun:
                break
            rest.difference_update(near)
            begun -= near_begun
            times += near_begun
            for part in near:
                block = self._block(part.block)
                if block.head(part.number).identity == identity:
                    run.append(part)
                    times += [line.time for _, line in block.lines(part.number)]
        return run

    def _newest_first(
        self,
        places: Iterable[Place],
        agrees: Callable[[tuple[str, ...]], bool],
        parts: Callable[[Place], list[Place]],
        exchange: Exchange | None,
    ) -> Iterator[SoldReceipt]:
        """Read block after block; yield a receipt once no unread line can belong to it or be newer."""
        by_block: dict[int, list[Place]] = {}
        for place in places:
            by_block.setdefault(place.block, []).append(place)
        blocks = sorted(by_block, reverse=True)
        lines: dict[tuple[str, ...], dict[Place, LedgerLine]] = {}
        receipts: dict[tuple[str, ...], list[SoldReceipt]] = {}
        yielded: set[Place] = set()
        met: set[Place] = set()
        for number, newest_unread in zip(blocks, self._newest_of_rest(blocks), strict=True):
            for part in {part for place in by_block[number] for part in parts(place)} - met:
                met.add(part)
                block = self._block(part.block)
                identity = block.head(part.number).identity
                if agrees(identity):
                    lines.setdefault(identity, {}).update(block.lines(part.number))
                    receipts.pop(identity, None)
            for identity in lines.keys() - receipts.keys():
                begun, known = self._begun_receipts().of(identity), sorted(lines[identity].items())
                found = receipts_of(identity, known, self._booked, exchange, begun)
                note_runs(found, [begin.first for begin in begun] + [line.time for _, line in known])
                receipts[identity] = found
            for receipt in by_age(r for group in receipts.values() for r in group if r.home not in yielded):
                if receipt.since <= newest_unread + DAY:
                    break
                yielded.add(receipt.home)
                yield receipt

    def _booked(self, home: Place) -> Mapping[str, float]:
        if home.block < self._first:  # forgotten
            return {}
        return dict(self._block(home.block).booked.get(home.number, {}))

    def _newest_of_rest(self, blocks: list[int]) -> list[int]:
        """Return for each block the time of the newest line in the blocks after it in this list."""
        newest, rest = _NEVER, []
        for number in reversed(blocks):
            rest.append(newest)
            newest = max(newest, self._span(number)[1])
        return rest[::-1]


def _differs(line: LedgerLine, price: float) -> bool:
    return abs(line.amount / abs(line.quantity) - price) > _TINY * max(1.0, price)
