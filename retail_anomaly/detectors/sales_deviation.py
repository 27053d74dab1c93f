"""SALES_DEVIATION: a store sells much less, or much more, than it usually does at this hour."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from msgspec import Meta

from retail_anomaly.core.alerts import Alert, interval_alert_id
from retail_anomaly.core.collections import Table
from retail_anomaly.core.detector import Detector
from retail_anomaly.core.detector_state import DetectorState
from retail_anomaly.core.episode import Episode
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.local_time import QUARTER, date_of
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.parameters import Range
from retail_anomaly.core.score import Score
from retail_anomaly.models.parameters import ModelParameters
from retail_anomaly.models.prices import SkuPrices
from retail_anomaly.models.river_judges import SALES_FEATURES, RiverSales
from retail_anomaly.models.sales import JudgedQuarter, SalesHistory, SalesModel, tills
from retail_anomaly.models.sales.explanation import explain, message, till_evidence, till_message
from retail_anomaly.models.sales.verdict import with_tills
from retail_anomaly.models.tails import band

_STORE: Final = "store"
_PRICE_BUCKETS: Final = 192  # 1,536 articles in eleven kilobytes
_WORSE: Final = 0.1
_QUIET: Final = 4
_TILL: Final = "till "
_TILLS_KEPT_FOR: Final = 90 * 96 * QUARTER


class SalesDeviationParameters(ModelParameters, frozen=True):
    """When a store's sales are a deviation.

    Examples
    --------
    >>> SalesDeviationParameters().learn_days
    21
    """

    features = SALES_FEATURES

    false_alarms: Annotated[
        float,
        Meta(
            gt=0,
            le=0.5,
            description="Share of ordinary quarters of an hour that may alert, on each side.",
            extra=Range(0.0002, 0.01, step=0.0002).declared,
        ),
    ] = 0.002
    learn_days: Annotated[
        int, Meta(ge=1, description="Days with sales that a store is watched before anything alerts.")
    ] = 21


class SalesEpisode(Episode):
    """The open alert about a store."""

    alert_id: str
    direction: str
    opened_at: int
    day: int
    revision: int
    risk: float
    chance: float
    quiet: int = 0
    fewer: bool = False


class SalesDeviationState(DetectorState):
    """The history of the store's sales, prices and tills, and its open alerts.

    A detector of River, if one was chosen, is among them.
    """

    def __init__(self, max_late: int, river: RiverSales | None = None) -> None:
        self.river = river
        self.model = river.model if river else None
        self.history: Table[SalesHistory] = Table(SalesHistory)
        self.prices: Table[SkuPrices] = Table(SkuPrices)
        self.episodes: Table[SalesEpisode] = Table(
            SalesEpisode,
            due=lambda episode: episode.opened_at + 2 * 96 * QUARTER + max_late,
            time=lambda episode: episode.opened_at,
        )

        def due(kept: tills.TillsToday | tills.TillHabit) -> int:
            return kept.heard + _TILLS_KEPT_FOR + max_late

        self.tills: Table[tills.TillsToday] = Table(tills.TillsToday, due)
        self.habits: Table[tills.TillHabit] = Table(tills.TillHabit, due)


class SalesDeviation(Detector[SalesDeviationParameters, SalesDeviationState]):
    """Alert when a store's sales are rare for this quarter of an hour of this weekday.

    At the end of each quarter it compares the receipts of the quarter, the hour, two hours and the day so far
    with the store's own profile, level and spread. It also compares the time since the last receipt, the
    amounts of two hours' lines, and how many receipts have one at less than half or more than double the
    known price. Drops, spikes and prices are ranked apart. A store has one open alert, revised when it gets
    ten times rarer. The alert ends with an hour without deviation, with the day, or when too few sales open
    an alert of their own.

    A till (``registerId``) that is silent while the others sell has an alert of its own. Its receipts are
    expected by its share of the store's at this hour of this weekday, from its first receipt of the day on
    and for two hours of silence. The alert ends when the till is heard of again, or with the day.

    On the days under `stores.ID.closed` nothing is judged or learned. On those under `stores.ID.holidays` a
    store should sell as on a Sunday or on this weekday, whichever is less, from its first sale on.

    Cannot see: holidays that the configuration does not name (the silent store raises an alert); a slow
    decline, which is learned; a till that never opened today, one that is often closed, one with so few
    receipts that an hour without any is common, or more than 24 of a store; whether all stores of the chain
    lost their trade together.

    Examples
    --------
    >>> detector = SalesDeviation(SalesDeviationParameters(), max_late=86_400_000)
    >>> detector.why_silent(detector.new_state())
    'learned 0 of 21 days'
    """

    name = "sales_deviation"
    counts_days = True
    alert_type = "SALES_DEVIATION"
    needs = ("sales", "weeks")
    colour = "#1b7f9c"
    symbol = "hexagon"
    Parameters = SalesDeviationParameters

    def __init__(self, parameters: SalesDeviationParameters, max_late: int) -> None:
        super().__init__(parameters, max_late)
        self.model = SalesModel()

    def new_state(self) -> SalesDeviationState:
        """Return a store's state in which nothing is learned yet."""
        choice = self.parameters.choice
        return SalesDeviationState(self.max_late, RiverSales(choice) if choice else None)

    def why_silent(self, state: SalesDeviationState) -> str | None:
        """Return why nothing can alert yet, or None."""
        history = state.history.get(_STORE)
        days = history.days if history else 0
        needed = self.parameters.learn_days
        return f"learned {days} of {needed} days" if days < needed else None

    def on_sale(self, event: PosEvent, state: SalesDeviationState, store: StoreMemory) -> Sequence[Alert]:
        """Judge the quarters that are over, and count the line."""
        history = state.history.get(_STORE)
        block = event.event_time // QUARTER
        alerts: Sequence[Alert] = ()
        if history is None or block != history.block:
            history = history or SalesHistory()
            alerts = self._pass(block, history, state, store)
            if not self.model.accepts(block, history):
                state.history.put(_STORE, history)
                self._hear(event, state, store)
                return alerts
        prices = state.prices.get(_STORE) or SkuPrices.of(_PRICE_BUCKETS)
        ratio, learned = prices.see(event.sku, event.amount / event.quantity, history.day)
        if learned:
            state.prices.put(_STORE, prices)
        history.count_sale(event.transaction_id, event.sku, event.event_time, event.amount, ratio)
        state.history.put(_STORE, history)
        if event.register_id is not None and state.river is None:
            self._count_at_till(event, state, store)
        return alerts

    def on_refund(self, event: PosEvent, state: SalesDeviationState, store: StoreMemory) -> Sequence[Alert]:
        """Note that the till works."""
        if event.register_id is None:
            return ()
        alerts = self.on_time(event.event_time, state, store)
        self._hear(event, state, store)
        return alerts

    def _count_at_till(self, event: PosEvent, state: SalesDeviationState, store: StoreMemory) -> None:
        today = state.tills.get(_STORE) or tills.TillsToday()
        day, quarter = store.local.of(event.event_time)
        tills.begin_day(day, today, state.habits)
        if store.trading_days.is_usual(day):
            tills.count_receipt(event, quarter, today, state.habits)
        state.tills.put(_STORE, today)

    def _hear(self, event: PosEvent, state: SalesDeviationState, store: StoreMemory) -> None:
        """Note that a till works of which no sale is counted: it refunds, or its clock is slow."""
        today = state.tills.get(_STORE)
        if event.register_id is None or today is None or event.register_id not in today.tills:
            return
        tills.hear(event, today, state.habits)
        state.tills.put(_STORE, today)

    def on_time(self, time: int, state: SalesDeviationState, store: StoreMemory) -> Sequence[Alert]:
        """Judge the quarters that are over."""
        history = state.history.get(_STORE)
        if history is None or time // QUARTER <= history.block:
            return ()
        return self._pass(time // QUARTER, history, state, store)

    def waiting(self, state: SalesDeviationState) -> tuple[int, int] | None:
        """Return the end of the quarter; no decision waits for it that a later event could change."""
        history = state.history.get(_STORE)
        if history is None or self.model.is_dormant(history):
            return None
        return 0, (history.block + 1) * QUARTER

    def _pass(
        self, block: int, history: SalesHistory, state: SalesDeviationState, store: StoreMemory
    ) -> Sequence[Alert]:
        alerts = []
        learned = history.days >= self.parameters.learn_days
        before = history.block
        for quarter in self.model.pass_time(block, store.local, history, store.trading_days):
            if state.river is not None and quarter.is_holiday:
                continue  # it has no place for a day that is not usual
            if state.river is not None:
                quarter = state.river.judge(quarter, store.local, self.telling(store))  # noqa: PLW2901
                self.undecided += Counter({"model failed": int(state.river.model.failed)})
            today = state.tills.get(_STORE)
            if today is not None:
                quarter = self._with_tills(quarter, today, state, store)  # noqa: PLW2901
            if self.listener is not None:
                self.listener(
                    self._score(quarter, history, store, None if learned else self.why_silent(state))
                )
            if learned:
                alert = self._decide(quarter, history, state, store)
                if alert is not None:
                    alerts.append(alert)
                if today is not None:
                    alerts += self._decide_tills(quarter, today, state, store)
            learned = history.days >= self.parameters.learn_days
        if history.block != before:
            state.history.put(_STORE, history)
        return alerts

    def _with_tills(
        self, quarter: JudgedQuarter, today: tills.TillsToday, state: SalesDeviationState, store: StoreMemory
    ) -> JudgedQuarter:
        place = store.local.of(quarter.end - QUARTER)
        silent = tills.silent_tills(quarter.end, *place, today, state.habits)
        state.tills.put(_STORE, today)
        is_judged = today.days >= self.parameters.learn_days and len(state.habits) > 1
        return with_tills(quarter, silent) if is_judged else quarter

    def _decide_tills(
        self, quarter: JudgedQuarter, today: tills.TillsToday, state: SalesDeviationState, store: StoreMemory
    ) -> Iterator[Alert]:
        """Open and revise the alerts about single tills, each of which has its own."""
        open_tills = [(key, episode) for key, episode in state.episodes.items() if key != _STORE]
        for key, episode in open_tills:
            till = today.tills.get(key.removeprefix(_TILL))
            if till is None or till.last > episode.opened_at:
                state.episodes.drop(key)
        for silent in quarter.tills:
            if silent.chance <= self.parameters.false_alarms:
                alert = self._till_alert(silent, quarter, state, store)
                if alert is not None:
                    yield alert

    def _till_alert(
        self, silent: tills.SilentTill, quarter: JudgedQuarter, state: SalesDeviationState, store: StoreMemory
    ) -> Alert | None:
        key, risk = _TILL + silent.register, round(1 - silent.chance, 6)
        episode = state.episodes.get(key)
        if episode is None:
            alert_id = interval_alert_id(self.alert_type, store.store_id, quarter.end, silent.register)
            episode = _opened(alert_id, "drop", quarter, risk, silent.chance, fewer=True)
        elif silent.chance > _WORSE * episode.chance or risk <= episode.risk:
            return None
        else:
            episode.revise(risk)
            episode.chance = silent.chance
        state.episodes.put(key, episode)
        return self.alert(
            store,
            time=quarter.end,
            employee_id=None,
            risk=risk,
            message=till_message(silent, quarter, store.store_id, store.local),
            evidence=till_evidence(silent, quarter),
            episode=episode,
        )

    def _decide(
        self, quarter: JudgedQuarter, history: SalesHistory, state: SalesDeviationState, store: StoreMemory
    ) -> Alert | None:
        episode = state.episodes.get(_STORE)
        if episode is not None and episode.day != quarter.day:
            state.episodes.drop(_STORE)
            episode = None
        direction = "drop" if quarter.drop <= quarter.spike else "spike"
        chance = min(quarter.drop, quarter.spike)
        fewer = quarter.fewer <= self.parameters.false_alarms
        if fewer or (episode is not None and episode.fewer):
            direction, chance = "drop", quarter.fewer
            if episode is not None and not episode.fewer:
                # An outage is another matter than a wrong price: it closes that alert and opens its own.
                state.episodes.drop(_STORE)
                episode = None
        risk = round(1 - chance, 6)
        if chance > self.parameters.false_alarms:
            if episode is not None:
                episode.quiet += 1
                if episode.quiet >= _QUIET:
                    state.episodes.drop(_STORE)
                else:
                    state.episodes.put(_STORE, episode)
            return None
        if episode is None:
            alert_id = self.alert_id(store, quarter.end)
            episode = _opened(alert_id, direction, quarter, risk, chance, fewer=fewer)
        else:
            episode.quiet = 0
            if chance > _WORSE * episode.chance or risk <= episode.risk:
                state.episodes.put(_STORE, episode)
                return None
            episode.revise(risk)
            episode.direction, episode.chance = direction, chance
        state.episodes.put(_STORE, episode)
        alert = self._alert(quarter, episode, history, store)
        if state.river is not None:
            alert.evidence.update(state.river.evidence())
        return alert

    def _score(
        self, quarter: JudgedQuarter, history: SalesHistory, store: StoreMemory, silent: str | None
    ) -> Score:
        tails = quarter.tails
        p_values = tails.low if quarter.drop <= quarter.spike else tails.high
        rarest = min(p_values, key=lambda name: p_values[name])
        expected, shape = tails.expected["quarter"], tails.shapes["quarter"]
        lower, upper = band(expected, shape)
        return Score(
            self.name,
            store.store_id,
            store.store_id,
            quarter.end - QUARTER,
            quarter.end,
            round(tails.observed["quarter"]),
            round(expected, 3),
            lower,
            upper,
            rarest if min(quarter.drop, quarter.spike) <= quarter.till else "till",
            None if silent else round(1 - quarter.chance, 6),
            silent,
            date_of(history.relearned) if history.relearned else None,
        )

    def _alert(
        self, quarter: JudgedQuarter, episode: SalesEpisode, history: SalesHistory, store: StoreMemory
    ) -> Alert:
        why = explain(quarter, episode.direction, history, receipts_only=episode.fewer)
        observed, expected = quarter.tails.observed[why.horizon], quarter.tails.expected[why.horizon]
        lower, upper = band(expected, quarter.tails.shapes[why.horizon])
        return self.alert(
            store,
            time=quarter.end,
            employee_id=None,
            risk=episode.risk,
            message=message(why, quarter, store.store_id, store.local),
            evidence={
                "direction": why.direction,
                "start": why.start,
                "end": why.end,
                "observed": round(observed),
                "expected": round(expected, 3),
                "lower": lower,
                "upper": upper,
                "component": why.component,
                "pValues": {name: float(f"{p:.3g}") for name, p in why.p_values.items()},
                "receiptsOffPrice": why.receipts_off_price,
                "skus": why.skus,
                "transactionIds": [line.receipt for line in why.wrong_prices],
                "chance": float(f"{episode.chance:.3g}"),
                "learnedDays": history.days,
                "relearnedOn": date_of(history.relearned) if history.relearned else None,
            },
            episode=episode,
        )


def _opened(
    alert_id: str, direction: str, quarter: JudgedQuarter, risk: float, chance: float, *, fewer: bool
) -> SalesEpisode:
    return SalesEpisode(
        alert_id=alert_id,
        direction=direction,
        opened_at=quarter.end,
        day=quarter.day,
        revision=1,
        risk=risk,
        chance=chance,
        fewer=fewer,
    )
