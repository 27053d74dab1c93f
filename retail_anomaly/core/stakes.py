"""The money that an alert is about, and the transactions that it cites."""

from collections.abc import Mapping
from numbers import Real
from typing import Any, Final

# As for the amount of an event; more could become infinite in a sum.
_MOST: Final = 1e300


def at_stake(evidence: Mapping[str, Any]) -> float | None:
    """Return the money that an alert's evidence is about; None when it counts pieces or has no number there.

    Examples
    --------
    >>> at_stake({"averageAmount": 120.0, "totalRefunds": 3}), at_stake({"missing": 7})
    (360.0, None)
    >>> at_stake({"saleAmount": "much"})
    """
    if "averageAmount" in evidence and "totalRefunds" in evidence:
        average, refunds = _number(evidence["averageAmount"]), _number(evidence["totalRefunds"])
        return None if average is None or refunds is None else _number(round(average * int(refunds), 2))
    for name in ("loss", "amount", "saleAmount"):
        if name in evidence:
            return _number(evidence[name])
    return None


def cited_transactions(evidence: Mapping[str, Any]) -> list[str]:
    """Return the transactions that an alert's evidence cites.

    Examples
    --------
    >>> cited_transactions({"transactionIds": ["t-1", "t-2"]}), cited_transactions({"transactionId": 7})
    (['t-1', 't-2'], ['7'])
    """
    one: Any = evidence.get("transactionId")
    several: Any = evidence.get("transactionIds")
    if one is not None:
        return [str(one)]
    # Lists become arrays on their way through Parquet; the core knows no NumPy.
    listed = several.tolist() if hasattr(several, "tolist") else several
    return [str(name) for name in listed] if isinstance(listed, list | tuple) else []


def _number(value: object) -> float | None:
    """Return a number of evidence as a float; None if another program wrote something else there."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) <= _MOST else None
