"""The golden cases: a log of events and the alerts it must give in every host.

``cases/X.jsonl`` is an event log (see the contract), ``cases/X.expected.jsonl`` its alerts in brief.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from retail_anomaly.core.alerts import Alert

Record: TypeAlias = tuple[str, bytes]
"""A topic and a raw value."""


class Host(Protocol):
    """Whatever runs all detectors over records in their order, all stores, under a configuration file."""

    def __call__(self, records: Sequence[Record], config: Path | None = None) -> list[Alert]: ...


_FOLDER = Path(__file__).parent / "cases"
_EXPECTED = ".expected.jsonl"
_DETAIL: dict[str, str | Callable[[dict[str, Any]], str]] = {
    "REFUND_BURST": "refundCount",
    "REFUND_WITHOUT_SALE": "transactionId",
    "REFUND_MISMATCH": lambda evidence: f"{','.join(evidence['reasons'])}:{evidence['loss']:.2f}",
    "SECURITY_CORRELATION": "transactionId",
    "SHRINKAGE": "difference",
    "STOCK_DISCREPANCY": "missing",
}

LOGS = sorted(path.name for path in _FOLDER.glob("*.jsonl"))


def config(name: str) -> Path | None:
    """Return the configuration that a case runs under, if it differs from the packaged one."""
    path = _FOLDER / f"{name}.config.yaml"
    return path if path.exists() else None


# Those of the packaged configuration first: a streamer then starts once for them all.
NAMES = sorted(
    (path.name.removesuffix(_EXPECTED) for path in _FOLDER.glob(f"*{_EXPECTED}")),
    key=lambda name: (config(name) is not None, name),
)


def records(name: str, folder: Path = _FOLDER) -> list[Record]:
    """Return a case's log."""
    lines = [json.loads(line) for line in _read(folder / f"{name}.jsonl")]
    return [(line["topic"], json.dumps(line["value"]).encode()) for line in lines]


def expected(name: str, folder: Path = _FOLDER) -> Counter[tuple[Any, ...]]:
    """Return a case's alerts in brief, in no order; types without a detail here are left aside."""
    return brief_of(json.loads(line) for line in _read(folder / f"{name}{_EXPECTED}"))


def brief(alerts: Iterable[Alert]) -> Counter[tuple[Any, ...]]:
    """Reduce alerts to the fields that the cases name; newer detectors have tests of their own."""
    return Counter(
        (
            a.type,
            a.store_id,
            a.employee_id,
            a.event_time,
            a.revision,
            _detail(a),
            round(a.risk_score, _PLACES),
        )
        for a in alerts
        if a.type in _DETAIL
    )


def brief_of(alerts: Iterable[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    """Reduce alerts that are written in brief already to the same fields."""
    return Counter(
        (*(alert[field] for field in _BRIEF), round(alert["riskScore"], _PLACES))
        for alert in alerts
        if alert["type"] in _DETAIL
    )


def _detail(alert: Alert) -> object:
    detail = _DETAIL[alert.type]
    return alert.evidence[detail] if isinstance(detail, str) else detail(alert.evidence)


_BRIEF = ("type", "storeId", "employeeId", "eventTime", "revision", "detail")
_PLACES = 4  # to which the risk is compared


def _read(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()
