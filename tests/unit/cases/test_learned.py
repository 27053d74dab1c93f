"""The lessons of verdicts: week by week, and the types that may go into the shadow."""

from pathlib import Path

import pytest

import retail_anomaly as ra
from retail_anomaly.cases import Action
from retail_anomaly.cases.actions import Verdict
from retail_anomaly.cli import main
from retail_anomaly.core.codec import encode
from retail_anomaly.frames.cases import CaseBook
from retail_anomaly.frames.learned import last_reasons, poor_types, verdicts_by_week
from tests.unit.cases.test_triage import DAY, T0, alert

WEEK = 7 * DAY


def said(name: str, verdict: Verdict, at: int = 0, reason: str = "seen on video") -> Action:
    return Action(
        f"v-{name}-{at}", T0 + at, "kim", "verdict", "store-1", reason, alert_id=name, verdict=verdict
    )


def judged(count: int, confirmed: int) -> CaseBook:
    alerts = [alert(f"a{n}") for n in range(count)]
    return ra.triage(
        alerts, [said(f"a{n}", "confirmed" if n < confirmed else "benign") for n in range(count)]
    )


def test_each_week_has_its_verdicts_and_the_share_that_was_right_so_far() -> None:
    alerts = [alert("a"), alert("b"), alert("c"), alert("s", type="SHRINKAGE")]
    actions = [
        *(said("a", "benign"), said("b", "unclear"), said("c", "benign", WEEK)),
        *(said("s", "confirmed", WEEK), said("a", "confirmed", WEEK)),  # of two verdicts the later counts
    ]

    rows = verdicts_by_week(ra.triage(alerts, actions))

    assert [str(week.date()) for week in rows["week"]] == ["2025-10-13", "2025-10-13", "2025-10-06"]
    columns = ["type", "confirmed", "benign", "unclear", "right", "judged"]
    assert rows[columns].to_numpy().tolist() == [
        ["REFUND_BURST", 1, 1, 0, 1, 2],
        ["SHRINKAGE", 1, 0, 0, 1, 1],
        ["REFUND_BURST", 0, 0, 1, 0, 0],
    ]


def test_reasons_are_those_of_the_last_week() -> None:
    actions = [said("a", "benign", reason="old"), said("b", "training", WEEK, "shown again")]

    assert last_reasons(ra.triage([alert("a"), alert("b")], actions)) == {("training", "shown again"): 1}


@pytest.mark.parametrize(
    ("count", "confirmed", "is_poor"),
    [(19, 0, False), (58, 0, False), (59, 0, True), (59, 1, False), (93, 1, True), (200, 20, False)],
)
def test_a_type_of_which_hardly_one_is_right_is_proposed_for_the_shadow(
    count: int, confirmed: int, is_poor: bool
) -> None:
    wanted = [("REFUND_BURST", confirmed, count)] if is_poor else []

    assert poor_types(judged(count, confirmed)) == wanted


def test_the_report_says_what_the_verdicts_taught(tmp_path: Path) -> None:
    alerts, actions, page = (tmp_path / name for name in ("alerts.jsonl", "actions.jsonl", "report.html"))
    alerts.write_bytes(b"".join(encode(alert(f"a{n}")) + b"\n" for n in range(59)))
    actions.write_bytes(b"".join(encode(said(f"a{n}", "benign", reason="<b>")) + b"\n" for n in range(59)))

    given = ["--alerts", str(alerts), "--verdicts", str(actions), "--output", str(page)]
    assert main(["report", *given]) == 0

    text = page.read_text("utf-8")
    assert "What we learned" in text
    assert "59 alerts were judged: 59 benign" in text
    assert "may go into the shadow: 0 of 59 judged alerts were right" in text
    assert "&lt;b&gt;" in text
    assert "<b>" not in text.partition("What we learned")[2].partition("<section")[0]
