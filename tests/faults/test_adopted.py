"""A process dies within a commit, and the state is adopted: no alert of that commit is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient

from retail_anomaly.core.events import ALERTS
from streamer import cli
from tests.support.faults import Scene, variants
from tests.support.waiting import PATIENCE_S

AT_LEAST_ONCE, EXACTLY_ONCE = "--at-least-once", "--exactly-once"
DEATHS = ("kill:late:2", "kill:delivered:9")
EVERY = [(guarantee, death) for guarantee in (AT_LEAST_ONCE, EXACTLY_ONCE) for death in DEATHS]


@pytest.mark.parametrize("offsets", ["kept", "deleted"])
@variants("guarantee, death", EVERY[:1], EVERY)
def test_state_of_a_commit_that_did_not_end_is_adopted_with_its_alerts(
    scene: Callable[..., Scene], guarantee: str, death: str, offsets: str
) -> None:
    here = scene(guarantee)
    here.die(death, FAULT_LATE=ALERTS)
    here.wait_until_left()
    if offsets == "deleted":
        admin = AdminClient({"bootstrap.servers": here.address})
        admin.delete_consumer_groups([here.group])[here.group].result(PATIENCE_S)

    assert cli.main(["state", "adopt", "--broker", here.address, "--consumer-group", here.group]) == 0

    here.start()
    here.finish()
