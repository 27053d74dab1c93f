"""A replay says which stores of the configuration have no events: a name may be a slip."""

from __future__ import annotations

import pytest

import retail_anomaly as ra
from retail_anomaly.core.events import CountEvent
from retail_anomaly.settings import Settings, StoreSettings


def remarks(named: list[str], with_events: list[str], jobs: int = 1) -> list[str]:
    settings = Settings(stores={name: StoreSettings(time_zone="Europe/Berlin") for name in named})
    log = [CountEvent(name, "k", n, 1_760_000_000_000 + n) for n in range(3) for name in with_events]
    return list(ra.replay(log, settings=settings, jobs=jobs).remarks)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_store_without_events_is_named_with_the_nearest_that_has_some(jobs: int) -> None:
    [said] = remarks(["stoer-1", "store-2", "kiosk"], ["store-1", "store-2", "store-3"], jobs)

    assert said == ("the configuration names stores without events: kiosk, stoer-1 (did you mean store-1?)")


@pytest.mark.parametrize(
    ("named", "with_events"),
    [
        ([], ["store-1"]),
        (["store-1"], ["store-1", "store-2"]),
        (["store-1", "store-2"], ["store-1"]),
        (["store-1"], []),
    ],
)
def test_a_chain_s_configuration_is_right_for_the_log_of_one_store(
    named: list[str], with_events: list[str]
) -> None:
    assert remarks(named, with_events) == []


def test_of_many_stores_some_are_named() -> None:
    [said] = remarks([f"kiosk-{n}" for n in range(9)], ["berlin"])

    assert said.endswith("kiosk-0, kiosk-1, kiosk-2, kiosk-3, kiosk-4 and 4 more")
