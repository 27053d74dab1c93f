"""The model of refunds: how a cashier's day is counted, judged and learned."""

from math import sqrt
from typing import Final, NamedTuple

import msgspec

from retail_anomaly.models.refunds.cashier import CashierHistory, WorkedDay
from retail_anomaly.models.refunds.components import p_of_amounts, p_of_hour, p_of_marks
from retail_anomaly.models.refunds.store_level import StoreRefunds
from retail_anomaly.models.refunds.verdict import RefundTails
from retail_anomaly.models.tails import at_least, shape_of, strength

_LATELY: Final = 14
_SPANS: Final = (("week", 4), ("weeks", _LATELY))
_STRAYS: Final = 50


class DayExpectation(NamedTuple):
    """The refunds expected of a cashier's day, the shape of their spread, and the day's exposure."""

    refunds: float
    shape: float
    exposure: float


class RefundModel(msgspec.Struct, frozen=True, kw_only=True):
    """Judge and learn cashiers' days of refunds.

    Parameters
    ----------
    warm_up
        Days before anything is called rare.
    half_life
        Days after which the store's history counts half.
    own_half_life
        Worked days after which a cashier's history counts half.
    prior_refunds
        How many refunds of the cashier's own weigh as much as those of the role.
    spread_prior
        The shape of the spread from day to day that is assumed at first.
    new_for
        Days in which a new cashier, or one new in a role, has most of the leeway.
    protect
        A day rarer than this is not learned.
    release_after
        After so many such days in a row the new level is accepted, if it is one that others in the role have.
    release_latest
        After so many it is accepted in any case: four weeks of work.

    Examples
    --------
    >>> model, cashier, store = RefundModel(), CashierHistory(), StoreRefunds()
    >>> model.begin_day(739_000, cashier, store)
    True
    >>> cashier.count_sale(63_849_600_000_000)
    >>> model.judge(63_849_600_000_000, cashier, store).observed
    0
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

    def begin_day(self, day: int, cashier: CashierHistory, store: StoreRefunds) -> bool:
        """Make sure that `day` is the one that is counted; learn the one before.

        Returns
        -------
        bool
            Whether an event of that day counts: a late one does not.
        """
        if day > store.day:
            store.pass_days(day, self.half_life)
        if day == cashier.day:
            return True
        if day > cashier.day:
            if cashier.day and day <= store.day:
                self.learn(cashier, store)
            cashier.begin(day)
            return True
        if day >= store.day - 1:
            return False
        # Days behind: the event is late, unless the newest day was the wrong one.
        store.strays += 1
        if store.strays > _STRAYS:
            store.strays = 0
            store.day = day
            cashier.begin(day)
            return True
        if cashier.day > store.day:
            cashier.begin(day)
            return True
        return False

    # --- judging ---

    def expect(self, cashier: CashierHistory, store: StoreRefunds) -> DayExpectation:
        """Return the refunds expected of a cashier's whole day."""
        rate, own = self._rate(cashier, store)
        days = cashier.days + len(cashier.lately)
        worked = cashier.exposure + sum(day.exposure for day in cashier.lately)
        typical = (2 * store.typical_exposure + worked) / (2 + days)
        exposure = max(cashier.sales + store.base_exposure, typical)
        return DayExpectation(rate * exposure, shape_of(own, store.shape(self.spread_prior)), exposure)

    def judge(self, time: int, cashier: CashierHistory, store: StoreRefunds) -> RefundTails:
        """Return how unusual the cashier's day of refunds is so far.

        Counts are held against the expectation of the whole day: the chance that a day ends with so
        many is the chance that it gets that far, so that looking at each refund needs no correction.
        """
        expected, shape, exposure = self.expect(cashier, store)
        p_values = {"day": at_least(cashier.refunds, expected, shape)}
        for name, days in _SPANS:
            if cashier.lately[-days:]:
                p_of_span = self._p_of_span(days, cashier, store, exposure)
                # Half of the evidence must be of today, or a cashier who stopped would go on alerting.
                p_values[name] = sqrt(p_of_span * p_values["day"])
        p_values["hour"] = p_of_hour(time, cashier, expected, shape, exposure)
        p_values.update(p_of_marks(cashier, store, expected, shape))
        p_of_amount = p_of_amounts(cashier, store)
        if p_of_amount is not None:
            p_values["amount"] = p_of_amount
        return RefundTails(cashier.refunds, expected, shape, p_values, strength(p_values.values()))

    def _p_of_span(self, days: int, cashier: CashierHistory, store: StoreRefunds, exposure: float) -> float:
        """Return the p-value of the refunds of today and the last days, given the history before them."""
        span = cashier.lately[-days:]
        rate, own = self._rate(cashier, store, before=days)
        usual = rate * (exposure + sum(day.exposure for day in span))
        spread = (1 + len(span)) * store.shape(self.spread_prior)
        count = cashier.refunds + sum(day.refunds for day in span)
        return at_least(count, usual, shape_of(own, spread))

    def _rate(self, cashier: CashierHistory, store: StoreRefunds, before: int = 0) -> tuple[float, float]:
        """Return refunds per exposure, and the shape of the uncertainty about that rate.

        The rate is the cashier's own, without the last days, drawn to the role's, and that to the store's.
        """
        rate = store.rate_of_role(cashier.role)
        refunds = self.prior_refunds + cashier.returned
        exposure = self.prior_refunds / rate + cashier.exposure
        for day in cashier.lately[: max(0, len(cashier.lately) - before)]:
            if not day.rare:
                refunds += day.refunds
                exposure += day.exposure
        # A new cashier, or one new in this role, makes more mistakes, and more corrections.
        days = cashier.days + len(cashier.lately)
        leeway = (days + 3 * self.new_for) / (days + self.new_for)
        return refunds / exposure * leeway, refunds

    # --- learning ---

    def learn(self, cashier: CashierHistory, store: StoreRefunds) -> None:
        """Learn the day that is over, of the cashier and for the store."""
        exposure = cashier.sales + store.base_exposure
        expected = self._rate(cashier, store)[0] * exposure
        rare = self.is_rare(cashier, store)
        # One cashier's streak is one deviation: it must not teach the rank that such days are common.
        if store.days >= self.warm_up and not (rare and cashier.streak):
            store.rank.add(cashier.strongest)
        self._learn_cashier(WorkedDay(cashier.refunds, exposure, rare), cashier, store)
        if not rare:
            self._learn_store(exposure, expected, cashier, store)

    def is_rare(self, cashier: CashierHistory, store: StoreRefunds) -> bool:
        """Tell whether the cashier's day is too rare to be learned."""
        return store.days >= self.warm_up and store.rank.chance_of(cashier.strongest) <= self.protect

    def _learn_cashier(self, today: WorkedDay, cashier: CashierHistory, store: StoreRefunds) -> None:
        cashier.streak = cashier.streak + 1 if today.rare else max(0, cashier.streak - 1)
        cashier.lately = [*cashier.lately, today]
        if cashier.streak >= self.release_after and (
            cashier.streak >= self.release_latest or self._is_usual_in_role(cashier, store)
        ):
            self._accept_level(cashier)
        elif len(cashier.lately) > _LATELY:
            self._make_history(cashier.lately.pop(0), cashier)

    def _learn_store(
        self, exposure: float, expected: float, cashier: CashierHistory, store: StoreRefunds
    ) -> None:
        refunds = cashier.refunds
        store.exposure += exposure
        store.returned += refunds
        store.cashier_days += 1
        role = store.sums_of_role(cashier.role)
        role.exposure += exposure
        role.refunds += refunds
        marks = msgspec.structs.replace(cashier.marks, off_shift=min(cashier.marks.off_shift, 1))
        store.marks.add(marks)
        store.refund_days += refunds > 0
        if store.days > 3:
            store.spread.add(refunds, expected)
        store.chances += cashier.chances
        store.amounts.add(refunds, cashier.log_amounts, cashier.log_squares)

    def _make_history(self, day: WorkedDay, cashier: CashierHistory) -> None:
        """Add a day of two weeks ago to the history, unless it was too rare to be learned."""
        if not day.rare:
            decay = 0.5 ** (1 / self.own_half_life)
            cashier.exposure = cashier.exposure * decay + day.exposure
            cashier.returned = cashier.returned * decay + day.refunds
            cashier.days = cashier.days * decay + 1

    def _accept_level(self, cashier: CashierHistory) -> None:
        """Take the last days as the cashier's history: they are how things are now."""
        days = cashier.lately[-self.release_after :]
        cashier.lately = []
        cashier.returned = float(sum(day.refunds for day in days))
        cashier.exposure = sum(day.exposure for day in days)
        cashier.days, cashier.streak, cashier.relearned = float(len(days)), 0, cashier.day

    def _is_usual_in_role(self, cashier: CashierHistory, store: StoreRefunds) -> bool:
        """Tell whether others in the role have the level of the last days too."""
        days = cashier.lately[-self.release_after :]
        expected = store.rate_of_role(cashier.role) * sum(day.exposure for day in days)
        shape = shape_of(self.prior_refunds, len(days) * store.shape(self.spread_prior))
        return at_least(sum(day.refunds for day in days), expected, shape) > self.protect
