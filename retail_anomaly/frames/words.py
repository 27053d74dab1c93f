"""Alerts in words: for hover texts, titles and the report."""

import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import pandas as pd

Zones: TypeAlias = str | Mapping[str, str]
"""An IANA time zone for all stores, or one by store id; a store that is not named has UTC."""

# Evidence whose name does not say enough by itself; every other name is taken apart at its capitals.
_LABELS: Final = {
    "refundCount": "High refunds",
    "totalRefunds": "Refunds in all",
    "saleAmount": "Amount of the sale",
    "secondsAfterSale": "Seconds from sale to alarm",
    "otherTransactionIds": "Other sales just before",
    "securityEventId": "Gate event",
    "sold": "Sold since the last count",
    "refunded": "Refunded since the last count",
    "difference": "Unexplained pieces",
    "missing": "Missing pieces",
}
# Milliseconds from 2000 on: any integer that large, in a field so named, is a time.
_FIRST_TIME: Final = 946_684_800_000


def label_of(alert_type: str) -> str:
    """Return an alert type, or a scenario, as words.

    Examples
    --------
    >>> label_of("REFUND_WITHOUT_SALE"), label_of("stock_discrepancy")
    ('Refund without sale', 'Stock discrepancy')
    """
    return alert_type.replace("_", " ").capitalize()


def plural(count: int, noun: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> plural(1, "store"), plural(1200, "alert")
    ('1 store', '1,200 alerts')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def who(alert: Mapping[Hashable, Any]) -> str:
    """Return whom an alert is about.

    Examples
    --------
    >>> who({"store_id": "store-1", "employee_id": None})
    'store-1'
    """
    # Pandas may hold a missing name as None or as a number that is none.
    named = isinstance(alert["employee_id"], str)
    return f"{alert['store_id']}, {alert['employee_id']}" if named else str(alert["store_id"])


def zone_of(store_id: str, zones: Zones = "UTC") -> str:
    """Return the time zone of a store.

    Examples
    --------
    >>> zone_of("store-2", {"store-1": "Europe/Berlin"})
    'UTC'
    """
    return zones if isinstance(zones, str) else zones.get(store_id, "UTC")


def common_zone(stores: Iterable[str], zones: Zones = "UTC") -> str:
    """Return the time zone that all these stores have, or UTC where they differ.

    Examples
    --------
    >>> common_zone(["a"], {"a": "Europe/Berlin"}), common_zone(["a", "b"], {"a": "Europe/Berlin"})
    ('Europe/Berlin', 'UTC')
    """
    found = {zone_of(store, zones) for store in stores}
    return found.pop() if len(found) == 1 else "UTC"


def day_text(time: pd.Timestamp) -> str:
    """Return a day as words.

    Examples
    --------
    >>> day_text(pd.Timestamp("2025-03-03"))
    'Monday 3 March 2025'
    """
    return f"{time:%A} {time.day} {time:%B %Y}"


def local_text(time: pd.Timestamp, zone: str) -> str:
    """Return a time as the clock of the store shows it, with its zone.

    Examples
    --------
    >>> local_text(pd.Timestamp("2025-07-01T10:00:00Z"), "Europe/Berlin")
    '2025-07-01 12:00:00 CEST'
    """
    return f"{time.tz_convert(zone):%Y-%m-%d %H:%M:%S %Z}"


def at_stake(evidence: Mapping[str, Any]) -> float | None:
    """Return the money that an alert's evidence is about, or None when it counts pieces.

    Examples
    --------
    >>> at_stake({"averageAmount": 120.0, "totalRefunds": 3}), at_stake({"missing": 7})
    (360.0, None)
    """
    if "averageAmount" in evidence and "totalRefunds" in evidence:
        return round(float(evidence["averageAmount"]) * int(evidence["totalRefunds"]), 2)
    for name in ("amount", "saleAmount"):
        if name in evidence:
            return float(evidence[name])
    return None


def evidence_items(evidence: Mapping[str, Any], zone: str = "UTC") -> list[tuple[str, str]]:
    """Return evidence as pairs of words, for a person to read.

    What a detector names is enough: a new one needs nothing here.

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
    >>> evidence_items({"shift": {"shiftEnd": 1_760_000_000_000}}, "Europe/Berlin")
    [('Shift end', '2025-10-09 10:53:20 CEST')]
    """
    items: list[tuple[str, str]] = []
    for name, value in evidence.items():
        if isinstance(value, Mapping):
            items += evidence_items(value, zone)
        else:
            items.append((_label(name), _value(name, value, zone)))
    return items


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
        if value >= _FIRST_TIME and name.lower().endswith(("start", "end", "time", "at")):
            return local_text(pd.Timestamp(value, unit="ms", tz="UTC"), zone)
        return f"{value:,}"
    if isinstance(value, float):
        # Seconds and ratios can be small; money has two places.
        return f"{value:,.2f}" if "amount" in name.lower() or value >= 1000 else f"{value:,g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(name, item, zone) for item in value) or "none"
    return str(value)
