"""Events as frames: receipt lines, stock counts, stock movements, receipts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias, TypeGuard

import msgspec
import pandas as pd

from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.events import (
    EVENT_TYPES,
    REFUND,
    SALE,
    CountEvent,
    MovementEvent,
    PosEvent,
)
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.times import utc_times
from retail_anomaly.sources import Where, open_input
from retail_anomaly.sources.clocks import NO_ZONES
from retail_anomaly.sources.event_log import BadLine
from retail_anomaly.sources.mapping import EventMapping

AnyEvents: TypeAlias = Where
"""Any source of events, as `retail_anomaly.load` takes it, or a frame as `pos_frame` returns it."""
_Kind: TypeAlias = type[PosEvent] | type[CountEvent] | type[MovementEvent]
_TOPICS: Final = {kind: topic for topic, kind in EVENT_TYPES.items()}


def pos_frame(events: AnyEvents, *, zones: Mapping[str, str] | str = NO_ZONES) -> pd.DataFrame:
    """Return the POS events among events, as a frame to draw sales and refunds from.

    Parameters
    ----------
    events
        Any source of events: `Events`, a path, a frame or rows with the names on the wire, those of
        `data_gen.Simulation`; or a frame as this function returns it.
    zones
        Time zone of times that have none: one for all stores, or by store id.

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
    return _frame_of(PosEvent, events, zones)


def is_pos_frame(events: AnyEvents) -> TypeGuard[pd.DataFrame]:
    """Tell whether events are a frame as `pos_frame` returns it, with all or some of its columns.

    Examples
    --------
    >>> is_pos_frame(pos_frame([])), is_pos_frame(pd.DataFrame({"storeId": ["s"]}))
    (True, False)
    """
    return _is_ours(events, PosEvent)


def count_frame(events: AnyEvents, *, zones: Mapping[str, str] | str = NO_ZONES) -> pd.DataFrame:
    """Return the stock counts among events, as a frame to draw a sku's stock from.

    Parameters
    ----------
    events, zones
        As of `pos_frame`.

    Returns
    -------
    pandas.DataFrame
        One row each, a column for every field of `CountEvent`, ``event_time`` as UTC timestamps.

    Examples
    --------
    >>> count_frame([CountEvent("store-1", "sku-1", 20, 1_760_000_000_000)])["counted_qty"].tolist()
    [20]
    """
    return _frame_of(CountEvent, events, zones)


def movement_frame(events: AnyEvents, *, zones: Mapping[str, str] | str = NO_ZONES) -> pd.DataFrame:
    """Return the stock movements among events, as a frame to draw a sku's stock from.

    Parameters
    ----------
    events, zones
        As of `pos_frame`.

    Returns
    -------
    pandas.DataFrame
        One row each, a column for every field of `MovementEvent`, ``event_time`` as UTC timestamps.

    Examples
    --------
    >>> movement_frame([MovementEvent("store-1", "banana", -3.5, 1_760_000_000_000)])["quantity"].tolist()
    [-3.5]
    """
    return _frame_of(MovementEvent, events, zones)


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


def _frame_of(kind: _Kind, events: AnyEvents, zones: Mapping[str, str] | str) -> pd.DataFrame:
    topic = _TOPICS[kind]
    if _is_ours(events, kind):
        return _in_utc(events)
    # Rows that do not say their topic are of the one that is asked for; a file says it by its name or lines.
    mapping = None if _is_path(events) else EventMapping(topic=topic)
    source = open_input(events, columns=mapping, zones=zones)
    rows = [msgspec.structs.astuple(event) for event in source.events(_pass_over) if isinstance(event, kind)]
    frame = pd.DataFrame(rows, columns=list(kind.__struct_fields__))
    return frame.assign(event_time=utc_times(frame["event_time"]))


def _is_ours(events: AnyEvents, kind: _Kind) -> TypeGuard[pd.DataFrame]:
    """Tell whether events are a frame with names of ours, such as ``store_id``, and none of the wire."""
    if not isinstance(events, pd.DataFrame):
        return False
    fields = msgspec.structs.fields(kind)
    ours = {field.name for field in fields}
    of_the_wire = {field.encode_name for field in fields} - ours
    return not of_the_wire.intersection(events.columns) and not ours.isdisjoint(events.columns)


def _in_utc(events: pd.DataFrame) -> pd.DataFrame:
    if "event_time" not in events:
        return events
    times = events["event_time"]
    if isinstance(times.dtype, pd.DatetimeTZDtype) and str(times.dtype.tz) == "UTC":
        return events
    has_zone = isinstance(times.dtype, pd.DatetimeTZDtype)
    if not has_zone and not all(getattr(time, "tzinfo", None) for time in times):
        raise UsageError(
            f"events: event_time: expected timestamps with a time zone, got {times.dtype}, such as "
            f"{times.iloc[0]}: make them timestamps in UTC, or pass the source itself"
        )
    return events.assign(event_time=pd.to_datetime(times, utc=True))


def _is_path(events: AnyEvents) -> bool:
    first = events[0] if isinstance(events, list | tuple) and events else events
    return isinstance(first, str | Path)


def _pass_over(_bad: BadLine) -> None:
    """Leave a line out that is no event; `Events.unread` and `data_quality` tell of it."""
