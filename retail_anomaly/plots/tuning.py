"""Figures of a tuning: incidents found against alerts, and by the values of parameters."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.words import label_of, percent
from retail_anomaly.plots.style import GRID, INK, MUTED, PERCENT, QUIET, styled

_BEST: Final = "#0068b5"
_BEFORE: Final = "#c77700"
_COLUMNS: Final = 3
_WANTED: Final = {"recall": "incidents found", "loss": "expected loss found"}
_BEYOND: Final = 3  # budgets that the axis shows; a loose trial raises a hundred


def recall_and_alert_rate(
    trials: pd.DataFrame,
    frontier: pd.DataFrame,
    *,
    before: tuple[float, float],
    budget: float,
    objective: str = "recall",
) -> go.Figure:
    """Draw the incidents that trials found against their alerts, and the frontier of their best combinations.

    Parameters
    ----------
    trials
        One row a trial: ``trial``, ``alert_rate`` (alerts per store-day), ``worth`` (0 to 1).
    frontier
        The best combinations, fewest alerts first: ``alert_rate``, ``worth``. The last is chosen.
    before
        Alert rate and worth of the settings that tuning began with.
    budget
        Alerts per store-day.
    objective
        ``recall`` or ``loss``: the unit of the worth.

    Examples
    --------
    >>> trials = pd.DataFrame({"trial": [1], "alert_rate": [0.9], "worth": [0.5]})
    >>> frontier = pd.DataFrame({"alert_rate": [0.2, 0.8], "worth": [0.4, 0.7]})
    >>> recall_and_alert_rate(trials, frontier, before=(0.6, 0.5), budget=1.0).layout.title.text
    '70 % of incidents found with 0.80 alerts a store-day, 50 % with 0.60 before'
    """
    expect_columns(trials, ("trial", "alert_rate", "worth"), "trials")
    expect_columns(frontier, ("alert_rate", "worth"), "frontier")
    wanted = _WANTED[objective]
    end = 1.05 * max(_BEYOND * budget, min(before[0], 10 * budget))
    shown = trials[trials["alert_rate"] <= end]
    figure = go.Figure()
    figure.add_vrect(x0=budget, x1=max(end, budget), fillcolor=GRID, opacity=0.5, line_width=0, layer="below")
    figure.add_scatter(
        x=shown["alert_rate"],
        y=shown["worth"],
        mode="markers",
        name="One trial",
        marker={"color": QUIET, "size": 8},
        customdata=shown["trial"],
        hovertemplate="Trial %{customdata}: %{y:.0%} with %{x:.2f} alerts a store-day<extra></extra>",
    )
    figure.add_scatter(
        x=frontier["alert_rate"],
        y=frontier["worth"],
        mode="lines+markers",
        name="Best combinations of trials",
        line={"color": _BEST, "shape": "hv", "width": 2},
        marker={"color": _BEST, "size": 6},
        hovertemplate="%{y:.0%} with %{x:.2f} alerts a store-day<extra>Best combination</extra>",
    )
    chosen = frontier.iloc[-1]
    for point, name, symbol, colour in (
        (before, "Before", "diamond", _BEFORE),
        ((chosen["alert_rate"], chosen["worth"]), "Chosen", "star", _BEST),
    ):
        figure.add_scatter(
            x=[point[0]],
            y=[point[1]],
            mode="markers",
            name=name,
            marker={"color": colour, "size": 15, "symbol": symbol, "line": {"color": "white", "width": 1}},
            hovertemplate=f"{name}: %{{y:.0%}} with %{{x:.2f}} alerts a store-day<extra></extra>",
        )
    figure.add_annotation(
        x=budget,
        y=0,
        yref="paper",
        text="over the budget",
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        xshift=6,
        font={"color": MUTED},
    )
    figure.update_xaxes(title_text="Alerts per store-day", range=[0, end])
    figure.update_yaxes(title_text=f"Share of {wanted}", tickformat=PERCENT, range=[-0.03, 1.05])
    title = (
        f"{percent(chosen['worth'])} of {wanted} with {chosen['alert_rate']:.2f} alerts a store-day, "
        f"{percent(before[1])} with {before[0]:.2f} before"
    )
    beyond = len(trials) - len(shown)
    subtitle = "On the days tuned on; up and left is better"
    if beyond:
        subtitle += f" · {plural(beyond, 'trial')} with more alerts than shown"
    return styled(figure, title, subtitle, height=340)


def parameter_slices(
    candidates: pd.DataFrame, *, chosen: Mapping[str, Any] | None = None, budget: float
) -> go.Figure:
    """Draw the share that each detector found alone by the values tried, a panel for each parameter.

    Parameters
    ----------
    candidates
        One row a trial, detector and parameter: ``trial``, ``detector``, ``parameter``, ``value``,
        ``text`` (the value as a configuration has it), ``alert_rate`` and ``worth`` of that detector.
    chosen
        By dotted path (``detectors.refund_burst.count``) the value in use, to be marked.
    budget
        Alerts per store-day; a detector that alone raises more can't be chosen.

    Examples
    --------
    >>> candidates = pd.DataFrame({"trial": [1, 2], "detector": "refund_burst", "parameter": "count",
    ...     "value": [2.0, 3.0], "text": ["2", "3"], "alert_rate": [9.0, 0.4], "worth": [0.0, 0.5]})
    >>> figure = parameter_slices(candidates, budget=1.0)
    >>> [(trace.name, trace.x.tolist()) for trace in figure.data]
    [('Within the budget', [3.0]), ('More than the budget alone', [2.0])]
    """
    expect_columns(
        candidates, ("trial", "detector", "parameter", "value", "text", "alert_rate", "worth"), "candidates"
    )
    panels = list(candidates.groupby(["detector", "parameter"], sort=False))
    rows = -(-len(panels) // _COLUMNS)
    titles = [
        f"{escape(label_of(str(detector)))}: {escape(str(parameter))}" for (detector, parameter), _ in panels
    ]
    figure = make_subplots(
        rows, _COLUMNS, subplot_titles=titles, vertical_spacing=0.3 / rows, horizontal_spacing=0.06
    )
    named: set[str] = set()
    for place, ((detector, parameter), tried) in enumerate(panels):
        at = {"row": place // _COLUMNS + 1, "col": place % _COLUMNS + 1}
        within = tried["alert_rate"] <= budget
        for part, name, marker in (
            (tried[within], "Within the budget", {"color": _BEST, "size": 9, "opacity": 0.75}),
            (
                tried[~within],
                "More than the budget alone",
                {"color": MUTED, "size": 8, "symbol": "x-thin", "line": {"width": 1.5, "color": MUTED}},
            ),
        ):
            figure.add_scatter(
                x=part["value"],
                y=part["worth"],
                mode="markers",
                name=name,
                legendgroup=name,
                showlegend=len(part) > 0 and name not in named,
                marker=marker,
                customdata=part[["text", "alert_rate", "trial"]],
                hovertemplate="%{customdata[0]}: %{y:.0%} found with %{customdata[1]:.2f} alerts a store-day"
                "<extra>trial %{customdata[2]}</extra>",
                **at,
            )
            if len(part):
                named.add(name)
        value = (chosen or {}).get(f"detectors.{detector}.{parameter}")
        if value is not None:
            figure.add_vline(x=float(value), line={"color": INK, "width": 1, "dash": "dot"}, **at)
        ticks = _ticks(tried)
        figure.update_xaxes(type="log", tickvals=list(ticks), ticktext=list(ticks.values()), **at)
    top = float(candidates.loc[candidates["alert_rate"] <= budget, "worth"].max() or 0)
    figure.update_yaxes(tickformat=PERCENT, range=[-0.05 * (top or 1), 1.15 * (top or 1)])
    figure.update_yaxes(title_text="Found", col=1)
    title = "What each detector finds alone, by its parameters"
    subtitle = "Share of what is to be found on the days tuned on · dotted: the value chosen"
    # Titles of panels are annotations, which have a font of their own.
    figure.update_annotations(font={"size": 13, "color": INK})
    styled(figure, title, subtitle, height=70 + 200 * rows)
    return figure.update_layout(margin_t=figure.layout.margin.t + 24)


def _ticks(tried: pd.DataFrame) -> dict[float, str]:
    """Return a few of the values tried, with their text, spread over the axis."""
    values = tried.sort_values("value").drop_duplicates("value")
    places = sorted({round(share * (len(values) - 1)) for share in (0, 1 / 3, 2 / 3, 1)})
    picked = values.iloc[places]
    return dict(zip(picked["value"], picked["text"].map(escape), strict=True))
