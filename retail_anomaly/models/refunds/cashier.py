"""A cashier's refunds: the day so far, and the history before it."""

from math import log
from typing import Final, NamedTuple, TypeAlias
from zlib import crc32

import msgspec

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR

_KEPT_REFUNDS: Final = 20
_KEPT_RECEIPTS: Final = 12
_REPEAT_WITHIN: Final = 7 * DAY

Count: TypeAlias = int | float


class RefundLine(msgspec.Struct, frozen=True):
    """The line of a refund receipt, with its marks.

    Parameters
    ----------
    time
        Epoch milliseconds.
    receipt, sku
        Identify the receipt and the article.
    amount
        The line's total.
    original
        The receipt of the sale; empty when none is named.
    off_shift, overpriced, near_limit, no_sale_named, cash
        Whether the cashier was off shift, the amount was above the known price or just under the limit, no
        sale was named, and cash was paid out.
    """

    time: int
    receipt: str
    sku: str
    amount: float
    original: str = ""
    off_shift: bool = False
    overpriced: bool = False
    near_limit: bool = False
    no_sale_named: bool = False
    cash: bool = False


class MarkCounts(msgspec.Struct, array_like=True):
    """How many refunds bear each mark, that is, each property that makes frequent refunds suspect."""

    off_shift: Count = 0
    overpriced: Count = 0
    near_limit: Count = 0
    no_sale_named: Count = 0
    cash: Count = 0
    same_sku: Count = 0
    same_sale: Count = 0

    def add(self, other: "MarkCounts") -> None:
        """Add the counts of another."""
        for mark in MARKS:
            setattr(self, mark, getattr(self, mark) + getattr(other, mark))

    def decay(self, factor: float) -> None:
        """Make the past count less."""
        for mark in MARKS:
            setattr(self, mark, getattr(self, mark) * factor)


MARKS: Final = MarkCounts.__struct_fields__
"""The names of the marks."""


class RecentRefund(NamedTuple):
    """A refund of the last week: its time, and 16-bit hashes of the article and the sale (0: none named)."""

    time: int
    sku: int
    sale: int


class WorkedDay(NamedTuple):
    """One of the last days on which the cashier worked; a rare one is not learned."""

    refunds: int
    exposure: float
    rare: bool


class CashierHistory(msgspec.Struct, array_like=True):
    """One cashier: the day so far, and the sums of the days before.

    Parameters
    ----------
    day
        The local day that is being counted.
    sales, refunds
        Sale lines and refund receipts of that day.
    hour, hour_sales, hour_before
        The hour that is being counted, its sale lines and those of the hour before.
    recent
        The last refunds, of the last week at most.
    receipts
        The day's last refund receipts.
    marks
        How many refunds of the day bear each mark.
    chances
        For each refund of the day, how many refunds of the last week it could repeat; added up.
    log_amounts, log_squares
        Sums of the logarithms of the day's amounts and of their squares.
    strongest
        The strongest evidence of the day so far.
    exposure, returned, days
        Decayed sums over the days learned: exposure, refunds, days.
    lately
        The last worked days.
    role
        The role in which the cashier works.
    streak
        How many more days were rare lately than were not.
    relearned
        The day on which a new level was accepted; 0: never.
    """

    day: int = 0
    sales: int = 0
    refunds: int = 0
    hour: int = 0
    hour_sales: int = 0
    hour_before: int = 0
    recent: list[RecentRefund] = []
    receipts: list[str] = []
    marks: MarkCounts = msgspec.field(default_factory=MarkCounts)
    chances: int = 0
    log_amounts: float = 0.0
    log_squares: float = 0.0
    strongest: float = 0.0
    exposure: float = 0.0
    returned: float = 0.0
    days: float = 0.0
    lately: list[WorkedDay] = []
    role: str | None = None
    streak: int = 0
    relearned: int = 0

    @property
    def first_refund(self) -> int:
        """Time of the day's first refund that is still kept, in epoch milliseconds; 0 before it."""
        today = self.recent[-self.refunds :] if self.refunds else []
        return today[0].time if today else 0

    @property
    def is_new(self) -> bool:
        """Whether no day of the cashier was learned yet."""
        return not self.days and not self.lately

    def begin(self, day: int) -> None:
        """Count a new day from zero."""
        self.day = day
        self.sales = self.refunds = 0
        self.receipts = []
        self.marks = MarkCounts()
        self.chances = 0
        self.log_amounts = self.log_squares = self.strongest = 0.0

    def count_sale(self, time: int) -> None:
        """Count a sale line of the day."""
        self.sales += 1
        hour = time // HOUR
        if hour != self.hour:
            self.hour_before = self.hour_sales if hour == self.hour + 1 else 0
            self.hour, self.hour_sales = hour, 0
        self.hour_sales += 1

    def count_refund(self, line: RefundLine) -> None:
        """Count a refund line of the day; the lines of a receipt are one refund."""
        if line.receipt in self.receipts:
            return
        self.receipts = [*self.receipts, line.receipt][-_KEPT_RECEIPTS:]
        self.refunds += 1
        sku = _hash(line.sku)
        sale = _hash(line.original) if line.original else 0
        oldest = line.time - _REPEAT_WITHIN
        recent = [before for before in self.recent if before.time >= oldest]
        self.marks.add(
            MarkCounts(
                line.off_shift,
                line.overpriced,
                line.near_limit,
                line.no_sale_named,
                line.cash,
                any(before.sku == sku for before in recent),
                sale != 0 and any((before.sku, before.sale) == (sku, sale) for before in recent),
            )
        )
        self.chances += len(recent)
        self.recent = [*recent, RecentRefund(line.time, sku, sale)][-_KEPT_REFUNDS:]
        size = log(min(max(line.amount, 0.01), 1e7))
        self.log_amounts += size
        self.log_squares += size * size

    def refunds_in_hour(self, time: int) -> int:
        """Return the refunds of the hour that ends at `time`."""
        return sum(1 for refund in self.recent if time - HOUR < refund.time <= time)

    def sales_lately(self, time: int) -> int:
        """Return the sale lines of the clock hour of `time` and of the one before."""
        return self.hour_sales + self.hour_before if time // HOUR == self.hour else 0

    def change_role(self, role: str | None) -> None:
        """Take note of the role in which the cashier works; a new role makes old habits count a tenth."""
        if self.role is not None and role != self.role:
            self.exposure *= 0.1
            self.returned *= 0.1
            self.days *= 0.1
            self.lately, self.streak = [], 0
        self.role = role


def _hash(text: str) -> int:
    return crc32(text.encode()) & 0xFFFF
