"""Figures of a scorecard's scenarios: the share of incidents found, and the time it took."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.card_rows import row_of
from retail_anomaly.frames.words import label_of
from retail_anomaly.plots.card_style import ROW_COLOURS, ROW_SYMBOLS, error_bars, interval_texts
from retail_anomaly.plots.style import INK, MUTED, PERCENT, QUIET, styled

# Times to detect range from seconds to weeks; fewer minutes than this are shown as "at once".
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


def recall_by_scenario(by_scenario: pd.DataFrame | Mapping[str, pd.DataFrame]) -> go.Figure:
    """Draw the share of incidents that were found, by scenario, beside random and perfect alerts.

    Parameters
    ----------
    by_scenario
        As a `Scorecard` has it; or several of them by name, to compare configurations: the last is the one
        that is judged.

    Returns
    -------
    plotly.graph_objects.Figure
        One bar a scenario and configuration with its 95 % interval.

    Raises
    ------
    ValueError
        There is no frame.
    """
    cards = dict(by_scenario) if isinstance(by_scenario, Mapping) else {"Alerts": by_scenario}
    if not cards:
        raise ValueError("by_scenario: expected a scorecard's frame, or several by name")
    by_scenario = cards[list(cards)[-1]]
    own = row_of(by_scenario, "Alerts").sort_values(["recall", "incidents"], kind="stable")
    names = [escape(label_of(str(name))) for name in own.index]
    figure = go.Figure()
    earlier = len(cards) - 1
    for place, (card, frame) in enumerate(cards.items()):
        shown = own if place == earlier else row_of(frame, "Alerts").reindex(own.index)
        figure.add_bar(
            x=shown["recall"],
            y=names,
            orientation="h",
            name=f"{escape(card)}, 95 % interval",
            marker_color=ROW_COLOURS["Alerts"] if place == earlier else QUIET,
            error_x={
                **error_bars(shown["recall"], shown["low"], shown["high"]),
                "color": INK,
                "thickness": 1.5,
            },
            customdata=np.stack([interval_texts(shown, ".0%"), shown["found"], shown["incidents"]], axis=-1),
            hovertemplate=f"%{{y}}, {escape(card)}: %{{x:.1%}} found (%{{customdata[1]:,.0f}} of "
            "%{customdata[2]:,.0f})%{customdata[0]}<extra></extra>",
        )
    for row, level in (("Null", 0.0), ("Random", None), ("Perfect", 1.0)):
        if row not in by_scenario.index.get_level_values("row"):
            continue
        other = row_of(by_scenario, row).reindex(own.index)
        arms = None if level is not None else error_bars(other["recall"], other["low"], other["high"])
        figure.add_scatter(
            x=other["recall"],
            y=names,
            mode="markers",
            name={"Null": "Null: no alerts", "Random": "Random: as many"}.get(row, "Perfect"),
            marker={
                "color": ROW_COLOURS.get(row, MUTED),
                "symbol": ROW_SYMBOLS.get(row, "line-ns-open"),
                "size": 11 if row in ROW_COLOURS else 26,
                "line": {
                    "color": "white" if row in ROW_COLOURS else MUTED,
                    "width": 1 if row in ROW_COLOURS else 2,
                },
            },
            error_x=arms,
            hovertemplate=f"%{{y}}, {row}: %{{x:.1%}}<extra></extra>",
        )
    figure.update_layout(bargap=0.45)
    figure.update_xaxes(title_text="Incidents found", range=[-0.03, 1.06], tickformat=PERCENT)
    figure.update_yaxes(type="category")
    title = f"{own['found'].sum():,.0f} of {plural(int(own['incidents'].sum()), 'incident')} found"
    if earlier:
        before = [
            f"{row_of(frame, 'Alerts')['found'].sum():,.0f} with {escape(card)}"
            for card, frame in list(cards.items())[:-1]
        ]
        title += f" with {escape(list(cards)[-1])}, {', '.join(before)}"
    subtitle = "Share of each scenario's incidents that at least one alert is about"
    return styled(figure, title, subtitle, height=90 + (38 + 16 * earlier) * max(2, len(own)))


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
        (best, "median", "Perfect, median", ROW_COLOURS["Perfect"], ROW_SYMBOLS["Perfect"]),
        (own, "median", "Median", ROW_COLOURS["Alerts"], "circle"),
        (own, "p90", "90 % take no longer", ROW_COLOURS["Alerts"], "circle-open"),
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
        "Time until an incident is found",
        "Only incidents that were found; missing goods show at the next count at the earliest",
        height=90 + 38 * max(2, len(own)),
    )


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
