"""Which alerts count as having found an incident."""

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


def found(incident: dict[str, Any]) -> Any:
    return match_incidents(example_alerts(), incidents_frame([incident]))["alert_ids"].tolist()[0]


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
    with pytest.raises(ValueError, match=r"incidents\.jsonl:2: no incident: ") as error:
        read_incidents(path)
    assert "\n" not in str(error.value)
