"""Rows of a DataFrame as typed events."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import pandas as pd

from retail_anomaly.core import codec
from retail_anomaly.core.codec import InvalidEvent
from retail_anomaly.core.events import EVENT_TYPES, Event
from retail_anomaly.sources.cells import CONVERT, converted, optional_text_cell, time_cell
from retail_anomaly.sources.columns import FIELDS, REQUIRED, TIMES, Columns, put
from retail_anomaly.sources.event_log import BadLine, Reject


def frame_events(
    frame: pd.DataFrame,
    topic: str | None,
    columns: Columns,
    reject: Reject,
    *,
    name: str = "row",
    numbers: Iterable[int] | None = None,
) -> Iterator[Event]:
    """Make events of a table's rows.

    Parameters
    ----------
    frame
        The table. Timestamps become epoch milliseconds (naive ones are UTC); NaN, NaT, NA, None and
        empty strings count as absent, and in an optional text also words such as NULL. Blanks around a cell
        are no part of it. Whole numbers may come as floats, ids as numbers, flags as 1 and 0.
    topic
        The rows' topic; None when the column ``topic`` has it.
    columns
        Where the fields are.
    reject
        Called with each row that is no event.
    name
        The name of the table in messages.
    numbers
        Number of each row; by default from 1.

    Yields
    ------
    Event
        The events in the order of the rows.

    Examples
    --------
    >>> frame = pd.DataFrame({"storeId": ["s"], "sku": [7], "countedQty": [3.0],
    ...     "eventTime": [pd.Timestamp("2025-10-09")]})
    >>> list(frame_events(frame, "inventory-counts", Columns(), print))
    [CountEvent(store_id='s', sku='7', counted_qty=3, event_time=1759968000000, manager_id=None)]
    """
    if topic is not None:
        topics, rows = [topic] * len(frame), _values(frame, topic, columns)
    else:
        topics, rows = _mixed_values(frame, columns)
    if numbers is None:
        numbers = range(1, len(frame) + 1)
    for number, row_topic, row in zip(numbers, topics, rows, strict=True):
        try:
            try:
                event = codec.checked(msgspec.convert(row, EVENT_TYPES[row_topic]))
            except (msgspec.ValidationError, InvalidEvent, KeyError):
                # A second look: `convert` is too strict for some events, and it does not name the fault.
                event = codec.from_mapping(row_topic, row)
        except InvalidEvent as error:
            reject(BadLine(f"{name} {number}", number, row_topic, error, _raw(row), in_table=True))
            continue
        yield event


def frame_stores(frame: pd.DataFrame, columns: Columns) -> list[Any]:
    """Return each row's store as its event will have it; a store that is not text makes no event.

    Examples
    --------
    >>> frame_stores(pd.DataFrame({"shop": [7, None]}), Columns({"storeId": "shop"}, {"storeId": "web"}))
    ['7', 'web']
    """
    return _cells(frame, "storeId", CONVERT["text"], columns) or [None] * len(frame)


def frame_times(frame: pd.DataFrame, column: str) -> list[Any]:
    """Return a time column in epoch milliseconds, None where there is none.

    Examples
    --------
    >>> frame_times(pd.DataFrame({"at": [pd.Timestamp("2025-10-09"), pd.NaT]}), "at")
    [1759968000000, None]
    """
    return converted(frame[column], time_cell)


def _raw(row: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(row, enc_hook=str)
    except (ValueError, OverflowError, RecursionError):  # half a surrogate pair, a huge number
        return str(row).encode("utf-8", "backslashreplace")


def _mixed_values(frame: pd.DataFrame, columns: Columns) -> tuple[list[str], list[dict[str, Any]]]:
    """Convert the rows of each topic at a time; every row keeps its place."""
    topics = [str(topic).strip() for topic in frame["topic"].tolist()]
    rows: list[dict[str, Any]] = [{} for _ in topics]
    for topic in set(topics):
        places = [place for place, other in enumerate(topics) if other == topic]
        values = _values(frame.iloc[places], topic, columns)
        for place, value in zip(places, values, strict=True):
            rows[place] = value
    return topics, rows


def _values(frame: pd.DataFrame, topic: str, columns: Columns) -> list[dict[str, Any]]:
    """Return the rows' values under the names on the wire."""
    flat: dict[str, list[Any]] = {}
    for field, kind in FIELDS.get(topic, {}).items():
        convert = time_cell if field in TIMES else CONVERT[kind]
        if kind == "text" and field not in REQUIRED[topic]:
            convert = optional_text_cell
        cells = _cells(frame, field, convert, columns)
        if cells is not None:
            flat[field] = cells
    if not flat:
        return [{} for _ in range(len(frame))]
    nested = {field for field in flat if "." in field}
    plain = [field for field in flat if field not in nested]
    rows = [
        dict(zip(plain, values, strict=True))
        for values in zip(*(flat[field] for field in plain), strict=True)
    ]
    for field in nested:
        for row, value in zip(rows, flat[field], strict=True):
            put(row, field, value)
    return rows


def _cells(
    frame: pd.DataFrame, field: str, convert: Callable[[Any], Any], columns: Columns
) -> list[Any] | None:
    """Return a field's values, or None where the table has none."""
    column, constant = columns.column(field), columns.constants.get(field)
    if column in frame.columns:
        values = converted(frame[column], convert)
        if constant is not None:
            values = [constant if v is None or v == "" else v for v in values]
        return values
    if constant is not None:
        return [constant] * len(frame)
    parent, _, child = column.partition(".")
    if parent in frame.columns:  # a column of structs: eventData
        return [cell.get(child) if isinstance(cell, dict) else None for cell in frame[parent]]
    return None
