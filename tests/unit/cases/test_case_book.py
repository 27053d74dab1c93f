"""`ra.triage` in a notebook: any form of alerts and actions, cases by store group."""

from pathlib import Path
from typing import Any

import pytest

import retail_anomaly as ra
from retail_anomaly.core.codec import encode
from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.settings import StoreSettings
from tests.unit.cases.test_triage import alert

T0 = 1_760_000_000_000
ALERTS = [alert("a"), alert("b", 60_000, employee_id=None, type="SHRINKAGE", evidence={"sku": "k"})]


def verdict(alert_id: str, verdict: str = "benign", store: str = "store-1", **fields: Any) -> dict[str, Any]:
    return {
        "actionId": f"v-{store}-{alert_id}",
        "time": T0 + 120_000,
        "by": "kim",
        "action": "verdict",
        "storeId": store,
        "alertId": alert_id,
        "verdict": verdict,
        "reason": "seen on video",
        **fields,
    }


def test_frames_files_and_structs_give_the_same_cases(tmp_path: Path) -> None:
    alerts, actions = tmp_path / "alerts.jsonl", tmp_path / "actions.jsonl"
    alerts.write_bytes(b"".join(encode(each) + b"\n" for each in ALERTS))
    actions.write_bytes(encode(verdict("a")) + b"\n")

    books = [
        ra.triage(ALERTS, [verdict("a")]),
        ra.triage(alerts_frame(ALERTS), [verdict("a")]),
        ra.triage(alerts, actions),
    ]

    assert [book.cases for book in books] == [books[0].cases] * 3
    assert books[0].frame()[["subject", "state"]].values.tolist() == [["k", "open"], ["c-1", "closed"]]


def test_a_long_history_keeps_all_its_cases() -> None:
    book = ra.triage([alert(str(day), day * 86_400_000) for day in range(0, 700, 2)])

    assert len(book.cases) == 350


def test_verdicts_teach_the_stores_of_their_group_only() -> None:
    stores = {"n-1": "north", "n-2": "north", "s-1": "south"}
    settings = ra.Settings(stores={name: StoreSettings(group=group) for name, group in stores.items()})
    alerts = alerts_frame(alert(name) for name in stores).assign(store_id=list(stores), alert_id=list(stores))

    book = ra.triage(alerts, [verdict("n-1", "confirmed", "n-1")], settings=settings)

    waiting = book.frame().set_index("store_id")["priority"]
    unjudged = ra.triage(alerts, settings=settings).cases[0].priority
    assert waiting["n-1"] == 1.0
    assert waiting["n-2"] > unjudged
    assert waiting["s-1"] == unjudged


def test_a_wrong_action_names_its_number_and_field() -> None:
    with pytest.raises(InvalidRecord, match=r"^action 2: reason: expected text"):
        ra.triage(ALERTS, [verdict("a"), verdict("b", reason=None)])


def test_no_alerts_make_no_cases() -> None:
    book = ra.triage(alerts_frame([]))

    assert book.frame().empty
    assert "0 open cases" in book._repr_html_()
