"""A profiler that keeps frames, as workers of Dask have one, changes nothing: no view of an array stays."""

from __future__ import annotations

import sys
from collections import deque
from types import FrameType

from data_gen import Simulation
from retail_anomaly.settings import build_engine, load


def alerts_of(events):
    engine = build_engine(load(environ={}).settings)
    stores, alerts = {}, []
    for event in events:
        store = stores.get(event.store_id)
        if store is None:
            store = stores[event.store_id] = engine.new_store(event.store_id)
        alerts += engine.process(event, store)
    return alerts


def test_alerts_are_the_same_under_a_profiler_that_keeps_frames():
    events = list(Simulation(stores=1, days=1, seed=5, incident_rate=1.0).events())
    expected = alerts_of(events)
    kept: deque[FrameType] = deque(maxlen=2_000)
    sys.setprofile(lambda frame, event, _: kept.append(frame) if event == "return" else None)
    try:
        found = alerts_of(events)
    finally:
        sys.setprofile(None)
    assert found == expected
    assert expected
