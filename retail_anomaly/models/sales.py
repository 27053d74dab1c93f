"""Sales of a store: what is usual at this hour of this weekday, and how far from it is too far."""

from collections.abc import Iterable, Iterator, Mapping
from math import exp, log, log1p, sqrt
from struct import pack_into, unpack_from
from typing import Final

import msgspec

from retail_anomaly.core.local_time import QUARTER, QUARTERS, LocalTime
from retail_anomaly.models.functions import stdtr
from retail_anomaly.models.rank import RollingRank
from retail_anomaly.models.tails import at_least, at_most, shape_of, strength

_CELL: Final = 2  # bytes: half precision
_WINDOW: Final = 8  # quarters: two hours
_HOUR: Final = 4
HORIZONS: Final = ("quarter", "hour", "two_hours", "day")
_DAY: Final = 3  # of the horizons
_MOST: Final = 30_000.0  # receipts a quarter; more does not fit half precision
_CLOSED: Final = 0.05
_HALF: Final = 0.55
_DOUBLE: Final = 1.8
_SILENT_AT_MOST: Final = 4 * QUARTERS  # a long weekend
_STRAYS: Final = 50
_RANKS: Final = 3
_EXAMPLES: Final = 3  # of lines at a wrong price: enough to find them, few enough for the state


class SalesHistory(msgspec.Struct, array_like=True):
    """One store: the quarter and the day so far, and what was learned.

    Parameters
    ----------
    block
        The quarter that is counted, as quarters since 1970; 0 before the first event.
    receipts, lines, log_amounts, off_price
        Of that quarter: receipts, sale lines, the sum of log(1 + amount), and lines at a price that is
        not half and not double the known one, low and high.
    last
        The last receipt.
    day
        The local day that is counted.
    today
        Receipts by quarter of the day, as they are to be learned.
    usual, total, expected
        Of the day so far: how many quarters were not flagged, receipts and expectation.
    began
        The quarter in which the day's trade began.
    window
        The last two hours: receipts, expectation, lines, log amounts, off-price lines low and high, and
        receipts with what is usual in place of what was rare.
    shapes, weights
        The profile: decayed receipts by weekday and quarter in half precision, and how many days each weekday has;
        the weekdays of a quarter stand together.
    level
        Today's trade compared with the profile's.
    ratios
        How the last days compared with what was expected of them.
    spread
        For each horizon, decayed sums that give the spread of counts.
    ticket
        Decayed sums over lines: count, log amount, its square; and the variance of windows' means.
    prices_off
        Decayed counts: lines, off-price low, off-price high.
    days, silent
        Days learned; quarters in a row without a sale.
    low, high
        How strong the evidence of a drop and of a spike has been.
    flagged
        Quarters of the day that were not learned.
    relearned
        The day on which a new level was accepted; 0: never.
    price
        How strong the evidence of wrong prices has been.
    sold
        When the last line was sold, in epoch milliseconds.
    wrongly
        The day's last three lines at such a price: whether it was high, article and receipt.
    """

    block: int = 0
    receipts: int = 0
    lines: int = 0
    log_amounts: float = 0.0
    log_squares: float = 0.0
    off_price: list[int] = msgspec.field(default_factory=lambda: [0, 0])
    last: str = ""
    day: int = 0
    today: dict[int, int | float] = {}  # whole receipts take a byte or two
    usual: list[float] = msgspec.field(default_factory=lambda: [0.0, 0.0])
    total: float = 0.0
    expected: float = 0.0
    began: int = 0
    window: list[list[float]] = []
    shapes: bytes = bytes(7 * QUARTERS * _CELL)
    weights: list[float] = msgspec.field(default_factory=lambda: [0.0] * 7)
    level: float = 1.0
    ratios: list[float] = []
    spread: list[list[float]] = msgspec.field(default_factory=lambda: [[0.0, 0.0] for _ in HORIZONS])
    ticket: list[float] = msgspec.field(default_factory=lambda: [0.0, 0.0, 0.0])
    drift: list[float] = msgspec.field(default_factory=lambda: [0.0, 0.0])
    prices_off: list[float] = msgspec.field(default_factory=lambda: [0.0, 0.0, 0.0])
    days: int = 0
    silent: int = 0
    strays: int = 0
    low: RollingRank = msgspec.field(default_factory=RollingRank)
    high: RollingRank = msgspec.field(default_factory=RollingRank)
    flagged: int = 0
    relearned: int = 0
    price: RollingRank = msgspec.field(default_factory=RollingRank)
    sold: int = 0
    wrongly: list[tuple[bool, str, str]] = []


class SalesTails(msgspec.Struct, frozen=True):
    """What a quarter looks like, and what came before it.

    Parameters
    ----------
    observed, expected
        By horizon, and since the last sale (`silence`): receipts, and how many are usual.
    shapes
        By horizon: of the expectation's spread.
    low, high
        By component: the chance of so few, and of so many.
    off_price
        Lines of the two hours far under and far over the known price.
    drop, spike
        The receipts' components and the tickets of each side together, see `tails.strength`.
    cheap, dear
        The same of prices that are too low and too high.
    fewer
        As `drop`, of the receipts alone.
    """

    observed: Mapping[str, float]
    expected: Mapping[str, float]
    shapes: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]
    off_price: tuple[int, int]
    drop: float
    spike: float
    cheap: float
    dear: float
    fewer: float


class Quarter(msgspec.Struct, frozen=True):
    """A quarter that is over.

    Parameters
    ----------
    end
        Epoch milliseconds.
    day
        The local day.
    usual
        Receipts that are usual then.
    tails
        How it looks.
    drop, spike
        Calibrated p-values of either side.
    day_start
        When the day's trade began, in epoch milliseconds.
    fewer
        Calibrated p-value of too few receipts, whatever the tickets and prices are.
    """

    end: int
    day: int
    usual: float
    tails: SalesTails
    drop: float
    spike: float
    day_start: int
    fewer: float = 1.0


class SalesModel(msgspec.Struct, frozen=True, kw_only=True):
    """The arithmetic: how a quarter is judged and a day learned.

    Parameters
    ----------
    warm_up
        Days before anything is called rare: each weekday twice.
    memory
        How many of a weekday's past days count.
    prior_days
        How many of them weigh as much as the average weekday.
    level_gain
        The share of a day's deviation that is taken for a new level.
    protect
        A quarter rarer than this is not learned.
    release_after
        After so many days in a row off to the same side, their level is accepted at once.
    """

    warm_up: int = 14
    memory: float = 10.0
    prior_days: float = 2.0
    level_gain: float = 0.2
    spread_priors: tuple[float, float, float, float] = (30.0, 40.0, 60.0, 60.0)
    protect: float = 0.002
    release_after: int = 3

    # --- counting ---

    def sale(
        self, receipt: str, sku: str, time: int, amount: float, ratio: float | None, store: SalesHistory
    ) -> None:
        """Count a sale line of the quarter; `ratio` is its unit price compared with the known one."""
        store.sold = time
        if receipt != store.last:
            store.last = receipt
            store.receipts += 1
        store.lines += 1
        size = log1p(min(amount, 1e7))
        store.log_amounts += size
        store.log_squares += size * size
        if ratio is not None and not _HALF < ratio < _DOUBLE:
            store.off_price[ratio > 1] += 1
            store.wrongly = [*store.wrongly[1 - _EXAMPLES :], (ratio > 1, sku, receipt)]

    def pass_time(self, block: int, local: LocalTime, store: SalesHistory) -> Iterator[Quarter]:
        """Judge and learn the quarters that are over once `block` is being counted.

        After four days without a sale time is not followed until the next one (see `accepts`): the store
        is closed, or its tills are no longer heard of.
        """
        if not store.block:
            store.block = block
        while store.block < block:
            if self.is_dormant(store):
                return
            day, quarter = local.of(store.block * QUARTER)
            if day != store.day:
                self.begin_day(day, store)
                store.strays = 0
            usual, known = self.usual(day, quarter, store)
            store.block += 1
            if not store.total and not store.expected:
                store.began = store.block - 1
            if usual < _CLOSED and not store.receipts:
                self._leave_window(store)
                store.silent += 1
                continue
            if store.receipts and store.window and store.window[-1][0] == 0 < store.window[-1][-1]:
                # A silence that was rare is over: what comes is judged for itself.
                while store.window:
                    self._leave_window(store)
            tails = self.judge(usual, known, store)
            fewer, drop, spike = self.chances(tails, store)
            self.close(
                quarter,
                usual,
                store,
                tails,
                rare=min(drop, spike) <= self.protect and store.days >= self.warm_up,
            )
            yield Quarter(store.block * QUARTER, day, usual, tails, drop, spike, store.began * QUARTER, fewer)

    def is_dormant(self, store: SalesHistory) -> bool:
        """Tell whether so long nothing was sold that time is not followed until something is."""
        return store.silent >= _SILENT_AT_MOST

    def accepts(self, block: int, store: SalesHistory) -> bool:
        """Make ready to count a sale of `block`; return False for a late one, which does not count."""
        if block == store.block:
            return True
        if block < store.block:
            # Days behind: late, unless it was the newest time that was wrong.
            if block < store.block - _SILENT_AT_MOST:
                store.strays += 1
            if store.strays <= _STRAYS:
                return False
        store.block, store.silent, store.strays = block, 0, 0
        store.day, store.window, store.today, store.wrongly = 0, [], {}, []
        store.receipts = store.lines = 0
        store.log_amounts = store.log_squares = store.total = store.expected = 0.0
        store.off_price, store.usual = [0, 0], [0.0, 0.0]
        return True

    # --- what is usual ---

    def usual(self, day: int, quarter: int, store: SalesHistory) -> tuple[float, float]:
        """Return the receipts expected of a quarter, and for how many receipts' worth of history that stands."""
        weekday = (day - 1) % 7
        cells = unpack_from("<7e", store.shapes, quarter * 7 * _CELL)
        known = sum(store.weights)
        if known <= 0:
            return 0.0, 0.0
        own, days = cells[weekday], store.weights[weekday]
        average = sum(cells) / known
        # A weekday on which nothing was ever sold at that hour, where others would have: closed.
        unseen = average * days - own
        if own < 0.02 * average * days and unseen > 1:
            average *= exp(-min(unseen, 50.0))
        mean = (self.prior_days * average + own) / (self.prior_days + days)
        return mean * store.level, own + self.prior_days * average + 0.5

    # --- judging ---

    def judge(self, mean: float, known: float, store: SalesHistory) -> SalesTails:
        """Return how unusual the quarter that is over is, alone, with the two hours before, with the day."""
        factor, sure = self._day_factor(store)
        rows = [
            *store.window,
            [store.receipts, mean, store.lines, store.log_amounts, *store.off_price],
        ]
        rows = rows[-_WINDOW:]
        shapes = {
            "quarter": shape_of(sure, self._spread(0, store), known),
            "hour": shape_of(sure, self._spread(1, store), known * 2),
            "two_hours": shape_of(sure, self._spread(2, store), known * 3),
            "day": shape_of(self._spread(_DAY, store), known * 10),
        }
        observed = {
            "quarter": float(store.receipts),
            "hour": sum(row[0] for row in rows[-_HOUR:]),
            "two_hours": sum(row[0] for row in rows),
            # What was told before counts as usual.
            "day": store.usual[0] + sum(row[-1] for row in store.window) + store.receipts,
        }
        expected = {
            "quarter": mean * factor,
            "hour": sum(row[1] for row in rows[-_HOUR:]) * factor,
            "two_hours": sum(row[1] for row in rows) * factor,
            "day": store.usual[1] + sum(row[1] for row in rows),
        }
        # Early in the day the horizons are one and the same, and count once.
        told = {
            "hour": len(rows) == 1,
            "two_hours": len(rows) <= _HOUR,
            "day": store.usual[1] == 0,
        }
        low, high = (
            {h: 1.0 if told.get(h) else tail(observed[h], expected[h], shapes[h]) for h in HORIZONS}
            for tail in (at_most, at_least)
        )
        for tails in (low, high):
            # Half of the evidence must be of the last two hours, or a bad morning would alert all day.
            tails["day"] = sqrt(tails["day"] * tails["two_hours"])
        observed["silence"], expected["silence"] = 0.0, self._silence(rows, store) * factor
        shapes["silence"] = shapes["quarter"]
        low["silence"] = at_most(0, expected["silence"], shapes["silence"])
        fewer = strength([*low.values(), 1.0])
        self._judge_tickets(rows, low, high, store)
        off_price = int(sum(row[4] for row in rows)), int(sum(row[5] for row in rows))
        drop, spike = strength(low.values()), strength(high.values())
        cheap, dear = self._judge_prices(rows, low, high, store)
        return SalesTails(observed, expected, shapes, low, high, off_price, drop, spike, cheap, dear, fewer)

    @staticmethod
    def _silence(rows: list[list[float]], store: SalesHistory) -> float:
        """Return the receipts that are usual in the time since the last one, of two hours at most."""
        expected = 0.0
        for row in reversed(rows):
            if row[0]:
                return expected + row[1] * (1 - store.sold % QUARTER / QUARTER)
            expected += row[1]
        return expected

    @staticmethod
    def _judge_tickets(
        rows: list[list[float]], low: dict[str, float], high: dict[str, float], store: SalesHistory
    ) -> None:
        count, total, squares = store.ticket
        lines = sum(row[2] for row in rows)
        if count > 200 and lines >= 5:
            mean = total / count
            variance = max(squares / count - mean * mean, 0.01)
            windows, between = store.drift
            error = sqrt(variance / lines + max(between + 0.01, 0.0) / (windows + 10))
            t = (sum(row[3] for row in rows) / lines - mean) / error
            low["ticket"], high["ticket"] = stdtr(8, t), stdtr(8, -t)

    @staticmethod
    def _judge_prices(
        rows: list[list[float]], low: dict[str, float], high: dict[str, float], store: SalesHistory
    ) -> list[float]:
        """Add how unusual the lines at a wrong price are; return the strengths of low and of high ones."""
        known, *off = store.prices_off
        lines = sum(row[2] for row in rows)
        for side, tails in ((0, low), (1, high)):
            count, usual = sum(row[4 + side] for row in rows), lines * (off[side] + 0.5) / (known + 1000)
            tails["price"] = at_least(count, usual, off[side] + 1.0) if known > 200 else 1.0
        return [strength((tails["price"],)) for tails in (low, high)]

    @staticmethod
    def chances(tails: SalesTails, store: SalesHistory) -> tuple[float, float, float]:
        """Return the calibrated p-values of too few receipts, of a drop and of a spike, prices being part of these.

        Three ranks share what two sides promise (Bonferroni): each may take two thirds of a side.
        """
        fewer, drop, spike, wrong = (
            min(1.0, _RANKS / 2 * rank.chance_of(reached))
            for rank, reached in (
                (store.low, tails.fewer),
                (store.low, tails.drop),
                (store.high, tails.spike),
                (store.price, max(tails.cheap, tails.dear)),
            )
        )
        if tails.cheap >= tails.dear:
            return fewer, min(drop, wrong), spike
        return fewer, drop, min(spike, wrong)

    def _day_factor(self, store: SalesHistory) -> tuple[float, float]:
        """Return how busy this day is compared with what was expected, and the shape of that estimate.

        The day's first hours tell: Gamma with the days' spread as its prior. The last two hours don't take part.
        """
        spread = min(self._spread(_DAY, store), 400.0)
        receipts, expected = store.usual
        return (spread + receipts) / (spread + expected), spread + receipts

    def _spread(self, horizon: int, store: SalesHistory) -> float:
        squares, excess = store.spread[horizon]
        prior = 50.0
        mean = prior / self.spread_priors[horizon]
        return min((squares + prior) / max(excess + mean, 1e-6), 1e4)

    # --- learning ---

    def close(self, quarter: int, mean: float, store: SalesHistory, tails: SalesTails, *, rare: bool) -> None:
        """Learn the quarter that is over, unless it was rare, and begin the next."""
        # At first nothing is usual, and everything would be rare.
        if store.days >= self.warm_up and (mean > 0.2 or store.receipts):
            store.low.add(tails.drop)
            store.high.add(tails.spike)
            store.price.add(max(tails.cheap, tails.dear))
        receipts = float(store.receipts)
        if not rare:
            for index, horizon in enumerate(HORIZONS[:_DAY]):
                expected = tails.expected[horizon]
                if expected > 1:
                    store.spread[index][0] += 1.0
                    store.spread[index][1] += max(
                        ((tails.observed[horizon] - expected) ** 2 - expected) / expected**2,
                        -1.0 / expected,
                    )
            self._learn_tickets(store)
        else:
            store.flagged += 1
        factor, _ = self._day_factor(store)
        # What is rare counts half: an outage leaves a faint mark, and what happens again is learned.
        learned = (mean * factor + receipts) / 2 if rare else store.receipts
        if learned > 0.05:
            store.today[quarter] = min(learned, _MOST)
        store.total += receipts
        store.expected += mean
        store.window.append(
            [
                receipts,
                mean,
                store.lines,
                store.log_amounts,
                *store.off_price,
                mean * factor if rare else receipts,
            ]
        )
        if len(store.window) > _WINDOW - 1:
            self._leave_window(store)
        store.silent = 0 if store.receipts else store.silent + 1
        store.receipts = store.lines = 0
        store.log_amounts = store.log_squares = 0.0
        store.off_price = [0, 0]

    def _leave_window(self, store: SalesHistory) -> None:
        """Let the window's oldest quarter tell how busy the day is."""
        if store.window:
            oldest = store.window.pop(0)
            store.usual = [store.usual[0] + oldest[-1], store.usual[1] + oldest[1]]

    def begin_day(self, day: int, store: SalesHistory) -> None:
        """Learn the day that is over and begin another."""
        if store.day:
            self._learn_day(store)
        store.day = day
        store.today = {}
        store.window = []
        store.wrongly = []
        store.usual = [0.0, 0.0]
        store.total = store.expected = 0.0
        store.flagged = 0

    def _learn_tickets(self, store: SalesHistory) -> None:
        count, total, squares = store.ticket
        if count > 200 and store.lines >= 5:
            mean = total / count
            error = max(squares / count - mean * mean, 0.0) / store.lines
            excess = (store.log_amounts / store.lines - mean) ** 2 - error
            store.drift = _added(store.drift, (1.0, max(excess, -error)))
        store.ticket = _added(store.ticket, (store.lines, store.log_amounts, store.log_squares))
        store.prices_off = _added(store.prices_off, (store.lines, *store.off_price))

    def _learn_day(self, store: SalesHistory) -> None:
        weekday = (store.day - 1) % 7
        learned = sum(store.today.values())
        # A day without any sale is a holiday and tells nothing of the next.
        if store.days >= 7 and store.expected > 5 and store.total:
            self._learn_level(learned, store)
        keep = 1 - 1 / self.memory
        cells = bytearray(store.shapes)
        for quarter in range(QUARTERS):
            at = (quarter * 7 + weekday) * _CELL
            (value,) = unpack_from("<e", cells, at)
            value = value * keep + store.today.get(quarter, 0.0) / store.level
            pack_into("<e", cells, at, min(value, _MOST * 2))
        store.shapes = bytes(cells)
        store.weights[weekday] = store.weights[weekday] * keep + 1
        store.days += 1
        for ranks in (store.low, store.high, store.price):
            ranks.decay(0.97)
            ranks.fit()
        store.spread = [[value * 0.97 for value in sums] for sums in store.spread]
        store.ticket = [value * 0.95 for value in store.ticket]
        store.drift = [value * 0.95 for value in store.drift]
        store.prices_off = [value * 0.95 for value in store.prices_off]

    def _learn_level(self, learned: float, store: SalesHistory) -> None:
        ratio = log((learned + 1) / (store.expected + 1))
        true = log((store.total + 1) / (store.expected + 1))
        far = 3 / sqrt(self._spread(_DAY, store))
        store.ratios = [*store.ratios, true][-self.release_after :]
        shifted = len(store.ratios) == self.release_after and (
            all(r > far for r in store.ratios) or all(r < -far for r in store.ratios)
        )
        if shifted:
            # No incident lasts for days: this is how things are now.
            store.level *= exp(sum(store.ratios) / len(store.ratios))
            store.ratios = []
            store.relearned = store.day
            return
        if abs(true) < far:
            expected = store.expected
            store.spread[_DAY][0] += 1.0
            store.spread[_DAY][1] += max(
                ((store.total - expected) ** 2 - expected) / expected**2, -1.0 / expected
            )
        store.level *= exp(self.level_gain * min(max(ratio, -far), far))
        store.level = min(max(store.level, 1e-3), 1e3)


def _added(sums: Iterable[float], more: Iterable[float]) -> list[float]:
    return [one + other for one, other in zip(sums, more, strict=True)]
