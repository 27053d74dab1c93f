"""An InfluxDB filled by the real sink with simulated days: alerts, sales by interval, the models' scores."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from data_gen import Simulation
from retail_anomaly.cases import Action, Triage
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import ALERTS, SALE, PosEvent, ShiftEvent
from retail_anomaly.core.score import Score
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import build_engine, load
from streamer.kafka.topic_plan import ALERT_CASES, SCORES
from streamer.kafka.topics import STORE_METRICS
from streamer.observe.counts import ProcessCounts
from streamer.sinks.influx_client import Influx
from streamer.sinks.influx_sink import InfluxSink
from streamer.sinks.influx_target import Target
from tests.influx import InfluxServer

WINDOW_MS = 5 * 60_000
LEARN_DAYS = 3
MODELS = {
    f"RETAIL__DETECTORS__{name}__{key}": value
    for name in ("REFUND_DEVIATION", "SALES_DEVIATION")
    for key, value in (("ENABLED", "true"), ("LEARN_DAYS", str(LEARN_DAYS)))
}
"""In the environment: both models, with less to learn from than they should have."""


def fill(server: InfluxServer, simulation: Simulation) -> tuple[int, int]:
    """Write the simulation's alerts and figures; return its first and last time in epoch milliseconds."""
    events = list(simulation.events())
    influx = Influx(Target.of(server.environ), 10_000)

    def bury(letters: object) -> None:
        raise AssertionError(f"refused: {letters}")

    sink = InfluxSink(influx, bury=bury, observer=ProcessCounts(), batch=5_000)
    sink.start()
    engine = build_engine(load(None, environ=MODELS).settings)
    judged: list[Score] = []
    for detector in engine.detectors:
        detector.listener = judged.append
    raised = list(replay_events(events, engine))
    alerts = [encode(alert) for alert in raised]
    scores = [encode(score) for score in judged]
    written = (ALERTS, alerts), (STORE_METRICS, _store_metrics(events)), (SCORES, scores)
    for topic, values in (*written, (ALERT_CASES, _cases(raised))):
        for offset, value in enumerate(values):
            sink.add(value, b"", 0, [], topic, 0, offset)
    sink.flush()
    influx.close()
    times = [event.event_time for event in events if not isinstance(event, ShiftEvent)]
    # A point may lie up to a second after its alert, and a window begins before its first line.
    return min(times) - WINDOW_MS, max(times) + 1_000


def _cases(alerts: list[Alert]) -> list[bytes]:
    """Return the records of the cases of alerts; every third was judged an hour later, one is somebody's."""
    triage, written = Triage(), list[bytes]()
    stores = {alert.store_id: triage.new_store(alert.store_id) for alert in alerts}
    for number, alert in enumerate(alerts):
        records: list[Alert | Action] = [alert]
        if number % 3 == 0:
            at, right = alert.opened_at + 3_600_000, "benign" if number % 2 else "confirmed"
            verdict: dict[str, Any] = {"alert_id": alert.alert_id, "verdict": right}
            records.append(Action(str(number), at, "kim", "verdict", alert.store_id, "seen", **verdict))
        elif number == 1:
            taken = Action("take", alert.opened_at, "kim", "assign", alert.store_id, "mine", alert.alert_id)
            records.append(taken)
        for record in records:
            written += [encode(case) for case in triage.process(record, stores[alert.store_id])]
    return written


def _store_metrics(events: list[Any]) -> list[bytes]:
    windows: dict[tuple[str, int], dict[str, Any]] = defaultdict(
        lambda: {"salesLines": 0, "salesAmount": 0.0, "refundLines": 0, "refundAmount": 0.0}
    )
    for event in events:
        if isinstance(event, PosEvent):
            window = windows[event.store_id, event.event_time // WINDOW_MS * WINDOW_MS]
            kind = "sales" if event.event_type.upper() == SALE else "refund"
            window[f"{kind}Lines"] += 1
            window[f"{kind}Amount"] += event.amount
    return [
        json.dumps({"storeId": store, "windowStart": start, "windowEnd": start + WINDOW_MS, **sums}).encode()
        for (store, start), sums in windows.items()
    ]
