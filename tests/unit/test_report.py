"""The report: one page, nothing from outside, everything escaped."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from retail_anomaly.cli import main
from retail_anomaly.evaluate import incidents_frame, refund_cover
from retail_anomaly.plots import example_alerts
from retail_anomaly.report.alert_list import unpacked
from retail_anomaly.report.alerts_page import write_report
from retail_anomaly.report.evidence import TOP
from tests.support.events import DAY, refund, sale

HOSTILE = "</script><img src=x onerror=alert(1)>"
TIME = 1_760_000_000_000
INCIDENT = {
    "incidentId": "i-1",
    "scenario": "refund_burst",
    "storeId": "store-1",
    "employeeId": "c-1",
    "start": TIME,
    "end": TIME,
    "transactionIds": ["t-2"],
    "expectedLoss": 240.0,
}


class Page(HTMLParser):
    """What a browser would see: tags with attributes, and the text outside scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._inside = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside not in {"script", "style"}:
            self.text.append(data.strip())


@pytest.fixture
def write(tmp_path):
    return lambda alerts, **options: write_report(alerts, tmp_path / "report.html", **options)


def test_the_page_needs_nothing_from_outside(write):
    path = write(example_alerts(), incidents=incidents_frame([INCIDENT]))
    page = Page(path)
    assert path.stat().st_size < 6_000_000
    assert not [tag for tag, attributes in page.tags if attributes.keys() & {"src", "href"}]
    assert not {"link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    policy = next(attributes for tag, attributes in page.tags if "http-equiv" in attributes)
    assert str(policy["content"]).startswith("default-src 'none'")
    assert len(re.findall(r"plotly\.js v\d", path.read_text("utf-8"))) == 1


def test_the_page_says_what_was_seen(write):
    text = " ".join(Page(write(example_alerts(), facts={"Events": "5,110"})).text)
    for part in (
        "2 alerts in 1 store about 1 employee, on Thursday 9 October 2025.",
        "Cashier c-1 made 2 high refunds.",
        "Off shift yes",
        "Events",
        "5,110",
        "Parameters: inventory_shrinkage 0, refund_burst 0.",
    ):
        assert part in text
    assert "fraud" not in text.lower()


def test_what_was_not_found_is_named(write):
    missed = {**INCIDENT, "storeId": "store-7"}
    text = " ".join(Page(write(example_alerts(), incidents=incidents_frame([INCIDENT, missed]))).text)
    assert "Of 2 injected incidents, 1 was found." in text
    assert "1 injected incident not found." in text
    assert "store-7" in text


def test_hostile_names_stay_text(write):
    alerts = example_alerts().assign(store_id=HOSTILE, message=HOSTILE, type=HOSTILE, detector=HOSTILE)
    alerts["evidence"] = pd.Series([{HOSTILE: HOSTILE}, {}])
    incident = {**INCIDENT, "storeId": HOSTILE, "scenario": HOSTILE}
    path = write(alerts, incidents=incidents_frame([incident]), title=HOSTILE, facts={HOSTILE: HOSTILE})
    assert "img" not in {tag for tag, _ in Page(path).tags}
    assert HOSTILE in " ".join(Page(path).text)


def test_no_alerts_is_a_page_that_says_so(write):
    page = Page(write(example_alerts().head(0), incidents=incidents_frame([INCIDENT])))
    assert "No alerts. Of 1 injected incident, 0 were found." in page.text


def test_only_the_riskiest_are_shown_in_full(write):
    many = pd.concat([example_alerts().assign(alert_id=[f"{n}a", f"{n}b"]) for n in range(TOP)])
    page = Page(write(many))
    assert sum(attributes.get("class") == "alert" for _, attributes in page.tags) == TOP
    assert f"The {TOP} that are most likely right, of {2 * TOP}" in " ".join(page.text)


def sold(store, cashier, times, event_type="SALE"):
    return pd.DataFrame(
        {
            "store_id": store,
            "cashier_id": cashier,
            "transaction_id": [f"{event_type}-{cashier}-{n}" for n in range(len(times))],
            "event_time": pd.to_datetime(times, utc=True, format="ISO8601"),
            "event_type": event_type,
            "amount": 10.0,
        }
    )


def cells(text, caption):
    """Return the rows of a table as lists of texts."""
    table = re.search(rf"<caption>{re.escape(caption)}.*?</table>", text, re.DOTALL)
    assert table, caption
    rows = re.findall(r"<tr>(.*?)</tr>", table.group())
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_stores_have_alerts_by_type_money_and_a_rate_by_their_own_days(write):
    alerts = pd.concat(
        [example_alerts(), example_alerts().tail(1).assign(alert_id="b", store_id="store-2", risk_score=0.5)]
    )
    # In UTC these are two days, in Berlin it is one.
    events = pd.concat(
        [
            sold("store-1", "c-1", ["2025-10-08T22:30Z", "2025-10-09T10:00Z"]),
            sold("store-2", "c", ["2025-10-09"]),
        ]
    )
    page = write(alerts, events=events, zones="Europe/Berlin").read_text("utf-8")
    assert cells(page, "Alerts by store") == [
        ["Store", "Refund burst", "Shrinkage", "Alerts", "Risk 0.9 or more", "Money in question",
         "Alerts per store-day"],
        ["store-1", "1", "1", "2", "1", "240.00", "2.00"],
        ["store-2", "0", "1", "1", "0", "0.00", "1.00"],
        ["All", "1", "2", "3", "1", "240.00", "1.50"],
    ]  # fmt: skip


def test_employees_have_their_alerts_money_receipts_and_refunds(write):
    unmatched = example_alerts().head(1).assign(alert_id="c", type="REFUND_WITHOUT_SALE")
    unmatched["evidence"] = pd.Series([{"amount": 5.0}])
    counted = example_alerts().tail(1).assign(alert_id="b", employee_id="m-1")
    events = pd.concat(
        [
            sold("store-1", "c-1", ["2025-10-09"] * 3),
            sold("store-1", "c-1", ["2025-10-09"], "REFUND"),
            sold("store-1", "c-2", ["2025-10-09"] * 9),
        ]
    )
    page = write(pd.concat([example_alerts(), counted, unmatched]), events=events).read_text("utf-8")
    assert cells(page, "Alerts by employee")[1:] == [
        ["c-1", "store-1", "refund burst 1, refund without sale 1", "2", "0", "245.00", "4", "1 (25.00 %)"],
        ["m-1", "store-1", "shrinkage 1", "1", "1", "0.00", "-", "-"],
    ]
    assert "4.5 times as often" in page  # the ladder: a quarter, beside half of one in nine


def test_a_transaction_that_several_alerts_cite_counts_once_in_the_money_in_question(write):
    refunds = {"r-1": 149.0, "r-2": 189.0, "r-3": 129.0}
    evidence = [
        {"transactionIds": list(refunds), "averageAmount": sum(refunds.values()) / 3, "totalRefunds": 3},
        *({"transactionId": name, "amount": amount} for name, amount in refunds.items()),
        {"transactionId": "r-4", "amount": 20.0},
        {"transactionId": "r-1", "saleAmount": 300.0},  # a sale with the number of a refund
    ]
    [first] = example_alerts().head(1).to_dict("records")
    rows = [{**first, "alert_id": str(n), "evidence": found} for n, found in enumerate(evidence)]
    page = write(pd.DataFrame([*rows, {**rows[1], "alert_id": "b", "store_id": "store-2"}]))
    table = cells(page.read_text("utf-8"), "Alerts by store")
    money = table[0].index("Money in question")
    assert [row[money] for row in table[1:]] == ["787.00", "149.00", "936.00"]
    assert "936.00" in tile(page, "Money in question")


def tile(path, name):
    """Return the text around a figure at the top of the page."""
    text = Page(path).text
    at = next(n for n, part in enumerate(text) if part == name)
    return text[max(0, at - 4) : at + 4]


def test_data_quality_says_what_was_found_and_what_was_not(write):
    quality = pd.DataFrame(
        {
            "check": ["event id seen before", "sale of amount 0"],
            "count": [3, 0],
            "of": [600, 50],
            "share": [0.005, 0.0],
            "example": [HOSTILE, ""],
            "matters": ["It changes nothing.", "A gift."],
        }
    )
    path = write(example_alerts(), quality=quality)
    text = path.read_text("utf-8")
    found = cells(text, "Checks of the events")[1]
    assert found[:4] == ["Event id seen before", "3", "600", "0.50 %"]
    assert "Nothing found of: sale of amount 0." in " ".join(Page(path).text)
    assert HOSTILE not in text


def test_refunds_that_could_not_be_judged_are_counted_with_the_reason(write):
    sold = sale(transaction_id="42", quantity=2, amount=60.0)
    backs = [
        refund(DAY, transaction_id="43", original_transaction_id="42", quantity=1, amount=30.0),
        refund(DAY, transaction_id="44", original_transaction_id="42", quantity=2, amount=60.0),
        refund(DAY, transaction_id="45", original_transaction_id="42", original_store_id="store-9"),
        *(refund(DAY, transaction_id=name, original_transaction_id="7", amount=5.0) for name in "ab"),
    ]
    text = write(example_alerts(), refunds=refund_cover([sold, *backs])).read_text("utf-8")
    found = cells(text, "Refund lines beside their receipts")
    assert [row[:2] for row in found] == [
        ["Verdict", "Lines"],
        ["Covered by the receipt", "1"],
        ["Not covered by the receipt: an alert", "1"],
        ["Not judged: the receipt may be older than the log", "2"],
        ["Not judged: the receipt is one of another store", "1"],
    ]
    assert found[2][3:] == ["60.00", "30.00"]


def test_two_weeks_are_compared_in_words_and_one_is_not(write):
    first = example_alerts().head(1)
    alerts = pd.concat(
        [
            first.assign(alert_id=f"{n}", event_time=first["event_time"] - n * pd.Timedelta("1D"))
            for n in (0, 6, 7, 8, 13)
        ]
    )
    assert "The last 7 days had 2 alerts, the 7 before 3." in " ".join(Page(write(alerts)).text)
    assert "The last 7 days" not in " ".join(Page(write(alerts[alerts["alert_id"] != "13"])).text)


@pytest.mark.parametrize(
    ("about", "employees"),
    [
        ([("s-1", "1"), ("s-2", "1")], 2),
        ([("s-1", "1"), ("s-1", "1")], 1),
        ([("s-1", "1"), ("s-2", None)], 1),
        ([("s-1", "1"), ("s-1", "2"), ("s-2", "2"), ("s-2", None)], 3),
    ],
)
def test_the_page_has_one_number_of_employees_everywhere(write, about, employees):
    first = example_alerts().head(1)
    shown = pd.concat(
        [
            first.assign(alert_id=f"{n}", store_id=store, employee_id=employee)
            for n, (store, employee) in enumerate(about)
        ]
    )
    page = Page(write(shown)).path.read_text("utf-8")
    counted = set(re.findall(r"about (?:\d+ of )?(\d+) employee", page))
    assert counted == {str(employees)}
    assert page.count("<td class='short'>s-") >= employees


def test_all_alerts_are_in_a_table_that_is_packed_and_never_html(write):
    first = example_alerts().head(1)
    many = [first.assign(alert_id=f"{n}", risk_score=n / 300, message=HOSTILE) for n in range(300)]
    page = write(pd.concat(many)).read_text("utf-8")
    listed = unpacked(page)
    assert listed["head"][-1] == "What was seen"
    assert len(listed["rows"]) == 300
    sure = [row[listed["head"].index("Confidence")] for row in listed["rows"]]
    assert sure == sorted(sure, reverse=True)
    assert HOSTILE not in page
    assert "innerHTML" not in page.rpartition('id="alert-data">')[2]


def test_a_login_that_two_stores_have_is_two_employees(tmp_path):
    reported = Path(__file__).parent / "sources" / "inputs" / "cashier_1_in_two_stores.jsonl"
    alerts, page = tmp_path / "alerts.jsonl", tmp_path / "page.html"
    assert main(["replay", str(reported), "--output", str(alerts)]) == 0
    assert main(["report", "--alerts", str(alerts), "--output", str(page)]) == 0
    assert "in 2 stores about 2 employees" in page.read_text("utf-8")


def test_headings_tables_and_figures_are_there_for_those_who_do_not_see_them(write):
    events = sold("store-1", "c-1", ["2025-10-09"])
    page = Page(write(example_alerts(), events=events, incidents=incidents_frame([INCIDENT])))
    kinds = [tag for tag, _ in page.tags]
    levels = [int(tag[1]) for tag in kinds if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert kinds.count("table") == kinds.count("caption") >= 3
    assert {attributes.get("scope") for tag, attributes in page.tags if tag == "th"} == {"col"}
    labels = [attributes.get("aria-label") for tag, attributes in page.tags if tag == "figure"]
    assert len(labels) >= 4
    assert all(labels)
    assert dict(page.tags)["html"] == {"lang": "en"}


def test_text_has_contrast_on_paper_and_ground(write):
    text = write(example_alerts()).read_text("utf-8")
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", text))
    for name in ("ink", "muted", "good", "bad"):
        for behind in ("paper", "ground"):
            assert contrast(colours[name], colours[behind]) >= 4.5, (name, behind)


def contrast(one, other):
    """Return the contrast of two colours, as WCAG 2 defines it."""
    lights = []
    for colour in (one, other):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.long
@pytest.mark.parametrize(
    ("stores", "notes"),
    [
        (
            200,
            [
                "Drawn are the 30 stores with the most alerts, of 200.",
                "those with the most alerts, 30 of 200",
            ],
        ),
        (10, ["Drawn are the 1,000 alerts of the highest confidence, of 4,000."]),
    ],
)
def test_a_large_chain_stays_under_six_megabytes_and_says_what_is_left_out(write, stores, notes):
    one = example_alerts().assign(message="Look here. " * 20)
    alerts = pd.concat(
        [
            one.assign(alert_id=[f"{n}a", f"{n}b"], store_id=f"store-{n % stores}", employee_id=f"c-{n}")
            for n in range(2_000)
        ]
    )
    evidence = {"transactionIds": [f"t-{n}" for n in range(500)], "amount": 5.0}
    alerts["evidence"] = pd.Series([evidence] * len(alerts), index=alerts.index)
    times = pd.date_range("2025-09-01", "2025-10-09", freq="6h")
    events = pd.concat([sold(f"store-{n}", f"c-{n}", times) for n in range(stores)])
    path = write(alerts, events=events)
    text = " ".join(Page(path).text)
    assert path.stat().st_size < 6_000_000
    for note in [*notes, "characters; the alert has them all"]:
        assert note in text
