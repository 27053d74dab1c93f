"""A scorecard's figures as a person reads them."""

import math

import pandas as pd

from retail_anomaly.plots.words import label_of

_LABELS = {
    "recall": "Incidents found",
    "loss_recall": "Share of their loss",
    "precision": "Alerts that are right",
    "alert_rate": "Alerts per store-day",
    "loss_per_alert": "Loss found per alert read",
    "minutes_median": "Minutes to detect, median",
    "minutes_p90": "Minutes to detect, p90",
    "events_median": "Events to detect, median",
    "events_p90": "Events to detect, p90",
}
_LABELS_AT = {
    "precision_at": "Right among the {} riskiest of a store-day",
    "recall_at": "Found by the {} riskiest of a store-day",
    "loss_per_alert_at": "Loss found per alert, {} riskiest of a store-day",
}


def measure_label(measure: str) -> str:
    """Return a measure's name as words.

    Examples
    --------
    >>> measure_label("precision_at_3")
    'Right among the 3 riskiest of a store-day'
    """
    name, _, k = measure.rpartition("_")
    return _LABELS_AT[name].format(k) if name in _LABELS_AT else _LABELS[measure]


def measure_text(measure: str, value: float) -> str:
    """Return a measure's value with as many digits as say something.

    Examples
    --------
    >>> measure_text("recall", 0.987), measure_text("loss_per_alert", 1234.5), measure_text("recall", float("nan"))
    ('98.7 %', '1,234.50', '-')
    """
    if math.isnan(value):
        return "-"
    if measure.startswith(("recall", "precision", "loss_recall")):
        return f"{value:.1%}".replace("%", " %")
    return f"{value:,.0f}" if measure.startswith("events") else f"{value:,.2f}"


def interval_text(measure: str, low: float, high: float) -> str:
    """Return an interval as text, a dash where there is none.

    Examples
    --------
    >>> interval_text("recall", 0.5, 1.0)
    '50.0 to 100.0 %'
    """
    if math.isnan(low):
        return "-"
    first, last = measure_text(measure, low), measure_text(measure, high)
    return f"{first.removesuffix(' %')} to {last}"


def readable(overall: pd.DataFrame, by_scenario: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two tables of texts: the measures beside the references, and the scenarios.

    Parameters
    ----------
    overall, by_scenario
        As a `Scorecard` has them.
    """
    rows = list(dict.fromkeys(overall.index.get_level_values("row")))
    own = overall.loc["Alerts"]
    first = pd.DataFrame(
        {
            "Measure": [measure_label(name) for name in own.index],
            "Alerts": [measure_text(str(name), value) for name, value in own["estimate"].items()],
            "95 % interval": [
                interval_text(name, low, high) for name, low, high in own[["low", "high"]].itertuples()
            ],
            **{
                row: [measure_text(str(name), value) for name, value in overall.loc[row, "estimate"].items()]
                for row in rows
                if row != "Alerts"
            },
        }
    )
    found = by_scenario.loc["Alerts"]
    second = pd.DataFrame(
        {
            "Scenario": [label_of(name) for name in found.index],
            "Incidents": [f"{count:,.0f}" for count in found["incidents"]],
            "Found": [f"{count:,.0f}" for count in found["found"]],
            "Recall": [measure_text("recall", value) for value in found["recall"]],
            "95 % interval": [
                interval_text("recall", *pair) for pair in zip(found["low"], found["high"], strict=True)
            ],
            **{
                row: [measure_text("recall", value) for value in by_scenario.loc[row, "recall"]]
                for row in rows
                if row in {"Random"}
            },
            "Loss found": [f"{loss:,.2f}" for loss in found["loss_found"]],
            "Minutes, median": [measure_text("minutes", value) for value in found["minutes_median"]],
            "Events, median": [measure_text("events", value) for value in found["events_median"]],
        }
    )
    return first, second
