"""An InfluxDB filled by the real sink with simulated days: alerts, sales by interval, the models' scores."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from data_gen import Simulation
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import ALERTS, SALE, PosEvent, ShiftEvent
from retail_anomaly.core.score import Score
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import build_engine, load
from streamer.kafka.topic_plan import SCORES
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
    alerts = [encode(alert) for alert in replay_events(events, engine)]
    scores = [encode(score) for score in judged]
    for topic, values in ((ALERTS, alerts), (STORE_METRICS, _store_metrics(events)), (SCORES, scores)):
        for offset, value in enumerate(values):
            sink.add(value, b"", 0, [], topic, 0, offset)
    sink.flush()
    influx.close()
    times = [event.event_time for event in events if not isinstance(event, ShiftEvent)]
    # A point may lie up to a second after its alert, and a window begins before its first line.
    return min(times) - WINDOW_MS, max(times) + 1_000


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
