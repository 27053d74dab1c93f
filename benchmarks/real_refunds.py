"""A real shop's refunds by verdict of `refund_match` and memory: ``python -m benchmarks.real_refunds FILE``.

FILE is Online Retail of the UCI Machine Learning Repository. Lines of goods count, with the customer as a
token and the country as a store. What remains counts the receipts of known customers that are not covered,
once the log is longer than the memory.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Final

import msgspec
import pandas as pd

from retail_anomaly import load
from retail_anomaly.core.events import PosEvent
from retail_anomaly.detector import Duration
from retail_anomaly.evaluate import refund_cover
from retail_anomaly.settings import Settings, with_parameters

RULE: Final = "refund_match"
MEMORIES: Final = ("30d", "90d", "180d")
# Postage, fees, vouchers and samples have other codes than goods.
GOODS: Final = re.compile(r"\d{5}[A-Za-z]*")
CANCELLATION: Final = "C"
MUCH: Final = 50


def goods(file: str, mapping: str) -> Iterator[PosEvent]:
    """Read the lines of goods; a negative quantity without a cancellation is stock that was written off."""
    for event in load(file, mapping=mapping):
        if isinstance(event, PosEvent) and GOODS.fullmatch(event.sku):
            is_cancellation = event.transaction_id.startswith(CANCELLATION)
            if event.event_type == ("REFUND" if is_cancellation else "SALE"):
                yield event


def covered_with(events: list[PosEvent], memory: Duration) -> pd.DataFrame:
    """Return the verdict on each refund line, with so long a memory."""
    rule = msgspec.structs.replace(Settings().detectors[RULE], sale_memory=memory)
    return refund_cover(events, settings=with_parameters(Settings(), {RULE: rule}))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real_refunds", description=__doc__)
    parser.add_argument("file", help="the data, as CSV or Parquet")
    parser.add_argument("--mapping", default="uci_online_retail", help="how it is read")
    options = parser.parse_args()
    events = list(goods(options.file, options.mapping))
    known = {event.transaction_id for event in events if event.customer_token is not None}
    begins = pd.Timestamp(events[0].event_time, unit="ms", tz="UTC")
    for memory in map(Duration.parse, MEMORIES):
        cover = covered_with(events, memory)
        print(f"{memory}:")
        for verdict, lines in cover.groupby("verdict"):
            money = f"{lines['amount'].sum():,.0f}, in question {lines['loss'].sum():,.0f}"
            print(
                f"  {verdict}: {len(lines):,} lines, {lines['transaction_id'].nunique():,} receipts, {money}"
            )
        later = cover["event_time"] > begins + pd.Timedelta(memory, unit="ms")
        open_ = cover[later & cover["transaction_id"].isin(known) & (cover["verdict"] != "covered")]
        # What is in question, or the whole line where nothing is known of the sale.
        sums = open_["loss"].where(open_["loss"] > 0, open_["amount"]).groupby(open_["transaction_id"]).sum()
        print(f"  what remains: {len(sums):,} receipts, {(sums > MUCH).sum()} of them above {MUCH}")


if __name__ == "__main__":
    main()
