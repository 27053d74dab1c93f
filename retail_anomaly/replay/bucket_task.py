"""The replay of one bucket of a log, on whichever machine it runs."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import msgspec

from retail_anomaly.core.alerts import Alert, ShadowAlert
from retail_anomaly.replay.driver import Order
from retail_anomaly.replay.share_replay import ShareCounts, ShareTask, replay_share
from retail_anomaly.settings import Settings
from retail_anomaly.sources import Share
from retail_anomaly.sources.bucketed_log import Bucket
from retail_anomaly.sources.event_log import BadLine
from retail_anomaly.sources.findings import Findings
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.stored_folder import StoredFolder

_ALL: Final = Share(0, 1)


class BucketTask(msgspec.Struct, frozen=True):
    """The replay of one bucket.

    Parameters
    ----------
    bucket
        The events.
    results
        The folder or address of the alerts.
    key
        A hash of all that the alerts depend on.
    settings, detectors
        As for `build_engine`.
    """

    bucket: Bucket
    results: str
    key: str
    settings: Settings
    detectors: Sequence[str] | None


class BucketReport(msgspec.Struct):
    """The counts of a bucket, as its marker keeps them.

    Parameters
    ----------
    key
        As in `BucketTask`.
    bucket
        The number of the bucket.
    events, undecided
        How many events there were by topic, and refunds that could not be judged by detector and reason.
    alerts, shadow
        How many alerts were written, and how many of rules in the shadow.
    bad_lines, first_bad
        How many rows were no events, and the first of them.
    stores, held, findings, named, others
        As in `ShareCounts`.
    """

    key: str
    bucket: int
    events: dict[str, int]
    undecided: list[tuple[str, str, int]]
    alerts: int
    shadow: int
    bad_lines: int
    first_bad: str | None
    stores: int
    held: int
    findings: Findings
    named: list[str]
    others: list[str]


def alerts_name(bucket: int, kind: str = "alerts") -> str:
    """Return the name of a bucket's alerts in the folder of the results; `kind` is alerts or shadow.

    Examples
    --------
    >>> alerts_name(3)
    'alerts/bucket=3.parquet'
    """
    return f"{kind}/bucket={bucket}.parquet"


def done_report(results: StoredFolder, bucket: int, key: str) -> BucketReport | None:
    """Return the report of a bucket that is done with this key; None if it is to be replayed."""
    content = results.read(_marker(bucket))
    if content is None:
        return None
    try:
        report = msgspec.json.decode(content, type=BucketReport, dec_hook=lambda _, counts: Counter(counts))
    except msgspec.MsgspecError:  # of another version
        return None
    return report if report.key == key else None


class _Items:
    """Takes the place of the process that a share of the stores reports to."""

    def __init__(self) -> None:
        self.placed: list[tuple[Order, Alert | BadLine]] = []
        self.counts: ShareCounts | None = None

    def send(self, message: Any) -> None:
        if isinstance(message, ShareCounts):
            self.counts = message
        else:
            self.placed += message.items

    def __iter__(self) -> Any:
        return iter(())


def replay_bucket(task: BucketTask) -> BucketReport:
    """Replay one bucket, write its alerts, and then the marker that it is done."""
    items = _Items()
    replay_share(items, ShareTask(task.bucket, None, EventMapping(), task.settings, task.detectors, _ALL))
    counts = items.counts
    assert counts is not None  # noqa: S101 - sent last
    number = task.bucket.number
    ordered = [item for _, item in sorted(items.placed, key=itemgetter(0))]
    bad = [item for item in ordered if isinstance(item, BadLine)]
    shadow = [item for item in ordered if isinstance(item, ShadowAlert)]
    alerts = [item for item in ordered if isinstance(item, Alert) and not isinstance(item, ShadowAlert)]
    results = StoredFolder(task.results)
    # An old marker must not vouch for the new alerts, nor for half of them.
    results.remove(_marker(number))
    results.write(alerts_name(number), _parquet(alerts, task.settings))
    if shadow:
        results.write(alerts_name(number, "shadow"), _parquet(shadow, task.settings))
    else:
        results.remove(alerts_name(number, "shadow"))
    report = BucketReport(
        key=task.key,
        bucket=number,
        events=dict(counts.events),
        undecided=[(*which, count) for which, count in sorted(counts.undecided.items())],
        alerts=len(alerts),
        shadow=len(shadow),
        bad_lines=len(bad),
        first_bad=str(bad[0]) if bad else None,
        stores=counts.stores,
        held=counts.held,
        findings=counts.findings,
        named=sorted(counts.named_stores.heard),
        others=counts.named_stores.others,
    )
    results.write(_marker(number), msgspec.json.encode(report))
    return report


def _parquet(alerts: Sequence[Alert], settings: Settings) -> bytes:
    from retail_anomaly.frames.alert_files import write_alerts
    from retail_anomaly.frames.alerts import alerts_frame

    with tempfile.TemporaryDirectory() as folder:
        frame = alerts_frame(alerts, settings.cases.calibration)
        return write_alerts(frame, Path(folder) / "alerts.parquet").read_bytes()


def _marker(bucket: int) -> str:
    return f"done/bucket={bucket}.json"
