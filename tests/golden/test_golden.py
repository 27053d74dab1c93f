"""Every host raises exactly the alerts that the golden cases expect."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
import yaml

from tests.golden import cases
from tests.kafka import fresh_name

_STORES = {"storeId", "originalStoreId"}


@pytest.mark.parametrize("case", cases.NAMES)
def test_case_gives_exactly_the_expected_alerts(case: str, host: cases.Host, tmp_path: Path) -> None:
    # Stores of its own, because the cases share a streamer.
    prefix = fresh_name("case") + ":"
    renamed = [
        (topic, json.dumps(event | {name: prefix + event[name] for name in _STORES & event.keys()}).encode())
        for topic, value in cases.records(case)
        for event in (json.loads(value),)
    ]

    alerts = [
        msgspec.structs.replace(alert, store_id=alert.store_id.removeprefix(prefix))
        for alert in host(renamed, _renamed_config(case, prefix, tmp_path))
    ]

    assert cases.brief(alerts) == cases.expected(case)


def _renamed_config(case: str, prefix: str, folder: Path) -> Path | None:
    """Write a case's configuration for the renamed stores, and return its file."""
    path = cases.config(case)
    if path is None:
        return None
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    stores = {prefix + store: settings for store, settings in config.get("stores", {}).items()}
    renamed = folder / "config.yaml"
    renamed.write_text(yaml.safe_dump(config | {"stores": stores}), encoding="utf-8")
    return renamed


def test_every_log_has_its_expectation() -> None:
    expected = sorted(f"{name}{end}" for name in cases.NAMES for end in (".jsonl", ".expected.jsonl"))
    assert expected == cases.LOGS
