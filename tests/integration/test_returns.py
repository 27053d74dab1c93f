"""`retail-streamer returns` on a real Kafka: a receipt that several stores of the chain refund."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from pathlib import Path
from threading import Thread

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import ALERTS, POS_EVENTS, PosEvent
from retail_anomaly.settings import Settings, load
from streamer.detection.returns_app import returns_process
from streamer.kafka.connection import Connection
from streamer.kafka.topic_plan import RETURNS
from streamer.notebook.running import StreamerProgress
from streamer.process import build, ensure_process_topics
from tests.kafka import Record, consume, produce
from tests.support.events import HOUR, MINUTE, refund, sale

PREFIX = "chain."
ORDERS = list(permutations(("home", "second", "third")))


def settings_for(state: Path) -> Settings:
    flags = {
        "topic_prefix": PREFIX,
        "state_dir": str(state),
        "topics.partitions": 4,
        "commit_interval": "200ms",
    }
    return load(environ={}, flags={f"streamer.{key}": value for key, value in flags.items()}).settings


def lines_of(number: int, order: tuple[str, ...]) -> list[PosEvent]:
    """Sell one piece in a store, then refund it in each of three stores."""
    home = f"{number}-home"
    goods = {"sku": "k", "quantity": 1, "amount": 30.0}
    lines = [sale(number * MINUTE, store_id=home, transaction_id="42", event_id="e-0", **goods)]
    for place, name in enumerate(order, 1):
        store = f"{number}-{name}"
        elsewhere = {} if store == home else {"original_store_id": home}
        back = {"transaction_id": "r-1", "original_transaction_id": "42", "event_id": f"e-{place}"}
        lines.append(refund(place * HOUR, store_id=store, **back, **elsewhere, **goods))
    return lines


def records_of(lines: list[PosEvent]) -> list[Record]:
    return [
        Record(PREFIX + POS_EVENTS, encode(line), line.store_id.encode(), timestamp=line.event_time)
        for line in lines
    ]


def follow(connection: Connection, settings: Settings, records: int) -> None:
    """Run the process until it has processed so many records."""
    process = returns_process(settings)
    topics = ensure_process_topics(process, connection, create=True)
    progress = StreamerProgress()
    app = build(process, connection, counts=progress, topics=topics, create_topics=True)
    thread = Thread(target=lambda: app.run())  # noqa: PLW0108 - in its own thread
    thread.start()
    try:
        progress.wait_for(records)
    finally:
        app.stop()
        thread.join(30)
    assert not thread.is_alive()


def test_a_receipt_refunded_in_three_stores_is_found_whichever_comes_first(kafka: str, tmp_path: Path):
    settings, connection = settings_for(tmp_path), Connection(kafka)
    ensure_process_topics(returns_process(settings), connection, create=True)
    lines = sorted(
        (line for number, order in enumerate(ORDERS) for line in lines_of(number, order)),
        key=lambda line: line.event_time,
    )
    half = len(ORDERS) * 2
    for part, elsewhere in ((lines[:half], 4), (lines[half:], 8)):  # the state outlives the process
        produce(kafka, records_of(part))
        follow(connection, settings, len(part) + elsewhere)

    returned = consume(kafka, PREFIX + RETURNS)
    assert Counter(record.key for record in returned) == {
        f"{number}-home".encode(): 2 for number in range(len(ORDERS))
    }
    found = [
        msgspec.json.decode(record.value or b"", type=Alert) for record in consume(kafka, PREFIX + ALERTS)
    ]
    pairs = {(alert.alert_id, alert.revision): alert for alert in found}.values()
    of_receipt = Counter(alert.store_id.partition("-")[0] for alert in pairs)
    missing = {
        str(number): 2 - of_receipt[str(number)]
        for number in range(len(ORDERS))
        if of_receipt[str(number)] != 2
    }
    assert not missing
    assert {alert.evidence["loss"] for alert in pairs} == {30.0}
    assert all(alert.evidence["originalTransactionId"] == "42" for alert in pairs)
