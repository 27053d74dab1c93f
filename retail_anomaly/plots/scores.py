"""A model's expectation, the counts that came, and their score."""

from html import escape
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from retail_anomaly.core.quantities import plural
from retail_anomaly.core.registry import known_detectors
from retail_anomaly.frames.alerts import last_revisions
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.shown_times import Zones, local_text, zone_of
from retail_anomaly.frames.store_calendar import on_clock
from retail_anomaly.plots.clock import name_time_axis
from retail_anomaly.plots.hover import alert_hover
from retail_anomaly.plots.style import AREA, INK, QUIET, colour_of, styled, symbol_of

# By detector: the title of its counts, and the name of their axis.
_COUNTED: Final = {
    "sales_deviation": ("Sales of", "Receipts in a quarter of an hour"),
    "refund_deviation": ("Refunds of", "Refunds of the day so far"),
}
_COLUMNS: Final = (
    "detector",
    "store_id",
    "subject",
    "start",
    "end",
    "observed",
    "expected",
    "lower",
    "upper",
    "component",
    "score",
)


def score_band(
    scores: pd.DataFrame,
    subject: str,
    *,
    alerts: pd.DataFrame | None = None,
    zones: Zones = "UTC",
    limit: float = 0.998,
) -> go.Figure:
    """Draw the counts of one subject over the usual band, and the score beneath.

    Parameters
    ----------
    scores
        Scores of one detector, as `retail_anomaly.replay.replay` returns them.
    subject
        A cashier, or a store.
    alerts
        Alerts, as `replay` returns them: this detector's alerts about this subject are marked at the count
        that opened them.
    zones
        Time zone of the stores; the axis is in that of the subject's store.
    limit
        The score from which on the detector alerts.

    Returns
    -------
    plotly.graph_objects.Figure
        Two rows over one axis of time.

    Examples
    --------
    >>> times = pd.to_datetime(["2025-10-09 08:15", "2025-10-09 08:30"], utc=True)
    >>> scores = pd.DataFrame({"detector": "sales_deviation", "store_id": "s", "subject": "s", "end": times,
    ...     "start": times - pd.Timedelta("15min"), "observed": [4, 0],
    ...     "expected": 4.0, "lower": 1, "upper": 8, "component": "quarter", "score": [0.2, 0.999]})
    >>> [trace.name for trace in score_band(scores, "s").data]
    ['usually at most', 'Usual', 'Expected', 'Counted', 'Score', 'Score over the limit']
    """
    expect_columns(scores, _COLUMNS, "scores")
    shown = scores[scores["subject"] == subject].sort_values("end")
    store = str(shown["store_id"].iloc[0]) if len(shown) else subject
    detector = str(shown["detector"].iloc[0]) if len(shown) else ""
    counts_of, counted = _COUNTED.get(detector, ("Counts of", "Count"))
    colour = colour_of(_alert_type(detector))
    zone = zone_of(store, zones)
    judged = shown
    shown = _with_gaps(shown)
    times = on_clock(shown["end"], zone)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.65, 0.35], vertical_spacing=0.06)
    # A score is about the interval that ends at its time, so the steps lead up to it.
    band = {"mode": "lines", "line": {"width": 0, "shape": "vh"}, "hoverinfo": "skip"}
    figure.add_scatter(x=times, y=shown["upper"], name="usually at most", showlegend=False, **band)
    figure.add_scatter(x=times, y=shown["lower"], name="Usual", fill="tonexty", fillcolor=AREA, **band)
    figure.add_scatter(
        x=times, y=shown["expected"], name="Expected", mode="lines", hoverinfo="skip",
        line={"color": QUIET, "shape": "vh"},
    )  # fmt: skip
    hover = [_hover(row, zone) for row in shown.itertuples()]
    figure.add_scatter(
        x=times,
        y=shown["observed"],
        name="Counted",
        mode="markers",
        marker={"color": INK, "size": 4},
        cliponaxis=False,
        hovertext=hover,
        hoverinfo="text",
    )
    found = 0
    if alerts is not None:
        found = _add_alerts(figure, alerts, judged, detector, subject, store, zones)
    figure.add_scatter(
        x=times,
        y=shown["score"],
        name="Score",
        mode="lines",
        line={"color": colour, "width": 1},
        hovertext=hover,
        hoverinfo="text",
        row=2,
        col=1,
    )
    high = shown["score"] >= limit
    figure.add_scatter(
        x=times[high],
        y=shown["score"][high],
        name="Score over the limit",
        mode="markers",
        showlegend=bool(high.any()),
        marker={"color": colour, "size": 7},
        hoverinfo="skip",
        row=2,
        col=1,
    )
    figure.update_yaxes(title_text=counted, rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="Score, 0 to 1", range=[0, 1.05], row=2, col=1)
    name_time_axis(figure, shown["end"], zone)
    figure.update_xaxes(title_text=None, row=1, col=1)
    title = f"{counts_of} {escape(subject)} beside what is usual"
    if alerts is not None:
        title += f", {plural(found, 'alert')}"
    return styled(
        figure,
        title,
        f"The score is the share of intervals that were less unusual; from {limit:g} on it alerts",
        height=480,
    )


def _add_alerts(
    figure: go.Figure,
    alerts: pd.DataFrame,
    judged: pd.DataFrame,
    detector: str,
    subject: str,
    store: str,
    zones: Zones,
) -> int:
    """Mark the alerts at the count that opened them; return their number."""
    expect_columns(alerts, ("opened_at",), "alerts")
    shown = last_revisions(alerts)
    alert_type = _alert_type(detector)
    about = shown["store_id"] if subject == store else shown["employee_id"]
    shown = shown[(shown["type"] == alert_type) & (shown["store_id"] == store) & (about == subject)]
    if len(judged):
        shown = shown[shown["opened_at"].between(judged["end"].iloc[0], judged["end"].iloc[-1])]
    counted = judged.drop_duplicates("end", keep="last").set_index("end")["observed"]
    figure.add_scatter(
        x=on_clock(shown["opened_at"], zone_of(store, zones)),
        y=counted.reindex(shown["opened_at"]).to_numpy(),
        name="Alert",
        mode="markers",
        showlegend=bool(len(shown)),
        cliponaxis=False,
        marker={
            "color": colour_of(alert_type),
            "symbol": symbol_of(alert_type),
            "size": 14,
            "line": {"color": "white", "width": 1},
        },
        hovertext=[alert_hover(alert, zones) for alert in shown.to_dict("records")],
        hoverinfo="text",
    )
    return len(shown)


def _alert_type(detector: str) -> str:
    """Return the type of a detector's alerts; for a detector unknown here, its name in capitals."""
    known = known_detectors().get(detector)
    return detector.upper() if known is None else known.alert_type


def _hover(row: Any, zone: str) -> str:
    if pd.isna(row.observed):
        return ""
    score = "still learning" if pd.isna(row.score) else f"score {row.score:.4f}, {row.component}"
    usual = f"{row.lower:,.0f} to {row.upper:,.0f}"
    return (
        f"{row.observed:,.0f} counted, {row.expected:,.1f} expected, usual {usual}"
        f"<br>{escape(score)}<br>{local_text(row.end, zone)}"
    )


def _with_gaps(shown: pd.DataFrame) -> pd.DataFrame:
    """Put empty rows where hours pass without a score, so that no line crosses the night."""
    pause = shown["end"].diff().shift(-1) > pd.Timedelta(hours=2)
    if shown["subject"].iloc[:1].tolist() != shown["store_id"].iloc[:1].tolist() or not pause.any():
        return shown
    # The band closes there, since Plotly cannot interrupt a filled area.
    evening = shown["end"][pause] + pd.Timedelta("1ms")
    morning = shown["start"][pause.shift(1, fill_value=False)]
    gaps = pd.DataFrame({"end": pd.concat([evening, morning])}).reindex(columns=shown.columns)
    gaps = gaps.assign(lower=0, upper=0).astype({"end": shown["end"].dtype})
    return pd.concat([shown.astype({"observed": "float64"}), gaps]).sort_values("end", kind="stable")
