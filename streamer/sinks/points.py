"""Kafka records to points of InfluxDB: their tags, fields and times.

A point is overwritten by one of the same measurement, tags and time. The time of an alert's point is
therefore the same for its revisions and in every replay: `openedAt`, plus up to a second that the alert's id
decides. Alerts of one store and type often open at one time, for example when all SKUs are counted at once.
Spread over a millisecond, thirty such alerts a night would lose a store about one alert in six years; over a
second, one in six thousand years.

A score's point belongs to its subject and moment. Cashiers are many, and come and go, so the cashier is a
field and no tag; the cashier's id decides over a part of a millisecond of the time.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from influxdb_client.client.write.point import Point

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import ALERTS
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.core.plain_types import in_plain_words
from retail_anomaly.core.score import Score
from retail_anomaly.core.severity import severity
from retail_anomaly.settings import Settings
from streamer.kafka.topic_plan import ALERT_CASES, SCORES, STORE_METRICS
from streamer.sinks.alert_columns import RESERVED, SEVERITY, alert_values
from streamer.sinks.case_points import case_points
from streamer.sinks.point_times import MS_NS, SECOND_NS, spread

ALERT_POINTS: Final = "alerts"
"""Measurement of the alerts."""
STORE_METRIC_POINTS: Final = "store_metrics"
"""Measurement of the stores' sales and refunds by interval."""
SCORE_POINTS: Final = "scores"
"""Measurement of the models' scores of every interval."""


class StoreMetric(msgspec.Struct, frozen=True, rename="camel"):
    """A record of the topic ``store-metrics``.

    Examples
    --------
    >>> StoreMetric("store-1", 0, 300_000, 2, 12.5, 0, 0.0).sales_amount
    12.5
    """

    store_id: str
    window_start: int
    window_end: int
    sales_lines: int
    sales_amount: float
    refund_lines: int
    refund_amount: float


_ALERT: Final = msgspec.json.Decoder(Alert)
_STORE_METRIC: Final = msgspec.json.Decoder(StoreMetric)
_SCORE: Final = msgspec.json.Decoder(Score)


def line(topic: str, raw: bytes | None) -> str:
    r"""Write a record as a line of InfluxDB's line protocol, a case as several.

    Parameters
    ----------
    topic
        A key of `POINTS`.
    raw
        The record's value.

    Raises
    ------
    InvalidEvent
        The value is no record of the topic; the reason names the field.

    Examples
    --------
    >>> line("store-metrics", b'{"storeId":"s 1","windowStart":0,"windowEnd":300000,'
    ...     b'"salesLines":2,"salesAmount":12.5,"refundLines":0,"refundAmount":0}')
    'store_metrics,store=s\\ 1
    refundAmount=0,refundLines=0i,salesAmount=12.5,salesLines=2i,windowEnd=300000i 0'
    """
    try:
        made = POINTS[topic](raw or b"")
        points = made if isinstance(made, list) else [made]
        written = "\n".join(point.to_line_protocol() for point in points)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        field = path.strip(".`") or None
        said = in_plain_words(said)
        raise InvalidEvent(field, f"{field or 'value'}: {said[:1].lower()}{said[1:]}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEvent(None, f"value: expected JSON in UTF-8 ({error})") from None
    except (ArithmeticError, ValueError) as error:
        # JSON has numbers of any length; a float and a line have not.
        raise InvalidEvent(None, f"value: expected numbers that InfluxDB can hold ({error})") from None
    return written


def alert_point(raw: bytes) -> Point:
    """Return the point of an alert; all its revisions have the same one."""
    alert = _ALERT.decode(raw)
    point: Point = Point(ALERT_POINTS).time(alert_time(alert))
    for column, value in alert_values(alert):
        if column.tag:
            point.tag(column.column, value)
        else:
            point.field(column.column, value)
    point.field(SEVERITY, severity(alert.risk_score))
    for name, value in evidence_fields(alert.evidence).items():
        point.field(name, value)
    return point


def store_metric_point(raw: bytes) -> Point:
    """Return the point of a store's interval."""
    metric = _STORE_METRIC.decode(raw)
    point: Point = (
        Point(STORE_METRIC_POINTS)
        .tag("store", metric.store_id)
        .time(metric.window_start * MS_NS)
        .field("windowEnd", metric.window_end)
        .field("salesLines", metric.sales_lines)
        .field("salesAmount", metric.sales_amount)
        .field("refundLines", metric.refund_lines)
        .field("refundAmount", metric.refund_amount)
    )
    return point


def score_point(raw: bytes) -> Point:
    """Return the point of a score; the scores of a receipt's later lines replace that of its first."""
    score = _SCORE.decode(raw)
    point: Point = (
        Point(SCORE_POINTS)
        .tag("detector", score.detector)
        .tag("store", score.store_id)
        .time(score.end * MS_NS + spread(score.subject, MS_NS))
        .field("employee", "" if score.subject == score.store_id else score.subject)
        .field("start", score.start)
        .field("observed", score.observed)
        .field("expected", score.expected)
        .field("lower", score.lower)
        .field("upper", score.upper)
        .field("component", score.component)
        .field("score", score.score)
        .field("silent", score.silent or "")
    )
    return point


POINTS: Final[Mapping[str, Callable[[bytes], Point | list[Point]]]] = {
    ALERTS: alert_point,
    STORE_METRICS: store_metric_point,
    SCORES: score_point,
    ALERT_CASES: case_points,
}
"""By topic, the function that makes a point of a record, or several."""


def sink_topics(settings: Settings) -> tuple[str, ...]:
    """Return the topics that are written: the scores where there are any.

    Examples
    --------
    >>> sink_topics(Settings())
    ('anomaly-alerts', 'store-metrics', 'alert-cases')
    """
    return tuple(name for name in POINTS if name != SCORES or settings.streamer.scores)


def alert_time(alert: Alert) -> int:
    """Return an alert's point time in epoch nanoseconds: at most a second after `openedAt`.

    Examples
    --------
    >>> alert = Alert("a", 2, "T", "d", "s", None, 1.0, "", 9, 5, {}, "0")
    >>> alert_time(alert) == alert_time(msgspec.structs.replace(alert, revision=3, event_time=11))
    True
    >>> 5 <= alert_time(alert) / 1e6 < 1005
    True
    """
    return alert.opened_at * MS_NS + spread(alert.alert_id, SECOND_NS)


def evidence_fields(evidence: Mapping[str, Any]) -> dict[str, float | str]:
    """Return the part of the evidence that panels show: amounts, counts and ids, by their own names.

    The field `evidence` holds all of it. InfluxDB keeps the old value of a field that a later revision lacks,
    and refuses a field that changes its type. So numbers are always floats, and values that may be null,
    truth values among them, are left out.

    Examples
    --------
    >>> evidence_fields({"sold": 3, "sku": "k", "offShift": None, "transactionIds": ["a", "b"]})
    {'sold': 3.0, 'sku': 'k', 'transactionIds': 'a, b'}
    """
    fields: dict[str, float | str] = {}
    for name, value in evidence.items():
        if name in RESERVED or isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            fields[name] = float(value)
        elif isinstance(value, str):
            fields[name] = value
        elif isinstance(value, list) and all(isinstance(part, str) for part in value):
            fields[name] = ", ".join(value)
    return fields
