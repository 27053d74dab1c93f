"""A store's sales: the quarter of an hour that is being counted, the day so far, and the past."""

from math import log1p
from typing import Final, NamedTuple

import msgspec

from retail_anomaly.core.local_time import QUARTERS
from retail_anomaly.models.rank import RollingRank
from retail_anomaly.models.spread import ExcessSpread

HORIZONS: Final = ("quarter", "hour", "two_hours", "day")
CELL_BYTES: Final = 2  # half precision
_HALF: Final = 0.55
_DOUBLE: Final = 1.8
_LARGEST_AMOUNT: Final = 1e7
_KEPT_WRONG_PRICES: Final = 3  # enough to find them, few enough for the state


class OffPriceReceipts(msgspec.Struct, array_like=True):
    """Receipts with a line far below, and far above, the known price."""

    cheap: int = 0
    dear: int = 0


class ReceiptSums(msgspec.Struct, array_like=True):
    """Receipts, and how many are usual."""

    receipts: float = 0.0
    usual: float = 0.0


class WindowQuarter(msgspec.Struct, array_like=True):
    """A quarter of the last two hours.

    Parameters
    ----------
    receipts, usual
        How many there were, and how many are usual.
    lines, log_amounts, cheap, dear
        Sale lines, the sum of their log amounts, and receipts with one far below and far above the known
        price.
    plausible
        The receipts, or the expectation where the receipts were rare.
    """

    receipts: float
    usual: float
    lines: float
    log_amounts: float
    cheap: float
    dear: float
    plausible: float = 0.0


class TicketSums(msgspec.Struct, array_like=True):
    """Decayed sums over lines: count, log amount, its square."""

    lines: float = 0.0
    logs: float = 0.0
    squares: float = 0.0

    def add(self, lines: float, logs: float, squares: float) -> None:
        """Add a quarter's sums."""
        self.lines += lines
        self.logs += logs
        self.squares += squares

    def decay(self, factor: float) -> None:
        """Make the past count less."""
        self.lines *= factor
        self.logs *= factor
        self.squares *= factor


class TicketDrift(msgspec.Struct, array_like=True):
    """Decayed sums from which the variance between quarters' mean log amounts is estimated."""

    quarters: float = 0.0
    excess: float = 0.0

    def add(self, excess: float) -> None:
        """Add a quarter's squared deviation, less the part that its number of lines explains."""
        self.quarters += 1.0
        self.excess += excess

    def decay(self, factor: float) -> None:
        """Make the past count less."""
        self.quarters *= factor
        self.excess *= factor


class PricedLines(msgspec.Struct, array_like=True):
    """Decayed counts: lines, and receipts with one far below and far above the known price."""

    lines: float = 0.0
    cheap: float = 0.0
    dear: float = 0.0

    def add(self, lines: float, cheap: float, dear: float) -> None:
        """Add a quarter's counts."""
        self.lines += lines
        self.cheap += cheap
        self.dear += dear

    def decay(self, factor: float) -> None:
        """Make the past count less."""
        self.lines *= factor
        self.cheap *= factor
        self.dear *= factor


class WrongPrice(NamedTuple):
    """A line far off the known price."""

    is_dear: bool
    sku: str
    receipt: str


class SalesHistory(msgspec.Struct, array_like=True):
    """One store: the quarter and the day so far, and the decayed sums of the past.

    Parameters
    ----------
    block
        The quarter that is being counted, as quarters since 1970; 0 before the first event.
    receipts, lines, log_amounts, log_squares, off_price
        Of that quarter: receipts, sale lines, the sums of log(1 + amount) and of its square, and receipts
        with a line far off the known price.
    last_receipt
        The receipt of the last line.
    day
        The local day that is being counted.
    today
        Receipts by quarter of the day, as they are to be learned.
    earlier
        The day's quarters before the last two hours: plausible receipts, and how many are usual.
    day_receipts, day_usual
        Receipts of the day, and how many are usual.
    trade_began
        The quarter in which the day's trade began.
    window
        The last two hours.
    cells, weekdays
        The profile: decayed receipts by quarter and weekday in half precision, the seven weekdays of a
        quarter together; and how many days each weekday has.
    level
        Trade these days compared with the profile's.
    deviations
        Logarithms of the last days' receipts over the expectation.
    spreads
        How much the counts of each horizon vary.
    tickets, drift
        The lines' amounts, and how much they vary from quarter to quarter.
    priced
        How many receipts have a line far off the known price.
    days, silent
        Days learned; quarters in a row without a sale.
    strays
        How many events were days older than the newest quarter.
    drop_rank, spike_rank
        How strong the evidence of a drop and of a spike has been.
    flagged
        Quarters of the day that were rare.
    relearned
        The day on which a new level was accepted; 0: never.
    price_rank
        How strong the evidence of wrong prices has been.
    last_sale
        When the last line was sold, in epoch milliseconds.
    wrong_prices
        The day's last three lines far off the known price, each of another receipt.
    """

    block: int = 0
    receipts: int = 0
    lines: int = 0
    log_amounts: float = 0.0
    log_squares: float = 0.0
    off_price: OffPriceReceipts = msgspec.field(default_factory=OffPriceReceipts)
    last_receipt: str = ""
    day: int = 0
    today: dict[int, int | float] = {}  # whole receipts take a byte or two
    earlier: ReceiptSums = msgspec.field(default_factory=ReceiptSums)
    day_receipts: float = 0.0
    day_usual: float = 0.0
    trade_began: int = 0
    window: list[WindowQuarter] = []
    cells: bytes = bytes(7 * QUARTERS * CELL_BYTES)
    weekdays: list[float] = msgspec.field(default_factory=lambda: [0.0] * 7)
    level: float = 1.0
    deviations: list[float] = []
    spreads: list[ExcessSpread] = msgspec.field(default_factory=lambda: [ExcessSpread() for _ in HORIZONS])
    tickets: TicketSums = msgspec.field(default_factory=TicketSums)
    drift: TicketDrift = msgspec.field(default_factory=TicketDrift)
    priced: PricedLines = msgspec.field(default_factory=PricedLines)
    days: int = 0
    silent: int = 0
    strays: int = 0
    drop_rank: RollingRank = msgspec.field(default_factory=RollingRank)
    spike_rank: RollingRank = msgspec.field(default_factory=RollingRank)
    flagged: int = 0
    relearned: int = 0
    price_rank: RollingRank = msgspec.field(default_factory=RollingRank)
    last_sale: int = 0
    wrong_prices: list[WrongPrice] = []

    def count_sale(self, receipt: str, sku: str, time: int, amount: float, price_ratio: float | None) -> None:
        """Count a sale line of the quarter.

        Parameters
        ----------
        receipt, sku, time, amount
            Of the line.
        price_ratio
            Its unit price over the known one; None when none is known.
        """
        self.last_sale = time
        if receipt != self.last_receipt:
            self.last_receipt = receipt
            self.receipts += 1
        self.lines += 1
        size = log1p(min(amount, _LARGEST_AMOUNT))
        self.log_amounts += size
        self.log_squares += size * size
        if price_ratio is not None and not _HALF < price_ratio < _DOUBLE:
            self._keep_wrong_price(WrongPrice(price_ratio > 1, sku, receipt))

    def _keep_wrong_price(self, line: WrongPrice) -> None:
        # A receipt counts once: five pieces of one article are one mistake, or one coupon.
        if any((kept.is_dear, kept.receipt) == (line.is_dear, line.receipt) for kept in self.wrong_prices):
            return
        if line.is_dear:
            self.off_price.dear += 1
        else:
            self.off_price.cheap += 1
        self.wrong_prices = [*self.wrong_prices[1 - _KEPT_WRONG_PRICES :], line]

    def clear_quarter(self) -> None:
        """Count the next quarter from zero."""
        self.receipts = self.lines = 0
        self.log_amounts = self.log_squares = 0.0
        self.off_price = OffPriceReceipts()

    def clear_day(self) -> None:
        """Count the next day from zero."""
        self.today = {}
        self.window = []
        self.wrong_prices = []
        self.earlier = ReceiptSums()
        self.day_receipts = self.day_usual = 0.0

    def leave_window(self) -> None:
        """Move the window's oldest quarter to the day's earlier ones."""
        if self.window:
            oldest = self.window.pop(0)
            self.earlier.receipts += oldest.plausible
            self.earlier.usual += oldest.usual
