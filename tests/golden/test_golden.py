"""Every host raises exactly the alerts that the golden cases expect."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.golden import cases
from tests.kafka import fresh_name

_STORES = {"storeId", "originalStoreId"}


@pytest.mark.parametrize("case", cases.NAMES)
def test_case_gives_exactly_the_expected_alerts(case: str, host: cases.Host) -> None:
    # Stores of its own, because the cases share a streamer.
    prefix = fresh_name("case") + ":"
    renamed = [
        (topic, json.dumps(event | {name: prefix + event[name] for name in _STORES & event.keys()}).encode())
        for topic, value in cases.records(case)
        for event in (json.loads(value),)
    ]

    alerts = [
        msgspec.structs.replace(alert, store_id=alert.store_id.removeprefix(prefix))
        for alert in host(renamed)
    ]

    assert cases.brief(alerts) == cases.expected(case)


def test_every_log_has_its_expectation() -> None:
    assert (
        sorted(f"{name}{end}" for name in cases.NAMES for end in (".jsonl", ".expected.jsonl")) == cases.LOGS
    )
