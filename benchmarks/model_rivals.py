"""Our models and their rivals: each takes a world and a setting and scores every refund or quarter.

Each has four settings. The seeds of the design decide which one counts (see `models.py`). All score before
they learn. Features that would poison River's detectors are repaired: no NaN, finite scores, and a learned
copy where scoring would change the model.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from river import anomaly, compose, linear_model, preprocessing, time_series

from benchmarks.library_rivals import Pysad, forest_scores
from benchmarks.model_worlds import REFUNDS, SALES, World
from benchmarks.simple_rivals import Cusum, Ewma, SeasonalMedian, SeasonalTails
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


def on_days(make: Callable[[Setting], Any]) -> Callable[[World, Setting], Scores]:
    """Give a model how many refunds each cashier made on each day of work, none too."""

    def run(world: World, setting: Setting) -> Scores:
        model, scores = make(setting), {}
        counts = Counter((refund.cashier, refund.day) for refund in world.refunds)
        for cashier, day in sorted(world.worked, key=lambda key: key[1]):
            x = {"cashier": cashier, "refunds": counts[cashier, day]}
            # None of these can score a day without a refund: an alert is about one.
            scores[cashier, day] = _safe(model.score_one(x)) if x["refunds"] else -math.inf
            model.learn_one(x)
        return scores

    return run


def _forest_refunds(world: World, setting: Setting) -> Scores:
    found = forest_scores(world.refunds, setting)
    scores: Scores = defaultdict(lambda: -math.inf)
    for refund, score in zip(world.refunds, found, strict=True):
        key = refund.cashier, refund.day
        scores[key] = max(scores[key], score)
    return scores


def _forest_quarters(world: World, setting: Setting) -> Scores:
    found = forest_scores(world.quarters, setting)
    return {quarter.end: score for quarter, score in zip(world.quarters, found, strict=True)}


def _scaled(model: Any) -> Any:
    return compose.Pipeline(preprocessing.StandardScaler(), model)


def _trees(setting: Setting) -> Any:
    trees = anomaly.HalfSpaceTrees(seed=1, **setting)
    return compose.Pipeline(preprocessing.MinMaxScaler(), trees)


_SEASON = ("weekday", "quarter")
_TREES = [{"n_trees": n, "height": h, "window_size": w} for n, h, w in
          ((10, 8, 250), (25, 6, 100), (25, 8, 100), (25, 6, 500))]  # fmt: skip
_SVM = [{"nu": nu} for nu in (0.01, 0.05, 0.1, 0.2)]
_LOF = [{"n_neighbors": k} for k in (5, 10, 20, 40)]
_WINDOWS = [{"window": w} for w in (5, 8, 20, 60)]
_GAUSS = [{"window_size": w} for w in (None, 20, 100, 500)]
_MEDIANS = [{"window": w} for w in (5, 8, 12, 20)]
_TAILS = [{"window": w, "spread": s} for w, s in ((8, 0.05), (8, 0.2), (20, 0.05), (20, 0.2))]
_EWMA = [{"weight": w} for w in (0.1, 0.2, 0.3, 0.5)]
_CUSUM = [{"slack": k, "most": m} for k, m in ((0.5, 10), (0.5, 20), (1.0, 10), (1.0, 20))]
_XSTREAM = [{"num_components": 20, "n_chains": 20, "depth": d, "window_size": w} for d, w in
            ((10, 250), (10, 500), (15, 250), (15, 500))]  # fmt: skip
_LODA = [{"num_bins": b, "num_random_cuts": c} for b, c in ((10, 50), (10, 100), (30, 50), (30, 100))]
_FOREST = [{"n_estimators": n, "window": w} for n, w in ((50, 500), (50, 2000), (100, 500), (100, 2000))]
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
        "EWMA": (on_days(lambda s: Ewma(s, "refunds", ("cashier",), "cashier")), _EWMA),
        "CUSUM": (on_days(lambda s: Cusum(s, "refunds", ("cashier",), "cashier")), _CUSUM),
        "negative-binomial tails": (on_days(lambda s: SeasonalTails(s, "refunds", ("cashier",))), _TAILS),
        "xStream": (on_refunds(lambda s: Pysad("xStream", s)), _XSTREAM),
        "LODA": (on_refunds(lambda s: Pysad("LODA", s)), _LODA),
        "isolation forest": (_forest_refunds, _FOREST),
    },
    SALES: {
        "ours": (our_sales, [{}, {"memory": 6.0}, {"level_gain": 0.3}, {"prior_days": 4.0}]),
        "robust z-score": (on_quarters(lambda s: RobustZ(s, "receipts", _SEASON)), _WINDOWS),
        "GaussianScorer": (on_quarters(lambda s: Gaussian(s, "receipts", "quarter")), _GAUSS),
        "HalfSpaceTrees": (on_quarters(_trees), _TREES),
        "OneClassSVM": (on_quarters(lambda s: _scaled(anomaly.OneClassSVM(**s))), _SVM),
        # LocalOutlierFactor takes over 2 ms a score here: it is compared on the refunds only.
        "HoltWinters": (seasonal(_holt_winters), _HOLT),
        "SNARIMAX": (seasonal(_snarimax), _SNARIMAX),
        "EWMA": (on_quarters(lambda s: Ewma(s, "receipts", _SEASON)), _EWMA),
        "CUSUM": (on_quarters(lambda s: Cusum(s, "receipts", _SEASON)), _CUSUM),
        "seasonal median": (on_quarters(lambda s: SeasonalMedian(s, "receipts", _SEASON)), _MEDIANS),
        "negative-binomial tails": (on_quarters(lambda s: SeasonalTails(s, "receipts", _SEASON)), _TAILS),
        "xStream": (on_quarters(lambda s: Pysad("xStream", s)), _XSTREAM),
        "LODA": (on_quarters(lambda s: Pysad("LODA", s)), _LODA),
        "isolation forest": (_forest_quarters, _FOREST),
    },
}
