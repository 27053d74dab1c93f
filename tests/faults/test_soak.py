"""A short soak; `make soak` is the long one."""

from __future__ import annotations

from pathlib import Path

from tests.faults.soak import MEASURES, soak
from tests.kafka import KafkaServer

# RocksDB is still filling its files up to the size at which it merges them.
SETTLED = [measure for measure in MEASURES if measure[0] != "state bytes on disk"]


def test_memory_and_state_stay_flat_while_days_pass(broker: KafkaServer, tmp_path: Path) -> None:
    report = soak(broker.address, tmp_path, seconds=20, hours_a_second=12, stores=4)

    assert report.lag == 0
    assert report.exit_code == 0
    for name, measure, slack in SETTLED:
        before, after = report.busiest(measure)
        # Few days: the allocator is settling too.
        assert after <= before * (slack + 0.1), f"{name} grows: {before:,.0f}, then {after:,.0f}"
