"""Parameters changed over stored state: they apply from the next event on, nothing forgotten comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from retail_anomaly.contract import RestartingRun
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event
from tests.support.brokerless import BrokerlessPipeline, send_all
from tests.support.events import DAY, MINUTE, count, line, quiet_until, refund, sale
from tests.support.runs import engine_of


def alerts_after(run: RestartingRun, engine: Engine, *events: Event) -> list[Any]:
    """Go on with another engine over what the run has stored."""
    run.restart()
    run.engine = engine
    return [alert for event in events for alert in run.step(event)]


def refunds(number: int, start: int = 0, **fields: Any) -> list[Event]:
    return [refund(start + n, transaction_id=f"r-{start}-{n}", **fields) for n in range(number)]


def test_lower_limit_counts_what_is_remembered_from_the_next_event_on():
    run = RestartingRun(engine_of("refund_burst", count=4))
    assert [run.step(event) for event in refunds(2)] == [[], []]
    (alert,) = alerts_after(run, engine_of("refund_burst", count=3), *refunds(1, MINUTE))
    assert alert.evidence["refundCount"] == 3


def test_higher_limit_ends_an_open_burst():
    run = RestartingRun(engine_of("refund_burst", count=2))
    for event in refunds(2):
        run.step(event)
    assert alerts_after(run, engine_of("refund_burst", count=4), *refunds(1, MINUTE)) == []
    (alert,) = run.step(refund(MINUTE + 1, transaction_id="r-4"))
    assert alert.revision == 1


def test_longer_window_does_not_bring_back_what_a_shorter_one_let_go():
    run = RestartingRun(engine_of("refund_burst"))
    for event in refunds(2):
        run.step(event)
    assert alerts_after(run, engine_of("refund_burst", window=MINUTE), *refunds(1, 2 * MINUTE)) == []
    assert alerts_after(run, engine_of("refund_burst"), *refunds(1, 3 * MINUTE)) == []
    (alert,) = run.step(refund(3 * MINUTE + 1, transaction_id="r-5"))
    assert alert.evidence["totalRefunds"] == 3


def test_shorter_sale_memory_holds_at_once_and_a_longer_one_for_sales_still_remembered():
    back = {"original_transaction_id": "t-sold"}
    run = RestartingRun(engine_of("refund_without_sale"))
    run.step(sale(transaction_id="t-sold"))
    short = engine_of("refund_without_sale", sale_memory=DAY)
    assert len(alerts_after(run, short, refund(2 * DAY, transaction_id="b-1", **back))) == 1
    # Remembered until it is of no use to any event on time.
    assert (
        alerts_after(run, engine_of("refund_without_sale"), refund(2 * DAY, transaction_id="b-2", **back))
        == []
    )


def test_longer_sale_memory_does_not_bring_back_a_sale_let_go():
    run = RestartingRun(engine_of("refund_without_sale", sale_memory=DAY))
    run.step(sale(transaction_id="t-sold"))
    for day in (4, 5):
        run.alerts(quiet_until(day * DAY))
    back = refund(5 * DAY, transaction_id="b-1", original_transaction_id="t-sold")
    assert len(alerts_after(run, engine_of("refund_without_sale"), back)) == 1


@pytest.mark.parametrize("grace", [0, MINUTE, 60 * MINUTE])
def test_refund_that_waits_is_released_under_the_new_grace(grace):
    """Also when waiting is switched off; then the store's next refund releases it."""
    run = RestartingRun(engine_of("refund_without_sale", match_grace=10 * MINUTE))
    assert run.step(refund(0, transaction_id="waits")) == []
    engine = engine_of("refund_without_sale", match_grace=grace)
    run.restart()
    run.engine = engine
    sold = sale(grace + 1, transaction_id="t-sold")
    alerts = [*run.step(sold), *run.step(refund(grace + 2, transaction_id="t-sold"))]
    assert [alert.evidence["transactionId"] for alert in alerts] == ["waits"]
    assert engine.waiting(run.store("store-1"))[0] == 0


def test_threshold_holds_for_what_was_sold_before():
    run = RestartingRun(engine_of("inventory_shrinkage", threshold=50))
    run.step(sale(quantity=10))
    (alert,) = alerts_after(run, engine_of("inventory_shrinkage", threshold=5), count(MINUTE, 0))
    assert alert.evidence["sold"] == 10


def test_longer_lateness_does_not_bring_back_shifts_but_keeps_the_newest():
    run = RestartingRun(engine_of("refund_burst", max_late=DAY))
    run.step(line("NO_SALE"))
    run.restart()
    run.engine = engine_of("refund_burst", max_late=30 * DAY)
    for event in refunds(2, 40 * DAY):
        run.step(event)
    assert len(run.step(refund(40 * DAY + MINUTE, transaction_id="r-3"))) == 1


# --- What the streamer says ------------------------------------------------------------------------


def said(engine: Engine, folder: Path, *events: Event) -> list[dict[str, Any]]:
    """Run a streamer's inside over a state directory; return its log lines about parameters."""
    with capture_logs() as logs:
        pipeline = BrokerlessPipeline(engine, folder)
        send_all(pipeline, [(topic_of(event), encode(event)) for event in events])
        pipeline.commit()
        pipeline.close()
    return [dict(log) for log in logs if log["event"] == "parameters changed"]


def test_streamer_logs_once_what_differs_from_the_parameters_that_wrote_the_state(tmp_path):
    before = engine_of("refund_burst", "stock_discrepancy", "inventory_shrinkage")
    after = engine_of("refund_burst", "stock_discrepancy", "security_correlation", refund_burst={"count": 5})
    events = [sale(n, store_id=f"store-{n % 2}") for n in range(4)]
    assert said(before, tmp_path, *events) == []
    assert said(before, tmp_path, *events) == []
    lines = said(after, tmp_path, *events)
    assert {line["detector"]: line["outcome"] for line in lines} == {
        "inventory_shrinkage": "its state is given up",
        "refund_burst": "from the next event on",
        "security_correlation": "starts empty",
    }
    assert len(lines) == 3
    (burst,) = (line for line in lines if line["detector"] == "refund_burst")
    assert (burst["before"], burst["now"]) == (
        before.config_hashes["refund_burst"],
        after.config_hashes["refund_burst"],
    )
    assert said(after, tmp_path, *events) == []
