"""The model of sales: how quarters of an hour are judged and days are learned."""

from collections.abc import Iterator
from typing import Final

import msgspec

from retail_anomaly.core.local_time import QUARTER, QUARTERS, LocalTime
from retail_anomaly.core.trading_days import TradingDays
from retail_anomaly.models.sales.history import HORIZONS, SalesHistory, WindowQuarter
from retail_anomaly.models.sales.level import day_factor, learn_level
from retail_anomaly.models.sales.off_prices import decay_off_prices, learn_off_prices, off_price_tails
from retail_anomaly.models.sales.profile import (
    LARGEST_CELL,
    UsualReceipts,
    has_sold,
    learn_profile,
    usual_receipts,
)
from retail_anomaly.models.sales.receipts import receipt_tails
from retail_anomaly.models.sales.tickets import decay_tickets, learn_tickets, ticket_tails
from retail_anomaly.models.sales.verdict import (
    JudgedQuarter,
    SalesTails,
    chances,
    chances_on_holiday,
    combined,
)

_WINDOW: Final = 8  # quarters: two hours
_WITHIN_DAY: Final = HORIZONS[:3]
_CLOSED: Final = 0.05  # receipts
# Longer than any usual closure: a store that does not open again after a long weekend is news.
_FOLLOWED_FOR: Final = 14 * QUARTERS
_TAUGHT_BY: Final = 4 * QUARTERS  # a longer silence tells nothing of the days after it
_LATE: Final = 4 * QUARTERS
_STRAYS: Final = 50
_SUNDAY: Final = 7  # as a day: the first one of the calendar
_NO_DAYS: Final = TradingDays()
_DECAY: Final = 0.97  # a day


class SalesModel(msgspec.Struct, frozen=True, kw_only=True):
    """Judge and learn a store's quarters of an hour.

    Parameters
    ----------
    warm_up
        Days before anything is called rare: each weekday twice.
    memory
        How many of a weekday's past days count.
    prior_days
        How many of them weigh as much as the average weekday.
    level_gain
        The share of a day's deviation that is taken as a new level.
    protect
        A quarter rarer than this counts half.
    release_after
        After so many days in a row far off to the same side their level is accepted at once.

    Examples
    --------
    >>> from retail_anomaly.core.local_time import UTC
    >>> model, store = SalesModel(), SalesHistory()
    >>> model.accepts(1_955_555, store)
    True
    >>> store.count_sale("t-1", "sku-1", 1_955_555 * QUARTER, 9.99, price_ratio=None)
    >>> [judged] = model.pass_time(1_955_556, LocalTime(UTC), store)
    >>> judged.tails.observed["quarter"]
    1.0
    """

    warm_up: int = 14
    memory: float = 10.0
    prior_days: float = 2.0
    level_gain: float = 0.2
    protect: float = 0.002
    release_after: int = 3

    # --- time ---

    def pass_time(
        self, block: int, local: LocalTime, store: SalesHistory, days: TradingDays = _NO_DAYS
    ) -> Iterator[JudgedQuarter]:
        """Judge and learn the quarters that are over once `block` is being counted.

        A closed day is passed over. A holiday is judged by what it should sell at least, and teaches nothing
        of how much is usual.

        Beyond four days without a sale nothing is learned. After two weeks time is not followed until the
        next sale (see `accepts`): the store is closed, or its tills are no longer heard of.
        """
        if not store.block:
            store.block = block
        while store.block < block and not self.is_dormant(store):
            day, quarter = local.of(store.block * QUARTER)
            if day != store.day:
                self._begin_day(day, store, days)
            store.block += 1
            if days.is_closed(day):
                store.clear_quarter()
                continue
            is_holiday = days.is_holiday(day)
            usual = self._usual(day, quarter, store, is_holiday=is_holiday)
            if not store.day_receipts and not store.day_usual:
                store.trade_began = store.block - 1
            # After a long silence only its own days are judged: of others nothing is learned any more.
            is_open = usual.mean >= _CLOSED and (store.silent < _TAUGHT_BY or has_sold(day, quarter, store))
            if not is_open and not store.receipts:
                store.leave_window()
                store.silent += 1
                continue
            _end_silence(store)
            tails = self.judge(usual, store)
            fewer, drop, spike = (chances_on_holiday if is_holiday else chances)(tails, store)
            rare = min(drop, spike) <= self.protect and store.days >= self.warm_up
            self._close(quarter, usual.mean, store, tails, rare=rare, is_holiday=is_holiday)
            yield JudgedQuarter(
                store.block * QUARTER,
                day,
                usual.mean,
                tails,
                drop,
                spike,
                store.trade_began * QUARTER,
                fewer,
                is_holiday=is_holiday,
            )

    def is_dormant(self, store: SalesHistory) -> bool:
        """Tell whether nothing was sold for so long that time is not followed until something is."""
        return store.silent >= _FOLLOWED_FOR

    def accepts(self, block: int, store: SalesHistory) -> bool:
        """Make ready to count a sale of `block`; return False for a late one, which does not count."""
        if block == store.block:
            return True
        if block < store.block:
            # Days behind: the event is late, unless the newest time was the wrong one.
            if block < store.block - _LATE:
                store.strays += 1
            if store.strays <= _STRAYS:
                return False
        store.block, store.silent, store.strays, store.day = block, 0, 0, 0
        store.clear_day()
        store.clear_quarter()
        return True

    # --- judging ---

    def _usual(self, day: int, quarter: int, store: SalesHistory, *, is_holiday: bool) -> UsualReceipts:
        usual = usual_receipts(day, quarter, store, self.prior_days)
        if is_holiday:
            # A store keeps its weekday's hours on a holiday, or Sunday's, or hours in between.
            usual = min(usual, usual_receipts(_SUNDAY, quarter, store, self.prior_days))
        return usual

    def judge(self, usual: UsualReceipts, store: SalesHistory) -> SalesTails:
        """Return how unusual the quarter that is over is, alone, with the two hours before, with the day."""
        window = [*store.window, _row(store, usual.mean)][-_WINDOW:]
        receipts = receipt_tails(usual, window, store)
        return combined(receipts, ticket_tails(window, store), off_price_tails(window, store))

    # --- learning ---

    def _close(
        self,
        quarter: int,
        mean: float,
        store: SalesHistory,
        tails: SalesTails,
        *,
        rare: bool,
        is_holiday: bool,
    ) -> None:
        """Learn the quarter that is over, unless it was rare or on a holiday, and begin the next."""
        # At first nothing is usual, and everything would be rare. A day on which nothing is sold teaches one
        # rare quarter: it would teach thirty, and hide the next outage for weeks.
        is_closed = rare and store.flagged and not store.receipts and not store.day_receipts
        is_telling = (mean > 0.2 or store.receipts) and not is_closed and not is_holiday
        is_telling = is_telling and store.silent < _TAUGHT_BY
        if store.days >= self.warm_up and is_telling:
            store.drop_rank.add(tails.drop)
            store.spike_rank.add(tails.spike)
            store.price_rank.add(tails.price)
        if rare:
            store.flagged += 1
        elif not is_holiday:
            for spread, horizon in zip(store.spreads, _WITHIN_DAY, strict=False):
                if tails.expected[horizon] > 1:
                    spread.add_relative(tails.observed[horizon], tails.expected[horizon])
            learn_tickets(store)
            learn_off_prices(store)
        usual = mean * day_factor(store).factor
        # A rare quarter counts half: an outage leaves a faint mark, and a habit is learned.
        learned = (usual + float(store.receipts)) / 2 if rare else store.receipts
        if learned > 0.05:
            store.today[quarter] = min(learned, LARGEST_CELL)
        row = _row(store, mean)
        row.plausible = usual if rare else row.receipts
        store.day_receipts += row.receipts
        store.day_usual += mean
        store.window.append(row)
        if len(store.window) > _WINDOW - 1:
            store.leave_window()
        store.silent = 0 if store.receipts else store.silent + 1
        store.clear_quarter()

    def _begin_day(self, day: int, store: SalesHistory, days: TradingDays) -> None:
        """Learn the day that is over, if it was a usual one, and begin another."""
        teaches = store.silent < _TAUGHT_BY + QUARTERS  # it began before the silence was that long
        if store.day and days.is_usual(store.day) and teaches:
            self._learn_day(store)
        store.day = day
        store.clear_day()
        store.flagged = store.strays = 0

    def _learn_day(self, store: SalesHistory) -> None:
        # A day without any sale is a holiday and tells nothing of the next.
        if store.days >= 7 and store.day_usual > 5 and store.day_receipts:
            learn_level(sum(store.today.values()), store, self.level_gain, self.release_after)
        learn_profile(store, self.memory)
        store.days += 1
        for rank in (store.drop_rank, store.spike_rank, store.price_rank):
            rank.decay(_DECAY)
            rank.fit()
        for spread in store.spreads:
            spread.decay(_DECAY)
        decay_tickets(store)
        decay_off_prices(store)


def _row(store: SalesHistory, usual: float) -> WindowQuarter:
    """Return the quarter that is over as a row of the window."""
    return WindowQuarter(
        float(store.receipts),
        usual,
        store.lines,
        store.log_amounts,
        store.off_price.cheap,
        store.off_price.dear,
    )


def _end_silence(store: SalesHistory) -> None:
    """Empty the window when a rare silence is over: the quarters that follow are judged by themselves."""
    before = store.window[-1] if store.window else None
    if store.receipts and before is not None and before.receipts == 0 < before.plausible:
        while store.window:
            store.leave_window()
