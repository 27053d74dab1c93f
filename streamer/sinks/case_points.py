"""Points of cases: one for the case, and one for each of its alerts that was judged.

The point of a case lies at the opening of its first alert, that of a verdict at the opening of its alert. A
later record of the case overwrites both, so sums over the points count each case and each verdict once.
"""

from typing import Final

import msgspec
from influxdb_client.client.write.point import Point

from retail_anomaly.cases import Case, CaseAlert
from retail_anomaly.cases.case import case_id, verdicts_on
from streamer.sinks.point_times import MS_NS, SECOND_NS, spread

CASE_POINTS: Final = "cases"
"""Measurement of the cases."""
VERDICT_POINTS: Final = "verdicts"
"""Measurement of the judged alerts."""

_CASE: Final = msgspec.json.Decoder(Case)


def case_points(raw: bytes) -> list[Point]:
    """Return the points of a record of the topic ``alert-cases``."""
    case = _CASE.decode(raw)
    judged = [alert for alert in case.alerts if alert.verdict is not None]
    point: Point = (
        Point(CASE_POINTS)
        .tag("store", case.store_id)
        .time(_opened(case) * MS_NS + spread(case.case_id, SECOND_NS))
        .field("caseId", case.case_id)
        .field("subject", case.subject.id)
        .field("open", float(case.state == "open"))
        .field("assignee", case.assignee or "")
        .field("priority", case.priority)
        .field("expectedLoss", case.expected_loss)
        .field("alerts", float(len(case.alerts)))
        .field("message", case.alerts[-1].message if case.alerts else "")
    )
    return [point, *(_verdict_point(case, alert) for alert in judged)]


def _verdict_point(case: Case, alert: CaseAlert) -> Point:
    first = next(iter(verdicts_on(case, alert)), None)
    point: Point = (
        Point(VERDICT_POINTS)
        .tag("store", case.store_id)
        .tag("type", alert.type)
        .time(alert.opened_at * MS_NS + spread(alert.alert_id, SECOND_NS))
        .field("confirmed", float(alert.verdict == "confirmed"))
        .field("wrong", float(alert.verdict in ("benign", "training")))
        .field("unclear", float(alert.verdict == "unclear"))
    )
    if first is not None:
        point.field("secondsToVerdict", max(0.0, (first.time - alert.opened_at) / 1_000))
    return point


def _opened(case: Case) -> int:
    """Return when the alert that made the case was opened; a late alert may be older than that one."""
    return next(
        (
            alert.opened_at
            for alert in case.alerts
            if case_id(case.store_id, case.subject, alert.alert_id) == case.case_id
        ),
        case.opened_at,
    )
