"""The cost of pseudonyms an event: ``python -m benchmarks.pseudonym_costs``.

The same receipt lines are decoded with and without pseudonyms, in turn in one process; the figure is the
difference of the CPU times, of the least of many short rounds each, which other work on the machine disturbs
least. The machine decides the figures: compare them with each other.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import process_time
from typing import Final

from retail_anomaly.core import codec
from retail_anomaly.core.events import POS_EVENTS, Event, PosEvent
from retail_anomaly.core.pseudonyms import Pseudonyms

EVENTS: Final = 5_000
ROUNDS: Final = 300
T0: Final = 1_760_000_000_000
_DAY: Final = 86_400_000
# With a rotation in the past, as after a year of use.
NAMES: Final = Pseudonyms([(0, b"a" * 32), (T0 - _DAY, b"b" * 32)], pause=_DAY // 2, overlap=_DAY)


def lines(cashiers: int, approved: int) -> list[bytes]:
    """Return receipt lines of so many cashiers; every n-th has an approver."""
    return [
        codec.encode(
            PosEvent(
                transaction_id=f"t-{n // 3}",
                store_id="s",
                cashier_id=f"c-{n % cashiers}",
                sku=f"k-{n % 500}",
                amount=float(n % 90),
                event_type="SALE",
                event_time=T0 + 2_000 * n,
                approver_id=f"m-{n % 7}" if n % approved == 0 else None,
            )
        )
        for n in range(EVENTS)
    ]


def seconds(decode: Callable[[str, bytes | None], Event], raws: list[bytes]) -> float:
    began = process_time()
    for raw in raws:
        decode(POS_EVENTS, raw)
    return process_time() - began


def main() -> None:
    gc.disable()
    for name, cashiers, approved in (("20 cashiers", 20, 20), ("1,000 cashiers", 1_000, 20)):
        raws = lines(cashiers, approved)
        pairs = [(seconds(codec.decode, raws), seconds(NAMES.decode, raws)) for _ in range(ROUNDS)]
        clear, hidden = (min(times) / EVENTS * 1e6 for times in zip(*pairs, strict=True))
        print(f"{name}: decoding {clear:.2f} us an event, pseudonyms {hidden - clear:.2f} us more")


if __name__ == "__main__":
    main()
