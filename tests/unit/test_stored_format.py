"""State of every format version: it is read, and the run goes on as if it had not been stopped."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from retail_anomaly.contract import RestartingRun
from retail_anomaly.core.codec import encode
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.episode import Episode
from retail_anomaly.core.state_errors import FORMAT_VERSION
from retail_anomaly.detectors.refund_burst import BurstEpisode
from retail_anomaly.detectors.refund_deviation import DayEpisode
from retail_anomaly.detectors.sales_deviation import SalesEpisode
from tests import state
from tests.support.events import DAY, HOUR


def alerts_from(version: int, engine: Engine, *, restart_every: int = 10**6) -> list[dict[str, object]]:
    """Return the alerts of the events that follow a version's state."""
    run = RestartingRun(engine, disks=state.records(version))
    alerts = []
    for number, event in enumerate(state.events_after(version), 1):
        alerts += run.step(event)
        if number % restart_every == 0:
            run.restart()
    return [state.essence(json.loads(encode(alert))) for alert in alerts]


def test_the_present_version_has_a_fixture():
    assert max(state.VERSIONS) == FORMAT_VERSION, "write it with python -m tests.state"


@pytest.mark.parametrize("restart_every", [10**6, 50], ids=["one run", "written anew on the way"])
@pytest.mark.parametrize("version", state.VERSIONS)
def test_state_of_a_version_is_read_and_the_run_goes_on(version, restart_every):
    expected = [state.essence(alert) for alert in state.expected(version)]
    assert alerts_from(version, state.engine(), restart_every=restart_every) == expected


@pytest.mark.parametrize("version", state.VERSIONS)
def test_without_its_state_other_alerts_come(version):
    """Or else the fixture would prove nothing; each collection must count."""
    expected = [state.essence(alert) for alert in state.expected(version)]
    (stored,) = state.records(version).values()
    collections = {name.partition("/")[0] for name in stored} - {"header"}
    silent = set()
    for collection in collections:
        run = RestartingRun(
            state.engine(),
            disks={
                store: {
                    name: content for name, content in disk.items() if not name.startswith(f"{collection}/")
                }
                for store, disk in state.records(version).items()
            },
        )
        alerts = [alert for event in state.events_after(version) for alert in run.step(event)]
        if [state.essence(json.loads(encode(alert))) for alert in alerts] == expected:
            silent.add(collection)
    assert silent <= {"refund_without_sale.alerted"}


@pytest.mark.parametrize("version", state.VERSIONS)
@pytest.mark.parametrize(
    "changed", [{"max_late": HOUR}, {"max_late": 7 * DAY}, {"dedupe_memory": 2 * DAY}], ids=str
)
def test_changed_memory_over_stored_state_changes_nothing_for_events_on_time(version, changed):
    expected = [state.essence(alert) for alert in state.expected(version)]
    assert alerts_from(version, state.engine(**changed)) == expected


def test_older_copy_and_a_compacted_log_of_what_came_later_are_the_latest_state():
    """Of the log only the last content of each record need be left, and deletions may be gone from it."""
    run = RestartingRun(state.engine(), disks=state.records(max(state.VERSIONS)))
    events = state.events_after(max(state.VERSIONS))
    half = len(events) // 2
    older = {store: dict(disk) for store, disk in run.disks.items()}
    for event in events[:half]:
        run.step(event)
    run.checkpoint()
    restored = {store: older[store] | disk for store, disk in run.disks.items()}

    def rest(disks: dict[str, dict[str, bytes]]) -> list[bytes]:
        again = RestartingRun(state.engine(), disks=disks)
        return [encode(alert) for event in events[half:] for alert in again.step(event)]

    assert rest(restored) == rest(run.disks)


OPENED: dict[str, Any] = {"alert_id": "ab", "opened_at": 1_760_000_000_000, "revision": 2, "risk": 0.75}


@pytest.mark.parametrize(
    ("episode", "stored"),
    [
        (BurstEpisode(**OPENED), "94a26162cf00000199c82cc00002cb3fe8000000000000"),
        (
            DayEpisode(**OPENED, day=739_000, chance=0.25),
            "96ce000b46b8a26162cf00000199c82cc00002cb3fe8000000000000cb3fd0000000000000",
        ),
        (
            SalesEpisode(**OPENED, direction="drop", day=739_000, chance=0.25, quiet=3, fewer=True),
            "99a26162a464726f70cf00000199c82cc000ce000b46b802cb3fe8000000000000cb3fd000000000000003c3",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Episode) else "",
)
def test_an_episode_is_stored_as_the_bytes_that_the_first_version_wrote(episode, stored):
    assert msgspec.msgpack.encode(episode).hex() == stored
    assert msgspec.msgpack.decode(bytes.fromhex(stored), type=type(episode)) == episode
