"""Figures of refunds beside their receipts: how many match, their age, and the ledger of one receipt."""

from html import escape
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.core.durations import Duration
from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.plots.style import INK, MUTED, QUIET, colour_of, styled

_FIRST: Final = ("covered", "in question")
_FOUND: Final = {"covered": "#00846b", "in question": colour_of("REFUND_MISMATCH")}
# Shades for the reasons why nothing is known, which are no alert.
_UNKNOWN: Final = ("#a9b2bd", "#c4cbd3", "#8f99a6", "#dde3ea", "#76818f")


def matched_refunds(by_memory: pd.DataFrame) -> go.Figure:
    """Draw what of the refunded money can be compared with its receipt, by how long sales are remembered.

    Parameters
    ----------
    by_memory
        As `retail_anomaly.evaluate.cover_by_memory` returns it.

    Examples
    --------
    >>> table = pd.DataFrame({"memory": ["7d", "7d"], "verdict": ["covered", "memory passed"],
    ...     "lines": [3, 1], "receipts": [2, 1], "amount": [60.0, 20.0], "loss": [0.0, 0.0]})
    >>> [(bar.name, list(bar.y)) for bar in matched_refunds(table).data]
    [('covered', [0.75]), ('memory passed', [0.25])]
    """
    expect_columns(by_memory, ("memory", "verdict", "lines", "amount"), "by_memory")
    memories = list(dict.fromkeys(by_memory["memory"]))
    totals = by_memory.groupby("memory")["amount"].sum()
    verdicts = [name for name in _FIRST if name in set(by_memory["verdict"])]
    verdicts += sorted(set(by_memory["verdict"]) - set(_FIRST))
    figure = go.Figure()
    for number, verdict in enumerate(verdicts):
        own = by_memory[by_memory["verdict"] == verdict].set_index("memory").reindex(memories)
        money, lines = own["amount"].fillna(0.0), own["lines"].fillna(0).astype(int)
        shares = [
            amount / totals[memory] if totals[memory] else 0.0
            for memory, amount in zip(memories, money, strict=True)
        ]
        figure.add_bar(
            x=memories,
            y=shares,
            name=escape(verdict),
            marker_color=_FOUND.get(verdict, _UNKNOWN[number % len(_UNKNOWN)]),
            customdata=list(zip(lines, money, strict=True)),
            hovertemplate=f"{escape(verdict)}: %{{y:.1%}} of the money,<br>%{{customdata[0]:,}} lines, "
            "%{customdata[1]:,.2f}<extra>%{x}</extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.4, legend_traceorder="normal")
    figure.update_xaxes(title_text="Sales are remembered for", type="category")
    figure.update_yaxes(title_text="Share of the refunded money", tickformat=".0%", range=[0, 1])
    most = totals.max() if len(totals) else 0.0
    return styled(
        figure, "Refunds whose receipt is found", f"{most:,.2f} refunded; grey is unknown", height=420
    )


def refund_ages(cover: pd.DataFrame, *, return_window: str | None = None) -> go.Figure:
    """Draw how long after the sale goods come back, as a share of lines and of money.

    Parameters
    ----------
    cover
        As `retail_anomaly.evaluate.refund_cover` returns it; refunds without an age are left out.
    return_window
        Your shop's, such as ``30d``: it is drawn as a line.

    Examples
    --------
    >>> cover = pd.DataFrame({"age": pd.to_timedelta([1, 3], unit="D"), "amount": [10.0, 30.0]})
    >>> [list(line.y) for line in refund_ages(cover, return_window="2d").data]
    [[0.5, 1.0], [0.25, 1.0]]
    """
    expect_columns(cover, ("age", "amount"), "cover")
    known = cover.dropna(subset=["age"]).sort_values("age")
    days = (known["age"].dt.total_seconds() / 86_400).clip(lower=0)
    figure = go.Figure()
    shares = {
        "lines": pd.Series(1.0, index=known.index).cumsum() / max(1, len(known)),
        "money": known["amount"].cumsum() / max(1e-9, known["amount"].sum()),
    }
    for (name, share), colour in zip(shares.items(), (INK, "#0068b5"), strict=True):
        figure.add_scatter(
            x=days,
            y=share.tolist(),
            mode="lines",
            line={"color": colour, "shape": "hv"},
            name=name,
            hovertemplate=f"%{{y:.1%}} of the {name} within %{{x:.1f}} days<extra></extra>",
        )
    said = f"{plural(len(known), 'refund line')} with a receipt"
    if return_window is not None:
        limit = Duration.parse(return_window) / 86_400_000
        figure.add_vline(x=limit, line_color=MUTED, line_dash="dash")
        said += f"; {(days > limit).mean() if len(days) else 0.0:.1%} come later than {return_window}"
    figure.update_xaxes(title_text="Days since the sale", rangemode="tozero")
    figure.update_yaxes(title_text="Share that came by then", tickformat=".0%", range=[0, 1.02])
    return styled(figure, "Age of refunds", said, height=380)


def receipt_ledger(sales: pd.DataFrame, cover: pd.DataFrame, *, store_id: str, receipt: str) -> go.Figure:
    """Draw the ledger of one receipt: what was sold on it, and each refund that takes it back.

    Parameters
    ----------
    sales
        POS events, as `pos_frame` gives them.
    cover
        As `retail_anomaly.evaluate.refund_cover` returns it.
    store_id, receipt
        The receipt.

    Examples
    --------
    >>> sales = pd.DataFrame({"store_id": ["s"], "transaction_id": ["42"], "event_type": ["SALE"],
    ...     "sku": ["k"], "amount": [20.0], "event_time": [pd.Timestamp("2025-10-09", tz="UTC")]})
    >>> cover = pd.DataFrame({"store_id": ["s"], "receipt": ["42"], "transaction_id": ["43"], "sku": ["k"],
    ...     "amount": [30.0], "loss": [10.0], "event_time": [pd.Timestamp("2025-10-10", tz="UTC")]})
    >>> figure = receipt_ledger(sales, cover, store_id="s", receipt="42")
    >>> list(figure.data[0].y), figure.layout.title.text
    ([20.0, -30.0], 'Receipt 42: 30.00 refunded of 20.00')
    """
    expect_columns(
        sales, ("store_id", "transaction_id", "event_type", "sku", "amount", "event_time"), "sales"
    )
    expect_columns(cover, ("store_id", "receipt", "transaction_id", "sku", "amount", "loss"), "cover")
    own = sales[(sales["store_id"] == store_id) & (sales["transaction_id"] == receipt)]
    sold = own[own["event_type"].str.upper() == "SALE"]
    back = cover[(cover["store_id"] == store_id) & (cover["receipt"] == receipt)].sort_values("event_time")
    names = [f"sold {sku}" for sku in sold["sku"]]
    names += [f"{number}: {sku}" for number, sku in zip(back["transaction_id"], back["sku"], strict=True)]
    amounts = [*sold["amount"], *(-back["amount"])]
    lost = [0.0] * len(sold) + [*back["loss"]]
    figure = go.Figure(
        go.Waterfall(
            x=[f"{number}. {escape(name)}" for number, name in enumerate(names, 1)],
            y=[float(amount) for amount in amounts],
            text=[
                f"{amount:+,.2f}" + (f"<br>{loss:,.2f} in question" if loss else "")
                for amount, loss in zip(amounts, lost, strict=True)
            ],
            customdata=lost,
            connector_line_color=QUIET,
            increasing_marker_color=_FOUND["covered"],
            decreasing_marker_color=_FOUND["in question"],
            hovertemplate="%{x}: %{y:,.2f}, %{customdata:,.2f} in question<extra></extra>",
        )
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(title_text="Left of the receipt")
    title = f"Receipt {escape(receipt)}: {back['amount'].sum():,.2f} refunded of {sold['amount'].sum():,.2f}"
    said = (
        f"{back['loss'].sum():,.2f} in question in {plural(len(back), 'refund line')} of {escape(store_id)}"
    )
    return styled(figure, title, said, height=420)
