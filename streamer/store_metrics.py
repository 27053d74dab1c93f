"""The process `metrics`: sales and refunds of each store and interval, in the topic `store-metrics`.

The windows are Quix's own. They run in their own process and consumer group, because a window costs several
times as much a message as all detectors, and alerts must not wait for that.

How to read the numbers:

- Lines are counted, not receipts: the lines of a receipt come one by one and need not be neighbours.
- Windows lie on event time. A window is sent once, complete, when the clock of the same store has passed its
  end by `GRACE_MS`. Each record is final, so records can be added up; and a store's last window of the day
  comes with its first event of the next one.
- A store closes its own windows only. Another store of the partition may be hours ahead because this one's
  line was down. If it closed them, the lines that come later would be left out.
- A line that comes after its window was closed is left out, and a message sent twice counts twice. These are
  figures for dashboards; the detectors do recognise duplicates and late events.
- Lines of a till in training mode are left out. A line that a void takes back still counts.
- A record that can't be read is skipped; the process `run` puts it into `dead-letters`.
"""

import time
from typing import Any, Final

from quixstreams.dataframe import StreamingDataFrame
from quixstreams.dataframe.windows import Sum

from retail_anomaly.core.codec import decode
from retail_anomaly.core.events import POS_EVENTS, REFUND, SALE, PosEvent
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.settings import Settings
from streamer.kafka.topic_plan import STORE_METRICS, TopicNames
from streamer.process import QuixProcess, Wiring, settings_of
from streamer.quix.application import raw_topic
from streamer.quix.membership import MemberApplication

GRACE_MS: Final = 5 * 60_000
"""Milliseconds for which a window stays open after its end, for lines that come late."""

_FIELDS: Final = ("salesLines", "salesAmount", "refundLines", "refundAmount")


def define_store_metrics(
    sdf: StreamingDataFrame,
    *,
    window_ms: int = 5 * 60_000,
    max_ahead_ms: int = 3_600_000,
    rekey: bool = False,
) -> StreamingDataFrame:
    """Sum up the lines of each store and interval; no I/O of its own.

    Parameters
    ----------
    sdf
        The raw values of ``pos-events``, keyed by store, both as bytes.
    window_ms
        The interval, in milliseconds.
    max_ahead_ms
        A line that is this many milliseconds newer than its record is left out: one absurd time would close
        the windows of years to come.
    rekey
        Group by the line's store instead of trusting the message's key.

    Returns
    -------
    StreamingDataFrame
        A record for each closed window: ``storeId``, ``windowStart``, ``windowEnd``,
        ``salesLines``, ``salesAmount``, ``refundLines``, ``refundAmount``.
    """

    def read(raw: bytes | None, key: Any, timestamp: int, _headers: Any) -> list[dict[str, Any]]:
        return _line(raw, None if rekey else key, min(timestamp, _now()) + max_ahead_ms)

    # The headers of a record may be as large as its topic allows, and they would go with each sum.
    lines = sdf.apply(read, expand=True, metadata=True).set_headers(lambda *_: [])
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
    sums = windows.final(closing_strategy="key").apply(_metric, metadata=True)
    # Kafka refuses a timestamp more than an hour ahead, unless a topic is set to take it.
    return sums.set_timestamp(lambda _value, _key, timestamp, _headers: min(timestamp, _now()))


def store_metrics_process(settings: Settings) -> QuixProcess:
    """Declare the process that fills `store-metrics`.

    Parameters
    ----------
    settings
        The settings; the consumer group is the streamer's with ``-metrics`` at its end.

    Examples
    --------
    >>> store_metrics_process(Settings()).group
    'retail-anomaly-metrics'
    """
    streamer = settings.streamer
    names = TopicNames.of_settings(settings)
    lines, sums = names.of(POS_EVENTS), names.of(STORE_METRICS)

    def define(app: MemberApplication, _wiring: Wiring) -> None:
        define_store_metrics(
            app.dataframe(raw_topic(app, lines)),
            window_ms=streamer.store_metrics_window,
            max_ahead_ms=settings.max_ahead,
            rekey=streamer.rekey,
        ).to_topic(app.topic(sums, key_serializer="bytes", value_serializer="json"))

    return QuixProcess(
        name="metrics",
        settings=settings_of(settings, consumer_group=f"{streamer.consumer_group}-metrics"),
        inputs=(lines,),
        outputs=(sums,),
        define=define,
    )


def _now() -> int:
    return time.time_ns() // 1_000_000


def _line(raw: bytes | None, key: bytes | None, latest: int) -> list[dict[str, Any]]:
    """Return the sums that a line adds to its window, in a list; an empty list for a line that adds none."""
    try:
        event = decode(POS_EVENTS, raw)
    except InvalidEvent:
        return []
    if not isinstance(event, PosEvent) or event.training or event.event_time > latest:
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
