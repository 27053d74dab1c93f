"""What a model expected, what came, and how rare that was."""

from html import escape

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from retail_anomaly.plots.style import AREA, INK, QUIET, colour_of, styled


def score_band(scores: pd.DataFrame, subject: str, *, zone: str = "UTC", limit: float = 0.998) -> go.Figure:
    """Draw the counts of one subject over the band of what is usual, and the score beneath.

    Parameters
    ----------
    scores
        Scores of one detector, as `retail_anomaly.replay.replay` returns them.
    subject
        A cashier, or a store.
    zone
        The IANA time zone of the axis.
    limit
        The score from which on the detector alerts.

    Returns
    -------
    plotly.graph_objects.Figure
        Two rows over one axis of time.

    Examples
    --------
    >>> times = pd.to_datetime(["2025-10-09 08:15", "2025-10-09 08:30"], utc=True)
    >>> scores = pd.DataFrame({"detector": "sales_deviation", "store_id": "s", "subject": "s", "end": times, "observed": [4, 0],
    ...     "expected": 4.0, "lower": 1, "upper": 8, "component": "quarter", "score": [0.2, 0.999]})
    >>> [trace.name for trace in score_band(scores, "s").data]
    ['usually at most', 'usual', 'expected', 'counted', 'score', 'alerts']
    """
    shown = scores[scores["subject"] == subject].sort_values("end")
    shown = _with_gaps(shown)
    times = shown["end"].dt.tz_convert(zone)
    detector = str(shown["detector"].iloc[0]) if len(shown) else ""
    colour = colour_of(detector.upper())
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.65, 0.35], vertical_spacing=0.06)
    band = {"mode": "lines", "line": {"width": 0, "shape": "hv"}, "hoverinfo": "skip"}
    figure.add_scatter(x=times, y=shown["upper"], name="usually at most", showlegend=False, **band)
    figure.add_scatter(x=times, y=shown["lower"], name="usual", fill="tonexty", fillcolor=AREA, **band)
    figure.add_scatter(
        x=times, y=shown["expected"], name="expected", mode="lines", line={"color": QUIET, "shape": "hv"}
    )
    figure.add_scatter(
        x=times,
        y=shown["observed"],
        name="counted",
        mode="markers",
        marker={"color": INK, "size": 4},
        customdata=shown[["expected", "lower", "upper"]],
        hovertemplate="%{x|%a %H:%M}: %{y}, usual %{customdata[1]} to %{customdata[2]}<extra></extra>",
    )
    figure.add_scatter(
        x=times,
        y=shown["score"],
        name="score",
        mode="lines",
        line={"color": colour, "width": 1},
        customdata=shown[["component"]],
        hovertemplate="%{x|%a %H:%M}: %{y:.4f}, %{customdata[0]}<extra></extra>",
        row=2,
        col=1,
    )
    high = shown["score"] >= limit
    figure.add_scatter(
        x=times[high],
        y=shown["score"][high],
        name="alerts",
        mode="markers",
        marker={"color": colour, "size": 7},
        hoverinfo="skip",
        row=2,
        col=1,
    )
    figure.update_yaxes(title_text="Count", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="Score", range=[0, 1.05], row=2, col=1)
    figure.update_xaxes(title_text=f"Time in {escape(zone)}", row=2, col=1)
    return styled(
        figure,
        f"{escape(subject)}: counted and expected",
        f"The score is the share of intervals that were less unusual; from {limit:g} on it alerts",
        height=520,
    )


def _with_gaps(shown: pd.DataFrame) -> pd.DataFrame:
    """Put an empty row where hours pass without a score, so that no line crosses the night."""
    pause = shown["end"].diff().shift(-1) > pd.Timedelta(hours=2)
    if shown["subject"].iloc[:1].tolist() != shown["store_id"].iloc[:1].tolist() or not pause.any():
        return shown
    rows = shown.loc[pause, ["end", "detector"]]
    later = rows["end"] + pd.Timedelta(minutes=1)
    # The band closes instead: a filled area can't be interrupted.
    gaps = rows.assign(end=later).reindex(columns=shown.columns).assign(lower=0, upper=0)
    return pd.concat([shown.astype({"observed": "float64"}), gaps]).sort_values("end")
