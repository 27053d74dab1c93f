"""One short seed of the chaos; `make chaos` runs longer ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.chaos import Chaos
from tests.kafka import KafkaServer
from tests.support.faults import LONG, variants


@variants("seed", [3], list(range(1, 11)))
@pytest.mark.timeout(1_800)
def test_no_fault_in_no_order_changes_an_alert(broker: KafkaServer, tmp_path: Path, seed: int) -> None:
    Chaos(broker, tmp_path, seed, minutes=10 if LONG else 0.5).run()
