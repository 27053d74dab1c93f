"""Figures of normal trade: sales by hour, by day, and refunds by store or cashier."""

from html import escape
from math import sqrt
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.core.events import SALE
from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.events import AnyEvents, pos_frame, receipts_by
from retail_anomaly.frames.shown_times import Zones
from retail_anomaly.frames.words import natural_order, percent
from retail_anomaly.plots.clock import day_ticks, on_store_clocks
from retail_anomaly.plots.style import BLUES, MUTED, PERCENT, QUIET, colour_of, styled

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_BLUE: Final = "#0068b5"
_SIGMAS: Final = 3
_NAMED: Final = 8  # outliers whose name is written beside their marker


def sales_by_hour(events: AnyEvents, *, zones: Zones = "UTC") -> go.Figure:
    """Draw how many lines a store sells in each hour of each weekday, on average.

    Parameters
    ----------
    events
        Any source of events, or POS events with ``store_id``, ``event_time`` and ``event_type``.
    zones
        Time zone of the stores, whose own clocks count.

    Examples
    --------
    >>> sale = {"store_id": "s", "event_time": pd.Timestamp("2025-10-09T10:30Z"), "event_type": "SALE"}
    >>> figure = sales_by_hour(pd.DataFrame([sale]), zones="Europe/Berlin")
    >>> figure.layout.title.text
    'Most is sold on Thursday from 12 to 13 h: 1 line a store'
    """
    sales = _sales(pos_frame(events, zones=zones), ("store_id", "event_time", "event_type"), zones)
    days = sales.assign(day=sales["local"].dt.normalize()).drop_duplicates(["store_id", "day"])
    store_days = days["local"].dt.day_of_week.value_counts()
    lines = sales.groupby([sales["local"].dt.day_of_week, sales["local"].dt.hour]).size()
    hours = list(range(*_opening(sales["local"].dt.hour)))
    means = np.array(
        [
            [lines.get((day, hour), 0) / store_days[day] if day in store_days else np.nan for hour in hours]
            for day in range(7)
        ]
    )
    figure = go.Figure(
        go.Heatmap(
            x=hours,
            y=list(_WEEKDAYS),
            z=means,
            colorscale=BLUES,
            zmin=0,
            zmax=np.nanmax(means) if len(sales) else 1,
            xgap=2,
            ygap=2,
            colorbar={"title": {"text": "Lines sold<br>per store", "side": "top"}, "outlinewidth": 0},
            hovertemplate="%{y}, %{x} h: %{z:,.1f} lines per store<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(title_text="Hour of the day, on the store's clock", dtick=1, showgrid=False)
    title = "No sales"
    if len(sales):
        day, column = np.unravel_index(np.nanargmax(means), means.shape)
        hour = hours[int(column)]
        most = means[day, column]
        count = f"{most:,.0f} {'line' if round(most) == 1 else 'lines'}"
        title = f"Most is sold on {_WEEKDAYS[int(day)]} from {hour} to {hour + 1} h: {count} a store"
    stores, number = sales["store_id"].nunique(), len(days)
    subtitle = (
        f"Mean of {plural(number, 'store-day')} with sales in {plural(stores, 'store')}; empty: no such day"
    )
    return styled(figure, title, subtitle, height=260)


def sales_by_day(events: AnyEvents, *, zones: Zones = "UTC", most: int = 12) -> go.Figure:
    """Draw the lines that each store sells a day; days without any leave a gap.

    Parameters
    ----------
    events
        Any source of events, or POS events with ``store_id``, ``event_time`` and ``event_type``.
    zones
        Time zone of the stores, which decides their days.
    most
        How many stores to draw, those with the most sales.

    Examples
    --------
    >>> sales = pd.DataFrame({"store_id": "s", "event_type": "SALE",
    ...     "event_time": pd.to_datetime(["2025-10-06T10:00Z", "2025-10-08T10:00Z"])})
    >>> sales_by_day(sales).layout.title.text
    '1 of 3 store-days is without a sale'
    """
    sales = _sales(pos_frame(events, zones=zones), ("store_id", "event_time", "event_type"), zones)
    days = sales["local"].dt.normalize()
    lines = sales.groupby(["store_id", days]).size().unstack(0)
    if len(lines):
        lines = lines.reindex(pd.date_range(lines.index[0], lines.index[-1], freq="D"))
    drawn = list(lines.sum().sort_values(ascending=False).index[:most])
    stores = natural_order(map(str, drawn))
    figure = go.Figure(
        go.Heatmap(
            x=lines.index,
            y=[escape(store) for store in stores],
            # Each store has a scale of its own, so that a day unlike the store's other days stands out.
            z=[(lines[store] / lines[store].max()).to_numpy() for store in stores],
            customdata=[lines[store].to_numpy() for store in stores],
            colorscale=BLUES,
            zmin=0,
            zmax=1,
            xgap=2,
            ygap=2,
            showscale=False,
            hovertemplate="%{y}, %{x|%A %-d %B %Y}: %{customdata:,.0f} lines<extra></extra>",
            hoverongaps=False,
        )
    )
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_xaxes(
        title_text="Day, on the store's clock",
        showgrid=False,
        tickformat="%a %-d %b",
        **day_ticks(pd.DatetimeIndex(lines.index)),
    )
    empty, every = int(lines.isna().sum().sum()), int(lines.size)
    title = f"{empty:,} of {plural(every, 'store-day')} {'is' if empty == 1 else 'are'} without a sale"
    subtitle = "Lines sold, each store beside its own best day; white: none"
    if len(lines.columns) > len(drawn):
        subtitle += f" · the {len(drawn)} stores that sell most, of {len(lines.columns)}"
    return styled(figure, title, subtitle, height=70 + 30 * max(3, len(stores)))


def refund_shares(events: AnyEvents, *, by: str = "cashier_id", noun: str | None = None) -> go.Figure:
    """Draw the share of receipts that each cashier or store refunds, with the range that chance explains.

    The limits are three standard deviations of a share around that of all, by the number of receipts:
    a funnel plot (Spiegelhalter, *Funnel plots for comparing institutional performance*, Statistics in
    Medicine 24, 2005). A service desk lies above them and is honest.

    Parameters
    ----------
    events
        Any source of events, or POS events with ``store_id``, ``transaction_id``, ``event_time``,
        ``event_type`` and `by`.
    by
        ``cashier_id`` or ``store_id``.
    noun
        The word for one of them; by default cashier or store.

    Examples
    --------
    >>> events = pd.DataFrame({"store_id": "s", "cashier_id": ["a", "b"], "transaction_id": ["1", "2"],
    ...     "event_time": pd.Timestamp("2025-10-09T10:30Z"), "event_type": ["SALE", "REFUND"]})
    >>> figure = refund_shares(events)
    >>> figure.layout.title.text
    'No cashier refunds more than chance explains'
    """
    noun = noun or by.removesuffix("_id")
    keys = ["store_id"] if by == "store_id" else ["store_id", by]
    found = receipts_by(pos_frame(events), keys)
    found["share"] = found["refunds"] / found["receipts"]
    overall = float(found["refunds"].sum() / found["receipts"].sum()) if len(found) else 0.0
    spread = np.sqrt(overall * (1 - overall) / found["receipts"])
    found["high"] = (found["share"] > overall + _SIGMAS * spread) & (found["refunds"] > 1)
    figure = go.Figure()
    smallest, largest = (found["receipts"].min(), found["receipts"].max()) if len(found) else (1, 1)
    sizes = np.geomspace(smallest, max(largest, smallest + 1), 100)
    for sign, name in ((1, f"What chance explains ({_SIGMAS} standard deviations)"), (-1, "")):
        limits = [overall + sign * _SIGMAS * sqrt(overall * (1 - overall) / size) for size in sizes]
        figure.add_scatter(
            x=sizes,
            y=np.clip(limits, 0, 1),
            mode="lines",
            line={"color": MUTED, "width": 1, "dash": "dot"},
            name=name,
            showlegend=sign == 1,
            hoverinfo="skip",
        )
    for part, name, colour in (
        (found[~found["high"]], f"One {noun}", _BLUE),
        (found[found["high"]], "More refunds than chance explains", colour_of("REFUND_BURST")),
    ):
        far = (
            set(part.drop_duplicates(["receipts", "share"]).nlargest(_NAMED, "share").index)
            if colour != _BLUE
            else set()
        )
        texts = [escape(str(name)) if index in far else "" for index, name in part[by].items()]
        figure.add_scatter(
            x=part["receipts"],
            y=part["share"],
            mode="markers+text",
            name=name,
            text=texts,
            textposition="middle right",
            textfont={"size": 11},
            cliponaxis=False,
            marker={"color": colour, "size": 9, "opacity": 0.8, "line": {"color": "white", "width": 1}},
            hovertext=[
                f"{escape(', '.join(str(row[key]) for key in keys))}<br>"
                f"{row['refunds']:,} of {row['receipts']:,} receipts are refunds: {row['share']:.1%}"
                for row in part.to_dict("records")
            ],
            hoverinfo="text",
        )
    if len(found):
        figure.add_hline(y=overall, line={"color": QUIET, "width": 1})
    wide = largest > 20 * smallest
    figure.update_xaxes(
        title_text=f"Receipts of the {noun}", tickformat=",", **({"type": "log", "dtick": 1} if wide else {})
    )
    figure.update_yaxes(title_text="Share that are refunds", tickformat=PERCENT, rangemode="tozero")
    high = int(found["high"].sum())
    verb = "refunds" if high == 1 else "refund"
    title = (
        f"{high:,} of {plural(len(found), noun)} {verb} more than chance explains"
        if high
        else f"No {noun} refunds more than chance explains"
    )
    styled(
        figure,
        title,
        f"A receipt counts once; the line is the share of all, {percent(overall, 1)}",
        height=320,
    )
    return figure.update_layout(margin_r=60)  # for a name beside the last marker


def _sales(events: pd.DataFrame, columns: tuple[str, ...], zones: Zones) -> pd.DataFrame:
    """Return the sales, with the time on the store's own clock as ``local``."""
    expect_columns(events, columns, "events")
    # Frames that were put together may have an index twice.
    sales = events[events["event_type"].str.upper() == SALE].reset_index(drop=True)
    return sales.assign(local=on_store_clocks(sales, zones))


def _opening(hours: "pd.Series[int]") -> tuple[int, int]:
    return (int(hours.min()), int(hours.max()) + 1) if len(hours) else (0, 24)
