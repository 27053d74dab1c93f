"""Refunds of a cashier: what is usual for them, for their role and for their store."""

from collections.abc import Mapping
from math import log, sqrt
from typing import Final
from zlib import crc32

import msgspec

from retail_anomaly.models.functions import stdtr
from retail_anomaly.models.rank import RollingRank
from retail_anomaly.models.tails import at_least, shape_of, strength

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR

MARKS: Final = ("off_shift", "overpriced", "near_limit", "no_sale_named", "cash", "same_sku", "same_sale")
"""What a refund may bear that makes it suspect when it gets frequent."""
_RECENT: Final = 20
_RECEIPTS: Final = 12
_REPEAT_WITHIN: Final = 7 * DAY
_HOURS_LOOKED_AT: Final = 8
_LATELY: Final = 14
_SPANS: Final = (("week", 4), ("weeks", _LATELY))
_STRAYS: Final = 50
_THEORY: Final = 4.0  # observations: a dozen components make a lighter tail than one would


class Refund(msgspec.Struct, frozen=True):
    """What the model looks at in a refund receipt.

    Parameters
    ----------
    time
        Epoch milliseconds.
    receipt, sku
        Identify the receipt and the article.
    amount
        The line's total.
    original
        The receipt of the sale, or empty.
    off_shift, overpriced, near_limit, no_sale_named, cash
        Marks that the line bears.
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


class CashierHistory(msgspec.Struct, array_like=True):
    """One cashier: today so far, and what was learned of the days before.

    Parameters
    ----------
    day
        The local day that is counted.
    sales, refunds
        Sale lines and refund receipts of that day.
    hour, hour_sales, hour_before
        The hour that is counted, its sale lines and those of the hour before.
    recent
        Time, sku and sale of the last refunds, as far as they are of the last week.
    receipts
        The day's last refund receipts.
    marks
        How many refunds of the day bear each of `MARKS`.
    chances
        How many refunds of the last week each refund of the day could repeat, added up.
    log_amounts, log_squares
        Sums of the logarithms of the day's amounts and of their squares.
    strongest
        The strongest evidence of the day so far.
    exposure, returned, days
        Decayed sums over the days learned: exposure, refunds, days.
    lately
        Refunds and exposure of the last worked days, and whether each was beyond `protect`.
    role
        The role in which the cashier works.
    streak
        How many more days lately were beyond `protect` than were not.
    relearned
        The day on which a new level was accepted; 0: never.
    """

    day: int = 0
    sales: int = 0
    refunds: int = 0
    hour: int = 0
    hour_sales: int = 0
    hour_before: int = 0
    recent: list[tuple[int, int, int]] = []
    receipts: list[str] = []
    marks: list[int] = msgspec.field(default_factory=lambda: [0] * len(MARKS))
    chances: int = 0
    log_amounts: float = 0.0
    log_squares: float = 0.0
    strongest: float = 0.0
    exposure: float = 0.0
    returned: float = 0.0
    days: float = 0.0
    lately: list[tuple[int, float, bool]] = []
    role: str | None = None
    streak: int = 0
    relearned: int = 0

    @property
    def first_refund(self) -> int:
        """Time of the day's first refund that is still remembered, in epoch milliseconds; 0 before it."""
        today = self.recent[-self.refunds :] if self.refunds else []
        return today[0][0] if today else 0


class StoreRefunds(msgspec.Struct, array_like=True):
    """One store: what all its cashiers have taught.

    Parameters
    ----------
    day, days
        The newest local day, and how many days were learned.
    exposure, returned, cashier_days
        Decayed sums over all cashiers.
    roles
        Exposure and refunds by role.
    marks
        Decayed counts of refunds that bear each of `MARKS`.
    amounts
        Decayed sums over refunds: count, logarithm of the amount, its square.
    spread
        Decayed sums that give the spread of counts from day to day, see `RefundModel.learn`.
    strays
        How many events in a row were days older than the newest day.
    rank
        How strong the evidence of a cashier's day has been.
    refund_days
        Decayed count of cashiers' days with a refund.
    """

    day: int = 0
    days: int = 0
    exposure: float = 0.0
    returned: float = 0.0
    cashier_days: float = 0.0
    roles: dict[str, list[float]] = {}
    marks: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(MARKS))
    chances: float = 0.0
    amounts: list[float] = msgspec.field(default_factory=lambda: [0.0, 0.0, 0.0])
    spread: list[float] = msgspec.field(default_factory=lambda: [0.0, 0.0])
    strays: int = 0
    rank: RollingRank = msgspec.field(default_factory=RollingRank)
    refund_days: float = 0.0


class RefundTails(msgspec.Struct, frozen=True):
    """What a cashier's day of refunds looks like so far.

    Parameters
    ----------
    observed, expected
        Refund receipts of the day, and how many are usual on such a day.
    shape
        Of the expectation's spread.
    p_values
        By component, each corrected for how often it looks.
    strength
        All of them together, see `tails.strength`.
    """

    observed: int
    expected: float
    shape: float
    p_values: Mapping[str, float]
    strength: float

    @property
    def deciding(self) -> str:
        """The component that is rarest."""
        return min(self.p_values, key=lambda name: self.p_values[name])


class RefundModel(msgspec.Struct, frozen=True, kw_only=True):
    """The arithmetic: how a day is counted, judged and learned.

    Parameters
    ----------
    warm_up
        Days before anything is called rare.
    half_life
        Days after which what was learned of the store counts half.
    own_half_life
        Worked days after which what was learned of a cashier counts half.
    prior_refunds
        How many refunds of his own weigh as much as those of his role.
    protect
        A day rarer than this is not learned.
    release_after
        After so many such days in a row the new level is accepted, if it is one that others in the role have.
    release_latest
        After so many it is accepted in any case: four weeks of work.
    """

    warm_up: int = 7
    half_life: float = 30.0
    own_half_life: float = 60.0
    prior_refunds: float = 4.0
    spread_prior: float = 6.0
    new_for: float = 5.0
    protect: float = 0.01
    release_after: int = 7
    release_latest: int = 20

    # --- counting ---

    def begin_day(self, day: int, cashier: CashierHistory, store: StoreRefunds) -> bool:
        """Make sure that `day` is the one that is counted; learn the one before.

        Returns
        -------
        bool
            Whether an event of that day counts: a late one does not.
        """
        if day > store.day:
            self._pass_days(day, store)
        if day == cashier.day:
            return True
        if day > cashier.day:
            if cashier.day and day <= store.day:
                self.learn(cashier, store)
            self._clear(day, cashier)
            return True
        if day >= store.day - 1:
            return False
        # Days behind: late, unless it was the newest day that was wrong.
        store.strays += 1
        if store.strays > _STRAYS:
            store.strays = 0
            store.day = day
            self._clear(day, cashier)
            return True
        if cashier.day > store.day:
            self._clear(day, cashier)
            return True
        return False

    def sale(self, time: int, cashier: CashierHistory) -> None:
        """Count a sale line of the day."""
        cashier.sales += 1
        if time // HOUR != cashier.hour:
            self._begin_hour(time // HOUR, cashier)
        cashier.hour_sales += 1

    def refund(self, refund: Refund, cashier: CashierHistory) -> None:
        """Count a refund line of the day; the lines of a receipt are one refund."""
        if refund.receipt in cashier.receipts:
            return
        cashier.receipts = [*cashier.receipts, refund.receipt][-_RECEIPTS:]
        cashier.refunds += 1
        sku = crc32(refund.sku.encode()) & 0xFFFF
        oldest = refund.time - _REPEAT_WITHIN
        sale = crc32(refund.original.encode()) & 0xFFFF if refund.original else 0
        recent = [before for before in cashier.recent if before[0] >= oldest]
        same_sku = any(before[1] == sku for before in recent)
        same_sale = sale != 0 and any(before[1:] == (sku, sale) for before in recent)
        borne = (
            refund.off_shift,
            refund.overpriced,
            refund.near_limit,
            refund.no_sale_named,
            refund.cash,
            same_sku,
            same_sale,
        )
        cashier.chances += len(recent)
        cashier.marks = [count + mark for count, mark in zip(cashier.marks, borne, strict=True)]
        cashier.recent = [*recent, (refund.time, sku, sale)][-_RECENT:]
        size = log(min(max(refund.amount, 0.01), 1e7))
        cashier.log_amounts += size
        cashier.log_squares += size * size

    # --- judging ---

    def expect(self, cashier: CashierHistory, store: StoreRefunds) -> tuple[float, float, float]:
        """Return the refunds expected of a cashier's day, the shape of their spread, and the exposure."""
        rate, own = self._rate(cashier, store)
        days = cashier.days + len(cashier.lately)
        worked = cashier.exposure + sum(day[1] for day in cashier.lately)
        typical = (2 * self._typical(store) + worked) / (2 + days)
        exposure = max(cashier.sales + self._base(store), typical)
        return rate * exposure, shape_of(own, self._spread(store)), exposure

    def judge(self, time: int, cashier: CashierHistory, store: StoreRefunds) -> RefundTails:
        """Return how unusual the cashier's day of refunds is so far.

        Counts are held against what is expected of the whole day: the chance that a day ends with so
        many is the chance that it gets that far, so that looking at each refund needs no correction.
        """
        expected, shape, exposure = self.expect(cashier, store)
        p_values = {"day": at_least(cashier.refunds, expected, shape)}
        for name, days in _SPANS:
            span = cashier.lately[-days:]
            if span:
                rate, own = self._rate(cashier, store, before=days)
                usual = rate * (exposure + sum(day[1] for day in span))
                spread = (1 + len(span)) * self._spread(store)
                count = cashier.refunds + sum(day[0] for day in span)
                # Half of the evidence must be of today, or a cashier who stopped would go on alerting.
                p_values[name] = sqrt(at_least(count, usual, shape_of(own, spread)) * p_values["day"])
        in_hour = sum(1 for at, _, _ in cashier.recent if time - HOUR < at <= time)
        handled = cashier.hour_sales + cashier.hour_before if time // HOUR == cashier.hour else 0
        share = min(1.0, max(handled / exposure, 1 / _HOURS_LOOKED_AT))
        p_values["hour"] = min(1.0, _HOURS_LOOKED_AT * at_least(in_hour, expected * share, shape))
        for name, count, seen in zip(MARKS, cashier.marks, store.marks, strict=True):
            if name in ("same_sku", "same_sale"):
                usual = cashier.chances * (seen + 0.5) / (store.chances + 50)
                p_values[name] = at_least(count, usual, seen + 0.5)
                continue
            if name == "off_shift":
                # All of a day's have one reason, such as a shift nobody wrote down: days are counted.
                usual = (seen + 0.5) / (store.refund_days + 10)
                p_values[name] = at_least(min(count, 1), usual, seen + 0.5)
                continue
            portion = (seen + 0.5) / (store.returned + 10)
            p_values[name] = at_least(count, expected * portion, shape_of(shape, seen + 0.5))
        known, total, squares = store.amounts
        if cashier.refunds and known > 20:
            mean = total / known
            deviation = sqrt(max(squares / known - mean * mean, 0.01))
            z = (cashier.log_amounts / cashier.refunds - mean) / deviation * sqrt(cashier.refunds)
            p_values["amount"] = stdtr(4, -z)
        return RefundTails(cashier.refunds, expected, shape, p_values, strength(p_values.values()))

    # --- learning ---

    def learn(self, cashier: CashierHistory, store: StoreRefunds) -> None:
        """Learn the day that is over, of the cashier and for the store."""
        exposure, refunds = cashier.sales + self._base(store), cashier.refunds
        expected = self._rate(cashier, store)[0] * exposure
        rare = store.days >= self.warm_up and store.rank.chance_of(cashier.strongest) <= self.protect
        # One cashier's streak is one deviation: it must not teach the rank that such days are common.
        if store.days >= self.warm_up and not (rare and cashier.streak):
            store.rank.add(cashier.strongest)
        cashier.streak = cashier.streak + 1 if rare else max(0, cashier.streak - 1)
        cashier.lately = [*cashier.lately, (refunds, exposure, rare)]
        if cashier.streak >= self.release_after and (
            cashier.streak >= self.release_latest or self._is_usual_in_role(cashier, store)
        ):
            self._accept_level(cashier)
        elif len(cashier.lately) > _LATELY:
            self._settle(*cashier.lately.pop(0), cashier)
        if rare:
            return
        store.exposure += exposure
        store.returned += refunds
        store.cashier_days += 1
        role = store.roles.setdefault(cashier.role or "", [0.0, 0.0])
        role[0] += exposure
        role[1] += refunds
        off_shift, *others = cashier.marks
        marks = min(off_shift, 1), *others
        store.marks = [sum(pair) for pair in zip(store.marks, marks, strict=True)]
        store.refund_days += refunds > 0
        # The variance of a count is mean + mean**2 / shape: what exceeds the mean gives the shape.
        if store.days > 3:
            store.spread[0] += expected**2
            store.spread[1] += max((refunds - expected) ** 2 - expected, -expected)
        store.chances += cashier.chances
        today = (refunds, cashier.log_amounts, cashier.log_squares)
        store.amounts = [sum(pair) for pair in zip(store.amounts, today, strict=True)]

    def _settle(self, refunds: int, exposure: float, rare: bool, cashier: CashierHistory) -> None:
        """Let a day of two weeks ago become history, unless it was beyond what is learned."""
        if not rare:
            decay = 0.5 ** (1 / self.own_half_life)
            cashier.exposure = cashier.exposure * decay + exposure
            cashier.returned = cashier.returned * decay + refunds
            cashier.days = cashier.days * decay + 1

    def _accept_level(self, cashier: CashierHistory) -> None:
        """Take the last days for how things are now."""
        days = cashier.lately[-self.release_after :]
        cashier.lately = []
        cashier.returned, cashier.exposure = float(sum(day[0] for day in days)), sum(day[1] for day in days)
        cashier.days, cashier.streak, cashier.relearned = float(len(days)), 0, cashier.day

    def _is_usual_in_role(self, cashier: CashierHistory, store: StoreRefunds) -> bool:
        """Tell whether the level of the last days is one that others in the role have, too."""
        days = cashier.lately[-self.release_after :]
        expected = self._role_rate(cashier, store) * sum(day[1] for day in days)
        shape = shape_of(self.prior_refunds, len(days) * self._spread(store))
        return at_least(sum(day[0] for day in days), expected, shape) > self.protect

    def change_role(self, role: str | None, cashier: CashierHistory) -> None:
        """Take note of the role in which the cashier works; a new one makes old habits count little."""
        if cashier.role is not None and role != cashier.role:
            for name in ("exposure", "returned", "days"):
                setattr(cashier, name, getattr(cashier, name) * 0.1)
            cashier.lately, cashier.streak = [], 0
        cashier.role = role

    def _rate(self, cashier: CashierHistory, store: StoreRefunds, before: int = 0) -> tuple[float, float]:
        """Return refunds per exposure and the shape of what is not known about it.

        It is the cashier's own, without the last days, drawn to the role's, that to the store's.
        """
        rate = self._role_rate(cashier, store)
        refunds, exposure = (
            self.prior_refunds + cashier.returned,
            self.prior_refunds / rate + cashier.exposure,
        )
        for count, worked, rare in cashier.lately[: max(0, len(cashier.lately) - before)]:
            if not rare:
                refunds += count
                exposure += worked
        # Who is new, or new in this role, makes more mistakes, and more corrections.
        days = cashier.days + len(cashier.lately)
        leeway = (days + 3 * self.new_for) / (days + self.new_for)
        return refunds / exposure * leeway, refunds

    def _role_rate(self, cashier: CashierHistory, store: StoreRefunds) -> float:
        rate = (store.returned + 1) / (store.exposure + 60)
        role = store.roles.get(cashier.role or "")
        return rate if role is None else (10 + role[1]) / (10 / rate + role[0])

    def _typical(self, store: StoreRefunds) -> float:
        return store.exposure / max(store.cashier_days, 1.0)

    def _base(self, store: StoreRefunds) -> float:
        """Return the exposure of a day without a sale: refunds come to a service desk too."""
        return 0.2 * store.exposure / store.cashier_days if store.cashier_days > 5 else 10.0

    def _spread(self, store: StoreRefunds) -> float:
        mean_squares, excess = store.spread
        prior = 2.0
        return min((mean_squares + prior) / max(excess + prior / self.spread_prior, 1e-6), 1e4)

    def _pass_days(self, day: int, store: StoreRefunds) -> None:
        passed = min(day - store.day, 60) if store.day else 0
        store.day = day
        store.strays = 0
        if not passed:
            return
        store.days += 1
        factor = 0.5 ** (passed / self.half_life)
        store.exposure *= factor
        store.returned *= factor
        store.cashier_days *= factor
        store.refund_days *= factor
        store.roles = {
            role: [value * factor for value in sums]
            for role, sums in store.roles.items()
            if sums[0] * factor > 0.1
        }
        store.marks = [value * factor for value in store.marks]
        store.amounts = [value * factor for value in store.amounts]
        store.chances *= factor
        store.spread = [value * factor for value in store.spread]
        store.rank.decay(factor)
        store.rank.fit(_THEORY)

    def _clear(self, day: int, cashier: CashierHistory) -> None:
        cashier.day = day
        cashier.sales = cashier.refunds = 0
        cashier.receipts = []
        cashier.marks = [0] * len(MARKS)
        cashier.chances = 0
        cashier.log_amounts = cashier.log_squares = cashier.strongest = 0.0

    def _begin_hour(self, hour: int, cashier: CashierHistory) -> None:
        cashier.hour_before = cashier.hour_sales if hour == cashier.hour + 1 else 0
        cashier.hour, cashier.hour_sales = hour, 0
