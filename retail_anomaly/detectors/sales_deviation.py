"""SALES_DEVIATION: a store sells much less, or much more, than it usually does at this hour."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from retail_anomaly.core.alerts import Alert
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
from retail_anomaly.models.sales import JudgedQuarter, SalesHistory, SalesModel
from retail_anomaly.models.sales.explanation import explain, message
from retail_anomaly.models.tails import band

_STORE: Final = "store"
_PRICE_BUCKETS: Final = 192  # 1,536 articles in eleven kilobytes
_WORSE: Final = 0.1
_QUIET: Final = 4


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
            description="Share of quarters of an hour that may alert, on either side.",
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
    """The history of the store's sales and prices, and its open alert.

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


class SalesDeviation(Detector[SalesDeviationParameters, SalesDeviationState]):
    """Alert when a store's sales are rare for this quarter of an hour of this weekday.

    At the end of each quarter it compares the receipts of the quarter, the hour, two hours and the day so far
    with the store's own profile, level and spread. It also compares the time since the last receipt, the
    amounts of two hours' lines, and how many receipts have one at less than half or more than double the
    known price. Drops, spikes and prices are ranked apart. A store has one open alert, revised when it gets
    ten times rarer. The alert ends with an hour without deviation, with the day, or when too few sales open
    an alert of their own.

    On the days under `stores.ID.closed` nothing is judged or learned. On those under `stores.ID.holidays` a
    store should sell as on a Sunday or on this weekday, whichever is less, from its first sale on.

    Cannot see: holidays that the configuration does not name (the silent store raises an alert); a slow
    decline, which is learned; one till of many; whether all stores of the chain lost their trade together.

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
                return alerts
        prices = state.prices.get(_STORE) or SkuPrices.of(_PRICE_BUCKETS)
        ratio, learned = prices.see(event.sku, event.amount / event.quantity, history.day)
        if learned:
            state.prices.put(_STORE, prices)
        history.count_sale(event.transaction_id, event.sku, event.event_time, event.amount, ratio)
        state.history.put(_STORE, history)
        return alerts

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
            if self.listener is not None:
                self.listener(
                    self._score(quarter, history, store, None if learned else self.why_silent(state))
                )
            if learned:
                alert = self._decide(quarter, history, state, store)
                if alert is not None:
                    alerts.append(alert)
            learned = history.days >= self.parameters.learn_days
        if history.block != before:
            state.history.put(_STORE, history)
        return alerts

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
            episode = SalesEpisode(
                alert_id=self.alert_id(store, quarter.end),
                direction=direction,
                opened_at=quarter.end,
                day=quarter.day,
                revision=1,
                risk=risk,
                chance=chance,
                fewer=fewer,
            )
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
            min(p_values, key=lambda name: p_values[name]),
            None if silent else round(1 - min(quarter.drop, quarter.spike), 6),
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
