"""The page about one cashier or one store."""

from __future__ import annotations

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.cli import main
from retail_anomaly.core import codec
from retail_anomaly.core.errors import UsageError
from retail_anomaly.report.profile_page import ProfileError
from tests.support.events import DAY, HOUR, line

LOG = [
    line(
        "REFUND" if cashier == "c-1" and n % 4 == 0 else "SALE",
        n * DAY // 4 + place * HOUR,
        transaction_id=f"{cashier}-{n}",
        cashier_id=cashier,
        store_id=store,
        amount=10.0,
    )
    for n in range(24)
    for place, (store, cashier) in enumerate(
        [("store-1", "c-1"), ("store-1", "c-2"), ("store-1", "<b>"), ("store-2", "c-2")]
    )
]


def test_a_cashier_stands_beside_the_colleagues():
    found = ra.profile(LOG, employee_id="c-1")
    assert found.summary.startswith(
        "c-1 made 6 refunds on 24 receipts in store-1 (25.0 %); the 2 other cashiers refund 0.0 %. 6 alerts."
    )
    assert found.facts == {"Sold": "180.00", "Refunded": "60.00", "Refund lines": "6", "Alerts": "6"}
    assert found.peers.index[0] == "c-1"
    assert set(found.alerts["employee_id"]) == {"c-1"}


def test_a_store_stands_beside_the_other_stores():
    found = ra.profile(LOG, store_id="store-1")
    assert found.summary.startswith(
        "store-1 made 6 refunds on 72 receipts (8.3 %); the 1 other store refunds 0.0 %. 6 alerts."
    )
    assert "<h3>store-1</h3>" in found._repr_html_()


OPENED = line("NO_SALE", cashier_id="c-8", store_id="store-8")


@pytest.mark.parametrize(
    ("log", "who", "said"),
    [
        ([*LOG, line("LINE_VOID", cashier_id="c-9", store_id="store-2")], {"employee_id": "c-9"},
         "c-9 has no receipts in store-2; the 1 other cashier refunds 0.0 %. No alert."),
        ([*LOG, codec.decode("pos-events", codec.encode(OPENED))], {"store_id": "store-8"},
         "store-8 has no receipts; the 2 other stores refund 6.2 %. No alert."),
        ([codec.decode("pos-events", codec.encode(OPENED))], {"employee_id": "c-8"},
         "c-8 has no receipts in store-8; no other cashier of the store has receipts. No alert."),
    ],
)  # fmt: skip
def test_who_rang_up_nothing_has_a_page_too(log, who, said, tmp_path):
    found = ra.profile(log, **who)
    assert found.summary == said
    assert found.facts["Sold"] == "0.00"
    assert "no receipts" in found.write(tmp_path / "page.html").read_text("utf-8")


def test_the_page_opens_with_hostile_names_as_text(tmp_path):
    page = ra.profile(LOG, employee_id="<b>").write(tmp_path / "page.html").read_text("utf-8")
    assert "&lt;b&gt;, store-1" in page
    assert "<td class='short'><b>" not in page


def test_alerts_that_are_given_are_not_replayed():
    none = ra.replay(LOG).alerts.head(0)
    assert ra.profile(LOG, employee_id="c-1", alerts=none).facts["Alerts"] == "0"


@pytest.mark.parametrize(
    ("who", "error", "said"),
    [
        ({}, UsageError, "name an employee, a store or both"),
        (
            {"employee_id": "c-2"},
            UsageError,
            r"2 stores have one of this name \(store-1, store-2\): name the",
        ),
        ({"employee_id": "c-9"}, ProfileError, "employee c-9: no event is theirs; did you mean c-2"),
        ({"store_id": "store-9"}, ProfileError, "store store-9: no event is of this store; did you mean"),
        (
            {"store_id": "store-2", "employee_id": "c-1"},
            ProfileError,
            r"employee c-1: no event of store store-2 is theirs; 1 other store has one .* \(store-1\)",
        ),
    ],
)
def test_whom_nobody_knows_is_one_line(who, error, said):
    with pytest.raises(error, match=said):
        ra.profile(LOG, **who)


def test_the_figure_over_time_has_weeks_of_a_long_history():
    long = [line("SALE", n * DAY, transaction_id=f"t{n}", cashier_id=f"c-{n % 2}") for n in range(100)]
    days = ra.plots.refunds_over_time(LOG, store_id="store-1", employee_id="c-1")
    weeks = ra.plots.refunds_over_time(long, store_id="store-1", employee_id="c-1")
    assert days.layout.title.text == "c-1 refunds 25.0 % of 24 receipts, all others of the store 0.0 %"
    assert weeks.layout.xaxis.title.text == "Week from"
    assert len(weeks.data[1].x) == 15


def test_the_command_reads_foreign_columns_and_never_writes_over_them(tmp_path, capsys):
    log = tmp_path / "sales.csv"
    rows = [{"no": f"r{n}", "shop": "s", "clerk": f"c-{n % 2}", "article": "k", "total": 9.0, "kind": "SALE",
             "at": f"2025-10-09 10:0{n}"} for n in range(4)]  # fmt: skip
    pd.DataFrame(rows).to_csv(log, index=False)
    columns = "transactionId=no,storeId=shop,cashierId=clerk,sku=article,amount=total,eventType=kind"
    command = ["profile", str(log), "--columns", f"{columns},eventTime=at", "--employee", "c-1"]
    assert main([*command, "--output", str(tmp_path / "page.html")]) == 0
    assert "c-1 made 0 refunds on 2 receipts in s" in capsys.readouterr().err
    before = log.read_bytes()
    assert main([*command, "--output", str(log)]) == 2
    assert log.read_bytes() == before
