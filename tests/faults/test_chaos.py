"""One short seed of the chaos; `make chaos` runs longer ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.chaos.network import Network
from tests.faults.chaos.seeds import Chaos
from tests.kafka import KafkaServer
from tests.support.faults import LONG, variants


@variants("seed", [3], list(range(1, 11)))
@pytest.mark.timeout(1_800)
def test_no_fault_in_no_order_changes_an_alert(
    kafka_server: Callable[..., KafkaServer], tmp_path: Path, seed: int
) -> None:
    with Network() as network:
        broker = kafka_server(doors=network.doors)
        Chaos(broker, network, tmp_path, seed, minutes=10 if LONG else 0.5).run()
        broker.stop()
