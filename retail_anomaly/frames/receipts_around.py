"""The receipts around an alert."""

from collections.abc import Hashable, Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import pandas as pd

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import REFUND, PosEvent
from retail_anomaly.core.stakes import cited_transactions
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.events import AnyEvents, pos_frame
from retail_anomaly.frames.times import utc_times

_RECEIPT = ["event_time", "transaction_id", "cashier_id"]


class NearReceipt(NamedTuple):
    """A receipt near an alert; the fields are the columns of `receipts_around`."""

    event_time: Any
    transaction_id: str
    cashier_id: str
    lines: int
    sold: float
    refunded: float
    cited: bool


class Neighbours(NamedTuple):
    """The receipt lines that belong around an alert, beside those that it cites.

    Parameters
    ----------
    field, value
        The lines of its store whose field has this value.
    margin
        How long before and after the alert.
    """

    field: str
    value: str
    margin: timedelta


def neighbours(store_id: str, employee_id: object, evidence: Mapping[str, Any]) -> Neighbours:
    """Return which receipt lines belong around an alert.

    Examples
    --------
    >>> neighbours("store-1", None, {"sku": "sku-1"}).field, neighbours("store-1", "c-1", {}).field
    ('sku', 'cashier_id')
    """
    sku = evidence.get("sku")
    if isinstance(sku, str) and not cited_transactions(evidence):
        # An article is counted after the tills have closed.
        return Neighbours("sku", sku, timedelta(hours=12))
    margin = timedelta(minutes=30)
    if isinstance(employee_id, str):
        return Neighbours("cashier_id", employee_id, margin)
    return Neighbours("store_id", store_id, margin)


def receipts_around(
    alert: Mapping[Hashable, Any], events: AnyEvents, *, around: str | None = None
) -> pd.DataFrame:
    """Return the receipts that an alert cites, and those of the same person or article just before and after.

    Parameters
    ----------
    alert
        One alert: a row of an alert frame, as a dictionary.
    events
        Any source of events, or POS events as `pos_frame` returns them.
    around
        How much time to take before and after the alert, for example ``2h``. By default 30 minutes; 12 hours
        for an article, whose count comes after the tills have closed.

    Returns
    -------
    pandas.DataFrame
        One row a receipt, in order of time: ``event_time`` (UTC), ``transaction_id``, ``cashier_id``,
        ``lines``, ``sold`` and ``refunded`` (money), ``cited`` (whether the alert cites it). An alert
        about an article that cites no receipt shows the lines of that article, any other the receipts of its
        employee, or of the whole store if it names none.

    Examples
    --------
    >>> from retail_anomaly.core.events import PosEvent
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> refund = "store-1", "c-1", "k", 9.5, "REFUND", 1_760_000_000_000
    >>> refunds = [PosEvent("t-2", *refund), PosEvent("t-9", *refund)]
    >>> alert = example_alerts().iloc[0].to_dict()
    >>> receipts_around(alert, refunds)[["transaction_id", "refunded", "cited"]].values.tolist()
    [['t-2', 9.5, True], ['t-9', 9.5, False]]
    """
    lines = pos_frame(events)
    expect_columns(lines, ("store_id", "sku", "event_type", "amount", *_RECEIPT), "events")
    lines = lines[lines["store_id"] == alert["store_id"]]
    names = cited_transactions(alert["evidence"])
    near_by = neighbours(alert["store_id"], alert["employee_id"], alert["evidence"])
    margin = pd.Timedelta(around or near_by.margin)
    near = lines["event_time"].between(alert["opened_at"] - margin, alert["event_time"] + margin)
    near &= lines[near_by.field] == near_by.value
    cited = lines["transaction_id"].isin(names) & (lines["event_time"] <= alert["event_time"])
    kept = lines.assign(cited=cited)[near | cited]
    columns = (kept[name] for name in (*_RECEIPT, "event_type", "amount", "cited"))
    found = pd.DataFrame(_gathered(zip(*columns, strict=True)), columns=list(NearReceipt._fields))
    return found.astype({"event_time": kept["event_time"].dtype, "sold": "float64", "refunded": "float64"})


def receipts_near(alert: Alert, lines: Iterable[PosEvent]) -> list[NearReceipt]:
    """Return the receipts of `receipts_around` for one alert and a few lines, without frames.

    Examples
    --------
    >>> alert = Alert(alert_id="a", revision=1, type="T", detector="t", store_id="store-1", employee_id="c-1",
    ...     risk_score=1.0, message="", event_time=5, opened_at=5, evidence={"transactionId": "t-2"},
    ...     config_hash="0")
    >>> refund = PosEvent("t-2", "store-1", "c-9", "k", 9.5, "REFUND", 4)
    >>> receipts_near(alert, [refund])[0][1:]
    ('t-2', 'c-9', 1, 0.0, 9.5, True)
    """
    names = set(cited_transactions(alert.evidence))
    near_by = neighbours(alert.store_id, alert.employee_id, alert.evidence)
    margin = near_by.margin // timedelta(milliseconds=1)
    kept = []
    for line in lines:
        if line.store_id != alert.store_id:
            continue
        near = alert.opened_at - margin <= line.event_time <= alert.event_time + margin
        near = near and getattr(line, near_by.field) == near_by.value
        cited = line.transaction_id in names and line.event_time <= alert.event_time
        if near or cited:
            receipt = line.event_time, line.transaction_id, line.cashier_id
            kept.append((*receipt, line.event_type, line.amount, cited))
    found = _gathered(kept)
    times = utc_times([receipt.event_time for receipt in found])
    return [receipt._replace(event_time=time) for receipt, time in zip(found, times, strict=True)]


def _gathered(lines: Iterable[tuple[Any, str, str, str, float, bool]]) -> list[NearReceipt]:
    """Return the receipts of lines: time, number, cashier, type, amount, and whether the alert cites it."""
    found: dict[tuple[Any, str, str], list[Any]] = {}
    for time, receipt, cashier, kind, amount, cited in lines:
        sums = found.setdefault((time, receipt, cashier), [0, 0.0, 0.0, False])
        sums[0] += 1
        sums[2 if kind.upper() == REFUND else 1] += amount
        sums[3] |= bool(cited)
    return [
        NearReceipt(*key, *found[key]) for key in sorted(found, key=lambda key: (key[0], *map(str, key[1:])))
    ]
