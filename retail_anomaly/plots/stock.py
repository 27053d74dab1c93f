"""The stock expected on the shelf between two counts, and the stock counted."""

from html import escape
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.core.events import REFUND, SALE
from retail_anomaly.core.quantities import PLACES, plural, rounded
from retail_anomaly.frames.alerts import last_revisions
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.events import AnyEvents, count_frame, movement_frame, pos_frame
from retail_anomaly.frames.shown_times import Zones, local_text, zone_of
from retail_anomaly.frames.store_calendar import on_clock
from retail_anomaly.frames.words import label_of
from retail_anomaly.plots.clock import name_time_axis
from retail_anomaly.plots.hover import alert_hover
from retail_anomaly.plots.style import INK, MUTED, colour_of, styled, symbol_of, types_in_order

_LINE: Final = "#0068b5"
_MISSING: Final = "#b3261e"
_POS: Final = ("store_id", "sku", "cashier_id", "transaction_id", "event_time", "event_type", "quantity")
_COUNTS: Final = ("store_id", "sku", "counted_qty", "event_time", "manager_id")
_MOVED: Final = ("store_id", "sku", "quantity", "event_time", "reason")
# The tills tell of these.
_MOVEMENT: Final = "MOVEMENT"
_PASSED_OVER: Final = ("SALE", "RETURN")


def stock_walk(
    events: AnyEvents,
    counts: AnyEvents,
    *,
    store_id: str,
    sku: str,
    movements: AnyEvents | None = None,
    alerts: pd.DataFrame | None = None,
    zones: Zones = "UTC",
) -> go.Figure:
    """Draw the stock of one sku: each count, and the stock that sales and movements leave until the next.

    Parameters
    ----------
    events
        Any source of events, or POS events with ``store_id``, ``sku``, ``cashier_id``, ``transaction_id``,
        ``event_time``, ``event_type`` and ``quantity``, in the order in which they came.
    counts
        Stock counts as `count_frame` returns them: ``store_id``, ``sku``, ``counted_qty``,
        ``event_time`` and ``manager_id``. At equal times the sale counts first.
    store_id, sku
        Whose stock.
    movements
        Stock movements as `movement_frame` returns them: ``store_id``, ``sku``, ``quantity``, ``event_time``
        and ``reason``. Those of sales and returns are passed over.
    alerts
        Alerts, as `replay` returns them: those whose evidence names this sku are marked at their count.
    zones
        Time zone of the stores; the axis is in that of this store.

    Returns
    -------
    plotly.graph_objects.Figure
        A line that steps with every sale and refund, and a marker a count. Before the first count
        nothing is known and nothing is drawn.

    Examples
    --------
    >>> at = pd.to_datetime(["2025-10-06T08:00Z", "2025-10-07T10:00Z", "2025-10-08T08:00Z"])
    >>> sale = {"store_id": "s", "sku": "k", "cashier_id": "c", "transaction_id": "t", "event_time": at[1],
    ...     "event_type": "SALE", "quantity": 3}
    >>> counts = pd.DataFrame({"store_id": "s", "sku": "k", "counted_qty": [20, 10],
    ...     "event_time": at[[0, 2]], "manager_id": "m-1"})
    >>> figure = stock_walk(pd.DataFrame([sale]), counts, store_id="s", sku="k")
    >>> figure.layout.title.text
    'k in s: 7 pieces missing at 1 of 2 counts'
    >>> figure.data[0].y.tolist()
    [20, 20, 17, 17, 10]
    """
    zone = zone_of(store_id, zones)
    booked = None if movements is None else movement_frame(movements, zones=zones)
    walk = _walk(pos_frame(events, zones=zones), count_frame(counts, zones=zones), booked, store_id, sku)
    counted = walk[walk["counted"].notna()]
    figure = go.Figure()
    # A count is drawn twice: the stock expected there, then the stock counted.
    drawn = walk.loc[walk.index.repeat(1 + walk["counted"].notna())]
    second = drawn.index.duplicated()
    figure.add_scatter(
        x=on_clock(drawn["event_time"], zone),
        y=_numbers(np.where(second, drawn["counted"], drawn["expected"])),
        mode="lines",
        name="Expected: last count less sales, plus refunds and deliveries",
        line={"color": _LINE, "width": 1.5, "shape": "hv"},
        hovertext=[_step_hover(row, zone) for row in drawn.to_dict("records")],
        hoverinfo="text",
    )
    missing = counted[counted["expected"] > counted["counted"]]
    _add_gaps(figure, missing, zone)
    figure.add_scatter(
        x=on_clock(counted["event_time"], zone),
        y=_numbers(counted["counted"]),
        mode="markers",
        name="Counted",
        marker={"color": INK, "size": 9, "symbol": "line-ew", "line": {"color": INK, "width": 3}},
        hovertext=[_step_hover(row, zone) for row in counted.to_dict("records")],
        hoverinfo="text",
    )
    if alerts is not None:
        _add_alerts(figure, alerts, counted, store_id, sku, zones)
    name_time_axis(figure, walk["event_time"], zone)
    lowest = min([0, *walk["expected"]])
    figure.update_yaxes(title_text="Pieces in stock", range=[lowest, None], autorangeoptions_include=0)
    if lowest < 0:
        figure.add_hline(y=0, line={"color": MUTED, "width": 1, "dash": "dot"})
    pieces = rounded(float((missing["expected"] - missing["counted"]).sum()))
    noun = "piece" if pieces == 1 else "pieces"
    title = f"{escape(sku)} in {escape(store_id)}: " + (
        f"{pieces:,} {noun} missing at {len(missing)} of {plural(len(counted), 'count')}"
        if pieces
        else f"nothing missing at {plural(len(counted), 'count')}"
    )
    sold, back, moved = (
        rounded(float(walk.loc[walk["kind"] == kind, "quantity"].sum())) for kind in (SALE, REFUND, _MOVEMENT)
    )
    since = f"Since the first count {sold:,} sold and {back:,} refunded"
    return styled(figure, title, since if movements is None else f"{since}, {moved:+,} moved", height=300)


def _numbers(values: Any) -> np.ndarray:
    """Return quantities as integers if all are whole: the axis then shows pieces."""
    numbers = np.round(np.asarray(values, dtype="float64"), PLACES)
    return numbers.astype("int64") if (numbers == np.round(numbers)).all() else numbers


def _walk(
    events: pd.DataFrame, counts: pd.DataFrame, movements: pd.DataFrame | None, store_id: str, sku: str
) -> pd.DataFrame:
    """Return sales, movements, counts in order, with the stock expected after (at a count: before) each."""
    expect_columns(events, _POS, "events")
    expect_columns(counts, _COUNTS, "counts")
    pos = events[(events["store_id"] == store_id) & (events["sku"] == sku)]
    pos = pos.assign(kind=pos["event_type"].str.upper(), counted=np.nan)
    found = counts[(counts["store_id"] == store_id) & (counts["sku"] == sku)]
    found = found.assign(kind="COUNT", counted=found["counted_qty"].astype("float64"), quantity=0)
    moved = _moved(movements, store_id, sku)
    every = [frame for frame in (pos[pos["kind"].isin([SALE, REFUND])], moved, found) if len(frame)]
    columns = ["event_time", "kind", "quantity", "counted", "cashier_id", "transaction_id", "manager_id"]
    columns.append("reason")
    if not len(found):
        empty = pd.concat([pos, found]).head(0).reindex(columns=[*columns, "expected"])
        return empty.assign(event_time=pd.to_datetime(empty["event_time"], utc=True))
    walk = pd.concat(every, ignore_index=True).reindex(columns=columns)
    walk = walk.sort_values("event_time", kind="stable", ignore_index=True)
    walk = walk.loc[walk["counted"].notna().idxmax() :].reset_index(drop=True)
    expected, stock = [], float(walk["counted"].iloc[0])
    for kind, quantity, number in zip(walk["kind"], walk["quantity"], walk["counted"], strict=True):
        stock = round(stock + {SALE: -1, REFUND: 1, _MOVEMENT: 1}.get(kind, 0) * quantity, PLACES)
        expected.append(stock)
        if kind == "COUNT":
            stock = number
    return walk.assign(expected=expected)


def _moved(movements: pd.DataFrame | None, store_id: str, sku: str) -> pd.DataFrame:
    if movements is None:
        return pd.DataFrame()
    expect_columns(movements, _MOVED, "movements")
    own = movements[(movements["store_id"] == store_id) & (movements["sku"] == sku)]
    told_by_tills = own["reason"].astype("str").str.upper().isin(_PASSED_OVER)
    return own[~told_by_tills].assign(kind=_MOVEMENT, counted=np.nan)


def _add_gaps(figure: go.Figure, missing: pd.DataFrame, zone: str) -> None:
    x, y = [], []
    for time, expected, counted in zip(
        on_clock(missing["event_time"], zone), missing["expected"], missing["counted"], strict=True
    ):
        x += [time, time, None]
        y += [rounded(expected), rounded(counted), None]
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        name="Missing at a count",
        showlegend=bool(x),
        line={"color": _MISSING, "width": 4},
        hoverinfo="skip",
    )


def _add_alerts(
    figure: go.Figure, alerts: pd.DataFrame, counted: pd.DataFrame, store_id: str, sku: str, zones: Zones
) -> None:
    shown = last_revisions(alerts)
    about = [evidence.get("sku") == sku for evidence in shown["evidence"]]
    shown = shown[np.array(about, dtype=bool) & (shown["store_id"] == store_id)]
    # An alert about this sku that no count raised, such as a refund without a sale, has no place here.
    levels = counted.drop_duplicates("event_time", keep="last").set_index("event_time")["counted"]
    shown = shown[shown["event_time"].isin(levels.index)]
    types = types_in_order(set(shown["type"]))
    for place, alert_type in enumerate(types):
        own = shown[shown["type"] == alert_type]
        figure.add_scatter(
            x=on_clock(own["event_time"], zone_of(store_id, zones)),
            y=_numbers(levels.loc[own["event_time"]]),
            mode="markers",
            name=escape(label_of(alert_type)),
            marker={
                "color": colour_of(alert_type),
                "symbol": symbol_of(alert_type),
                # One count can raise two alerts: the smaller marker is drawn over the larger.
                "size": 13 + 9 * (len(types) - 1 - place),
                "line": {"color": "white", "width": 1},
            },
            hovertext=[alert_hover(alert, zones) for alert in own.to_dict("records")],
            hoverinfo="text",
        )


def _step_hover(row: dict[Any, Any], zone: str) -> str:
    time = local_text(row["event_time"], zone)
    expected, quantity = rounded(float(row["expected"])), rounded(float(row["quantity"]))
    if row["kind"] == "COUNT":
        by = f" by {escape(row['manager_id'])}" if isinstance(row["manager_id"], str) else ""
        counted = rounded(float(row["counted"]))
        missing = rounded(expected - counted)
        rest = (
            f"{missing:,} missing"
            if missing > 0
            else f"{-missing:,} too many"
            if missing
            else "as it should be"
        )
        return f"Counted {counted:,}{by}, expected {expected:,}: {rest}<br>{time}"
    if row["kind"] == _MOVEMENT:
        reason = f", {escape(row['reason'])}" if isinstance(row["reason"], str) else ""
        way = "in" if quantity > 0 else "out"
        return f"{plural(abs(quantity), 'piece')} {way}{reason}<br>{expected:,} left<br>{time}"
    verb = "sold" if row["kind"] == SALE else "taken back"
    return (
        f"{plural(quantity, 'piece')} {verb} by {escape(str(row['cashier_id']))}, "
        f"{escape(str(row['transaction_id']))}<br>{expected:,} left<br>{time}"
    )
