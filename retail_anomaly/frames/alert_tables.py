"""The frames that figures are drawn from."""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import pandas as pd

from retail_anomaly.core.events import REFUND, SALE, CountEvent, Event, PosEvent
from retail_anomaly.frames.words import Zones, evidence_items, label_of, local_text, zone_of

ALERT_COLUMNS: Final = (
    "alert_id",
    "revision",
    "type",
    "store_id",
    "employee_id",
    "risk_score",
    "message",
    "event_time",
    "evidence",
)


def expect(frame: pd.DataFrame, columns: Iterable[str], what: str) -> None:
    """Check that a frame has the columns a figure needs.

    Raises
    ------
    ValueError
        It lacks some; the message names them.

    Examples
    --------
    >>> expect(pd.DataFrame({"store_id": []}), ("store_id", "amount"), "events")
    Traceback (most recent call last):
    ...
    ValueError: events: a column is missing: amount
    """
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ValueError(
            f"{what}: {'columns are' if len(missing) > 1 else 'a column is'} missing: {', '.join(missing)}"
        )


def last_revisions(alerts: pd.DataFrame) -> pd.DataFrame:
    """Return each alert once, as its last revision has it, in order of time.

    Repeated alerts, as a restart leaves them, count once too.

    Examples
    --------
    >>> alerts = example_alerts()
    >>> worse = alerts.head(1).assign(revision=2, risk_score=1.0)
    >>> last_revisions(pd.concat([alerts, worse]))[["alert_id", "revision"]].values.tolist()
    [['a1', 2], ['a2', 1]]
    """
    expect(alerts, ALERT_COLUMNS, "alerts")
    last = alerts.sort_values("revision", kind="stable").drop_duplicates("alert_id", keep="last")
    return last.sort_values(["event_time", "alert_id"], kind="stable", ignore_index=True)


def evidence_table(alert: Mapping[Hashable, Any], zones: Zones = "UTC") -> pd.DataFrame:
    """Return one alert's evidence in words, for a notebook to show.

    Examples
    --------
    >>> alert = example_alerts().iloc[0].to_dict()
    >>> evidence_table(alert)["Evidence"].to_dict()["Off shift"]
    'yes'
    """
    items = evidence_items(alert["evidence"], zone_of(alert["store_id"], zones))
    return pd.DataFrame(items, columns=["", "Evidence"]).set_index("")


def pos_frame(events: Iterable[Event]) -> pd.DataFrame:
    """Return the POS events among events, as a frame to draw sales and refunds from.

    Parameters
    ----------
    events
        Events of any kind, for example from `data_gen.Simulation`.

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
    return _frame_of(PosEvent, events)


def alerts_table(alerts: pd.DataFrame, zones: Zones = "UTC") -> pd.DataFrame:
    """Return alerts in words, each once, for a notebook to show; times are those of the store's clock.

    Parameters
    ----------
    alerts
        Alerts, as `replay` returns them.
    zones
        Time zone of the stores.

    Returns
    -------
    pandas.DataFrame
        ``Time``, ``Store``, ``Employee``, ``Alert``, ``Risk`` and ``What was seen``, in order of time.

    Examples
    --------
    >>> alerts_table(example_alerts(), "Europe/Berlin")[["Time", "Employee", "Alert"]].values.tolist()
    [['2025-10-09 10:53:20 CEST', 'c-1', 'Refund burst'], ['2025-10-09 12:53:20 CEST', '', 'Shrinkage']]
    """
    shown = last_revisions(alerts)
    rows = [
        (
            local_text(alert["event_time"], zone_of(alert["store_id"], zones)),
            alert["store_id"],
            alert["employee_id"] if isinstance(alert["employee_id"], str) else "",
            label_of(alert["type"]),
            round(alert["risk_score"], 2),
            alert["message"],
        )
        for alert in shown.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["Time", "Store", "Employee", "Alert", "Risk", "What was seen"])


def count_frame(events: Iterable[Event]) -> pd.DataFrame:
    """Return the stock counts among events, as a frame to draw a sku's stock from.

    Parameters
    ----------
    events
        Events of any kind.

    Returns
    -------
    pandas.DataFrame
        One row each, a column for every field of `CountEvent`, ``event_time`` as UTC timestamps.

    Examples
    --------
    >>> count_frame([CountEvent("store-1", "sku-1", 20, 1_760_000_000_000)])["counted_qty"].tolist()
    [20]
    """
    return _frame_of(CountEvent, events)


def _frame_of(kind: type[PosEvent] | type[CountEvent], events: Iterable[Event]) -> pd.DataFrame:
    rows = [msgspec.structs.astuple(event) for event in events if isinstance(event, kind)]
    frame = pd.DataFrame(rows, columns=list(kind.__struct_fields__))
    times = pd.to_datetime(frame["event_time"].astype("int64"), unit="ms", utc=True)
    return frame.assign(event_time=times.astype("datetime64[ms, UTC]"))


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
    expect(events, dict.fromkeys([*receipt, "event_type", *keys]), "events")
    kinds = events["event_type"].str.upper()
    lines = events.assign(refund=kinds == REFUND)[kinds.isin([SALE, REFUND])]
    whole = lines.drop_duplicates([*receipt, "refund"])
    found = whole.groupby(list(keys), observed=True)["refund"].agg(refunds="sum", receipts="size")
    return found.reset_index()


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names the way people do: numbers in them count as numbers.

    Examples
    --------
    >>> in_order({"store-10", "store-2"})
    ['store-2', 'store-10']
    """

    def key(name: str) -> list[tuple[int, int, str]]:
        parts = re.split(r"([0-9]+)", name)
        return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]

    return sorted(names, key=key)


def example_alerts() -> pd.DataFrame:
    """Return two made-up alerts, for examples and tests.

    Examples
    --------
    >>> example_alerts()["type"].tolist()
    ['REFUND_BURST', 'SHRINKAGE']
    """
    times = pd.to_datetime([1_760_000_000_000, 1_760_007_200_000], unit="ms", utc=True)
    burst = {
        "transactionIds": ["t-1", "t-2"],
        "refundCount": 2,
        "totalRefunds": 2,
        "averageAmount": 120.0,
        "offShift": True,
    }
    return pd.DataFrame(
        {
            "alert_id": ["a1", "a2"],
            "revision": [1, 1],
            "type": ["REFUND_BURST", "SHRINKAGE"],
            "detector": ["refund_burst", "inventory_shrinkage"],
            "store_id": ["store-1", "store-1"],
            "employee_id": ["c-1", None],
            "risk_score": [0.88, 1.0],
            "message": ["Cashier c-1 made 2 high refunds.", "10 pieces are unexplained."],
            "event_time": times.astype("datetime64[ms, UTC]"),
            "opened_at": times.astype("datetime64[ms, UTC]"),
            "detected_at": times.astype("datetime64[ms, UTC]"),
            "evidence": [burst, {"sku": "sku-1", "sold": 30, "counted": 20, "difference": 10}],
            "config_hash": ["0", "0"],
        }
    )
