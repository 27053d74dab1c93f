"""A receipt as the ledger knows it, and the SALE lines that a look-up leaves out."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from retail_anomaly.core.ledger.begun import DAY, Begin
from retail_anomaly.core.ledger.block import LedgerLine, Place

_TINY: Final = 1e-9
_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


class Exchange(NamedTuple):
    """The receipt of a refund: the SALE lines on it are an exchange, which takes nothing back.

    Parameters
    ----------
    identity
        The refund's own identity.
    time
        The refund's time, in epoch milliseconds.
    within
        How far from that time the lines of the exchange may be, in milliseconds.

    Examples
    --------
    >>> Exchange(("t-1",), time=5, within=0).holds(("t-1",), 5)
    True
    """

    identity: tuple[str, ...]
    time: int
    within: int

    def holds(self, identity: tuple[str, ...], time: int) -> bool:
        """Tell whether a SALE line is part of the exchange."""
        return identity == self.identity and abs(time - self.time) <= self.within


class Article:
    """The lines of one sku on a receipt, pooled.

    Examples
    --------
    >>> article = Article()
    >>> article.add(Place(0, 0), LedgerLine("k", 2, 19.0, 5, "c-1"))
    >>> article.sold, article.unit_price
    (2.0, 9.5)
    """

    __slots__ = ("amount", "newest", "order", "sold")

    def __init__(self) -> None:
        self.sold = 0.0
        self.amount = 0.0
        self.newest: LedgerLine
        self.order: tuple[int, Place] | None = None

    def add(self, place: Place, line: LedgerLine) -> None:
        """Add a line."""
        self.sold += line.quantity
        self.amount += line.amount
        if self.order is None or (line.time, place) > self.order:
            self.order, self.newest = (line.time, place), line

    @property
    def unit_price(self) -> float:
        """The mean price of a piece."""
        return self.amount / self.sold


class SoldReceipt:
    """A receipt of the store with the SALE lines that a refund may take back.

    Parameters
    ----------
    identity
        Its number, and with it what the number is unique within.
    first
        The time of its line that was processed first, in epoch milliseconds.
    home
        Where that line stands in the ledger.
    booked
        The quantity refunded, by sku.

    Examples
    --------
    >>> receipt = SoldReceipt(("t-1",), 5, home=Place(0, 0), booked={"k": 1.0})
    >>> receipt.add(Place(0, 0), LedgerLine("k", 2, 19.0, 5, "c-1"))
    >>> receipt.newest, list(receipt.articles), receipt.number, receipt.remaining("k")
    (5, ['k'], 't-1', 1.0)
    """

    __slots__ = ("articles", "booked", "first", "home", "identity", "order", "since", "tokens")

    def __init__(
        self, identity: tuple[str, ...], first: int, home: Place, booked: Mapping[str, float] = _NOTHING
    ) -> None:
        self.identity = identity
        self.first = first
        self.since = first  # no line before this decides which lines it has, in epoch milliseconds
        self.home = home
        self.booked = booked
        self.articles: dict[str, Article] = {}
        self.tokens: set[int] = set()
        self.order: tuple[int, Place] | None = None

    @property
    def number(self) -> str:
        """The transaction number."""
        return self.identity[0]

    @property
    def newest(self) -> int:
        """The time of its newest SALE line, in epoch milliseconds."""
        return self.order[0] if self.order else 0

    @property
    def newest_line(self) -> LedgerLine:
        """The newest SALE line; there is none before the first `add`."""
        return next(each.newest for each in self.articles.values() if each.order == self.order)

    def add(self, place: Place, line: LedgerLine) -> None:
        """Add a SALE line."""
        article = self.articles.get(line.sku)
        if article is None:
            article = self.articles[line.sku] = Article()
        article.add(place, line)
        self.tokens.update(line.tokens or ())
        if self.order is None or (line.time, place) > self.order:
            self.order = (line.time, place)

    def with_booked(self, booked: Mapping[str, float]) -> "SoldReceipt":
        """Return the receipt with other quantities refunded."""
        receipt = SoldReceipt(self.identity, self.first, self.home, booked)
        receipt.since, receipt.articles = self.since, self.articles
        receipt.tokens, receipt.order = self.tokens, self.order
        return receipt

    def remaining(self, sku: str) -> float:
        """Return the quantity that was sold and not refunded; it may be below 0."""
        article = self.articles.get(sku)
        return round((article.sold if article else 0.0) - self.booked.get(sku, 0.0), 6)


def receipts_of(
    identity: tuple[str, ...],
    lines: Iterable[tuple[Place, LedgerLine]],
    booked: Callable[[Place], Mapping[str, float]],
    exchange: Exchange | None,
    begun: Iterable[Begin] = (),
) -> list[SoldReceipt]:
    """Sort the lines of one identity into receipts: a line joins the one begun last that fits.

    Parameters
    ----------
    identity
        The identity.
    lines
        SALE and REFUND lines in the order in which they were processed.
    booked
        Returns what is booked as refunded on the receipt that a line began.
    exchange
        SALE lines to leave out.
    begun
        The receipts of the identity that lines before these began.
    """
    receipts = [SoldReceipt(identity, begin.first, begin.home, booked(begin.home)) for begin in begun]
    for place, line in lines:
        time = line.time
        for receipt in reversed(receipts):
            if abs(time - receipt.first) <= DAY:
                break
        else:
            receipt = SoldReceipt(identity, time, place, booked(place))
            receipts.append(receipt)
        if line.quantity > _TINY and (exchange is None or not exchange.holds(identity, time)):
            receipt.add(place, line)
    return receipts


def note_runs(receipts: Iterable[SoldReceipt], times: Iterable[int]) -> None:
    """Note on receipts of one identity since when lines decide about them.

    Parameters
    ----------
    receipts
        The receipts.
    times
        The times of all lines of the identity that are known, and of the receipts that others began.
    """
    begins = _begins_of_runs(times)
    for receipt in receipts:
        receipt.since = begins[bisect_right(begins, receipt.first) - 1]


def _begins_of_runs(times: Iterable[int]) -> list[int]:
    """Return the first time of each run of times that are at most a day apart, in order."""
    ordered = sorted(times)
    return [time for before, time in zip([-DAY - 1, *ordered], ordered, strict=False) if time - before > DAY]


def by_age(receipts: Iterable[SoldReceipt]) -> list[SoldReceipt]:
    """Return the receipts that hold anything, that with the newest SALE line first."""
    held = [(receipt.order, receipt) for receipt in receipts if receipt.order is not None]
    return [receipt for _, receipt in sorted(held, key=lambda pair: pair[0], reverse=True)]
