"""An alert's evidence in words, and the money it is about."""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from retail_anomaly.core.stakes import at_stake, cited_transactions
from retail_anomaly.frames.shown_times import local_text
from retail_anomaly.frames.times import utc_times

# Labels of evidence whose name does not say enough; other names are split at their capitals.
_LABELS: Final = {
    "refundCount": "High refunds",
    "totalRefunds": "Refunds in all",
    "saleAmount": "Amount of the sale",
    "secondsAfterSale": "Seconds from sale to alarm",
    "otherTransactionIds": "Other sales just before",
    "securityEventId": "Gate event",
    "difference": "Unexplained pieces",
    "missing": "Missing pieces",
}
# Of a count, the same names say more.
_OF_A_COUNT: Final = {
    "sold": "Sold since the last count",
    "refunded": "Refunded since the last count",
    "received": "Received since the last count",
    "moved": "Moved since the last count",
}
# Codes such as OVER_QUANTITY, in a field named like a reason.
_CODE: Final = re.compile(r"[A-Z]+(_[A-Z]+)*")
# 2000 to 9999 in milliseconds: such an integer, in a field named like a time, is a time.
_FIRST_TIME: Final = 946_684_800_000
_LAST_TIME: Final = 253_402_300_799_999


def evidence_items(evidence: Mapping[str, Any], zone: str = "UTC") -> list[tuple[str, str]]:
    """Return evidence as pairs of words, for a person to read.

    The names that a detector gives are enough: a new detector needs no entry here.

    Parameters
    ----------
    evidence
        Numbers and ids, as an alert carries them.
    zone
        Time zone of the store, for times among them.

    Examples
    --------
    >>> evidence_items({"transactionIds": ["t-1", "t-2"], "offShift": None, "averageAmount": 1204.5})
    [('Transactions', 't-1, t-2'), ('Off shift', 'not known'), ('Average amount', '1,204.50')]
    >>> evidence_items({"lines": [{"sku": "k", "amount": 3.5}, {"sku": "x", "amount": 2.0}]})
    [('Lines', 'sku k, amount 3.50; sku x, amount 2.00')]
    >>> evidence_items({"sold": 3, "counted": 9, "reasons": ["OVER_QUANTITY"]})
    [('Sold since the last count', '3'), ('Counted', '9'), ('Reasons', 'over quantity')]
    >>> evidence_items({"shift": {"shiftEnd": 1_760_000_000_000}}, "Europe/Berlin")
    [('Shift end', '2025-10-09 10:53:20 CEST')]
    """
    items: list[tuple[str, str]] = []
    for name, value in evidence.items():
        if isinstance(value, Mapping):
            items += evidence_items(value, zone)
        else:
            label = _OF_A_COUNT.get(name) if "counted" in evidence else None
            items.append((label or _label(name), _value(name, value, zone)))
    return items


def money_once(alerts: pd.DataFrame) -> "pd.Series[float]":
    """Return the money of each alert, with every transaction counted once.

    A transaction that several alerts cite counts in the one that is about the most money, and in no other.
    If an alert shares only some of its transactions with such a one, it counts the average for the rest.

    Parameters
    ----------
    alerts
        Each alert once, with ``store_id`` and ``evidence``.

    Returns
    -------
    pandas.Series
        NaN for an alert that counts pieces.

    Examples
    --------
    >>> evidence = [
    ...     {"transactionIds": ["t-1", "t-2"], "averageAmount": 120.0, "totalRefunds": 2},
    ...     {"transactionId": "t-1", "amount": 140.0},
    ... ]
    >>> money_once(pd.DataFrame({"store_id": "store-1", "evidence": evidence})).tolist()
    [240.0, 0.0]
    """
    stakes = alerts["evidence"].map(at_stake).astype("float64").to_numpy(copy=True)
    stores, evidence = alerts["store_id"].tolist(), alerts["evidence"].tolist()
    counted: set[tuple[str, str, str]] = set()
    for row in np.argsort(-stakes, kind="stable"):  # NaN comes last
        # A refund can have the number of the sale that it takes back.
        kind = "sale" if "saleAmount" in evidence[row] else "refund"
        cited = {(stores[row], kind, name) for name in cited_transactions(evidence[row])}
        if cited:
            stakes[row] *= len(cited - counted) / len(cited)
            counted |= cited
    return pd.Series(stakes, alerts.index)


def _label(name: str) -> str:
    if name in _LABELS:
        return _LABELS[name]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").lower()
    words = re.sub(r" id(s?)$", r"\1", words)
    return words[:1].upper() + words[1:]


def _value(name: str, value: object, zone: str) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        if _FIRST_TIME <= value <= _LAST_TIME and name.lower().endswith(("start", "end", "time", "at")):
            return local_text(utc_times([value])[0], zone)
        return f"{value:,}"
    if isinstance(value, float):
        # Seconds and ratios can be small; money has two places.
        is_money = any(word in name.lower() for word in ("amount", "price", "loss"))
        return f"{value:,.2f}" if is_money or value >= 1000 else f"{value:,g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{_label(key).lower()} {_value(key, item, zone)}" for key, item in value.items())
    if isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
        return "; ".join(_value(name, item, zone) for item in value)
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(name, item, zone) for item in value) or "none"
    text = str(value)
    if name.lower().startswith("reason") and _CODE.fullmatch(text):
        return text.replace("_", " ").lower()
    return text
