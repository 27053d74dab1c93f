"""Cases in InfluxDB: a case and each of its judged alerts is one point, however often it is written."""

from __future__ import annotations

from retail_anomaly.cases import Action, Triage
from retail_anomaly.core.codec import encode
from streamer.kafka.topic_plan import ALERT_CASES
from streamer.sinks.points import line
from tests.unit.cases.test_triage import HOUR, alert


def test_a_case_overwrites_its_point_and_a_verdict_has_its_own() -> None:
    triage = Triage()
    store = triage.new_store("store-1")
    verdict = Action("v", 1_760_000_000_000 + 2 * HOUR, "kim", "verdict", "store-1", "seen", alert_id="a",
                     verdict="confirmed")  # fmt: skip
    # An alert that comes late was opened before the one that made the case.
    records = alert("a", HOUR), alert("late", 0), verdict

    written = [line(ALERT_CASES, encode(case)) for each in records for case in triage.process(each, store)]

    assert len({text.splitlines()[0].rsplit(" ", 1)[1] for text in written}) == 1
    [judged] = written[-1].splitlines()[1:]
    assert judged.startswith("verdicts,store=store-1,type=REFUND_BURST confirmed=1,secondsToVerdict=3600,")
