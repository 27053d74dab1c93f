"""One log, every host: the same alerts to the last piece of evidence."""

from __future__ import annotations

from functools import cache

from data_gen import Simulation
from retail_anomaly.core.codec import encode, topic_of
from tests.golden.cases import Host, Record
from tests.support.runs import alerts_of_raw


@cache
def simulated_day() -> list[Record]:
    return [(topic_of(event), encode(event)) for event in Simulation(stores=2, seed=11).events()]


def test_a_simulated_day_gives_equal_alerts_in_every_host(host: Host) -> None:
    def content(alerts):
        return {a.key: (a.type, a.risk_score, a.event_time, a.message, a.evidence) for a in alerts}

    alerts = host(simulated_day())

    assert content(alerts) == content(alerts_of_raw(simulated_day()))
    assert len({alert.type for alert in alerts}) == 6
