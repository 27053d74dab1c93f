"""The plainly written contract raises what the cases of version 2 expect: it can be trusted as an oracle."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.naive.run import naive_alerts

_FOLDER = Path(__file__).parent / "cases"
_EXPECTED = ".expected.jsonl"
_FIELDS = ("type", "storeId", "employeeId", "eventTime", "revision", "detail")
NAMES = sorted(path.name.removesuffix(_EXPECTED) for path in _FOLDER.glob(f"*{_EXPECTED}"))


@pytest.mark.parametrize("name", NAMES)
def test_case_raises_exactly_the_expected_alerts(name: str) -> None:
    log = [(line["topic"], line["value"]) for line in _lines(f"{name}.jsonl")]
    rules = _yaml(f"{name}.rules.yaml")

    alerts = naive_alerts(log, _yaml(f"{name}.config.yaml"), [rules] if rules else [])

    assert _brief(alerts) == _brief(_lines(f"{name}{_EXPECTED}"))


def _lines(file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (_FOLDER / file).read_text("utf-8").splitlines()]


def _yaml(file: str) -> dict[str, Any]:
    path = _FOLDER / file
    return yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}


def _brief(alerts: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    return Counter((*(a[field] for field in _FIELDS), round(a["riskScore"], 4)) for a in alerts)
