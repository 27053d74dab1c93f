"""Names and counts as a person reads them."""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from retail_anomaly.core.quantities import plural
from retail_anomaly.core.undecided import WHY_UNDECIDED


def label_of(alert_type: str) -> str:
    """Return an alert type, or a scenario, as words.

    Examples
    --------
    >>> label_of("REFUND_WITHOUT_SALE"), label_of("stock_discrepancy")
    ('Refund without sale', 'Stock discrepancy')
    """
    return alert_type.replace("_", " ").capitalize()


def percent(share: float, places: int = 0) -> str:
    """Return a share as a percentage; `places` is the number of decimals.

    Examples
    --------
    >>> percent(0.125), percent(0.125, 1)
    ('12 %', '12.5 %')
    """
    return f"{100 * share:,.{places}f} %"


def undecided_lines(undecided: Mapping[tuple[str, str], int]) -> list[str]:
    """Return in words what the detectors could not judge, one line for each detector.

    Parameters
    ----------
    undecided
        Counts of events by detector and reason.

    Examples
    --------
    >>> undecided_lines({("refund_match", "young log"): 1200, ("refund_match", "other store"): 1})
    ['1,201 refunds that refund_match could not judge: 1,200 because the receipt may be older than the log,
      1 because the receipt is one of another store']
    """
    lines = []
    for detector in sorted({detector for detector, _ in undecided}):
        reasons = Counter({reason: count for (name, reason), count in undecided.items() if name == detector})
        told = ", ".join(
            f"{count:,} because {WHY_UNDECIDED.get(reason, reason)}"
            for reason, count in reasons.most_common()
        )
        noun = "event" if reasons.keys() & {"model failed", "too many ids"} else "refund"
        lines.append(f"{plural(reasons.total(), noun)} that {detector} could not judge: {told}")
    return lines


def who(alert: Mapping[Hashable, Any]) -> str:
    """Return the store and the employee of an alert.

    Examples
    --------
    >>> who({"store_id": "store-1", "employee_id": None})
    'store-1'
    """
    # pandas may hold a missing name as None or as NaN.
    named = isinstance(alert["employee_id"], str)
    return f"{alert['store_id']}, {alert['employee_id']}" if named else str(alert["store_id"])


def natural_order(names: Iterable[str]) -> list[str]:
    """Sort names the way people do: numbers in them count as numbers.

    Examples
    --------
    >>> natural_order({"store-10", "store-2"})
    ['store-2', 'store-10']
    """

    def key(name: str) -> list[tuple[int, int, str]]:
        parts = re.split(r"([0-9]+)", name)
        return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]

    return sorted(names, key=key)
