"""The `store-metrics` topic: what a store sold and took back, interval by interval.

Quix's own windowed aggregation, in a process and a consumer group of its own: a window costs
several times what the detectors cost a message, which alerts must not wait for.

What the numbers are and aren't:

- Lines are counted, not receipts: a receipt's lines come one by one and need not be neighbours.
- Windows lie on event time. A window is sent once, complete, when the same store's clock has passed
  its end by `GRACE_MS`: each record of the topic is final, and records can be added up. So a
  store's last window of the day comes with its first event of the next one.
- A store closes its own windows only. Another store of the partition may be hours ahead (its
  neighbour's line was down); were it to close them, what comes later would be left out.
- What comes after its window was closed is left out, and a message sent twice counts twice: these
  are figures for dashboards, the detectors do know duplicates and late events.
- What can't be read is skipped; the alert streamer puts it into `dead-letters`.
"""

from pathlib import Path
from typing import Any, Final

from msgspec import structs
from quixstreams import Application
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.dataframe.windows import Sum
from quixstreams.models import TopicManager

from retail_anomaly.core.codec import InvalidEvent, decode
from retail_anomaly.core.events import POS_EVENTS, REFUND, SALE, PosEvent
from retail_anomaly.settings import Settings
from streamer.detection.app import new_application, raw_topic
from streamer.kafka.connection import Connection
from streamer.kafka.topics import STORE_METRICS, TopicPlan, ensure_topics
from streamer.observe.counts import ProcessCounts
from streamer.observe.health import observed
from streamer.observe.metrics import Metrics
from streamer.quix.topic_manager import topic_manager

GRACE_MS: Final = 5 * 60_000
"""How much longer than its interval a window takes lines that come late."""

_FIELDS: Final = ("salesLines", "salesAmount", "refundLines", "refundAmount")


def define_store_metrics(
    sdf: StreamingDataFrame,
    *,
    window_ms: int = 5 * 60_000,
    max_ahead_ms: int = 3_600_000,
    rekey: bool = False,
) -> StreamingDataFrame:
    """Sum up each store's lines of each interval; no I/O of its own.

    Parameters
    ----------
    sdf
        The raw values of ``pos-events``, keyed by store, both as bytes.
    window_ms
        The interval, in milliseconds.
    max_ahead_ms
        A line this much newer than its record is left out: one absurd time would close the
        windows of years to come.
    rekey
        Group by the line's store instead of trusting the message's key.

    Returns
    -------
    StreamingDataFrame
        A record for each closed window: ``storeId``, ``windowStart``, ``windowEnd``,
        ``salesLines``, ``salesAmount``, ``refundLines``, ``refundAmount``.
    """

    def read(raw: bytes | None, key: Any, timestamp: int, _headers: Any) -> list[dict[str, Any]]:
        return _line(raw, None if rekey else key, timestamp + max_ahead_ms)

    lines = sdf.apply(read, expand=True, metadata=True)
    if rekey:
        lines = lines.group_by(
            lambda line: line["storeId"].encode(),
            name="store",
            key_serializer="bytes",
            key_deserializer="bytes",
        )
    lines = lines.set_timestamp(lambda line, _key, _timestamp, _headers: line["eventTime"])
    windows = lines.tumbling_window(window_ms, grace_ms=GRACE_MS, on_late=_leave_out).agg(
        **{name: Sum(name) for name in _FIELDS}
    )
    return windows.final(closing_strategy="key").apply(_metric, metadata=True)


def build_metrics_app(
    settings: Settings,
    *,
    connection: Connection,
    topic_manager: TopicManager | None,
    tally: ProcessCounts | None = None,
) -> Application:
    """Build the application that fills `store-metrics`; the broker is asked for its topics.

    Parameters
    ----------
    settings
        The settings; the consumer group is the streamer's with ``-metrics`` at its end.
    connection
        The broker.
    topic_manager
        Looks topics up and creates those of the state.
    tally
        Counts what is done.

    Returns
    -------
    Application
        Ready for `run`.
    """
    streamer = settings.streamer
    own = structs.replace(
        settings, streamer=structs.replace(streamer, consumer_group=metrics_group(settings))
    )
    app = new_application(own, connection=connection, topic_manager=topic_manager, tally=tally)
    metrics = app.topic(STORE_METRICS, key_serializer="bytes", value_serializer="json")
    define_store_metrics(
        app.dataframe(raw_topic(app, POS_EVENTS)),
        window_ms=streamer.store_metrics_window,
        max_ahead_ms=settings.max_ahead,
        rekey=streamer.rekey,
    ).to_topic(metrics)
    return app


def run_metrics(settings: Settings, *, connection: Connection) -> int:
    """Fill `store-metrics` until SIGTERM or SIGINT; return the exit code.

    Parameters
    ----------
    settings
        The settings.
    connection
        The broker.

    Raises
    ------
    StreamerError
        The broker does not answer, or a topic is missing or unfit.
    """
    create = settings.streamer.manage_topics
    if connection.broker is not None:
        ensure_topics(connection, TopicPlan.of(settings), (POS_EVENTS, STORE_METRICS), create=create)
    group = metrics_group(settings)
    metrics = Metrics("metrics", group, Path(settings.streamer.state_dir) / group)
    manager = topic_manager(connection, group, create=create)
    app = build_metrics_app(settings, connection=connection, topic_manager=manager, tally=metrics)
    with observed(app, metrics, settings.streamer):
        app.run()
    metrics.log_stop()
    return 0


def metrics_group(settings: Settings) -> str:
    """Return the consumer group of the metrics, beside the streamer's own.

    Examples
    --------
    >>> metrics_group(Settings())
    'retail-anomaly-metrics'
    """
    return f"{settings.streamer.consumer_group}-metrics"


def _line(raw: bytes | None, key: bytes | None, latest: int) -> list[dict[str, Any]]:
    """Return what a line adds to its window, in a list; an empty one for what adds nothing."""
    try:
        event = decode(POS_EVENTS, raw)
    except InvalidEvent:
        return []
    if not isinstance(event, PosEvent) or event.event_time > latest:
        return []
    if key is not None and key != event.store_id.encode():
        return []
    kind = event.event_type.upper()
    if kind not in (SALE, REFUND):
        return []
    sale = kind == SALE
    return [
        {
            "storeId": event.store_id,
            "eventTime": event.event_time,
            "salesLines": int(sale),
            "salesAmount": event.amount if sale else 0.0,
            "refundLines": int(not sale),
            "refundAmount": 0.0 if sale else event.amount,
        }
    ]


def _metric(window: dict[str, Any], key: bytes, _timestamp: int, _headers: Any) -> dict[str, Any]:
    return {
        "storeId": key.decode(),
        "windowStart": window["start"],
        "windowEnd": window["end"],
        "salesLines": window["salesLines"],
        # Rounded: the sum of ten times 0.1 is not shown as 0.9999999999999999.
        "salesAmount": round(window["salesAmount"], 6),
        "refundLines": window["refundLines"],
        "refundAmount": round(window["refundAmount"], 6),
    }


def _leave_out(  # noqa: PLR0913, PLR0917 - Quix's callback
    value: Any,
    key: Any,
    timestamp_ms: int,
    late_by_ms: int,
    start: int,
    end: int,
    store_name: str,
    topic: str,
    partition: int,
    offset: int,
) -> bool:
    """Keep Quix from logging every line that comes too late."""
    return False
