"""The receipts behind the alerts of a case, from the log that the alerts came from."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, Protocol, TypeAlias

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import Event, PosEvent
from retail_anomaly.core.stakes import cited_transactions
from retail_anomaly.frames.receipts_around import NearReceipt, neighbours
from retail_anomaly.frames.shown_times import local_text

RECEIPT_HEAD: Final = ("time", "sold", "refunded", "receipt", "cashier")
"""The columns of `receipt_rows`."""
_MOST_ROWS: Final = 15
_Group: TypeAlias = tuple[str, str, str]
_Receipt: TypeAlias = tuple[str, str]


def receipt_rows(receipts: Sequence[NearReceipt], zone: str) -> list[tuple[str, ...]]:
    """Return the receipts around an alert as text, the last ones if there are many.

    Parameters
    ----------
    receipts
        In order of time.
    zone
        The time zone of their store.
    """
    return [
        (
            local_text(receipt.event_time, zone),
            f"{receipt.sold:,.2f}",
            f"{receipt.refunded:,.2f}",
            f"{receipt.transaction_id}{' (cited)' if receipt.cited else ''}",
            str(receipt.cashier_id),
        )
        for receipt in receipts[-_MOST_ROWS:]
    ]


def times_around(alerts: Iterable[Alert]) -> list[tuple[int, int]]:
    """Return the times, from and to, of the receipts around some alerts; they do not overlap.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> from retail_anomaly.frames.cases import alert_structs
    >>> len(times_around(alert_structs(example_alerts())))
    1
    """
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(map(_span, alerts)):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged


class ReceiptSource(Protocol):
    """Where the board finds receipt lines."""

    def lines_for(self, alerts: Sequence[Alert]) -> list[PosEvent]:
        """Return receipt lines among which are those behind some alerts of one store."""


class NoReceipts:
    """The source of a board that has no log.

    Examples
    --------
    >>> NoReceipts().lines_for([])
    []
    """

    def lines_for(self, _alerts: Sequence[Alert]) -> list[PosEvent]:
        """Return nothing."""
        return []


class KeptReceipts:
    """The receipt lines behind alerts, kept from one reading of a log.

    Parameters
    ----------
    alerts
        The alerts. Of the log, the lines that they cite are kept, and those just before and after them of the
        same employee, article or store.
    events
        The log.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> from retail_anomaly.frames.cases import alert_structs
    >>> burst = next(iter(alert_structs(example_alerts())))
    >>> refund = "store-1", "c-1", "k", 9.5, "REFUND"
    >>> lines = [PosEvent("t-2", *refund, burst.event_time), PosEvent("t-9", *refund, 1_500_000_000_000)]
    >>> [line.transaction_id for line in KeptReceipts([burst], lines).lines_for([burst])]
    ['t-2']
    """

    def __init__(self, alerts: Iterable[Alert], events: Iterable[Event]) -> None:
        groups: dict[_Group, list[Alert]] = {}
        self._cited: dict[_Receipt, list[PosEvent]] = {}
        for alert in alerts:
            groups.setdefault(_group(alert), []).append(alert)
            self._cited.update(((alert.store_id, name), []) for name in cited_transactions(alert.evidence))
        spans = {group: _Spans(times_around(each)) for group, each in groups.items()}
        self._near: dict[_Group, list[PosEvent]] = {}
        for event in events:
            if isinstance(event, PosEvent):
                self._keep(event, spans)
        for lines in self._near.values():
            lines.sort(key=_time)

    def lines_for(self, alerts: Sequence[Alert]) -> list[PosEvent]:
        """Return the lines behind some alerts, each once, in order of time."""
        found: dict[int, PosEvent] = {}
        for alert in alerts:
            near, (begin, end) = self._near.get(_group(alert), []), _span(alert)
            cited = (
                self._cited.get((alert.store_id, name), []) for name in cited_transactions(alert.evidence)
            )
            around = near[bisect_left(near, begin, key=_time) : bisect_right(near, end, key=_time)]
            found.update((id(line), line) for lines in (around, *cited) for line in lines)
        return sorted(found.values(), key=_time)

    def _keep(self, line: PosEvent, spans: dict[_Group, "_Spans"]) -> None:
        receipt = self._cited.get((line.store_id, line.transaction_id))
        if receipt is not None:
            receipt.append(line)
        for field in ("cashier_id", "sku", "store_id"):
            group = (line.store_id, field, getattr(line, field))
            near = spans.get(group)
            if near is not None and near.has(line.event_time):
                self._near.setdefault(group, []).append(line)


class _Spans:
    """Times from and to, which do not overlap."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._begins = [begin for begin, _ in spans]
        self._ends = [end for _, end in spans]

    def has(self, time: int) -> bool:
        place = bisect_right(self._begins, time) - 1
        return place >= 0 and time <= self._ends[place]


def _group(alert: Alert) -> _Group:
    near = neighbours(alert.store_id, alert.employee_id, alert.evidence)
    return alert.store_id, near.field, near.value


def _span(alert: Alert) -> tuple[int, int]:
    margin = neighbours(alert.store_id, alert.employee_id, alert.evidence).margin
    millis = int(margin.total_seconds() * 1_000)
    return min(alert.opened_at, alert.event_time) - millis, alert.event_time + millis


def _time(line: PosEvent) -> int:
    return line.event_time
