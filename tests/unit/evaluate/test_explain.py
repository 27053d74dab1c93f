"""What each detector made of a receipt: the verdict, and how far it was from an alert."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import retail_anomaly as ra
from data_gen import Simulation
from retail_anomaly.cli import main
from retail_anomaly.core.events import TillEvent
from retail_anomaly.evaluate.explain import TransactionError
from tests.support.events import HOUR, MINUTE, SECOND, T0, count, gate, line, refund, sale

BOUGHT = sale(transaction_id="a", quantity=3, amount=30.0)
TAKES_BACK: dict[str, Any] = {"transaction_id": "r", "original_transaction_id": "a"}
OPENINGS = {
    "id": "openings",
    "version": 1,
    "status": "live",
    "message": "{value} refunds",
    "by": ["cashierId"],
    "window": "8h",
    "events": {"refund": {"eventType": "REFUND"}},
    "when": {"count": "refund", "gte": 3},
    "risk": 0.5,
}


def told(number, events, detector, **how):
    """Return what a detector says of the last line about a receipt, and how many alerts it has."""
    explained = ra.explain(number, events, detectors=[detector], **how)
    judgements = explained.lines[-1].judgements
    return [str(margin) for each in judgements for margin in each.margins], len(explained.alerts)


@pytest.mark.parametrize(
    ("detector", "number", "events", "said", "alerts"),
    [
        ("refund_burst", "r1", [refund(transaction_id=f"r{n}") for n in range(2)],
         ["amount of this refund: 120; alerts from 100 on",
          "refunds of 100.00 or more by c-1 within 10m: 2; alerts from 3 on, 1 short"], 0),
        ("refund_burst", "r2", [refund(transaction_id=f"r{n}") for n in range(3)],
         ["amount of this refund: 120; alerts from 100 on",
          "refunds of 100.00 or more by c-1 within 10m: 3; alerts from 3 on"], 1),
        ("refund_burst", "r", [refund(transaction_id="r", amount=40.0)],
         ["amount of this refund: 40; alerts from 100 on, 60 short",
          "refunds of 100.00 or more by c-1 within 10m: 0; alerts from 3 on, 3 short"], 0),
        ("refund_burst", "t-1", [sale()], [], 0),
        ("refund_without_sale", "r", [BOUGHT, refund(MINUTE, **TAKES_BACK)],
         ["the sale of a is known: a sale of the last 90d is enough"], 0),
        ("refund_without_sale", "r", [refund(**TAKES_BACK)],
         ["no sale of a in the last 90d is known; the store's log begins here"], 1),
        ("refund_without_sale", "r", [refund(original_store_id="s-2", **TAKES_BACK)],
         ["the sale is one of store s-2"], 0),
        ("refund_match", "r", [BOUGHT, refund(MINUTE, quantity=2, amount=20.05, **TAKES_BACK)],
         ["receipt a sold 3 of sku-1, and 1 are left now",
          "refunded 0.05 above the price of the sale; more than 0.20 alerts"], 0),
        ("refund_match", "r", [BOUGHT, refund(MINUTE, sku="tv", **TAKES_BACK)], ["receipt a has no tv"], 1),
        ("refund_match", "r", [refund(**TAKES_BACK)],
         ["not judged: the receipt may be older than the log"], 0),
        ("security_correlation", "t-1", [sale(amount=150.0), gate(5 * SECOND)],
         ["amount of a line that a gate alarm within 2m would alert about: 150; alerts from 200 on, "
          "50 short"],
         0),
        ("inventory_shrinkage", "t-1", [sale(quantity=7)],
         ["its next count is compared with 7 sold of sku-1 since the last"], 0),
        ("stock_discrepancy", "t-1", [count(0, 20), sale(MINUTE, quantity=7)],
         ["the next count of sku-1 should find 13"], 0),
    ],
)  # fmt: skip
def test_a_detector_says_what_it_measured(detector, number, events, said, alerts):
    assert told(number, events, detector) == (said, alerts)


def test_an_alert_that_another_event_raises_comes_later():
    explained = ra.explain("t-1", [sale(amount=500.0), gate(MINUTE)])
    assert [alert.type for alert in explained.later] == ["SECURITY_CORRELATION"]
    assert "later, 2025-10-09 08:54:20 UTC\n  SECURITY_CORRELATION: Gate" in str(explained)


def test_a_declared_rule_says_the_value_of_its_group(tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(str(OPENINGS))
    config = tmp_path / "config.yaml"
    config.write_text(f"rules: {{files: [{rules}]}}")
    events = [refund(n * HOUR, transaction_id=f"r{n}") for n in range(3)]
    settings = ra.load_settings(config)
    assert told("r1", events, "rule:openings", settings=settings) == (
        ["count of refund in the group of cashierId c-1: 2; alerts from 3 on, 1 short"],
        1,  # that of r2, which cites it
    )
    assert told("r2", events, "rule:openings", settings=settings)[1] == 1


def test_a_model_says_what_is_usual_or_why_it_is_silent():
    said, _ = told("t-1", [refund()], "refund_deviation")
    assert len(said) == 1
    assert said[0].startswith("c-1: 1 where ")


def test_refunds_that_name_the_receipt_are_explained_with_it():
    explained = ra.explain("a", [BOUGHT, refund(MINUTE, **TAKES_BACK, amount=99.0)])
    assert [line.event.event_type for line in explained.lines] == ["SALE", "REFUND"]
    assert [alert.type for alert in explained.alerts] == ["REFUND_MISMATCH"]
    assert "<table>" in explained._repr_html_()


def test_a_number_of_two_stores_is_explained_in_both_or_in_the_one_that_is_named():
    events = [refund(), refund(store_id="store-2")]
    assert {line.event.store_id for line in ra.explain("t-1", events).lines} == {"store-1", "store-2"}
    only = ra.explain("t-1", events, store_id="store-2")
    assert {line.event.store_id for line in only.lines} == {"store-2"}
    with pytest.raises(TransactionError, match="transaction t-1: no event bears this number in store s-9"):
        ra.explain("t-1", events, store_id="s-9")


def test_the_alerts_are_those_of_a_replay():
    events = list(Simulation(stores=1, days=1, seed=7).events())
    alerts = ra.replay(events).alerts
    cited = {row.get("transactionId") for row in alerts["evidence"]} - {None}
    assert len(cited) > 1
    for number in sorted(cited)[:2]:
        raised = {alert.alert_id for alert in ra.explain(number, events).alerts}
        about = alerts[[row.get("transactionId") == number for row in alerts["evidence"]]]
        assert set(about["alert_id"]) <= raised <= set(alerts["alert_id"])


def test_the_command_reads_foreign_columns(tmp_path, capsys):
    log = tmp_path / "sales.csv"
    rows = [{"no": f"r{n}", "shop": "s", "clerk": "c", "article": "k", "total": 120.0, "kind": "REFUND",
             "at": f"2025-10-09 10:0{n}"} for n in range(2)]  # fmt: skip
    pd.DataFrame(rows).to_csv(log, index=False)
    columns = "transactionId=no,storeId=shop,cashierId=clerk,sku=article,amount=total,eventType=kind"
    command = ["explain", "r1", str(log), "--columns", f"{columns},eventTime=at"]
    assert main([*command, "--detectors", "refund_burst"]) == 0
    assert "within 10m: 2; alerts from 3 on, 1 short" in capsys.readouterr().out
    assert main(["explain", "r7", *command[2:]]) == 1
    assert capsys.readouterr().err.startswith("retail-anomaly: transaction r7: no event bears this number;")


def test_a_line_of_a_type_that_nobody_looks_at_says_so():
    explained = ra.explain("t-1", [line("NO_SALE")])
    assert "no detector looks at it" in str(explained)


def test_voids_and_events_of_the_till_are_found_by_their_number():
    void = TillEvent("store-1", "c-2", "POST_VOID", T0 + MINUTE, "v", original_transaction_id="a")
    opened = TillEvent("store-1", "c-2", "NO_SALE", T0 + 2 * MINUTE, "n")
    events = [BOUGHT, void, opened]
    assert "\nv: takes back a: POST_VOID by c-2, store-1, " in str(ra.explain("v", events))
    assert [line.event.event_type for line in ra.explain("a", events).lines] == ["SALE", "POST_VOID"]
    assert "\nn: NO_SALE by c-2" in str(ra.explain("n", events))
    own = TillEvent("store-1", "c-2", "VOID", T0 + MINUTE, "a")
    assert "a: takes back the receipt: VOID by c-2" in str(ra.explain("a", [BOUGHT, own]))


def test_a_declared_rule_is_asked_about_an_event_of_the_till(tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(str({**OPENINGS, "events": {"refund": {"eventType": "NO_SALE"}}}))
    config = tmp_path / "config.yaml"
    config.write_text(f"rules: {{files: [{rules}]}}")
    events = [TillEvent("store-1", "c-1", "NO_SALE", T0 + n * HOUR, f"n{n}") for n in range(2)]
    said, _ = told("n1", events, "rule:openings", settings=ra.load_settings(config))
    assert said == ["count of refund in the group of cashierId c-1: 2; alerts from 3 on, 1 short"]


def test_an_alert_about_another_receipt_is_named_as_one(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("detectors: {refund_without_sale: {match_grace: 30m}}")
    settings = ra.load_settings(config)
    waiting = refund(transaction_id="r", original_transaction_id="gone")
    events = [waiting, sale(HOUR, transaction_id="b"), sale(HOUR + 1, transaction_id="c")]
    explained = [ra.explain(number, events, settings=settings) for number in ("r", "b", "c")]
    assert [len(each.alerts) for each in explained] == [1, 0, 0]
    named = ["raised by this line, about another receipt: alert" in str(each) for each in explained]
    assert named == [False, True, False]
