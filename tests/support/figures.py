"""Every figure of the package, drawn from one simulated month with a known truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from data_gen import Simulation
from data_gen.scenarios import SCENARIOS
from retail_anomaly import plots
from retail_anomaly.core.events import Event
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.evaluate import (
    Activity,
    Scorecard,
    cover_by_memory,
    incidents_frame,
    refund_cover,
    scorecard,
)
from retail_anomaly.evaluate.rule_limits import by_limit
from retail_anomaly.replay import ReplayResult, replay
from retail_anomaly.rules import Rule
from retail_anomaly.settings import DetectorSettings, Settings, StoreSettings

ZONE = "Europe/Berlin"


@dataclass(frozen=True)
class Month:
    """A simulated month in a few stores, all detectors over it, and their scorecard."""

    stores: int = 3
    days: int = 35
    seed: int = 5
    volumes: tuple[str, ...] = ("medium", "small", "small")
    incident_rate: float = 0.2

    @cached_property
    def simulation(self) -> Simulation:
        return Simulation(
            stores=self.stores,
            days=self.days,
            seed=self.seed,
            time_zones=[ZONE],
            volumes=self.volumes,
            incident_rate=self.incident_rate,
            scenarios=tuple(SCENARIOS.values()),
        )

    @cached_property
    def events(self) -> list[Event]:
        return list(self.simulation.events())

    @cached_property
    def pos(self) -> pd.DataFrame:
        return plots.pos_frame(self.events)

    @cached_property
    def counts(self) -> pd.DataFrame:
        return plots.count_frame(self.events)

    @cached_property
    def incidents(self) -> pd.DataFrame:
        return incidents_frame(self.simulation.incidents if self.events else [])

    @cached_property
    def replayed(self) -> ReplayResult:
        sections = {name: detector.Parameters(enabled=True) for name, detector in REGISTRY.items()}
        names = [store.store_id for store in self.simulation.make_stores()]
        settings = Settings(
            detectors=DetectorSettings(**sections),
            stores={name: StoreSettings(time_zone=ZONE) for name in names},
        )
        return replay(self.events, settings=settings, scores=True)

    @cached_property
    def alerts(self) -> pd.DataFrame:
        return self.replayed.alerts

    @cached_property
    def card(self) -> Scorecard:
        return scorecard(self.alerts, self.incidents, activity=Activity.of(self.events, zones=ZONE))

    def alert(self, *types: str) -> dict[Any, Any]:
        """Return the riskiest alert of these types."""
        shown = plots.last_revisions(self.alerts)
        return shown[shown["type"].isin(types)].nlargest(1, "risk_score").iloc[0].to_dict()

    @cached_property
    def cover(self) -> pd.DataFrame:
        return refund_cover(self.events)

    @property
    def day(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The alerts and the POS events of the day with the most alerts."""
        shown = plots.last_revisions(self.alerts)
        days = shown["event_time"].dt.tz_convert(ZONE).dt.normalize()
        day = days.value_counts().index[0]
        own = self.pos["event_time"].between(day, day + pd.Timedelta("1D"))
        return shown[days == day], self.pos[own]


def _score_band(month: Month) -> go.Figure:
    alert = month.alert("SALES_DEVIATION")
    scores = month.replayed.scores
    assert scores is not None
    scores = scores[scores["detector"] == "sales_deviation"]
    end = alert["event_time"] + pd.Timedelta("1D")
    week = scores[scores["end"].between(end - pd.Timedelta("7D"), end)]
    return plots.score_band(week, alert["store_id"], alerts=month.alerts, zones=ZONE)


def _found_by_read(month: Month) -> go.Figure:
    scores = month.replayed.scores
    assert scores is not None
    judged = scores[scores["detector"] == "refund_deviation"]
    date = judged["end"].dt.tz_convert(ZONE).dt.date.rename("date")
    days = judged.groupby(["store_id", "subject", date])[["score", "observed"]].max()
    guilty = {name for incident in month.simulation.incidents for name in incident.transaction_ids}
    refunds = month.pos[month.pos["event_type"] == "REFUND"].rename(columns={"cashier_id": "subject"})
    date = refunds["event_time"].dt.tz_convert(ZONE).dt.date.rename("date")
    truth = (
        refunds["transaction_id"].isin(guilty).groupby([refunds["store_id"], refunds["subject"], date]).any()
    )
    compared = pd.DataFrame({"incident": truth, "packaged": days["score"], "count": days["observed"]})
    return plots.found_by_read(compared.astype({"packaged": float, "count": float}), own="packaged")


def _receipt_ledger(month: Month) -> go.Figure:
    riskiest = month.cover[month.cover["verdict"] == "in question"].nlargest(1, "loss").iloc[0]
    return plots.receipt_ledger(
        month.pos, month.cover, store_id=riskiest["store_id"], receipt=riskiest["receipt"]
    )


def _stock_walk(month: Month) -> go.Figure:
    alert = month.alert("STOCK_DISCREPANCY")
    return plots.stock_walk(
        month.pos,
        month.counts,
        store_id=alert["store_id"],
        sku=alert["evidence"]["sku"],
        alerts=month.alerts,
        zones=ZONE,
    )


_TRIALS = pd.DataFrame(
    {
        "trial": range(1, 9),
        "alert_rate": [0.1, 0.3, 0.5, 0.8, 1.1, 1.5, 2.0, 9.0],
        "worth": [0.1, 0.35, 0.3, 0.55, 0.5, 0.7, 0.65, 0.9],
    }
)
_FRONTIER = _TRIALS.iloc[[0, 1, 3]]
_CANDIDATES = pd.DataFrame(
    [
        (trial, "refund_burst", name, value, text, 0.2 * trial, 0.1 * trial * (trial < 6))
        for name, values in {
            "count": {2.0: "2", 3.0: "3", 4.0: "4", 5.0: "5", 6.0: "6"},
            "amount": {20.0: "20", 50.0: "50", 90.0: "90", 150.0: "150", 300.0: "300"},
            "window": {60e3: "1m", 120e3: "2m", 600e3: "10m", 1.2e6: "20m", 3.6e6: "1h"},
        }.items()
        for trial, (value, text) in enumerate(values.items(), 2)
    ],
    columns=["trial", "detector", "parameter", "value", "text", "alert_rate", "worth"],
)

_DRAWER = Rule.load(
    {
        "id": "drawer_opened",
        "events": {"drawer": {"eventType": "NO_SALE"}},
        "by": ["cashierId"],
        "window": "8h",
        "when": {"count": "drawer", "gte": 3},
    }
)

FIGURES: dict[str, Callable[[Month], go.Figure]] = {
    "alert_counts": lambda month: plots.alert_counts(month.alerts),
    "alert_hours": lambda month: plots.alert_hours(month.alerts, zones=ZONE),
    "alert_rate_by_store": lambda month: plots.alert_rate_by_store(month.card.by_store),
    "alert_trend": lambda month: plots.alert_trend(month.alerts, zones=ZONE),
    "alerts_by_limit": lambda month: plots.alerts_by_limit(
        by_limit(_DRAWER, month.events, range(2, 8), incidents=month.incidents).table, limit=3
    ),
    "cashier_ladder": lambda month: plots.cashier_ladder(month.pos, month.alerts),
    "found_by_read": _found_by_read,
    "loss_per_alert": lambda month: plots.loss_per_alert(month.card.overall, month.card.ks),
    "matched_refunds": lambda month: plots.matched_refunds(cover_by_memory(month.events, ["1d", "7d"])),
    "parameter_slices": lambda _: plots.parameter_slices(
        _CANDIDATES, chosen={"detectors.refund_burst.count": 4}, budget=1.0
    ),
    "pareto": lambda month: plots.pareto(month.alerts),
    "precision_at_k": lambda month: plots.precision_at_k(month.card.overall, month.card.ks),
    "precision_recall": lambda month: plots.precision_recall(month.card.curve, month.card.overall),
    "recall_and_alert_rate": lambda _: plots.recall_and_alert_rate(
        _TRIALS, _FRONTIER, before=(1.2, 0.4), budget=1.0
    ),
    "recall_by_scenario": lambda month: plots.recall_by_scenario(month.card.by_scenario),
    "receipt_ledger": _receipt_ledger,
    "refund_ages": lambda month: plots.refund_ages(month.cover, return_window="7d"),
    "refund_shares": lambda month: plots.refund_shares(month.pos),
    "refund_window": lambda month: plots.refund_window(month.alert("REFUND_BURST"), month.pos, zones=ZONE),
    "refunds_over_time": lambda month: plots.refunds_over_time(
        month.pos, store_id="store-1", employee_id=str(month.pos["cashier_id"].iloc[0]), zones=ZONE
    ),
    "reliability": lambda month: plots.reliability(month.card.reliability),
    "sales_by_day": lambda month: plots.sales_by_day(month.pos, zones=ZONE),
    "sales_by_hour": lambda month: plots.sales_by_hour(month.pos, zones=ZONE),
    "score_band": _score_band,
    "score_components": lambda month: plots.score_components(month.alert("REFUND_DEVIATION"), zones=ZONE),
    "stock_walk": _stock_walk,
    "time_to_detect": lambda month: plots.time_to_detect(month.card.by_scenario),
    "timeline": lambda month: plots.timeline(*month.day, zones=ZONE),
}
"""By the name of each function that draws: how it is drawn from a month."""
