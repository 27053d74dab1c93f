"""Events as frames: receipt lines, stock counts, stock movements, receipts."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec
import pandas as pd

from retail_anomaly.core.events import REFUND, SALE, CountEvent, Event, MovementEvent, PosEvent
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.times import utc_times

AnyEvents: TypeAlias = pd.DataFrame | Iterable[Event]
"""Events, such as `retail_anomaly.Events`, or a frame of them."""


def pos_frame(events: AnyEvents) -> pd.DataFrame:
    """Return the POS events among events, as a frame to draw sales and refunds from.

    Parameters
    ----------
    events
        Events of any kind, such as `Events` or those of `data_gen.Simulation`; or such a frame.

    Returns
    -------
    pandas.DataFrame
        One row each, a column for every field of `PosEvent`, ``event_time`` as UTC timestamps.

    Examples
    --------
    >>> sale = PosEvent("t-1", "store-1", "c-1", "sku-1", 9.5, "SALE", 1_760_000_000_000)
    >>> pos_frame([sale])[["store_id", "event_time", "amount"]].values.tolist()
    [['store-1', Timestamp('2025-10-09 08:53:20+0000', tz='UTC'), 9.5]]
    """
    return events if isinstance(events, pd.DataFrame) else _frame_of(PosEvent, events)


def count_frame(events: AnyEvents) -> pd.DataFrame:
    """Return the stock counts among events, as a frame to draw a sku's stock from.

    Parameters
    ----------
    events
        Events of any kind, or such a frame.

    Returns
    -------
    pandas.DataFrame
        One row each, a column for every field of `CountEvent`, ``event_time`` as UTC timestamps.

    Examples
    --------
    >>> count_frame([CountEvent("store-1", "sku-1", 20, 1_760_000_000_000)])["counted_qty"].tolist()
    [20]
    """
    return events if isinstance(events, pd.DataFrame) else _frame_of(CountEvent, events)


def movement_frame(events: AnyEvents) -> pd.DataFrame:
    """Return the stock movements among events, as a frame to draw a sku's stock from.

    Parameters
    ----------
    events
        Events of any kind, or such a frame.

    Returns
    -------
    pandas.DataFrame
        One row each, a column for every field of `MovementEvent`, ``event_time`` as UTC timestamps.

    Examples
    --------
    >>> movement_frame([MovementEvent("store-1", "banana", -3.5, 1_760_000_000_000)])["quantity"].tolist()
    [-3.5]
    """
    return events if isinstance(events, pd.DataFrame) else _frame_of(MovementEvent, events)


def receipts_by(events: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return how many receipts each cashier or store has, and how many are refunds.

    Parameters
    ----------
    events
        POS events with ``store_id``, ``transaction_id``, ``event_time``, ``event_type`` and `keys`.
        Events that are neither sale nor refund do not count.
    keys
        The columns that tell them apart.

    Returns
    -------
    pandas.DataFrame
        One row each: `keys`, ``refunds`` and ``receipts``. Lines of equal transaction and time are one
        receipt.

    Examples
    --------
    >>> line = {"store_id": "s", "transaction_id": "1", "event_time": pd.Timestamp("2025-10-09T10:30Z"),
    ...     "event_type": "REFUND"}
    >>> receipts_by(pd.DataFrame([line, line]), ["store_id"]).to_dict("records")
    [{'store_id': 's', 'refunds': 1, 'receipts': 1}]
    """
    receipt = ["store_id", "transaction_id", "event_time"]
    expect_columns(events, dict.fromkeys([*receipt, "event_type", *keys]), "events")
    kinds = events["event_type"].str.upper()
    lines = events.assign(refund=kinds == REFUND)[kinds.isin([SALE, REFUND])]
    whole = lines.drop_duplicates([*receipt, "refund"])
    found = whole.groupby(list(keys), observed=True)["refund"].agg(refunds="sum", receipts="size")
    return found.reset_index()


def _frame_of(
    kind: type[PosEvent] | type[CountEvent] | type[MovementEvent], events: Iterable[Event]
) -> pd.DataFrame:
    rows = [msgspec.structs.astuple(event) for event in events if isinstance(event, kind)]
    frame = pd.DataFrame(rows, columns=list(kind.__struct_fields__))
    return frame.assign(event_time=utc_times(frame["event_time"]))
