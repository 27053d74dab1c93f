"""Write the fixture of the present format version: `python -m tests.state`.

The log is a simulated one of a fixed seed, cut where every collection holds something. After the cut come
its next events, and then questions about all that is remembered: more refunds by the same cashiers, old event
ids again, refunds of old sales, alarms, and counts of what was sold.
"""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator
from itertools import count

import msgspec

from data_gen import Simulation
from retail_anomaly.contract import RestartingRun, Run
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import CountEvent, Event, PosEvent, SecurityEvent
from retail_anomaly.core.state_errors import FORMAT_VERSION
from tests.state import FOLDER, engine
from tests.support.events import MINUTE, SECOND

SIMULATION = Simulation(stores=1, days=2, seed=12)
CUT = 1876
NEXT = 20
# One in so many of the old events is asked about.
EVERY = 24


def main() -> None:
    folder = FOLDER / f"v{FORMAT_VERSION}"
    if folder.exists():
        sys.exit(f"{folder} is there: it stays as it was written; raise FORMAT_VERSION for another")
    log = list(SIMULATION.events())
    before, following = log[:CUT], log[CUT : CUT + NEXT]
    after = [*following, *_questions(before, [*before, *following][-1])]

    writing = RestartingRun(engine())
    for event in before:
        writing.step(event)
    writing.checkpoint()
    for store, state in writing.stores.items():
        assert all(state.entries().values()), f"{store} remembers nothing in one of {state.entries()}"
    uninterrupted = Run(engine())
    for event in before:
        uninterrupted.step(event)
    alerts = [alert for event in after for alert in uninterrupted.step(event)]

    folder.mkdir()
    stored = {
        store: {name: b64encode(content).decode() for name, content in sorted(disk.items())}
        for store, disk in writing.disks.items()
    }
    (folder / "records.json").write_text(json.dumps(stored, indent=0) + "\n")
    lines = [{"topic": topic_of(event), "value": json.loads(encode(event))} for event in after]
    (folder / "after.jsonl").write_text(_jsonl(lines))
    (folder / "alerts.jsonl").write_text(_jsonl(json.loads(encode(alert)) for alert in alerts))


def _questions(before: list[Event], last: Event) -> Iterator[Event]:
    """Yield events about what an uninterrupted run remembers, each a second after the one before."""
    assert isinstance(last, PosEvent | SecurityEvent | CountEvent)
    times = count(last.event_time + SECOND, SECOND)
    receipts = [event for event in before if isinstance(event, PosEvent)]
    alarms = [event for event in before if isinstance(event, SecurityEvent)]
    asked = receipts[-1::-EVERY]
    refunds = {event.cashier_id: event for event in receipts[-400:] if event.event_type == "REFUND"}
    for number in range(3):  # bursts go on or begin
        for event in refunds.values():
            yield msgspec.structs.replace(
                event,
                transaction_id=f"burst-{event.cashier_id}-{number}",
                event_id=None,
                event_time=event.event_time + (number + 1) * SECOND,
                amount=110.0 + 50 * number,
            )
    for event in asked:  # seen before: nothing may change
        yield msgspec.structs.replace(event, event_time=next(times), amount=1000.0, quantity=100)
    for event in asked:  # sold before, or else an alert
        refund = {"event_type": "REFUND", "event_id": None, "transaction_id": f"back-{event.transaction_id}"}
        original = event.transaction_id
        yield msgspec.structs.replace(
            event, event_time=next(times), original_transaction_id=original, **refund
        )
    valuable = [event for event in receipts if event.event_type == "SALE" and event.amount >= 200.0][-1]
    for event_id in (alarms[-1].event_id, "gate-new"):  # the first was seen before
        data = msgspec.structs.replace(alarms[-1].event_data, alarm=True)
        yield SecurityEvent(event_id, last.store_id, valuable.event_time + SECOND, "GATE", data)
    for sku in sorted({event.sku for event in asked}):
        yield CountEvent(last.store_id, sku, 0, next(times), "m-1")
    # Releases what waited for its sale.
    yield msgspec.structs.replace(
        receipts[-1], event_id=None, event_type="NO_SALE", event_time=next(times) + 11 * MINUTE
    )


def _jsonl(values: Iterable[object]) -> str:
    return "".join(json.dumps(value, separators=(",", ":")) + "\n" for value in values)


if __name__ == "__main__":
    main()
