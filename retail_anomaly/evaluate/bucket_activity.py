"""The activity of a log in buckets, read by local processes or by an executor."""

from typing import Final

import msgspec

from retail_anomaly.evaluate.activity import Activity, ActivityPart, activity_part
from retail_anomaly.replay.shared_work import Where, check_shared, shared_work
from retail_anomaly.settings import Settings
from retail_anomaly.settings.privacy_settings import PrivacySettings
from retail_anomaly.sources import Where as Source
from retail_anomaly.sources import open_input
from retail_anomaly.sources.bucketed_log import Bucket, buckets_of
from retail_anomaly.sources.event_log import BadLine, BadLines

_FAILED: Final = "a bucket was not read ({})"


class BucketActivity(msgspec.Struct, frozen=True):
    """The activity of one bucket, and how many of its rows were no events."""

    part: ActivityPart
    bad_lines: int
    first_bad: BadLine | None


def activity_of_buckets(
    source: Source,
    *,
    executor: Where,
    jobs: int = 1,
    settings: Settings | None = None,
    seed: int = 0,
) -> tuple[Activity, list[str]]:
    """Return the activity of a log in buckets, as `Activity.of` reads it from all events.

    Parameters
    ----------
    source
        The log, as `retail-anomaly partition` writes it.
    executor
        Where the buckets are read: an executor of `concurrent.futures`, ``local``, ``dask://host:port``,
        ``dask+tls://host:port`` or ``ray://host:port``.
    jobs
        How many processes ``local`` starts; 0: one for each core.
    settings
        The stores' time zones, and the section ``privacy``.
    seed
        Seed of the sample.

    Returns
    -------
    tuple of Activity and list of str
        The activity for `scorecard`, and sentences about rows that are no events.

    Raises
    ------
    UsageError
        The source is no log in buckets.
    ClusterError
        The cluster of `executor` does not answer, or its workers can't do the work.
    """
    settings = settings or Settings()
    check_shared(executor)
    buckets = buckets_of(source)
    with shared_work(executor, jobs, _FAILED) as work:
        read = work.in_order([(read_bucket, (bucket, settings.privacy, seed)) for bucket in buckets])
    notes = [
        f"bucket {bucket.number}: {one.bad_lines:,} rows are no events, first {one.first_bad}"
        for bucket, one in zip(buckets, read, strict=True)
        if one.bad_lines
    ]
    return Activity.of_parts([one.part for one in read], zones=settings.zones), notes


def read_bucket(bucket: Bucket, privacy: PrivacySettings, seed: int) -> BucketActivity:
    """Read one bucket."""
    bad = BadLines()
    part = activity_part(open_input(bucket, privacy=privacy).events(bad), seed=seed)
    return BucketActivity(part, bad.count, bad.first)
