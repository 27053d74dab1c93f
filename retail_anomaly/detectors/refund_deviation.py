"""REFUND_DEVIATION: a cashier's refunds are not as usual."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.collections import Table
from retail_anomaly.core.detector import Detector
from retail_anomaly.core.detector_state import DetectorState
from retail_anomaly.core.episode import Episode
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.ledger import RefundLink
from retail_anomaly.core.local_time import date_of
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.most_ids import MOST_CASHIERS
from retail_anomaly.core.parameters import Range
from retail_anomaly.core.score import Score
from retail_anomaly.models.parameters import ModelParameters
from retail_anomaly.models.prices import SkuPrices
from retail_anomaly.models.refunds import (
    DAY,
    CashierHistory,
    LinkCounts,
    RefundLine,
    RefundModel,
    RefundTails,
    StoreRefunds,
    p_of_links,
)
from retail_anomaly.models.refunds.explanation import evidence, message
from retail_anomaly.models.river_judges import REFUND_FEATURES, RiverRefunds
from retail_anomaly.models.tails import band, strength

_STORE: Final = "store"
_PRICE_BUCKETS: Final = 64  # 512 articles in four kilobytes
_FORGOTTEN_AFTER: Final = 90 * DAY
_EPOCH: Final = 719_163  # 1970-01-01 as a day
_OVERPRICED: Final = 1.1
_NEAR: Final = 0.8
_WORSE: Final = 0.1


class RefundDeviationParameters(ModelParameters, frozen=True):
    """When a cashier's refunds are a deviation.

    Examples
    --------
    >>> RefundDeviationParameters().learn_days
    14
    """

    features = REFUND_FEATURES

    false_alarms: Annotated[
        float,
        Meta(
            gt=0,
            le=0.5,
            description="Share of honest cashier days that may alert.",
            extra=Range(0.001, 0.1, step=0.001).declared,
        ),
    ] = 0.02
    learn_days: Annotated[
        int, Meta(ge=1, description="Days that a store is watched before anything alerts.")
    ] = 14
    limit: Annotated[
        float, Meta(gt=0, le=1e300, description="The amount that refunds are kept just under.")
    ] = 100.0


class DayEpisode(Episode):
    """The open alert about a cashier's day."""

    day: int
    alert_id: str
    opened_at: int
    revision: int
    risk: float
    chance: float


class RefundDeviationState(DetectorState):
    """The history of each cashier, of the store and of its prices, and the open alerts.

    A detector of River, if one was chosen, is among them.
    """

    def __init__(self, max_late: int, river: RiverRefunds | None = None) -> None:
        self.river = river
        self.model = river.model if river else None
        self.cashiers: Table[CashierHistory] = Table(
            CashierHistory,
            due=lambda cashier: (cashier.day - _EPOCH) * DAY + _FORGOTTEN_AFTER,
            time=lambda cashier: (cashier.day - _EPOCH) * DAY,
        )
        self.episodes: Table[DayEpisode] = Table(
            DayEpisode,
            due=lambda episode: episode.opened_at + 2 * DAY + max_late,
            time=lambda episode: episode.opened_at,
        )
        # How refunds stand to their sales: today's counts of each cashier, and the store's past.
        self.links: Table[LinkCounts] = Table(
            LinkCounts,
            due=lambda counts: (counts.day - _EPOCH) * DAY + _FORGOTTEN_AFTER,
            time=lambda counts: (counts.day - _EPOCH) * DAY,
        )
        self.usual_links: Table[LinkCounts] = Table(LinkCounts)
        self.level: Table[StoreRefunds] = Table(StoreRefunds)
        # The local day until which a new cashier may be one whose history was forgotten.
        self.silent_until: Table[int] = Table(int)
        self.prices: Table[SkuPrices] = Table(SkuPrices)


class RefundDeviation(Detector[RefundDeviationParameters, RefundDeviationState]):
    """Alert when a cashier's day of refunds is rare for this cashier, this role and this store.

    It counts the refunds of the hour, the day, the last five and the last fifteen worked days, and those that
    are made off shift, exceed the known price, stay just under a limit, name no sale, repeat an article or a
    sale, or are paid in cash. Where `refund_match` runs too, it also counts those of the cashier's own sales
    within half an hour, those in cash of sales that were not, and those above what was sold. Each count is
    compared with its expectation. The score is 1 minus the share of cashier days that were as unusual. There
    is one alert a cashier and day, revised when it gets ten times rarer.

    Cannot see: a habit that a cashier has had from the first day on; a level that rises over months;
    refunds spread over many cashiers; in a small store, less than about three refunds more a day.

    Examples
    --------
    >>> detector = RefundDeviation(RefundDeviationParameters(), max_late=86_400_000)
    >>> detector.why_silent(detector.new_state())
    'learned 0 of 14 days'
    """

    name = "refund_deviation"
    counts_days = True
    alert_type = "REFUND_DEVIATION"
    needs = ("refunds", "cashiers", "weeks")
    better_with = ("shifts",)
    per_cashier = True
    most_cashiers = MOST_CASHIERS
    sheds = "cashiers"
    colour = "#a0622d"
    symbol = "pentagon"
    Parameters = RefundDeviationParameters

    def __init__(self, parameters: RefundDeviationParameters, max_late: int) -> None:
        super().__init__(parameters, max_late)
        self.model = RefundModel()

    def new_state(self) -> RefundDeviationState:
        """Return a store's state in which nothing is learned yet."""
        choice = self.parameters.choice
        return RefundDeviationState(self.max_late, RiverRefunds(choice) if choice else None)

    def why_silent(self, state: RefundDeviationState) -> str | None:
        """Return why nothing can alert yet, or None."""
        level = state.level.get(_STORE)
        days = level.days if level else 0
        needed = self.parameters.learn_days
        return f"learned {days} of {needed} days" if days < needed else None

    def on_sale(self, event: PosEvent, state: RefundDeviationState, store: StoreMemory) -> Sequence[Alert]:
        """Count the line, and learn the price of the article."""
        cashier = self._today(event, state, store)
        if cashier is not None:
            cashier.count_sale(event.event_time)
            self._keep(event.cashier_id, cashier, state, store)
            prices = state.prices.get(_STORE) or SkuPrices.of(_PRICE_BUCKETS)
            if prices.see(event.sku, event.amount / event.quantity, cashier.day).learned:
                state.prices.put(_STORE, prices)
        return ()

    def on_refund(self, event: PosEvent, state: RefundDeviationState, store: StoreMemory) -> Sequence[Alert]:
        """Count the refund, and alert when the cashier's day has become rare."""
        cashier = self._today(event, state, store)
        if cashier is None:
            return ()
        level = state.level.get(_STORE)
        assert level is not None  # noqa: S101 - a day that is counted has a level
        shift = store.shift_at(event.cashier_id, event.event_time)
        if shift is not None:
            cashier.change_role(shift.role)
        receipts = cashier.refunds
        cashier.count_refund(self._line(event, state, store))
        if cashier.refunds > receipts:
            _count_link(event, cashier, state, store)
        tails = self.model.judge(event.event_time, cashier, level)
        if state.river is None:
            tails = _with_links(event.cashier_id, tails, state)
        else:
            tell = self.telling(store)
            tails = state.river.judge(event.event_time, store.local, cashier, tails, tell)
            self.undecided += Counter({"model failed": int(state.river.model.failed)})
        cashier.strongest = max(cashier.strongest, tails.strength)
        self._keep(event.cashier_id, cashier, state, store)
        if self.listener is not None:
            self.listener(self._score(event, cashier, tails, level, self.why_silent(state)))
        # One who was forgotten may have had a habit that was known.
        silent_until = state.silent_until.get(_STORE) or 0
        if level.days < self.parameters.learn_days or (cashier.is_new and cashier.day <= silent_until):
            return ()
        return self._decide(event, cashier, tails, state, store)

    def _keep(
        self, cashier_id: str, cashier: CashierHistory, state: RefundDeviationState, store: StoreMemory
    ) -> None:
        """Keep a cashier; of too many, those with the fewest days and the least of today are forgotten."""
        state.cashiers.put(cashier_id, cashier)
        if len(state.cashiers) <= self.most_cashiers:
            return
        known = dict(state.cashiers.items())
        gone = self.shed(state.cashiers, self.most_cashiers, _worth, store)
        for name in gone:
            state.episodes.drop(name)
            state.links.drop(name)
        if not all(known[name].is_new for name in gone):
            state.silent_until.put(_STORE, cashier.day + _FORGOTTEN_AFTER // DAY)

    def _today(
        self, event: PosEvent, state: RefundDeviationState, store: StoreMemory
    ) -> CashierHistory | None:
        """Return the cashier with the event's day begun, or None when the event is too late to count."""
        day = store.local.of(event.event_time)[0]
        cashier = state.cashiers.get(event.cashier_id)
        if cashier is not None and cashier.day == day:
            return cashier
        cashier = cashier or CashierHistory()
        level = state.level.get(_STORE) or StoreRefunds()
        over, is_rare = cashier.day, self.model.is_rare(cashier, level)
        counts = self.model.begin_day(day, cashier, level)
        state.level.put(_STORE, level)
        if counts:
            self._learn_links(event.cashier_id, over, state, is_rare=is_rare)
        return cashier if counts else None

    def _learn_links(self, cashier_id: str, day: int, state: RefundDeviationState, *, is_rare: bool) -> None:
        """Learn how the refunds of a day that is over stood to their sales, unless it was too rare."""
        today = state.links.get(cashier_id)
        if today is None:
            return
        state.links.drop(cashier_id)
        if today.day == day and not is_rare:
            past = state.usual_links.get(_STORE) or LinkCounts()
            past.learn(today, self.model.half_life)
            state.usual_links.put(_STORE, past)

    def _line(self, event: PosEvent, state: RefundDeviationState, store: StoreMemory) -> RefundLine:
        prices = state.prices.get(_STORE)
        price = prices.get(event.sku) if prices else None
        limit = self.parameters.limit
        return RefundLine(
            event.event_time,
            event.transaction_id,
            event.sku,
            event.amount,
            original=event.original_transaction_id or "",
            off_shift=store.off_shift(event.cashier_id, event.event_time) is True,
            overpriced=price is not None and event.amount > _OVERPRICED * price * event.quantity,
            near_limit=_NEAR * limit <= event.amount < limit,
            no_sale_named=event.original_transaction_id is None,
            cash=(event.tender or "").lower() == "cash",
        )

    def _decide(
        self,
        event: PosEvent,
        cashier: CashierHistory,
        tails: RefundTails,
        state: RefundDeviationState,
        store: StoreMemory,
    ) -> Sequence[Alert]:
        level = state.level.get(_STORE) or StoreRefunds()
        chance = level.rank.chance_of(tails.strength)
        if chance > self.parameters.false_alarms:
            return ()
        risk = round(1 - chance, 6)
        episode = state.episodes.get(event.cashier_id)
        if episode is None or episode.day != cashier.day:
            episode = DayEpisode(
                day=cashier.day,
                alert_id=self.alert_id(event, event.event_time),
                opened_at=event.event_time,
                revision=1,
                risk=risk,
                chance=chance,
            )
        elif chance <= _WORSE * episode.chance and risk > episode.risk:
            episode.revise(risk)
            episode.chance = chance
        else:
            return ()
        state.episodes.put(event.cashier_id, episode)
        return (
            self.alert(
                event,
                time=event.event_time,
                employee_id=event.cashier_id,
                risk=risk,
                message=message(event.cashier_id, cashier, tails),
                evidence=evidence(cashier, tails)
                | {
                    "chance": float(f"{chance:.3g}"),
                    "learnedDays": level.days,
                    "role": cashier.role,
                    "relearnedOn": date_of(cashier.relearned) if cashier.relearned else None,
                }
                | (state.river.evidence() if state.river else {}),
                episode=episode,
            ),
        )

    def _score(
        self,
        event: PosEvent,
        cashier: CashierHistory,
        tails: RefundTails,
        level: StoreRefunds,
        silent: str | None,
    ) -> Score:
        lower, upper = band(tails.expected, tails.shape)
        return Score(
            self.name,
            event.store_id,
            event.cashier_id,
            cashier.first_refund,
            event.event_time,
            tails.observed,
            round(tails.expected, 3),
            lower,
            upper,
            tails.deciding,
            None if silent else round(1 - level.rank.chance_of(tails.strength), 6),
            silent,
            date_of(cashier.relearned) if cashier.relearned else None,
        )


def _worth(cashier: CashierHistory) -> tuple[float, int, int]:
    return cashier.days + len(cashier.lately), cashier.refunds, cashier.sales


def _count_link(
    event: PosEvent, cashier: CashierHistory, state: RefundDeviationState, store: StoreMemory
) -> None:
    """Count how the refund stands to its sale, if `refund_match`, which saw it first, found one."""
    link: RefundLink | None = getattr(store.detectors.get("refund_match"), "link", None)
    if link is not None and link.line == store.line:
        today = state.links.get(event.cashier_id) or LinkCounts(cashier.day)
        today.count(link)
        state.links.put(event.cashier_id, today)


def _with_links(cashier_id: str, tails: RefundTails, state: RefundDeviationState) -> RefundTails:
    """Return the tails with those of the links; without `refund_match` there are none."""
    past = state.usual_links.get(_STORE) or LinkCounts()
    links = dict(p_of_links(state.links.get(cashier_id), past, tails.expected, tails.shape))
    if not links:
        return tails
    p_values = {**tails.p_values, **links}
    return msgspec.structs.replace(tails, p_values=p_values, strength=strength(p_values.values()))
