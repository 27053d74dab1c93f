"""A scorecard's figures as a person reads them."""

import math

import pandas as pd

from retail_anomaly.frames.card_rows import row_of
from retail_anomaly.frames.words import label_of, percent

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
    "precision_at": "Right, reading the top {} a store-day",
    "recall_at": "Found, reading the top {} a store-day",
    "loss_per_alert_at": "Loss per alert, reading the top {} a store-day",
}


def measure_label(measure: str) -> str:
    """Return a measure's name as words.

    Examples
    --------
    >>> measure_label("precision_at_3")
    'Right, reading the top 3 a store-day'
    """
    name, _, k = measure.rpartition("_")
    return _LABELS_AT[name].format(k) if name in _LABELS_AT else _LABELS[measure]


def measure_text(measure: str, value: float) -> str:
    """Return a measure's value with as many digits as say something.

    Examples
    --------
    >>> measure_text("recall", 0.987), measure_text("loss_per_alert", 1234.5)
    ('98.7 %', '1,234.50')
    >>> measure_text("recall", float("nan"))
    '-'
    """
    if math.isnan(value):
        return "-"
    if measure.startswith(("recall", "precision", "loss_recall")):
        return percent(value, 1)
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


def measures_table(overall: pd.DataFrame) -> pd.DataFrame:
    """Return the measures as texts, the references beside them; see `Scorecard.overall`."""
    own = row_of(overall, "Alerts")
    columns = {
        "Measure": list(map(measure_label, map(str, own.index))),
        "Alerts": _texts(own["estimate"]),
        "95 % interval": [
            interval_text(str(name), low, high) for name, low, high in own[["low", "high"]].itertuples()
        ],
    }
    for row in dict.fromkeys(overall.index.get_level_values("row")):
        columns.setdefault(row, _texts(row_of(overall, row)["estimate"]))
    return pd.DataFrame(columns)


def scenarios_table(by_scenario: pd.DataFrame) -> pd.DataFrame:
    """Return the scenarios as texts; see `Scorecard.by_scenario`."""
    if by_scenario.empty:
        return pd.DataFrame({"Scenario": []})
    own = row_of(by_scenario, "Alerts")
    columns = {
        "Scenario": list(map(label_of, map(str, own.index))),
        "Incidents": [f"{count:,.0f}" for count in own["incidents"]],
        "Found": [f"{count:,.0f}" for count in own["found"]],
        "Recall": _texts(own["recall"], "recall"),
        "95 % interval": _intervals(own, "recall", "low", "high"),
    }
    if "Random" in by_scenario.index.get_level_values("row"):
        columns["Random"] = _texts(row_of(by_scenario, "Random")["recall"], "recall")
    columns["Loss found"] = [f"{loss:,.2f}" for loss in own["loss_found"]]
    columns["Minutes median"] = _texts(own["minutes_median"], "minutes")
    columns["p90"] = _texts(own["minutes_p90"], "minutes")
    columns["Events median"] = _texts(own["events_median"], "events")
    return pd.DataFrame(columns)


def detectors_table(by_detector: pd.DataFrame) -> pd.DataFrame:
    """Return the detectors as texts; see `Scorecard.by_detector`."""
    return pd.DataFrame(
        {
            "Detector": list(map(label_of, map(str, by_detector.index))),
            "Alerts": [f"{count:,}" for count in by_detector["alerts"]],
            "Per store-day": _texts(by_detector["alert_rate"], "alert_rate"),
            "95 % interval": _intervals(by_detector, "alert_rate", "alert_rate_low", "alert_rate_high"),
            "Right": _texts(by_detector["precision"], "precision"),
            "Incidents found": [f"{count:,}" for count in by_detector["incidents"]],
        }
    )


def distractors_table(distractors: pd.DataFrame) -> pd.DataFrame:
    """Return the distractors as texts; see `Scorecard.distractors`."""
    return pd.DataFrame(
        {
            "Distractor": list(map(label_of, map(str, distractors.index))),
            "Of these": [f"{count:,}" for count in distractors["distractors"]],
            "Drew an alert": [f"{count:,}" for count in distractors["drew"]],
            "Alerts drawn": [f"{count:,}" for count in distractors["alerts"]],
        }
    )


def _texts(values: "pd.Series[float]", measure: str | None = None) -> list[str]:
    return [measure_text(measure or str(name), value) for name, value in values.items()]


def _intervals(frame: pd.DataFrame, measure: str, low: str, high: str) -> list[str]:
    return [interval_text(measure, *pair) for pair in zip(frame[low], frame[high], strict=True)]
