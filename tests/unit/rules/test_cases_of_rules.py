"""Rules raise the alerts of the golden cases, loaded as a configuration names them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from retail_anomaly import replay_events
from retail_anomaly.core.events import PosEvent
from retail_anomaly.settings import Settings, build_engine, load, with_rules
from retail_anomaly.sources import open_input
from retail_anomaly.sources.event_log import BadLines

FOLDER = Path(__file__).parents[2] / "naive" / "cases"
NAMES = sorted(path.name.removesuffix(".rules.yaml") for path in FOLDER.glob("*.rules.yaml"))


def configured(name: str, folder: Path) -> Path:
    """Write the case's configuration with its rules."""
    own = FOLDER / f"{name}.config.yaml"
    text = own.read_text("utf-8") if own.exists() else ""
    if "refund_match" in text:  # a detector that comes with version 2
        text = ""
    path = folder / "config.yaml"
    path.write_text(f"{text}\nrules: {{files: [{FOLDER / name}.rules.yaml]}}\n")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_case_raises_exactly_the_expected_alerts(name: str, tmp_path: Path) -> None:
    engine = build_engine(load(configured(name, tmp_path), environ={}).settings)
    rule = engine.detectors[-1]

    log = open_input(FOLDER / f"{name}.jsonl")
    alerts = list(replay_events(log.events(BadLines()), engine))

    expected = [json.loads(line) for line in (FOLDER / f"{name}.expected.jsonl").read_text().splitlines()]
    assert Counter(
        (a.employee_id, a.event_time, round(a.risk_score, 4), a.revision, str(a.evidence["value"]))
        for a in alerts
        if a.type == rule.alert_type
    ) == Counter(map(brief, (each for each in expected if each["type"] == rule.alert_type)))


def brief(alert: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(alert[name] for name in ("employeeId", "eventTime", "riskScore", "revision", "detail"))


def test_a_message_shows_no_token() -> None:
    message = "Card {cardToken} of {customerToken} was used {value} times by {cashierId}."
    rule = {
        "id": "cards",
        "status": "live",
        "events": {"sale": {"eventType": "SALE"}},
        "by": ["cardToken"],
        "window": "1h",
        "when": {"count": "sale", "gte": 1},
        "message": message,
    }
    tokens: Any = {"card_token": "tok_1", "customer_token": "u_1"}
    sale = PosEvent("t", "s", "c-1", "k", 1.0, "SALE", 1_760_000_000_000, **tokens)
    (alert,) = replay_events([sale], build_engine(with_rules(Settings(), [rule]), ["rule:cards"]))
    assert alert.message == "Card *** of *** was used 1 times by c-1."
