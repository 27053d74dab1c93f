"""Kafka records to points of InfluxDB: what is a tag, what a field, and what time a point has.

A point is overwritten by one of the same measurement, tags and time. An alert's time is therefore
made of what its revisions and its replays share: `openedAt`, and up to a second more that its id
decides. Alerts of one store and type often have one time, as when all skus are counted at once;
within a millisecond there is room for a million of them, and thirty a night would lose one in a year.

A judgement of a model is the point of its subject and moment. Cashiers are many, and come and go: the
one who was judged is a field, and decides over a part of a millisecond of the time.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec
from influxdb_client.client.write.point import Point

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import InvalidEvent
from retail_anomaly.core.events import ALERTS
from retail_anomaly.core.score import Score
from retail_anomaly.settings import Settings
from streamer.kafka.topic_plan import SCORES, STORE_METRICS

ALERT_POINTS: Final = "alerts"
"""Measurement of the alerts."""
STORE_METRIC_POINTS: Final = "store_metrics"
"""Measurement of the stores' sales and refunds by interval."""
SCORE_POINTS: Final = "scores"
"""Measurement of what the models think of every interval."""

SEVERITIES: Final = ((0.8, "high"), (0.5, "medium"), (0.0, "low"))
"""From which risk on an alert is called what."""

_SECOND_NS: Final = 1_000_000_000
_MS_NS: Final = 1_000_000
# A field of these names would be hidden by InfluxDB's time or by a tag, or hide what the contract names.
_OWN: Final = frozenset(
    [
        "time",
        "type",
        "detector",
        "store",
        "alertId",
        "revision",
        "riskScore",
        "severity",
        "employee",
        "message",
        "openedAt",
        "eventTime",
        "detectedAt",
        "configHash",
        "evidence",
    ]
)


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
    r"""Write a record as a line of InfluxDB's line protocol.

    Parameters
    ----------
    topic
        A key of `POINTS`.
    raw
        The record's value.

    Raises
    ------
    InvalidEvent
        The value is not what the topic carries; the reason names the field.

    Examples
    --------
    >>> line("store-metrics", b'{"storeId":"s 1","windowStart":0,"windowEnd":300000,'
    ...     b'"salesLines":2,"salesAmount":12.5,"refundLines":0,"refundAmount":0}')
    'store_metrics,store=s\\ 1 refundAmount=0,refundLines=0i,salesAmount=12.5,salesLines=2i,windowEnd=300000i 0'
    """
    try:
        written: str = POINTS[topic](raw or b"").to_line_protocol()
    except msgspec.ValidationError as error:
        said = str(error)
        field = said.rpartition("$.")[2].rstrip("`") if "$." in said else None
        raise InvalidEvent(field, f"{field or 'value'}: {said[:1].lower()}{said[1:]}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEvent(None, f"value: expected JSON in UTF-8 ({error})") from None
    return written


def alert_point(raw: bytes) -> Point:
    """Return the point of an alert; every revision of it has the same one."""
    alert = _ALERT.decode(raw)
    point: Point = (
        Point(ALERT_POINTS)
        .tag("type", alert.type)
        .tag("detector", alert.detector)
        .tag("store", alert.store_id)
        .time(alert_time(alert))
        .field("alertId", alert.alert_id)
        .field("revision", alert.revision)
        .field("riskScore", alert.risk_score)
        .field("severity", severity(alert.risk_score))
        .field("employee", alert.employee_id or "")
        .field("message", alert.message)
        .field("openedAt", alert.opened_at)
        .field("eventTime", alert.event_time)
        .field("detectedAt", alert.detected_at)
        .field("configHash", alert.config_hash)
        .field("evidence", msgspec.json.encode(alert.evidence).decode())
    )
    for name, value in evidence_fields(alert.evidence).items():
        point.field(name, value)
    return point


def store_metric_point(raw: bytes) -> Point:
    """Return the point of a store's interval."""
    metric = _STORE_METRIC.decode(raw)
    point: Point = (
        Point(STORE_METRIC_POINTS)
        .tag("store", metric.store_id)
        .time(metric.window_start * _MS_NS)
        .field("windowEnd", metric.window_end)
        .field("salesLines", metric.sales_lines)
        .field("salesAmount", metric.sales_amount)
        .field("refundLines", metric.refund_lines)
        .field("refundAmount", metric.refund_amount)
    )
    return point


def score_point(raw: bytes) -> Point:
    """Return the point of a judgement; a receipt's later lines replace what was thought of its first."""
    score = _SCORE.decode(raw)
    point: Point = (
        Point(SCORE_POINTS)
        .tag("detector", score.detector)
        .tag("store", score.store_id)
        .time(score.end * _MS_NS + _spread(score.subject, _MS_NS))
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


POINTS: Final[Mapping[str, Callable[[bytes], Point]]] = {
    ALERTS: alert_point,
    STORE_METRICS: store_metric_point,
    SCORES: score_point,
}
"""The topics that can be written, and what makes a point of their records."""


def sink_topics(settings: Settings) -> tuple[str, ...]:
    """Return the topics that are written: the scores where there are any.

    Examples
    --------
    >>> sink_topics(Settings())
    ('anomaly-alerts', 'store-metrics')
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
    return alert.opened_at * _MS_NS + _spread(alert.alert_id, _SECOND_NS)


def severity(risk: float) -> str:
    """Return what a risk is called.

    Examples
    --------
    >>> severity(0.8), severity(0.79), severity(0.1)
    ('high', 'medium', 'low')
    """
    return next((name for limit, name in SEVERITIES if risk >= limit), "low")


def evidence_fields(evidence: Mapping[str, Any]) -> dict[str, float | str]:
    """Return what panels show of the evidence: amounts, counts and ids, by their own names.

    All of it is in the field `evidence`. A field that a later revision lacks keeps its old value in
    InfluxDB, and one that changes its type is refused: so numbers are always floats, and what may be
    null, truth values among them, is left out.

    Examples
    --------
    >>> evidence_fields({"sold": 3, "sku": "k", "offShift": None, "transactionIds": ["a", "b"]})
    {'sold': 3.0, 'sku': 'k', 'transactionIds': 'a, b'}
    """
    fields: dict[str, float | str] = {}
    for name, value in evidence.items():
        if name in _OWN or isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            fields[name] = float(value)
        elif isinstance(value, str):
            fields[name] = value
        elif isinstance(value, list) and all(isinstance(part, str) for part in value):
            fields[name] = ", ".join(value)
    return fields


def _spread(text: str, below: int) -> int:
    """Return a number that a text decides, the same in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) % below
