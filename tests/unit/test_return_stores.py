"""Refunds of a receipt in other stores of the chain, followed by a replay."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.core.codec import encode
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.replay import Replay
from retail_anomaly.settings import Settings, StoreSettings, build_engine
from tests.support.events import DAY, HOUR, refund, sale
from tests.support.runs import engine_of

HOME = "store-1"
SOLD: dict[str, Any] = {"transaction_id": "42", "sku": "k", "quantity": 1, "amount": 30.0}
STORES = (HOME, "store-2", "store-3")


def taken_back(store: str, at: int, **more: Any) -> PosEvent:
    """Refund the receipt 42 of the first store."""
    home = {} if store == HOME else {"original_store_id": HOME}
    back = {"transaction_id": f"r-{store}", "original_transaction_id": "42", "event_id": f"{store}/{at}"}
    return refund(at, **{**SOLD, **back, **home, "store_id": store, **more})


def sold(at: int = 0) -> PosEvent:
    return sale(at, **SOLD, store_id=HOME)


def replayed(path: Path, events: list[PosEvent], **options: Any) -> ra.ReplayResult:
    log = path / "events.jsonl"
    log.write_bytes(b"".join(b'{"topic":"pos-events","value":' + encode(event) + b"}\n" for event in events))
    return ra.replay(log, detectors=["refund_match"], **{"return_stores": True, **options})


@pytest.mark.parametrize("order", list(permutations(STORES)))
def test_a_receipt_refunded_in_three_stores_is_found_whichever_comes_first(tmp_path, order):
    events = [sold(), *(taken_back(store, (n + 1) * HOUR) for n, store in enumerate(order))]
    found = replayed(tmp_path, events).alerts
    assert found["store_id"].tolist() == list(order[1:])
    assert [evidence["loss"] for evidence in found["evidence"]] == [30.0, 30.0]
    others = [store for store in order[:1] if store != HOME]
    assert found["evidence"].iloc[-1].get("refundedInStores", []) == others


def test_processes_give_the_alerts_of_one(tmp_path):
    events = [
        sold(),
        *(sale(n, store_id=f"store-{n % 3 + 1}", transaction_id=f"t-{n}") for n in range(1, 99)),
    ]
    events += [taken_back(store, (n + 1) * HOUR) for n, store in enumerate(STORES * 2)]
    one, two = (replayed(tmp_path, events, jobs=jobs) for jobs in (1, 2))
    pd.testing.assert_frame_equal(
        one.alerts.drop(columns="detected_at"), two.alerts.drop(columns="detected_at")
    )
    assert len(one.alerts) >= 4
    assert one.undecided == two.undecided


def test_a_line_that_comes_twice_is_one(tmp_path):
    line = taken_back("store-2", HOUR)
    assert replayed(tmp_path, [sold(), line, line]).alerts.empty


def go_on(engine: Engine, home: StoreMemory, day: int) -> None:
    """Let the receipt's store reach a day."""
    for till in ("till-1", "till-2"):
        engine.process(sale(day * DAY, store_id=HOME, transaction_id=f"{till}-{day}"), home)


def test_a_further_line_revises_its_receipts_alert_however_far_the_store_is_by_then():
    engine = engine_of("refund_match")
    engine.follow_returns()
    home, raised = engine.new_store(HOME), []
    engine.process(sold(), home)
    for day in range(1, 80):
        go_on(engine, home, day)
        line = taken_back("store-2", HOUR + day, amount=50.0 + day)
        raised += engine.take_return(line, home) if day % 20 == 1 else []
    assert [alert.revision for alert in raised] == [1, 2, 3, 4]


@pytest.mark.parametrize("more", [{}, {"amount": 50.0}])
def test_a_line_that_comes_again_is_one_however_far_its_receipts_store_is_by_then(more: dict[str, Any]):
    # As where the process of the refund's store dies and sends its refunds again.
    engine = engine_of("refund_match")
    engine.follow_returns()
    home = engine.new_store(HOME)
    line, days = taken_back("store-2", HOUR, **more), range(1, 80)
    engine.process(sold(), home)
    first = engine.take_return(line, home)
    for day in days:
        go_on(engine, home, day)
        assert engine.take_return(line, home) == []
    again = engine.take_return(taken_back("store-3", 80 * DAY), home)
    assert [alert.revision for alert in first] == [1] * bool(more)
    assert [alert.evidence["lines"][0]["refundedBefore"] for alert in again] == [1]


def test_a_refund_of_a_store_or_receipt_that_is_not_there_is_not_decided(tmp_path):
    nowhere = taken_back("store-2", HOUR, original_store_id="store-9")
    unknown = taken_back("store-3", 2 * HOUR, original_transaction_id="41")
    result = replayed(tmp_path, [sold(), nowhere, unknown])
    assert result.alerts.empty
    assert dict(result.undecided) == {
        ("refund_match", "other store"): 1,
        ("refund_match", "young log"): 1,
    }


@pytest.mark.parametrize(
    ("later", "refunds"), [(sale(2 * HOUR, store_id=HOME), 1), (taken_back("store-2", 2 * HOUR), 2)]
)
@pytest.mark.parametrize("own", [{}, {HOME: StoreSettings(detectors={"refund_match": {"price_floor": 0.5}})}])
def test_each_refund_that_is_not_decided_counts_once(
    own: dict[str, StoreSettings], later: PosEvent, refunds: int
) -> None:
    replay = Replay(build_engine(Settings(stores=own), ["refund_match"]), return_stores=True)
    list(replay.alerts([taken_back(HOME, HOUR), later]))
    assert replay.undecided == {("refund_match", "young log"): refunds}


def test_unless_returns_are_followed_a_refund_of_another_store_is_not_decided(tmp_path):
    events = [sold(), taken_back("store-2", HOUR), taken_back("store-3", 2 * HOUR)]
    result = replayed(tmp_path, events, return_stores=False)
    assert result.alerts.empty
    assert result.undecided["refund_match", "other store"] == 2


def test_lines_of_one_refund_elsewhere_are_one_alert_and_a_new_day_is_another(tmp_path):
    again = [taken_back("store-2", at, event_id=f"e-{at}") for at in (HOUR, HOUR + 1, HOUR + 2, 2 * DAY)]
    found = replayed(tmp_path, [sold(), *again]).alerts
    assert found["revision"].tolist() == [1, 2, 1]
    assert found["evidence"].iloc[0]["originalStoreId"] == HOME


@pytest.mark.parametrize("jobs", [1, 2])
def test_logs_out_of_order_over_the_stores_are_a_remark(tmp_path, jobs):
    others = [sale(n, store_id=f"store-{n % 3 + 1}", transaction_id=f"t-{n}") for n in range(1, 9)]
    early = [taken_back("store-2", HOUR), taken_back("store-3", 2 * HOUR)]
    advice = "refunds of another store's receipt (2) came before that receipt"
    disordered = " ".join(replayed(tmp_path, [*early, *others, sold()], jobs=jobs).remarks)
    assert advice in disordered
    assert "order the logs by time over all stores" in disordered
    assert "of another store" not in " ".join(
        replayed(tmp_path, [sold(), *others, *early], jobs=jobs).remarks
    )
    # A refund that was made before the sale is no matter of order.
    later = [*early, *others, sold(3 * HOUR)]
    assert "of another store" not in " ".join(replayed(tmp_path, later, jobs=jobs).remarks)
