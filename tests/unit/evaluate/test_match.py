"""Which alerts are about which incidents."""

from typing import Any

import pandas as pd
import pytest

from retail_anomaly.evaluate import incidents_frame, match_incidents, read_incidents
from retail_anomaly.plots import example_alerts

TIME = 1_760_000_000_000
BURST = {
    "incidentId": "i-1",
    "scenario": "refund_burst",
    "storeId": "store-1",
    "employeeId": "c-1",
    "start": TIME - 60_000,
    "end": TIME,
    "transactionIds": ["t-2"],
    "expectedLoss": 240.0,
}
SWEEP = {
    "incidentId": "i-2",
    "scenario": "inventory_shrinkage",
    "storeId": "store-1",
    "start": TIME,
    "end": TIME + 7_200_000,
    "transactionIds": [],
    "expectedLoss": 90.0,
    "sku": "sku-1",
}


def found(incident: dict[str, Any], alerts: pd.DataFrame | None = None) -> Any:
    alerts = example_alerts() if alerts is None else alerts
    return match_incidents(alerts, incidents_frame([incident]))["alert_ids"].tolist()[0]


def citing(evidence: dict[str, Any], employee: str | None = "c-1") -> pd.DataFrame:
    """Return one alert with other evidence."""
    alert = {**example_alerts().iloc[0].to_dict(), "evidence": evidence, "employee_id": employee}
    return pd.DataFrame([alert])


def test_found_by_transaction_by_sku_or_by_employee():
    assert found(BURST) == ["a1"]
    assert found(SWEEP) == ["a2"]
    assert found({**BURST, "transactionIds": None}) == ["a1"]


@pytest.mark.parametrize(
    "other",
    [
        {**BURST, "storeId": "store-2"},
        {**BURST, "transactionIds": ["t-9"]},
        {**BURST, "transactionIds": [], "employeeId": "c-2"},
        {**BURST, "transactionIds": [], "end": TIME - 1},
        {**SWEEP, "sku": "sku-2"},
        {**SWEEP, "end": TIME + 7_199_999},
    ],
)
def test_not_found_by_an_alert_about_something_else(other):
    assert found(other) == []


def test_any_scenario_is_found_by_an_alert_of_any_type():
    assert found({**BURST, "scenario": "collusion"}) == ["a1"]


@pytest.mark.parametrize(
    "evidence",
    [
        {"transactionId": "t-2"},
        {"transactionIds": ["t-9", "t-2"]},
        {"transactionId": "t-9", "otherTransactionIds": ["t-2"]},
        {"originalTransactionId": "t-2"},
        {"refunds": [{"transactionId": "t-9"}, {"transactionId": "t-2"}]},
    ],
)
def test_every_way_of_citing_a_transaction_counts(evidence):
    assert found(BURST, citing(evidence)) == ["a1"]


def test_a_receipt_number_elsewhere_in_the_evidence_is_no_citation():
    assert found(BURST, citing({"registerId": "t-2", "note": "t-2", "transactionCount": 2})) == []


def test_employees_differ_only_where_both_are_named():
    assert found(BURST, citing({"transactionId": "t-2"}, employee="c-2")) == []
    assert found(BURST, citing({"transactionId": "t-2"}, employee=None)) == ["a1"]
    assert found({**BURST, "employeeId": None}, citing({"transactionId": "t-2"}, employee="c-2")) == ["a1"]


def test_an_incident_with_transactions_is_not_found_by_time():
    assert found(BURST, citing({"refundCount": 4})) == []


def test_without_transactions_an_alert_must_be_about_the_sku_if_it_is_about_anything():
    bare = {**SWEEP, "start": TIME - 1}
    assert found(bare, citing({"salesExpected": 40})) == ["a1"]
    assert found(bare, citing({"skus": ["sku-9", "sku-1"]})) == ["a1"]
    assert found(bare, citing({"sku": "sku-9"})) == []
    assert found(bare, citing({"transactionIds": ["t-1"]})) == []
    assert found({**bare, "sku": None, "employeeId": "c-1"}, citing({"transactionIds": ["t-1"]})) == ["a1"]


def test_an_outage_is_not_found_by_an_alert_about_a_refund():
    outage = {**SWEEP, "sku": None, "start": TIME - 1}
    assert found(outage, citing({"transactionIds": ["t-1"]})) == []
    assert found(outage, citing({"sku": "sku-9"}, employee=None)) == []


@pytest.mark.parametrize(
    ("start", "end", "ids"),
    [(-900, 0, ["a1"]), (-901, -1, ["a1"]), (-1800, -1000, []), (500, 900, []), (-5000, 5000, ["a1"])],
)
def test_an_outage_is_found_by_the_interval_that_an_alert_is_about(start, end, ids):
    """The alert itself may come after the outage."""
    outage = {**SWEEP, "sku": None, "start": TIME - 950, "end": TIME + 400 - 1}
    evidence = {"start": TIME + start, "end": TIME + end, "transactionIds": ["t-1"]}
    late = citing(evidence, employee=None).assign(event_time=pd.Timestamp(TIME + 5000, unit="ms", tz="UTC"))
    assert found(outage, late) == ids


def test_an_incident_with_transactions_is_found_by_an_alert_about_half_of_its_time():
    night = {**BURST, "employeeId": None, "start": TIME - 1000, "end": TIME}
    assert found(night, citing({"start": TIME - 500, "end": TIME + 900}, employee=None)) == ["a1"]
    assert found(night, citing({"start": TIME - 499, "end": TIME + 900}, employee=None)) == []
    other = {"start": TIME - 500, "end": TIME + 900, "transactionIds": ["t-9"]}
    assert found(night, citing(other, employee=None)) == []


@pytest.mark.parametrize("interval", [{}, {"start": "a", "end": 3}, {"start": TIME, "end": TIME - 1}])
def test_a_strange_interval_is_none(interval):
    night = {**BURST, "employeeId": None, "start": TIME - 1000, "end": TIME}
    assert found(night, citing(interval, employee=None)) == []


def test_both_ends_of_an_incident_without_transactions_belong_to_it():
    for start, end, ids in ((TIME, TIME, ["a1"]), (TIME + 1, TIME + 9, []), (TIME - 9, TIME - 1, [])):
        outage = {**SWEEP, "sku": None, "start": start, "end": end}
        assert found(outage, citing({})) == ids


def test_a_distractor_draws_alerts_but_is_never_found():
    matched = match_incidents(example_alerts(), incidents_frame([{**BURST, "distractor": True}, BURST]))
    assert matched["alert_ids"].tolist() == [["a1"], ["a1"]]
    assert matched["found"].tolist() == [False, True]
    assert matched["found_at"].isna().tolist() == [True, False]
    assert matched["distractor"].tolist() == [True, False]


def test_an_incident_is_found_when_a_revision_first_cites_it():
    first = citing({"transactionIds": ["t-1"]})
    later = citing({"transactionIds": ["t-1", "t-2"]}).assign(
        revision=2, event_time=first["event_time"] + pd.Timedelta(minutes=3)
    )
    matched = match_incidents(pd.concat([first, later]), incidents_frame([BURST]))
    assert matched["found_at"].tolist() == [pd.Timestamp(TIME + 180_000, unit="ms", tz="UTC")]


def test_revisions_of_an_alert_count_once():
    alerts = example_alerts()
    alerts = pd.concat([alerts, alerts.assign(revision=2)])
    assert match_incidents(alerts, incidents_frame([BURST]))["alert_ids"].tolist() == [["a1"]]


def test_no_incidents_and_no_alerts(tmp_path):
    (tmp_path / "none.jsonl").write_text("\n")
    none = read_incidents(tmp_path / "none.jsonl")
    assert match_incidents(example_alerts(), none).empty
    assert not match_incidents(example_alerts().head(0), incidents_frame([BURST]))["found"].any()


@pytest.mark.parametrize("line", ["{", "[]", '{"incidentId": "i"}', "\xff"])
def test_a_line_that_is_no_incident_is_named(tmp_path, line):
    path = tmp_path / "incidents.jsonl"
    path.write_bytes(b"\n" + line.encode("latin-1"))
    with pytest.raises(ValueError, match=r"incidents\.jsonl:2: .*expected ") as error:
        read_incidents(path)
    assert "\n" not in str(error.value)
