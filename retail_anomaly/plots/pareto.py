"""The money in question by employee or store: few names have most of it."""

from html import escape
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.alerts import last_revisions, named_employees
from retail_anomaly.frames.evidence import money_once
from retail_anomaly.frames.words import label_of, percent
from retail_anomaly.plots.style import INK, PERCENT, colour_of, styled, types_in_order

_SHARE: Final = 0.8
_NOBODY: Final = "nobody named"
_NOUNS: Final = {"employee_id": "employee", "store_id": "store"}


def pareto(alerts: pd.DataFrame, *, by: str = "employee_id", most: int = 20) -> go.Figure:
    """Draw the money that alerts cite by employee or store, the most first, and its running sum.

    Alerts that count pieces have no money and are left out. A transaction that two alerts cite counts
    once, in the alert that is about the most money.

    Parameters
    ----------
    alerts
        Alerts, as `replay` returns them.
    by
        ``employee_id`` or ``store_id``. With the first, alerts that name nobody stand under their store.
    most
        How many names to draw; the shares are of all.

    Returns
    -------
    plotly.graph_objects.Figure
        Bars stacked by type of alert, and a line from the first share to all of it.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> figure = pareto(example_alerts())
    >>> figure.layout.title.text
    'Alerts about 1 of 1 employee make 100 % of the 240.00 in question'

    Raises
    ------
    ValueError
        `by` is something else.
    """
    if by not in _NOUNS:
        raise ValueError(f"by: expected one of {', '.join(_NOUNS)}, not {by!r}")
    shown = last_revisions(alerts)
    shown = shown.assign(money=money_once(shown))
    known = named_employees(shown) if by == "employee_id" else shown["store_id"].nunique()
    pieces = int(shown["money"].isna().sum())
    shown = shown.dropna(subset="money")
    places = zip(shown["store_id"], shown["employee_id"], strict=True)
    shown["name"] = [_name(store, employee, by) for store, employee in places]
    sums = shown.groupby("name")["money"].sum().sort_values(ascending=False, kind="stable")
    whole = float(sums.sum())
    shares = sums.cumsum() / (whole or 1.0)
    names = list(sums.index[:most])
    figure = go.Figure()
    for alert_type in types_in_order(set(shown["type"])):
        own = shown[shown["type"] == alert_type].groupby("name")["money"].agg(["sum", "size"])
        own = own.reindex(names).fillna(0)
        figure.add_bar(
            x=[escape(name) for name in names],
            y=own["sum"],
            name=escape(label_of(alert_type)),
            marker_color=colour_of(alert_type),
            customdata=[plural(int(count), "alert") for count in own["size"]],
            hovertemplate=f"%{{x}}<br>{escape(label_of(alert_type))}: %{{y:,.2f}} in %{{customdata}}"
            "<extra></extra>",
        )
    figure.add_scatter(
        x=[escape(name) for name in names],
        y=shares.iloc[:most],
        yaxis="y2",
        mode="lines+markers",
        name="Running share, right axis",
        line={"color": INK, "width": 1.5},
        marker={"size": 6},
        customdata=np.cumsum(sums.iloc[:most]),
        hovertemplate="Up to %{x}: %{y:.1%}, %{customdata:,.2f}<extra></extra>",
    )
    figure.update_layout(barmode="stack", bargap=0.35)
    noun = _NOUNS[by]
    figure.update_xaxes(type="category", showgrid=False, tickangle=-40 if len(names) > 8 else 0)
    subtitle = "Money that the alerts cite, by type; each transaction counts once"
    if len(sums) > len(names):
        subtitle += f" · the first {len(names)} of {len(sums):,}"
    if pieces:
        subtitle += f" · {plural(pieces, 'alert')} about pieces left out"
    styled(figure, _title(shares, whole, plural(known, noun)), subtitle, height=330)
    figure.update_layout(
        yaxis={
            "title_text": "Money in question (store's currency)",
            "rangemode": "tozero",
            "tickformat": ",",
        },
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "range": [0, 1.04],
            "tickformat": PERCENT,
            "dtick": 0.2,
            "automargin": True,
            "showgrid": False,
            "zeroline": False,
        },
    )
    return figure


def _name(store: str, employee: object, by: str) -> str:
    if by == "store_id":
        return store
    return f"{employee}, {store}" if isinstance(employee, str) else f"{_NOBODY}, {store}"


def _title(shares: "pd.Series[float]", whole: float, known: str) -> str:
    if not whole:
        return "No alert is about money"
    needed = shares.index[: int((shares < _SHARE - 1e-9).sum()) + 1]
    part = percent(shares[needed[-1]])
    unnamed = sum(name.startswith(f"{_NOBODY}, ") for name in needed)
    nobody = f" and about nobody named in {plural(unnamed, 'store')}" if unnamed else ""
    about = f"{len(needed) - unnamed:,} of {known}"
    return f"Alerts about {about}{nobody} make {part} of the {whole:,.2f} in question"
