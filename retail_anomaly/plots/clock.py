"""Axes of time: Plotly draws the clock it is given and knows no zones."""

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.plots.words import day_text


def on_clock(times: pd.Series, zone: str) -> pd.Series:
    """Return times as the clocks of a zone show them, without the zone.

    Examples
    --------
    >>> on_clock(pd.Series(pd.to_datetime(["2025-07-01T10:00Z"])), "Europe/Berlin").tolist()
    [Timestamp('2025-07-01 12:00:00')]
    """
    local: pd.Series = times.dt.tz_convert(zone).dt.tz_localize(None)
    return local


def name_time_axis(figure: go.Figure, times: pd.Series, zone: str) -> None:
    """Name the axis of time after its zone, and after the day where there is only one.

    Parameters
    ----------
    figure
        Its last axis of time gets the name.
    times
        All that is drawn, with their zone.
    zone
        In which they are drawn.

    Examples
    --------
    >>> figure = go.Figure()
    >>> name_time_axis(figure, pd.Series(pd.to_datetime(["2025-07-01T10:00Z"])), "Europe/Berlin")
    >>> figure.layout.xaxis.title.text
    'Tuesday 1 July 2025, time in Europe/Berlin'
    """
    local = on_clock(times, zone)
    if local.empty or local.min().date() != local.max().date():
        figure.update_xaxes(title_text=f"Time in {zone}")
    else:
        figure.update_xaxes(title_text=f"{day_text(local.min())}, time in {zone}", tickformat="%H:%M")
