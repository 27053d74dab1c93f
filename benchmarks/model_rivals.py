"""Our models and their rivals: each takes a world and a setting and scores every refund or quarter.

Each has four settings. The seeds of the design decide which one counts (see `models.py`). All score before
they learn. Features that would poison River's detectors are repaired: no NaN, finite scores, and a learned
copy where scoring would change the model.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from river import anomaly, compose, linear_model, preprocessing, time_series

from benchmarks.model_worlds import REFUNDS, SALES, World
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import PosEvent
from retail_anomaly.detectors import RefundDeviation, SalesDeviation
from retail_anomaly.detectors.refund_deviation import RefundDeviationParameters
from retail_anomaly.detectors.sales_deviation import SalesDeviationParameters
from retail_anomaly.models.refunds import RefundModel
from retail_anomaly.models.sales import JudgedQuarter, SalesHistory, SalesModel

Scores = dict[Any, float]
"""Scores by (cashier, day), the highest of the day; or by the end of the quarter."""
Setting = dict[str, Any]
Method = tuple[Callable[[World, Setting], Scores], Sequence[Setting]]


# --- ours, through the engine ---


def our_refunds(world: World, setting: Setting) -> Scores:
    detector = RefundDeviation(RefundDeviationParameters(), max_late=86_400_000)
    detector.model = RefundModel(**setting)
    engine = Engine([detector])
    store = engine.new_store(world.events[0].store_id)
    state = store.detectors[detector.name]
    scores: Scores = {}
    for event in world.events:
        engine.process(event, store)
        if isinstance(event, PosEvent) and event.event_type == "REFUND":
            cashier = state.cashiers.get(event.cashier_id)  # type: ignore[attr-defined]
            level = state.level.get("store")  # type: ignore[attr-defined]
            scores[event.cashier_id, cashier.day] = -math.log10(
                max(level.rank.chance_of(cashier.strongest), 1e-300)
            )
    return scores


def our_sales(world: World, setting: Setting) -> Scores:
    detector = SalesDeviation(SalesDeviationParameters(), max_late=86_400_000)
    scores: Scores = {}

    class Listening(SalesModel, frozen=True):
        """A model that keeps the score of every quarter it judges."""

        def pass_time(self, block: int, local: Any, store: SalesHistory, *days: Any) -> Any:
            quarter: JudgedQuarter
            for quarter in super().pass_time(block, local, store, *days):
                scores[quarter.end] = -math.log10(max(min(quarter.drop, quarter.spike), 1e-300))
                yield quarter

    detector.model = Listening(**setting)
    engine = Engine([detector])
    store = engine.new_store(world.events[0].store_id)
    for event in world.events:
        engine.process(event, store)
    return scores


# --- River's, on raw features ---


def _safe(score: float) -> float:
    return score if math.isfinite(score) else 0.0


def on_refunds(make: Callable[[Setting], Any]) -> Callable[[World, Setting], Scores]:
    def run(world: World, setting: Setting) -> Scores:
        model, scores = make(setting), defaultdict(lambda: -math.inf)
        for refund in world.refunds:
            key = refund.cashier, refund.day
            scores[key] = max(scores[key], _safe(model.score_one(refund.features)))
            model.learn_one(refund.features)
        return scores

    return run


def on_quarters(make: Callable[[Setting], Any]) -> Callable[[World, Setting], Scores]:
    def run(world: World, setting: Setting) -> Scores:
        model, scores = make(setting), {}
        for quarter in world.quarters:
            scores[quarter.end] = _safe(model.score_one(quarter.features))
            model.learn_one(quarter.features)
        return scores

    return run


class Gaussian:
    """GaussianScorer of one feature, with a model for each value of another."""

    def __init__(self, setting: Setting, figure: str, by: str | None = None) -> None:
        self._figure, self._by = figure, by
        self._models: dict[Any, Any] = defaultdict(lambda: anomaly.GaussianScorer(grace_period=3, **setting))

    def score_one(self, x: dict[str, float]) -> float:
        return float(self._of(x).score_one(None, x[self._figure]))

    def learn_one(self, x: dict[str, float]) -> None:
        self._of(x).learn_one(None, x[self._figure])

    def _of(self, x: dict[str, float]) -> Any:
        return self._models[x[self._by] if self._by else None]


class Forecast:
    """The forecast error of a time-series model in standard deviations, as in PredictiveAnomalyDetection."""

    def __init__(self, model: Any) -> None:
        self._model, self._errors = model, deque(maxlen=2000)
        self._forecast = 0.0

    def score_one(self, x: dict[str, float]) -> float:
        try:
            forecast = self._model.forecast(horizon=1)[0]
        except (IndexError, ValueError, ZeroDivisionError, AttributeError, TypeError, OverflowError):
            forecast = x["receipts"]  # not started yet
        self._forecast = forecast if math.isfinite(forecast) else 0.0
        spread = math.sqrt(sum(e * e for e in self._errors) / len(self._errors)) if self._errors else 1.0
        return abs(x["receipts"] - self._forecast) / max(spread, 1e-9)

    def learn_one(self, x: dict[str, float]) -> None:
        error = x["receipts"] - self._forecast
        self._errors.append(max(min(error, 1e6), -1e6))
        self._model.learn_one(x["receipts"])


class RobustZ:
    """Distance from the median of past values in the same place, in units of their median distance."""

    def __init__(self, setting: Setting, figure: str, by: Sequence[str]) -> None:
        self._figure, self._by = figure, by
        self._seen: dict[Any, deque[float]] = defaultdict(lambda: deque(maxlen=setting["window"]))

    def score_one(self, x: dict[str, float]) -> float:
        seen = self._seen[tuple(x[name] for name in self._by)]
        if len(seen) < 3:
            return 0.0
        middle = median(seen)
        distance = median(abs(value - middle) for value in seen)
        return abs(x[self._figure] - middle) / (1.4826 * distance + 1)

    def learn_one(self, x: dict[str, float]) -> None:
        self._seen[tuple(x[name] for name in self._by)].append(x[self._figure])


def robust_refunds(world: World, setting: Setting) -> Scores:
    """Compare a cashier's refunds of the day with the days before."""
    seen: dict[str, dict[int, int]] = defaultdict(dict)
    scores: Scores = {}
    for refund in world.refunds:
        days = seen[refund.cashier]
        days[refund.day] = days.get(refund.day, 0) + 1
        past = [count for day, count in days.items() if day < refund.day][-setting["window"] :]
        middle = median(past) if past else 0
        distance = median(abs(count - middle) for count in past) if past else 0
        scores[refund.cashier, refund.day] = (days[refund.day] - middle) / (1.4826 * distance + 1)
    return scores


def _scaled(model: Any) -> Any:
    return compose.Pipeline(preprocessing.StandardScaler(), model)


def _trees(setting: Setting) -> Any:
    trees = anomaly.HalfSpaceTrees(seed=1, **setting)
    return compose.Pipeline(preprocessing.MinMaxScaler(), trees)


_TREES = [{"n_trees": n, "height": h, "window_size": w} for n, h, w in
          ((10, 8, 250), (25, 6, 100), (25, 8, 100), (25, 6, 500))]  # fmt: skip
_SVM = [{"nu": nu} for nu in (0.01, 0.05, 0.1, 0.2)]
_LOF = [{"n_neighbors": k} for k in (5, 10, 20, 40)]
_WINDOWS = [{"window": w} for w in (5, 8, 20, 60)]
_GAUSS = [{"window_size": w} for w in (None, 20, 100, 500)]
_HOLT = [{"alpha": a, "gamma": g} for a, g in ((0.05, 0.1), (0.1, 0.1), (0.1, 0.3), (0.3, 0.1))]
_SNARIMAX = [{"p": p, "sp": sp} for p, sp in ((1, 1), (2, 1), (4, 1), (4, 2))]


def _holt_winters(setting: Setting, season: int) -> Any:
    return Forecast(time_series.HoltWinters(beta=0.001, seasonality=season, **setting))


def _snarimax(setting: Setting, season: int) -> Any:
    regressor = compose.Pipeline(preprocessing.StandardScaler(), linear_model.LinearRegression())
    return Forecast(time_series.SNARIMAX(d=0, q=0, m=season, regressor=regressor, **setting))


def seasonal(make: Callable[[Setting, int], Any]) -> Callable[[World, Setting], Scores]:
    """Give a model of seasons the week of the store's trading quarters."""

    def run(world: World, setting: Setting) -> Scores:
        season = len({(q.features["weekday"], q.features["quarter"]) for q in world.quarters})
        return on_quarters(lambda chosen: make(chosen, season))(world, setting)

    return run


METHODS: dict[str, dict[str, Method]] = {
    REFUNDS: {
        "ours": (our_refunds, [{}, {"prior_refunds": 8.0}, {"half_life": 60.0}, {"new_for": 10.0}]),
        "own history only": (our_refunds, [{"prior_refunds": p} for p in (0.1, 0.2, 0.5, 1.0)]),
        "robust z-score": (robust_refunds, _WINDOWS),
        "GaussianScorer": (on_refunds(lambda s: Gaussian(s, "refunds")), _GAUSS),
        "HalfSpaceTrees": (on_refunds(_trees), _TREES),
        "OneClassSVM": (on_refunds(lambda s: _scaled(anomaly.OneClassSVM(**s))), _SVM),
        "LocalOutlierFactor": (on_refunds(lambda s: _scaled(anomaly.LocalOutlierFactor(**s))), _LOF),
    },
    SALES: {
        "ours": (our_sales, [{}, {"memory": 6.0}, {"level_gain": 0.3}, {"prior_days": 4.0}]),
        "robust z-score": (on_quarters(lambda s: RobustZ(s, "receipts", ("weekday", "quarter"))), _WINDOWS),
        "GaussianScorer": (on_quarters(lambda s: Gaussian(s, "receipts", "quarter")), _GAUSS),
        "HalfSpaceTrees": (on_quarters(_trees), _TREES),
        "OneClassSVM": (on_quarters(lambda s: _scaled(anomaly.OneClassSVM(**s))), _SVM),
        # LocalOutlierFactor takes over 2 ms a score here: it is compared on the refunds only.
        "HoltWinters": (seasonal(_holt_winters), _HOLT),
        "SNARIMAX": (seasonal(_snarimax), _SNARIMAX),
    },
}
