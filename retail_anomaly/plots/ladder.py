"""Cashiers beside their peers of the same store, by how often they refund."""

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.core.events import REFUND
from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.alerts import last_revisions
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.events import AnyEvents, pos_frame, receipts_by
from retail_anomaly.frames.words import label_of, percent
from retail_anomaly.models.tails import poisson_interval
from retail_anomaly.plots.style import INK, MUTED, colour_of, styled

_BLUE: Final = "#0068b5"
_CASHIER: Final = ["store_id", "cashier_id"]
# As wide as three standard deviations, so that hardly one of a hundred honest cashiers is outside.
_COVERAGE: Final = 0.9973


def cashier_ladder(events: AnyEvents, alerts: pd.DataFrame | None = None, *, most: int = 15) -> go.Figure:
    """Draw how often each cashier refunds, as a multiple of the other cashiers of the same store.

    The rungs are in the order of the lower end of their interval: a cashier with many receipts stands
    above one whose two refunds may be chance. The interval is that of a Poisson count. The peers' share is
    taken as known, with half a refund added, so that it is never zero. A service desk stands high and is
    honest.

    Parameters
    ----------
    events
        Any source of events, or POS events with ``store_id``, ``cashier_id``, ``transaction_id``,
        ``event_time``, ``event_type`` and ``amount``.
    alerts
        Alerts, as `replay` returns them: a cashier whom one about refunds names is marked.
    most
        How many cashiers to draw; one without a refund is not drawn.

    Returns
    -------
    plotly.graph_objects.Figure
        One rung a cashier, the most conspicuous on top.

    Examples
    --------
    >>> events = pd.DataFrame({"store_id": "s", "cashier_id": ["a"] * 50 + ["b"] * 50, "amount": 9.0,
    ...     "transaction_id": range(100), "event_time": pd.Timestamp("2025-10-09T10:30Z"),
    ...     "event_type": ["REFUND"] * 25 + ["SALE"] * 74 + ["REFUND"]})
    >>> cashier_ladder(events).layout.title.text
    '1 of 2 cashiers refunds more often than the peers, most a: 17 times'
    """
    found = _beside_peers(pos_frame(events))
    compared = found.dropna(subset="ratio").sort_values(["low", "ratio"], ascending=False, kind="stable")
    shown = compared[compared["refunds"] > 0].head(most).iloc[::-1]
    raised = _alerts_by_cashier(alerts)
    stores = shown["store_id"].nunique()
    rows = shown.to_dict("records")
    # A cashier of another store may have the same name.
    names = [
        escape(f"{row['cashier_id']} ({row['store_id']})" if stores > 1 else str(row["cashier_id"]))
        for row in rows
    ]
    about = [raised.get((row["store_id"], row["cashier_id"]), "") for row in rows]
    hover = [_hover(row, types) for row, types in zip(rows, about, strict=True)]
    figure = go.Figure()
    for marked, name, colour, symbol in (
        (True, "Named in an alert about refunds", colour_of("REFUND_BURST"), "diamond"),
        (False, "One cashier" if alerts is None else "In none", _BLUE, "circle"),
    ):
        own = np.array([bool(types) is marked for types in about], dtype=bool)
        part = shown[own]
        figure.add_scatter(
            x=part["ratio"],
            y=[text for text, kept in zip(names, own, strict=True) if kept],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": part["high"] - part["ratio"],
                "arrayminus": part["ratio"] - part["low"],
                "color": colour,
                "thickness": 1.5,
                "width": 4,
            },
            mode="markers",
            name=name,
            showlegend=bool(len(part)),
            marker={"color": colour, "symbol": symbol, "size": 11, "line": {"color": "white", "width": 1}},
            hovertext=[text for text, kept in zip(hover, own, strict=True) if kept],
            hoverinfo="text",
        )
    figure.add_vline(x=1, line={"color": INK, "width": 1.5, "dash": "dot"})
    figure.add_annotation(
        x=1, y=0, yref="paper", text="as often as the peers", showarrow=False,
        xanchor="left", yanchor="bottom", xshift=5, font={"color": MUTED, "size": 11},
    )  # fmt: skip
    figure.update_xaxes(
        title_text="Refunds per receipt, as a multiple of the store's other cashiers",
        # An interval may exceed the axis: two receipts tell almost nothing.
        range=[0, 1.5 * max([2.0, *shown["ratio"]])],
        ticksuffix=" x",
    )
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=names)
    subtitle = f"Interval: {percent(_COVERAGE, 1)} of chance"
    if len(compared) > len(shown):
        subtitle += f" · the {len(shown)} most conspicuous of {len(compared):,}"
    if alone := len(found) - len(compared):
        subtitle += f" · {plural(alone, 'cashier')} without peers left out"
    return styled(figure, _title(compared), subtitle, height=80 + 26 * max(3, len(shown)))


def _beside_peers(events: pd.DataFrame) -> pd.DataFrame:
    """Return each cashier's refunds, those expected of peers, the ratio and its interval."""
    expect_columns(events, ("amount",), "events")
    found = receipts_by(events, _CASHIER)
    refunds = events[events["event_type"].str.upper() == REFUND]
    money = refunds.groupby(_CASHIER, observed=True)["amount"].sum().rename("refunded")
    found = found.merge(money.reset_index(), how="left", on=_CASHIER).fillna({"refunded": 0.0})
    stores = found.groupby("store_id", observed=True)[["refunds", "receipts"]].transform("sum")
    peers = stores - found[["refunds", "receipts"]]
    found["peer_share"] = ((peers["refunds"] + 0.5) / peers["receipts"]).where(peers["receipts"] > 0)
    expected = found["receipts"] * found["peer_share"]
    limits = [poisson_interval(int(count), _COVERAGE) for count in found["refunds"]]
    found["ratio"] = found["refunds"] / expected
    found["low"] = [low for low, _ in limits] / expected
    found["high"] = [high for _, high in limits] / expected
    return found


def _alerts_by_cashier(alerts: pd.DataFrame | None) -> dict[tuple[str, str], str]:
    """Return the alerts about each cashier's refunds, in words."""
    if alerts is None:
        return {}
    shown = last_revisions(alerts).dropna(subset="employee_id")
    shown = shown[shown["type"].str.contains(REFUND)]
    return {
        (str(store), str(employee)): ", ".join(
            f"{label_of(str(name)).lower()} {count}" for name, count in types.value_counts().items()
        )
        for (store, employee), types in shown.groupby(["store_id", "employee_id"])["type"]
    }


def _hover(row: Mapping[Hashable, Any], raised: str) -> str:
    share = row["refunds"] / row["receipts"]
    lines = [
        f"<b>{escape(str(row['cashier_id']))}</b>, {escape(str(row['store_id']))}",
        f"{row['refunds']:,} of {row['receipts']:,} receipts are refunds: {share:.1%}",
        f"the store's other cashiers: {row['peer_share']:.1%}",
        f"{row['ratio']:.1f} times as often, by chance {row['low']:.1f} to {row['high']:.1f}",
        f"Refunded: {row['refunded']:,.2f}",
    ]
    if raised:
        lines.append(f"Alerts: {escape(raised)}")
    return "<br>".join(lines)


def _title(compared: pd.DataFrame) -> str:
    above = compared[compared["low"] > 1]
    if above.empty:
        return "No cashier refunds more often than the peers"
    first = above.iloc[0]
    verb = "refunds" if len(above) == 1 else "refund"
    often = f"{first['ratio']:.0f}" if first["ratio"] >= 10 else f"{first['ratio']:.1f}"
    return (
        f"{len(above):,} of {plural(len(compared), 'cashier')} {verb} more often than the peers, "
        f"most {escape(str(first['cashier_id']))}: {often} times"
    )
