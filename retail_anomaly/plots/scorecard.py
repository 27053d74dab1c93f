"""Figures of a scorecard: what alerts are worth, beside none, random and perfect ones."""

from collections.abc import Sequence
from html import escape
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.frames.alert_tables import in_order
from retail_anomaly.frames.words import label_of, plural
from retail_anomaly.plots.style import INK, MUTED, QUIET, styled

_COLOURS: Final = {"Alerts": "#0068b5", "Random": "#c77700", "Perfect": "#00846b"}
_SYMBOLS: Final = {"Alerts": "circle", "Random": "diamond", "Perfect": "star"}
_FALSE: Final = "#c3cad3"
_MOST_STORES: Final = 30
# Times to detect go from seconds to weeks; what takes less than this is at once.
_AT_ONCE: Final = 0.1
_TICKS: Final = {
    _AT_ONCE: "at once",
    1: "1 min",
    10: "10 min",
    60: "1 h",
    600: "10 h",
    1_440: "1 day",
    10_080: "1 week",
    43_200: "30 days",
}


def row_of(frame: pd.DataFrame, row: str) -> pd.DataFrame:
    """Return the part of a scorecard's frame that is about ``Alerts``, ``Null``, ``Random`` or ``Perfect``.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([("Null", "recall")], names=["row", "measure"])
    >>> row_of(pd.DataFrame({"estimate": [0.0]}, index), "Null").to_dict("index")
    {'recall': {'estimate': 0.0}}
    """
    return frame.loc[[row]].droplevel("row")


def recall_by_scenario(by_scenario: pd.DataFrame) -> go.Figure:
    """Draw the share of incidents that were found, by scenario, beside random and perfect alerts.

    Parameters
    ----------
    by_scenario
        As a `Scorecard` has it.

    Returns
    -------
    plotly.graph_objects.Figure
        One bar a scenario with its 95 % interval.
    """
    own = row_of(by_scenario, "Alerts").sort_values(["recall", "incidents"], kind="stable")
    names = [escape(label_of(str(name))) for name in own.index]
    figure = go.Figure()
    figure.add_bar(
        x=own["recall"],
        y=names,
        orientation="h",
        name="Alerts, 95 % interval",
        marker_color=_COLOURS["Alerts"],
        error_x={**_arms(own["recall"], own["low"], own["high"]), "color": INK, "thickness": 1.5},
        customdata=np.stack([_texts(own, ".0%"), own["found"], own["incidents"]], axis=-1),
        hovertemplate="%{y}: %{x:.1%} found (%{customdata[1]:,.0f} of %{customdata[2]:,.0f})"
        "%{customdata[0]}<extra></extra>",
    )
    for row, level in (("Null", 0.0), ("Random", None), ("Perfect", 1.0)):
        if row not in by_scenario.index.get_level_values("row"):
            continue
        other = row_of(by_scenario, row).reindex(own.index)
        arms = None if level is not None else _arms(other["recall"], other["low"], other["high"])
        figure.add_scatter(
            x=other["recall"],
            y=names,
            mode="markers",
            name={"Null": "Null: no alerts", "Random": "Random: as many"}.get(row, "Perfect"),
            marker={
                "color": _COLOURS.get(row, MUTED),
                "symbol": _SYMBOLS.get(row, "line-ns-open"),
                "size": 11 if row in _COLOURS else 26,
                "line": {
                    "color": "white" if row in _COLOURS else MUTED,
                    "width": 1 if row in _COLOURS else 2,
                },
            },
            error_x=arms,
            hovertemplate=f"%{{y}}, {row}: %{{x:.1%}}<extra></extra>",
        )
    figure.update_layout(bargap=0.45)
    figure.update_xaxes(title_text="Incidents found", range=[-0.03, 1.06], tickformat=".0%")
    figure.update_yaxes(type="category")
    title = f"{own['found'].sum():,.0f} of {plural(int(own['incidents'].sum()), 'incident')} found"
    subtitle = "Share of each scenario's incidents that at least one alert is about"
    return styled(figure, title, subtitle, height=90 + 38 * max(2, len(own)))


def precision_at_k(overall: pd.DataFrame, ks: Sequence[int]) -> go.Figure:
    """Draw how many of the k riskiest alerts of a store-day are right.

    Parameters
    ----------
    overall, ks
        As a `Scorecard` has them.
    """
    figure = _by_k(overall, ks, "precision", "%{y:.1%} right")
    figure.update_yaxes(title_text="Alerts about an incident", tickformat=".0%", range=[-0.03, 1.06])
    return styled(
        figure,
        "How many of the alerts that are read are right",
        "Precision at k: only the k alerts of the highest risk of each store-day are read",
        height=330,
    )


def loss_per_alert(overall: pd.DataFrame, ks: Sequence[int]) -> go.Figure:
    """Draw the expected loss that each alert read finds, by how many are read.

    Parameters
    ----------
    overall, ks
        As a `Scorecard` has them.
    """
    figure = _by_k(overall, ks, "loss_per_alert", "%{y:,.2f} found for each alert read")
    figure.update_yaxes(title_text="Expected loss found, per alert", rangemode="tozero", tickformat=",")
    return styled(
        figure,
        "What an alert that is read is worth",
        "Expected loss of the incidents found, in the store's currency, for each alert read",
        height=330,
    )


def time_to_detect(by_scenario: pd.DataFrame) -> go.Figure:
    """Draw how long it took until an incident was found, by scenario.

    Parameters
    ----------
    by_scenario
        As a `Scorecard` has it.

    Returns
    -------
    plotly.graph_objects.Figure
        Median and 90th percentile of the incidents found, beside the best that is possible.
    """
    own = row_of(by_scenario, "Alerts").dropna(subset="minutes_median")
    own = own.sort_values("minutes_median", ascending=False, kind="stable")
    names = [escape(label_of(str(name))) for name in own.index]
    best = row_of(by_scenario, "Perfect").reindex(own.index)
    figure = go.Figure()
    for name, low, high in zip(names, own["minutes_median"], own["minutes_p90"], strict=True):
        figure.add_scatter(
            x=_shown([low, high]), y=[name, name], mode="lines", line={"color": QUIET, "width": 3},
            showlegend=False, hoverinfo="skip",
        )  # fmt: skip
    for frame, level, name, colour, symbol in (
        (best, "median", "Perfect, median", _COLOURS["Perfect"], _SYMBOLS["Perfect"]),
        (own, "median", "Median", _COLOURS["Alerts"], "circle"),
        (own, "p90", "90 % take no longer", _COLOURS["Alerts"], "circle-open"),
    ):
        minutes, events = frame[f"minutes_{level}"], frame[f"events_{level}"]
        figure.add_scatter(
            x=_shown(minutes),
            y=names,
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol, "size": 12 if symbol == "star" else 10},
            customdata=np.stack([[_long(m) for m in minutes], [_events(e) for e in events]], axis=-1),
            hovertemplate=f"%{{y}}, {name}: %{{customdata[0]}}%{{customdata[1]}}<extra></extra>",
        )
    figure.update_xaxes(
        title_text="From the incident's start to the first alert (log scale)",
        type="log",
        tickvals=list(_TICKS),
        ticktext=list(_TICKS.values()),
        range=[np.log10(_AT_ONCE) - 0.12, np.log10(max([60.0, *_shown(own["minutes_p90"])])) + 0.2],
    )
    figure.update_yaxes(type="category")
    return styled(
        figure,
        "How long it takes until an incident is found",
        "Of the incidents that were found; goods that are missing show at the next count only",
        height=90 + 38 * max(2, len(own)),
    )


def alert_rate_by_store(by_store: pd.DataFrame) -> go.Figure:
    """Draw how many alerts a store has on a day, those about an incident apart from the others.

    Parameters
    ----------
    by_store
        As a `Scorecard` has it.
    """
    stores = in_order(by_store.index)
    shown = by_store.loc[stores]
    if len(shown) > _MOST_STORES:
        kept = shown["alert_rate"].nlargest(_MOST_STORES).index
        shown = shown.loc[in_order(kept)]
    names = [escape(str(store)) for store in shown.index]
    days = shown["store_days"].where(shown["store_days"] > 0)
    figure = go.Figure()
    false = shown["alerts"] - shown["true"]
    for values, name, colour in (
        (shown["true"], "About an incident", _COLOURS["Alerts"]),
        (false, "About none", _FALSE),
    ):
        figure.add_bar(
            x=values / days,
            y=names,
            orientation="h",
            name=name,
            marker_color=colour,
            customdata=np.stack([values, shown["store_days"]], axis=-1),
            hovertemplate=f"%{{y}}, {name.lower()}: %{{x:.2f}} a day (%{{customdata[0]:,.0f}} alerts on "
            "%{customdata[1]:,.0f} days)<extra></extra>",
        )
    mean = by_store["alerts"].sum() / max(1e-9, by_store["store_days"].sum())
    figure.add_vline(x=mean, line={"color": INK, "width": 1.5, "dash": "dot"})
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(title_text="Alerts per store-day", rangemode="tozero")
    figure.update_yaxes(type="category", autorange="reversed")
    of = (
        f"The {_MOST_STORES} stores with the most of {len(by_store):,}; the"
        if len(by_store) > len(shown)
        else "The"
    )
    return styled(
        figure,
        f"{mean:.2f} alerts per store-day",
        f"{of} dotted line is the mean of all stores; a day is the store's own",
        height=90 + 26 * max(3, len(shown)),
    )


def precision_recall(curve: pd.DataFrame, overall: pd.DataFrame) -> go.Figure:
    """Draw precision and recall by threshold of risk.

    Parameters
    ----------
    curve, overall
        As a `Scorecard` has them.

    Returns
    -------
    plotly.graph_objects.Figure
        One point a threshold, from all alerts (right) to the riskiest only (left).
    """
    figure = go.Figure()
    figure.add_scatter(
        x=curve["recall"],
        y=curve["precision"],
        mode="lines+markers",
        name="Alerts from a risk on",
        line={"color": _COLOURS["Alerts"], "shape": "hv", "width": 2},
        marker={"size": 8},
        customdata=np.stack([curve["threshold"], curve["alerts"], curve["alert_rate"]], axis=-1),
        hovertemplate="Risk %{customdata[0]:.3f} and more: %{y:.1%} right, %{x:.1%} found, "
        "%{customdata[1]:,} alerts, %{customdata[2]:.2f} a store-day<extra></extra>",
    )
    for row in ("Random", "Perfect"):
        if row in overall.index.get_level_values("row"):
            found = overall["estimate"][row]
            figure.add_scatter(
                x=[found["recall"]],
                y=[found["precision"]],
                mode="markers",
                name=row,
                marker={"color": _COLOURS[row], "symbol": _SYMBOLS[row], "size": 13},
                hovertemplate=f"{row}: %{{y:.1%}} right, %{{x:.1%}} found<extra></extra>",
            )
    figure.update_xaxes(title_text="Incidents found (recall)", range=[-0.03, 1.06], tickformat=".0%")
    figure.update_yaxes(title_text="Alerts that are right (precision)", range=[-0.03, 1.06], tickformat=".0%")
    return styled(
        figure,
        "What a higher threshold of risk would cost",
        "Each point leaves out the alerts below a risk: further left, less is found",
        height=360,
    )


def _by_k(overall: pd.DataFrame, ks: Sequence[int], measure: str, hover: str) -> go.Figure:
    """Draw a measure at each k, and with all alerts read, for the alerts and what they are beside."""
    names = [*(f"{measure}_at_{k}" for k in ks), measure]
    ticks = [*map(str, ks), "all"]
    figure = go.Figure()
    for row in ("Perfect", "Alerts", "Random"):
        if row not in overall.index.get_level_values("row"):
            continue
        found = row_of(overall, row).loc[names]
        arms = _arms(found["estimate"], found["low"], found["high"]) if row == "Alerts" else None
        figure.add_scatter(
            x=ticks,
            y=found["estimate"],
            mode="lines+markers",
            name="Alerts, 95 % interval" if arms else row,
            line={"color": _COLOURS[row], "width": 2, "dash": "solid" if arms else "dot"},
            marker={"symbol": _SYMBOLS[row], "size": 10},
            error_y=arms,
            cliponaxis=False,
            customdata=_texts(found, ".1%" if measure == "precision" else ",.2f"),
            hovertemplate=f"{row}, %{{x}} read: {hover}%{{customdata}}<extra></extra>",
        )
    figure.update_xaxes(title_text="Alerts read on a store-day", type="category")
    return figure


def _arms(middle: pd.Series, low: pd.Series, high: pd.Series) -> dict[str, Any]:
    """Return an interval as the arms of an error bar."""
    return {
        "type": "data",
        "symmetric": False,
        "array": (high - middle).clip(lower=0).fillna(0),
        "arrayminus": (middle - low).clip(lower=0).fillna(0),
        "width": 4,
    }


def _texts(found: pd.DataFrame, form: str) -> list[str]:
    """Return each interval as the end of a hover text."""
    return [
        "" if np.isnan(low) else f", 95 % interval {low:{form}} to {high:{form}}"
        for low, high in zip(found["low"], found["high"], strict=True)
    ]


def _shown(minutes: Any) -> list[float]:
    """Return minutes as they can stand on a log scale."""
    return [max(float(value), _AT_ONCE) for value in minutes]


def _long(minutes: float) -> str:
    if np.isnan(minutes):
        return "unknown"
    if minutes < _AT_ONCE:
        return "at once"
    if minutes < 120:
        return f"{minutes:.1f} min"
    return f"{minutes / 60:.1f} h" if minutes < 2_880 else f"{minutes / 1_440:.1f} days"


def _events(events: float) -> str:
    return "" if np.isnan(events) else f", {plural(int(events), 'event')} of the store"
