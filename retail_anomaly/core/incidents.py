"""Incidents: the known truth that alerts are compared with."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from retail_anomaly.core.events import Amount, AnyMillis, Text
from retail_anomaly.core.local_time import utc_text
from retail_anomaly.core.records import decode_record, record_from

_Texts: TypeAlias = Annotated[list[Text], Meta(description="a list of texts")]

# The simulator always writes these fields; a file made by hand may leave them out.
_MAY_BE_ABSENT: Final[Mapping[str, object]] = {"employeeId": None, "transactionIds": [], "expectedLoss": 0.0}


class Incident(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One known incident, or a distractor: honest trade that only looks like one.

    Parameters
    ----------
    incident_id
        Unique in its file.
    scenario
        Name of the pattern, for example ``refund_burst``.
    store_id
        The store it happened in.
    employee_id
        The employee behind it; None if no employee is.
    start, end
        From its first act to the event that makes it visible, in epoch milliseconds.
    transaction_ids
        The receipts that belong to it.
    expected_loss
        Its cost to the store, in the store's currency; 0 for a distractor.
    sku
        The article, if it is about one.
    detector
        The detector meant to see it, if any.
    distractor
        True for honest trade: an alert about it is a false one.

    Raises
    ------
    ValueError
        It ends before it starts.

    Examples
    --------
    >>> at = 1_760_000_000_000
    >>> Incident("i-1", "shelf_theft", "store-1", None, at, at + 60_000, [], 40.0).sku is None
    True
    """

    incident_id: Text
    scenario: Text
    store_id: Text
    employee_id: Text | None
    start: AnyMillis
    end: AnyMillis
    transaction_ids: _Texts
    expected_loss: Amount
    sku: Text | None = None
    detector: Text | None = None
    distractor: bool = False

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(
                f"end: expected a time not before start ({self.start}, {utc_text(self.start)}),"
                f" got {self.end} ({utc_text(self.end)})"
            )


def decode_incident(raw: bytes) -> Incident:
    """Read one line of an incidents file.

    Raises
    ------
    InvalidRecord
        It is no incident; the reason names the field, the expected value and the value found.

    Examples
    --------
    >>> line = (b'{"incidentId": "i-1", "scenario": "shelf_theft", "storeId": "store-1",'
    ...     b'"start": 1760000000000, "end": 1760000060000, "expectedLoss": "much"}')
    >>> decode_incident(line)
    Traceback (most recent call last):
    retail_anomaly.core.records.InvalidRecord: expectedLoss: expected a number >= 0, got "much"
    """
    return decode_record(Incident, raw, _MAY_BE_ABSENT)


def incident_from(value: Mapping[str, Any]) -> Incident:
    """Make an incident of a mapping with the names of an incidents file.

    Raises
    ------
    InvalidRecord
        As `decode_incident` does.

    Examples
    --------
    >>> incident_from({"incidentId": "i-1", "scenario": "shelf_theft", "storeId": "store-1",
    ...     "start": 1_760_000_000_000, "end": 1_760_000_060_000}).expected_loss
    0.0
    """
    return record_from(Incident, value, _MAY_BE_ABSENT)
