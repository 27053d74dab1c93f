"""The models' alerts over a year of a real shop: ``python -m benchmarks.model_shop``."""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import pandas as pd

from benchmarks.model_worlds import REFUNDS, SALES
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.local_time import QUARTER
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.detectors.refund_deviation import RefundDeviationParameters
from retail_anomaly.detectors.sales_deviation import SalesDeviationParameters

INVOICES: Final = Path(__file__).with_name("data") / "online_retail_invoices.csv.gz"
MAX_LATE: Final = 86_400_000
CLOSED: Final = {
    "Christmas to New Year": (date(2010, 12, 24), date(2011, 1, 3)),
    "Easter": (date(2011, 4, 22), date(2011, 4, 25)),
    "Royal Wedding": (date(2011, 4, 29), date(2011, 4, 29)),
    "Early May": (date(2011, 5, 2), date(2011, 5, 2)),
    "Spring": (date(2011, 5, 30), date(2011, 5, 30)),
    "Summer": (date(2011, 8, 29), date(2011, 8, 29)),
}
"""Closures other than Saturdays: first and last day."""


_SATURDAY: Final = 5


@dataclass(frozen=True)
class FlaggedEpisode:
    """An alert in its last revision, and the local day of its first."""

    detector: str
    day: date
    alert: Alert


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_shop", description=__doc__)
    parser.add_argument("--invoices", type=Path, default=INVOICES)
    parser.add_argument(
        "--lines", type=Path, help="the lines of all invoices as a Parquet file, with which prices take part"
    )
    options = parser.parse_args()
    events = list(read_lines(options.lines) if options.lines else read(options.invoices))
    traded = sorted({_day(event.event_time) for event in events})
    kind = "lines" if options.lines else "invoices"
    print(f"{len(events)} {kind} on {len(traded)} days, {traded[0]} to {traded[-1]}")
    flagged = list(episodes(events))
    _show_refunds(traded, [episode for episode in flagged if episode.detector == REFUNDS])
    _show_sales(traded, [episode for episode in flagged if episode.detector == SALES])
    return 0


def read(path: Path) -> Iterator[PosEvent]:
    """Yield an event for each invoice: the shop is its only cashier, and each article is sold once."""
    with gzip.open(path, "rt", newline="") as lines:
        for row in csv.DictReader(lines):
            at = datetime.fromisoformat(row["local"]).replace(tzinfo=UTC)
            yield PosEvent(
                row["invoice"],
                "shop",
                "shop",
                row["invoice"],
                float(row["amount"]),
                row["kind"],
                int(at.timestamp() * 1000),
                original_transaction_id="unknown",
            )


def read_lines(path: Path) -> Iterator[PosEvent]:
    """Yield an event for each line of an invoice, in the shop's time.

    The file has `transactionId`, `sku`, `quantity`, `amount`, `eventType` and `eventTime` of the same year in
    the UCI Machine Learning Repository.
    """
    lines = pd.read_parquet(path)
    lines = lines[lines["eventType"].isin(["SALE", "REFUND"]) & (lines["quantity"] > 0)]
    london = pd.to_datetime(lines["eventTime"], unit="ms", utc=True).dt.tz_convert("Europe/London")
    local = london.dt.tz_localize(None).astype("datetime64[ms]").astype("int64")
    columns = (lines[name].astype(str) for name in ("transactionId", "sku", "eventType"))
    rows = zip(*columns, lines["quantity"], lines["amount"], local, strict=True)
    for invoice, sku, kind, quantity, amount, time in rows:
        yield PosEvent(
            invoice,
            "shop",
            "shop",
            sku,
            float(amount),
            kind,
            int(time),
            quantity=int(quantity),
            original_transaction_id="unknown",
        )


def episodes(events: Sequence[PosEvent]) -> Iterator[FlaggedEpisode]:
    """Run both detectors over the year; time passes even when nobody buys."""
    engine = Engine([REGISTRY[name](REGISTRY[name].Parameters(), MAX_LATE) for name in (REFUNDS, SALES)])
    store = engine.new_store("shop")
    alerts: list[Alert] = []
    time = events[0].event_time // QUARTER * QUARTER
    for event in events:
        while time + QUARTER <= event.event_time:
            time += QUARTER
            alerts += engine.tick(time, store)
        alerts += engine.process(event, store)
    first: dict[str, Alert] = {}
    last: dict[str, Alert] = {}
    for alert in alerts:
        first.setdefault(alert.alert_id, alert)
        last[alert.alert_id] = alert
    for name, alert in last.items():
        yield FlaggedEpisode(alert.detector, _day(first[name].event_time - 1), alert)


def _show_refunds(traded: Sequence[date], flagged: Sequence[FlaggedEpisode]) -> None:
    parameters = RefundDeviationParameters()
    days = len(traded) - parameters.learn_days
    print(f"\n{REFUNDS}: {len(flagged)} of {days} days, {parameters.false_alarms * days:.0f} promised\n")
    print("| day | refunds | usual | component | chance |\n| --- | --- | --- | --- | --- |")
    for episode in flagged:
        of = episode.alert.evidence
        print(
            f"| {episode.day} | {of['observed']} | {of['expected']:.1f} | {of['component']} "
            f"| {of['chance']} |"
        )


def _show_sales(traded: Sequence[date], flagged: Sequence[FlaggedEpisode]) -> None:
    parameters = SalesDeviationParameters()
    days = sum(day >= traded[0] + timedelta(days=parameters.learn_days) for day in traded)
    print(f"\n{SALES}: {len(flagged)} episodes in {days} days of trade\n")
    drops = [e for e in flagged if e.alert.evidence["direction"] == "drop"]
    told_days = {e.day for e in drops} & set(_closed_days())
    print(f"{len(told_days)} of {len(_closed_days())} closed days other than Saturdays are told of.\n")
    print("| closure | days | drops | first told |\n| --- | --- | --- | --- |")
    for name, (begin, end) in CLOSED.items():
        own = [e for e in drops if begin <= e.day <= end]
        told = f"{datetime.fromtimestamp(own[0].alert.opened_at / 1000, UTC):%Y-%m-%d %H:%M}" if own else "-"
        print(f"| {name} | {(end - begin).days + 1} | {len(own)} | {told} |")
    others = [e for e in flagged if not any(a <= e.day <= b for a, b in CLOSED.values())]
    after = sum(_follows_closure(e.day) for e in others)
    print(f"\nOn other days: {len(others)}, {after} of them on the first day after a closure\n")
    kinds = Counter((e.alert.evidence["direction"], e.alert.evidence["component"]) for e in others)
    print("| direction | component | episodes |\n| --- | --- | --- |")
    for (direction, component), number in sorted(kinds.items()):
        print(f"| {direction} | {component} | {number} |")
    print(
        "\n| day | direction | component | observed | usual | chance |\n| --- | --- | --- | --- | --- | --- |"
    )
    for episode in others:
        of = episode.alert.evidence
        print(
            f"| {episode.day} | {of['direction']} | {of['component']} | {of['observed']} "
            f"| {of['expected']:.1f} | {of['chance']} |"
        )


def _closed_days() -> list[date]:
    days = (
        begin + timedelta(days=number)
        for begin, end in CLOSED.values()
        for number in range((end - begin).days + 1)
    )
    return [day for day in days if day.weekday() != _SATURDAY]


def _follows_closure(day: date) -> bool:
    return any(end < day <= end + timedelta(days=2) for _, end in CLOSED.values())


def _day(time: int) -> date:
    return datetime.fromtimestamp(time / 1000, UTC).date()


if __name__ == "__main__":
    sys.exit(main())
