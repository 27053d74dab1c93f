"""State as each format version wrote it, kept to prove that it can still be read.

A folder `vN/` holds a log cut in two: what a checkpoint at the cut wrote (`records.json`), the events
after it (`after.jsonl`) and the alerts that an uninterrupted run raises over those (`alerts.jsonl`).
`python -m tests.state` writes the folder of the present version; the folder of an old version is
never written again, for only that version's code could.
"""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

from retail_anomaly.core.codec import decode
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event
from tests.support.events import MINUTE
from tests.support.runs import engine_of

FOLDER = Path(__file__).parent
VERSIONS = sorted(int(folder.name[1:]) for folder in FOLDER.glob("v*"))

# What a later version may say in other words without having misread anything.
_ADDED = {"historyDays", "received", "moved"}  # to the evidence
_MAY_CHANGE = {"message", "configHash", "detectedAt"}


def engine(**changed: int) -> Engine:
    """Return the detectors that wrote the state; refunds wait for a while, so that some are waiting in it."""
    return engine_of(
        "refund_burst",
        "refund_without_sale",
        "security_correlation",
        "inventory_shrinkage",
        "stock_discrepancy",
        refund_without_sale={"match_grace": 10 * MINUTE},
        **changed,
    )


def records(version: int) -> dict[str, dict[str, bytes]]:
    """Return the records that a version wrote, by store."""
    stored = json.loads((FOLDER / f"v{version}" / "records.json").read_text())
    return {
        store: {name: b64decode(content) for name, content in named.items()}
        for store, named in stored.items()
    }


def events_after(version: int) -> list[Event]:
    """Return the events that follow that state."""
    return [
        decode(line["topic"], json.dumps(line["value"]).encode()) for line in _lines(version, "after.jsonl")
    ]


def expected(version: int) -> list[dict[str, Any]]:
    """Return the alerts of those events, as an uninterrupted run of that version raised them."""
    return _lines(version, "alerts.jsonl")


def essence(alert: dict[str, Any]) -> dict[str, Any]:
    """Leave out of an alert what may change from one version to the next."""
    kept = {field: value for field, value in alert.items() if field not in _MAY_CHANGE}
    if kept["type"] == "REFUND_WITHOUT_SALE":
        del kept["riskScore"]  # since the second version of the contract it depends on the store's history
    kept["evidence"] = {name: value for name, value in kept["evidence"].items() if name not in _ADDED}
    return kept


def _lines(version: int, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"v{version}" / name).read_text().splitlines()]
