"""Axes of time on a store's clock. Plotly knows no time zones, so times reach it without one."""

from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.frames.shown_times import Zones, day_text, zone_of
from retail_anomaly.frames.store_calendar import on_clock

_DAY_MS: Final = 86_400_000
_FEW_DAYS: Final = 10


def on_store_clocks(rows: pd.DataFrame, zones: Zones) -> pd.Series:
    """Return each row's ``event_time`` as the clock of its ``store_id`` shows it, without the zone.

    Examples
    --------
    >>> rows = pd.DataFrame({"store_id": ["a", "b"], "event_time": pd.to_datetime(["2025-07-01T10:00Z"] * 2)})
    >>> on_store_clocks(rows, {"a": "Europe/Berlin"}).dt.hour.tolist()
    [12, 10]
    """
    local = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[ms]")
    for store, times in rows.groupby("store_id", observed=True)["event_time"]:
        local[times.index] = on_clock(times, zone_of(str(store), zones))
    return local


OF_A_DAY: Final = (
    {"dtickrange": [None, 59_999], "value": "%H:%M:%S"},
    {"dtickrange": [60_000, None], "value": "%H:%M"},
)
"""The labels of times within a day, which differ even where all happens within a minute."""


def day_ticks(days: pd.DatetimeIndex) -> dict[str, Any]:
    """Return the settings of an axis of whole days; of few, each is a tick, and no label comes twice.

    Examples
    --------
    >>> len(day_ticks(pd.date_range("2025-10-06", periods=3))["tickvals"])
    3
    >>> day_ticks(pd.date_range("2025-10-06", periods=30))
    {}
    """
    return {"tickvals": days} if len(days) <= _FEW_DAYS else {}


def name_time_axis(figure: go.Figure, times: pd.Series, zone: str) -> None:
    """Name the axis of time after its zone and the days that it shows.

    Parameters
    ----------
    figure
        All its axes of time get the name.
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
    >>> name_time_axis(figure, pd.Series(pd.to_datetime(["2025-07-01", "2025-08-02"], utc=True)), "UTC")
    >>> figure.layout.xaxis.title.text
    '1 July to 2 August 2025, time in UTC'
    """
    local = on_clock(times, zone)
    if local.empty:
        figure.update_xaxes(title_text=f"Time in {zone}")
        return
    first, last = local.min(), local.max()
    if first.date() == last.date():
        figure.update_xaxes(title_text=f"{day_text(first)}, time in {zone}", tickformatstops=OF_A_DAY)
        return
    start = f"{first.day} {first:%B}" + (f" {first.year}" if first.year != last.year else "")
    figure.update_xaxes(
        title_text=f"{start} to {last.day} {last:%B} {last.year}, time in {zone}",
        tickformatstops=[
            {"dtickrange": [None, _DAY_MS - 1], "value": "%H:%M<br>%a %-d %b"},
            {"dtickrange": [_DAY_MS, "M1"], "value": "%a %-d %b"},
            {"dtickrange": ["M1", None], "value": "%b %Y"},
        ],
    )
