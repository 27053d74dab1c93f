"""Checks of a log's quality, to run before you look for anomalies in it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from retail_anomaly.core.codec import topic_of
from retail_anomaly.core.events import (
    REFUND,
    SALE,
    Event,
    MovementEvent,
    PosEvent,
    SecurityEvent,
    ShiftEvent,
    TillEvent,
)
from retail_anomaly.frames.store_calendar import by_local_hour, hours_of_days
from retail_anomaly.sources import Where, open_input
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLine
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.mapping_file import AnyMapping, read_mapping

_MINUTE: Final = 60_000
_DAY: Final = 86_400_000
# If a store usually sells fewer lines in an hour of a weekday, an hour without a sale may be chance.
_BUSY: Final = 5


def data_quality(
    source: Where,
    *,
    mapping: AnyMapping | None = None,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
    zones: Mapping[str, str] | str = "UTC",
) -> pd.DataFrame:
    """Check the events of a log, in the order in which they arrive.

    Parameters
    ----------
    source
        An event log, a folder, tables or `Events`, as `replay` takes them.
    mapping, columns, constants
        How foreign data is read, as for `replay`.
    zones
        Time zone of the stores: one for all, or by store id (UTC for the others).

    Returns
    -------
    pandas.DataFrame
        One row a check: ``check``, ``count``, ``of`` (how many could have failed), ``share`` (NaN where
        there was none), ``example`` (the first, or the worst for lateness) and ``matters`` (its
        effect on the detectors). The checks are always the same and in the same order.

    Raises
    ------
    SourceError
        The source isn't there or can't be read.

    Examples
    --------
    >>> from retail_anomaly.core.events import PosEvent
    >>> events = [PosEvent("t-1", "s", "c", "k", 0.0, "SALE", 1_760_000_000_000),
    ...     PosEvent("t-2", "s", "c", "k", 5.0, "REFUND", 1_759_999_000_000)]
    >>> found = data_quality(events).set_index("check")["count"]
    >>> found[found > 0].to_dict()
    {'late by more than a minute': 1, 'refund without a known sale': 1,
     'refund by somebody without a shift': 1, 'sale of amount 0': 1}
    """
    checks = _Checks(zones)
    whole = EventMapping() if mapping is None else read_mapping(mapping)
    mapped = whole.with_columns(Columns(columns, constants))
    for event in open_input(source, columns=mapped, zones=zones).events(checks.bad_line):
        checks.take(event)
    return checks.frame()


class _Checks:
    """Counts failed checks event by event; it keeps ids and hours, not events."""

    def __init__(self, zones: Mapping[str, str] | str) -> None:
        self._zones = zones
        self._counts: Counter[str] = Counter()
        self._of: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._newest: dict[str, int] = {}
        self._latest = 0
        self._ids: set[tuple[str, str, str]] = set()
        self._seen: set[int] = set()
        self._sold: set[tuple[str, str]] = set()
        self._on_rota: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._hours: dict[str, Counter[int]] = {}

    def bad_line(self, bad: BadLine) -> None:
        self._check("line that is no event", True, str(bad))

    def take(self, event: Event) -> None:
        self._check("line that is no event", False, "")
        if isinstance(event, ShiftEvent):
            rota = self._on_rota.setdefault((event.store_id, event.employee_id), [])
            rota[:] = [shift for shift in rota if shift[0] != event.shift_start]
            if not event.cancelled:
                rota.append((event.shift_start, event.shift_end))
            return
        self._time(event.store_id, event.event_time)
        event_id = _id_of(event)
        if event_id is not None:
            self._once("event id seen before", (event.store_id, topic_of(event), event_id), event_id)
        if isinstance(event, PosEvent | TillEvent) and not event.training:
            kind = event.event_type.upper()
            example = f"{event.store_id}, {event.transaction_id}: {event.event_type}"
            self._check("neither sale nor refund", kind not in (SALE, REFUND), example)
            if isinstance(event, PosEvent):
                self._line(event, kind)

    def _line(self, event: PosEvent, kind: str) -> None:
        # A till may send the same line twice; without an event id only its content tells.
        again = hash(event)
        self._check("line equal to an earlier one", again in self._seen, _of(event))
        self._seen.add(again)
        if kind == SALE:
            self._sold.add((event.store_id, event.transaction_id))
            self._hours.setdefault(event.store_id, Counter())[event.event_time // (15 * _MINUTE)] += 1
            self._check("sale of amount 0", event.amount == 0, f"{_of(event)}: {event.sku}")
        elif kind == REFUND:
            self._refund(event)

    def _refund(self, event: PosEvent) -> None:
        original = event.original_transaction_id or event.transaction_id
        unknown = (event.store_id, original) not in self._sold
        self._check("refund without a known sale", unknown, f"{_of(event)}: {event.amount:,.2f}")
        shifts = self._on_rota.get((event.store_id, event.cashier_id))
        who = f"{_of(event)}: {event.cashier_id}"
        self._check("refund by somebody without a shift", shifts is None, who)
        if shifts is not None:
            on = any(start <= event.event_time <= end for start, end in shifts)
            self._check("refund off shift", not on, who)

    def _time(self, store: str, time: int) -> None:
        newest = self._newest.get(store, time)
        late = newest - time
        worst = late > self._latest
        if worst:
            self._latest = late
        for check, limit in (("late by more than a minute", _MINUTE), ("late by more than a day", _DAY)):
            self._check(check, late > limit, f"{store}: {late / _MINUTE:,.0f} minutes", replace=worst)
        self._newest[store] = max(newest, time)

    def _once(self, check: str, key: tuple[str, str, str], example: str) -> None:
        self._check(check, key in self._ids, f"{key[0]}: {example}")
        self._ids.add(key)

    def _check(self, check: str, failed: bool, example: str, *, replace: bool = False) -> None:
        self._of[check] += 1
        if failed:
            self._counts[check] += 1
            if replace or check not in self._examples:
                self._examples[check] = example

    def _gaps(self) -> None:
        """Look for days and hours without a sale, by the stores' own clocks."""
        for store, sold in self._hours.items():
            zone = self._zones if isinstance(self._zones, str) else self._zones.get(store, "UTC")
            lines = by_local_hour(sold, zone)
            days = pd.date_range(lines.index.min().normalize(), lines.index.max().normalize(), freq="D")
            every = lines.reindex(hours_of_days(days[0], days[-1], zone), fill_value=0)
            hours = pd.DataFrame({"lines": every, "at": every.index})
            hours["day"] = hours["at"].dt.normalize()
            open_on = set(hours.loc[hours["lines"] > 0, "day"])
            for day in days:
                self._check("store-day without a sale", day not in open_on, f"{store}: {day:%A %Y-%m-%d}")
            hours = hours[hours["day"].isin(open_on)]
            usual = hours.groupby([hours["at"].dt.day_of_week, hours["at"].dt.hour])["lines"].transform(
                "median"
            )
            for row in hours[usual >= _BUSY].itertuples():
                example = f"{store}: {row.at:%A %Y-%m-%d %H:00}"
                self._check("busy hour without a sale", bool(row.lines == 0), example)

    def frame(self) -> pd.DataFrame:
        self._gaps()
        rows = [
            (
                check,
                self._counts[check],
                self._of[check],
                self._counts[check] / self._of[check] if self._of[check] else float("nan"),
                self._examples.get(check, ""),
                matters,
            )
            for check, matters in _MATTERS.items()
        ]
        return pd.DataFrame(rows, columns=["check", "count", "of", "share", "example", "matters"])


_MATTERS: Final = {
    "line that is no event": "It is a dead letter: nothing sees it.",
    "late by more than a minute": "A rule of a few minutes may have decided without it.",
    "late by more than a day": "Later than max_late: whether it still alerts is not defined.",
    "event id seen before": "It changes nothing, while dedupe_memory lasts.",
    "line equal to an earlier one": "Without an event id it counts twice; it may also be a second piece.",
    "neither sale nor refund": "Voids take lines back; at any other type only rules of your own look.",
    "refund without a known sale": "refund_without_sale alerts on each such receipt.",
    "refund by somebody without a shift": "refund_burst can't tell whether it was off shift.",
    "refund off shift": "It adds to the risk of a refund_burst.",
    "sale of amount 0": "It counts as sold pieces and not as money: a gift, or a price that is missing.",
    "store-day without a sale": "Closed, or data is missing.",
    "busy hour without a sale": "A till or the line to it was down, or data is missing.",
}


def _id_of(event: Event) -> str | None:
    if isinstance(event, MovementEvent):
        return event.movement_id
    return event.event_id if isinstance(event, PosEvent | TillEvent | SecurityEvent) else None


def _of(event: PosEvent) -> str:
    return f"{event.store_id}, {event.transaction_id}"
